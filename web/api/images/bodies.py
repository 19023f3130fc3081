"""What OpenAI's clients ask for, and the engine's request that it stands for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from engine import requests
from engine.cards import ModelCard, choose
from engine.errors import BadField
from engine.preferences import QUALITIES, Quality
from engine.requests import Sampler
from engine.sources import Source

OTHERS = ("dall-e", "gpt-image", "chatgpt-image")  # models of OpenAI: the default one here
PLAIN_STYLES = ("", "vivid", "natural")  # OpenAI's, which say nothing here
SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")
PARTIAL_LIMIT = 3

STEPS: dict[str, Quality] = {
    "low": "draft",
    "high": "fine",
    "hd": "fine",
    "xhigh": "fine",
    "max": "fine",
}  # any other quality is the model's own number of steps

OURS = (
    "seed",
    "steps",
    "guidance",
    "prior_steps",
    "prior_guidance",
    "sampler",
    "negative_prompt",
    "negative_decoder_prompt",
)  # which OpenAI has no name for


class Variation(BaseModel):
    """What all three calls take; what is not named here is ignored. Pass fields of ours, such as
    `seed`, as `extra_body` of OpenAI's package."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    model: Annotated[
        str | None,
        Field(description="One of /v1/models; the names of OpenAI's models are the default one."),
    ] = None
    n: Annotated[int | None, Field(description="How many pictures.")] = None
    size: Annotated[
        str | None, Field(description="`WIDTHxHEIGHT`; `auto` is the model's own size.")
    ] = None
    response_format: Annotated[
        Literal["url", "b64_json"] | None,
        Field(
            description="`b64_json` unless asked otherwise. `url` makes a link by which anybody"
            " can see the picture, until it is taken back."
        ),
    ] = None
    user: Annotated[str | None, Field(description="Ignored.")] = None
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    prior_steps: int | None = None
    prior_guidance: float | None = None
    sampler: Sampler | None = None
    negative_prompt: str | None = None
    negative_decoder_prompt: str | None = None


class Generation(Variation):
    """Words to pictures."""

    prompt: str
    quality: Annotated[
        str | None,
        Field(
            description="`low` takes half the steps, `high` and `hd` twice as many. Any other"
            " value is ignored."
        ),
    ] = None
    style: Annotated[
        str | None, Field(description="One of /api/styles; `vivid` and `natural` are ignored.")
    ] = None
    output_format: Annotated[Literal["png"] | None, Field(description="`png` alone.")] = None
    stream: Annotated[
        bool | None, Field(description="Answer by server-sent events, as pictures take shape.")
    ] = None
    partial_images: Annotated[
        int | None,
        Field(ge=0, le=PARTIAL_LIMIT, description="Unfinished ones to show in a stream."),
    ] = None


class Edit(Generation):
    """Pictures and words to pictures."""

    strength: Annotated[
        float | None, Field(description="How much a picture without a mask is changed.")
    ] = None


def generation(asked: Generation, cards: Sequence[ModelCard]) -> requests.Request:
    fields = _common(asked, cards) | _drawn(asked, cards)
    return requests.TextToImage.model_validate(fields | {"prompt": asked.prompt})


def edit(
    asked: Edit, pictures: Sequence[Source], mask: Source | None, cards: Sequence[ModelCard]
) -> requests.Request:
    """With a mask, its part of the picture is painted anew; one picture alone is changed after
    the words, and several are mixed with them. Raises BadField, and what the engine's checks do.
    """
    fields = _common(asked, cards) | _drawn(asked, cards)
    if mask is not None and len(pictures) > 1:
        raise BadField(field="mask", reason="it goes with one picture, not with several")
    if mask is not None:
        of_picture = {name: fields[name] for name in fields.keys() - {"width", "height"}}
        masked = {"prompt": asked.prompt, "picture": pictures[0], "mask": mask}
        return requests.Inpaint.model_validate(of_picture | masked)
    if len(pictures) == 1:
        changed = {"prompt": asked.prompt, "picture": pictures[0], "strength": asked.strength}
        return requests.ImageToImage.model_validate(fields | changed)
    parts = [requests.Part(picture=picture) for picture in pictures]
    if asked.prompt.strip():
        parts.append(requests.Part(words=asked.prompt))
    return requests.Mix.model_validate(fields | {"parts": parts})


def variation(asked: Variation, picture: Source, cards: Sequence[ModelCard]) -> requests.Request:
    return requests.Variations.model_validate(_common(asked, cards) | {"picture": picture})


def ours(name: str | None, cards: Sequence[ModelCard]) -> str | None:
    """The model of that name here; None, the default one, for those of OpenAI."""
    if not name or any(card.name == name for card in cards):
        return name or None
    return None if name.startswith(OTHERS) else name


def _common(asked: Variation, cards: Sequence[ModelCard]) -> dict[str, Any]:
    given = {name: getattr(asked, name) for name in OURS}
    fields = {name: value for name, value in given.items() if value is not None}
    count = 1 if asked.n is None else asked.n
    return fields | {"model": ours(asked.model, cards), "count": count} | _size(asked.size)


def _drawn(asked: Generation, cards: Sequence[ModelCard]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if asked.style is not None and asked.style not in PLAIN_STYLES:
        fields["style"] = asked.style
    if asked.steps is None and asked.quality in STEPS:
        card = choose(ours(asked.model, cards), list(cards))
        steps = round(card.steps * QUALITIES[STEPS[asked.quality]])
        fields["steps"] = min(max(steps, 1), requests.STEPS_LIMIT[1])
    return fields


def _size(size: str | None) -> dict[str, int]:
    if size in (None, "", "auto"):
        return {}
    sides = SIZE.fullmatch(size or "")
    if sides is None:
        raise BadField(field="size", reason="write it like 512x512, or auto")
    return {"width": int(sides[1]), "height": int(sides[2])}
