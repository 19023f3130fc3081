"""The form's fields and the requests they make. What arrives is untrusted: requests check it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from engine.cards import ModelCard, choose
from engine.errors import OutOfRange, UnreadableText, UserError
from engine.preferences import ASPECTS, Aspect, size
from engine.requests import (
    COUNT_LIMIT,
    GUIDANCE_LIMIT,
    PRIOR_STEPS_LIMIT,
    SEED_LIMIT,
    SIZE_LIMIT,
    STEPS_LIMIT,
    STRENGTH_LIMIT,
    WEIGHT_LIMIT,
    Request,
)

FIELDS = (
    "prompt",
    "edit_prompt",
    "strength",
    "count",
    "aspect",
    "style",
    "negative_prompt",
    "seed",
    "model",
    "width",
    "height",
    "sampler",
    "steps",
    "guidance",
    "prior_steps",
    "prior_guidance",
    "negative_decoder_prompt",
)

TEXTS = (
    "prompt",
    "edit_prompt",
    "aspect",
    "style",
    "negative_prompt",
    "model",
    "sampler",
    "negative_decoder_prompt",
)

LIMITS: dict[str, tuple[float, float]] = {
    "count": (1, COUNT_LIMIT),
    "seed": (0, SEED_LIMIT),
    "width": SIZE_LIMIT,
    "height": SIZE_LIMIT,
    "steps": STEPS_LIMIT,
    "prior_steps": PRIOR_STEPS_LIMIT,
    "guidance": GUIDANCE_LIMIT,
    "prior_guidance": GUIDANCE_LIMIT,
    "strength": STRENGTH_LIMIT,
    "weight": WEIGHT_LIMIT,
}
EDITS = ("image_to_image", "inpaint", "outpaint")

Kind = TypeVar("Kind", bound=Request)


def named(values: Sequence[object]) -> dict[str, Any]:
    """The values of the form, in the order of FIELDS, by name; blank ones are left out.

    Raises UnreadableText where they are not so many, or one that is a text is none.
    """
    if len(values) != len(FIELDS):
        raise UnreadableText()
    pairs = zip(FIELDS, values, strict=True)
    given = {name: value for name, value in pairs if value not in (None, "")}
    if not all(isinstance(given.get(name, ""), str) for name in TEXTS):
        raise UnreadableText()
    return given


def checked(kind: type[Kind], fields: Mapping[str, Any]) -> Kind:
    """The request of these fields. Raises a UserError for what cannot be made."""
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise explained(error) from error


def shape(fields: Mapping[str, Any], cards: Sequence[ModelCard]) -> dict[str, Any]:
    """The width and height that the form asks for: its own, else those of its aspect."""
    given = {name: fields[name] for name in ("width", "height") if name in fields}
    if given or fields.get("aspect") not in ASPECTS:
        return given
    card = choose(fields.get("model"), list(cards))
    width, height = size(fields["aspect"], card)
    return {"width": width, "height": height}


def explained(error: ValidationError) -> UserError:
    """What a person can act on, for a value of the wrong kind."""
    first = error.errors()[0]
    name = str(next(reversed(first["loc"]), ""))
    if name not in LIMITS:
        return UnreadableText()
    low, high = LIMITS[name]
    return OutOfRange(name=name, low=low, high=high, value=first["input"])


def defaults(card: ModelCard) -> dict[str, Any]:
    """The empty form of a model."""
    return {
        "prompt": "",
        "edit_prompt": "",
        "strength": card.strength,
        "count": 1,
        "aspect": ASPECTS[0],
        "style": "",
        "negative_prompt": "",
        "seed": "",
        "model": card.name,
        "width": "",
        "height": "",
        "sampler": card.samplers[0],
        "steps": card.steps,
        "guidance": card.guidance,
        "prior_steps": card.prior_steps or PRIOR_STEPS_LIMIT[0],  # without a prior, not shown
        "prior_guidance": card.prior_guidance or GUIDANCE_LIMIT[0],
        "negative_decoder_prompt": "",
    }


def filled(request: Mapping[str, Any], card: ModelCard) -> dict[str, Any]:
    """The form that makes a stored request again, as far as the model still offers it."""
    form = defaults(card)
    form |= {name: request[name] for name in FIELDS if request.get(name) is not None}
    form |= {"model": card.name, "seed": str(form["seed"])}
    if form["sampler"] not in card.samplers:
        form["sampler"] = card.samplers[0]
    if request.get("mode") in EDITS:
        form |= {"prompt": "", "edit_prompt": form["prompt"]}
    return form | _shape(form, card)


def _shape(form: Mapping[str, Any], card: ModelCard) -> dict[str, Any]:
    """The aspect of a size, where it is one's own; else the size itself."""
    width, height = form["width"], form["height"]
    for aspect in ASPECTS:
        if size(aspect, card) == (width, height):
            return {"aspect": aspect, "width": "", "height": ""}
    return {"width": str(width), "height": str(height), "aspect": _aspect(form["aspect"])}


def _aspect(value: object) -> Aspect:
    return next((aspect for aspect in ASPECTS if aspect == value), ASPECTS[0])
