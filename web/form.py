"""The form's fields and the request they make. What arrives is untrusted: the request checks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from engine.cards import ModelCard
from engine.errors import OutOfRange, UnreadableText, UserError
from engine.requests import (
    COUNT_LIMIT,
    GUIDANCE_LIMIT,
    PRIOR_STEPS_LIMIT,
    SEED_LIMIT,
    SIZE_LIMIT,
    STEPS_LIMIT,
    TextToImage,
)

FIELDS = (
    "prompt",
    "count",
    "size",
    "seed",
    "negative_prompt",
    "negative_decoder_prompt",
    "steps",
    "guidance",
    "prior_steps",
    "prior_guidance",
    "model",
)

LIMITS: dict[str, tuple[float, float]] = {
    "count": (1, COUNT_LIMIT),
    "seed": (0, SEED_LIMIT),
    "width": SIZE_LIMIT,
    "height": SIZE_LIMIT,
    "steps": STEPS_LIMIT,
    "prior_steps": STEPS_LIMIT,
    "guidance": GUIDANCE_LIMIT,
    "prior_guidance": GUIDANCE_LIMIT,
}


def read(values: Sequence[object]) -> TextToImage:
    """The request of a filled form, its values in the order of FIELDS; blank ones are left out.

    Raises a UserError for what cannot be drawn.
    """
    given = {name: value for name, value in _named(values).items() if value not in (None, "")}
    if isinstance(size := given.pop("size", None), str):
        given["width"], _, given["height"] = size.partition("x")
    try:
        return TextToImage.model_validate({"prompt": ""} | given)
    except ValidationError as error:
        raise _explained(error) from error


def defaults(card: ModelCard) -> dict[str, Any]:
    """The empty form of a model."""
    return {
        "prompt": "",
        "count": 1,
        "size": size_name(*card.sizes[0]),
        "seed": "",
        "negative_prompt": "",
        "negative_decoder_prompt": "",
        "steps": card.steps,
        "guidance": card.guidance,
        "prior_steps": card.prior_steps or PRIOR_STEPS_LIMIT[0],  # without a prior, not shown
        "prior_guidance": card.prior_guidance or GUIDANCE_LIMIT[0],
        "model": card.name,
    }


def filled(request: Mapping[str, Any], card: ModelCard) -> dict[str, Any]:
    """The form that makes a stored request again, as far as the model still offers it."""
    form = defaults(card)
    form |= {name: request[name] for name in FIELDS if request.get(name) is not None}
    size = form["size"]
    if "width" in request:
        size = size_name(request["width"], request["height"])
    offered = [size_name(*pair) for pair in card.sizes]
    form["seed"] = str(form["seed"])
    return form | {"model": card.name, "size": size if size in offered else offered[0]}


def size_name(width: int, height: int) -> str:
    return f"{width}x{height}"


def _named(values: Sequence[object]) -> dict[str, Any]:
    if len(values) != len(FIELDS):
        raise UnreadableText()
    return dict(zip(FIELDS, values, strict=True))


def _explained(error: ValidationError) -> UserError:
    """What a person can act on, for a value of the wrong kind."""
    first = error.errors()[0]
    name = str(first["loc"][0])
    if name not in LIMITS:
        return UnreadableText()
    low, high = LIMITS[name]
    return OutOfRange(name=name, low=low, high=high, value=first["input"])
