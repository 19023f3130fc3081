"""What can be asked of the engine: one frozen, validated, serialisable type per mode.

A field left as None takes the model's own default. What does not depend on a model is checked
here and raises a `UserError`; what does (sizes, modes) is checked against its card.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from engine.errors import (
    EmptyPart,
    EmptyPrompt,
    NothingToMix,
    OutOfRange,
    PromptTooLong,
    TooFewParts,
    TwoDepths,
    UnknownStyle,
    UnreadableText,
)
from engine.sources import Source
from engine.styles import STYLES

PROMPT_LIMIT = 1000  # characters
COUNT_LIMIT = 10  # pictures a request
SIZE_LIMIT = (64, 4096)  # pixels a side; a model's card is stricter
STEPS_LIMIT = (1, 250)
PRIOR_STEPS_LIMIT = (2, 250)  # from the first time of training to its last
GUIDANCE_LIMIT = (1.0, 20.0)
SEED_LIMIT = 2**32 - 1
STRENGTH_LIMIT = (0.01, 1.0)
WEIGHT_LIMIT = (-2.0, 2.0)
PARTS_LIMIT = 8  # of a mix

Number = TypeVar("Number", int, float)

Mode = Literal["text_to_image", "image_to_image", "mix", "variations", "inpaint", "outpaint"]
Sampler = Literal["ddpm", "ddim", "dpm++"]


class Request(BaseModel):
    """What all modes have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Mode
    prompt: str = ""
    negative_prompt: str = ""
    negative_decoder_prompt: str = ""
    width: int | None = None
    height: int | None = None
    count: int = 1
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    prior_steps: int | None = None
    prior_guidance: float | None = None
    sampler: Sampler | None = None
    style: str | None = None
    model: str | None = None

    @field_validator("prompt", "negative_prompt", "negative_decoder_prompt")
    @classmethod
    def _text(cls, value: str) -> str:
        return _readable(value)

    @field_validator("count")
    @classmethod
    def _count(cls, value: int) -> int:
        return _within("count", value, 1, COUNT_LIMIT)

    @field_validator("seed")
    @classmethod
    def _seed(cls, value: int | None) -> int | None:
        return value if value is None else _within("seed", value, 0, SEED_LIMIT)

    @field_validator("steps")
    @classmethod
    def _steps(cls, value: int | None) -> int | None:
        return value if value is None else _within("steps", value, *STEPS_LIMIT)

    @field_validator("prior_steps")
    @classmethod
    def _prior_steps(cls, value: int | None) -> int | None:
        return value if value is None else _within("prior steps", value, *PRIOR_STEPS_LIMIT)

    @field_validator("guidance", "prior_guidance")
    @classmethod
    def _guidance(cls, value: float | None) -> float | None:
        return value if value is None else _within("guidance", value, *GUIDANCE_LIMIT)

    @field_validator("width", "height")
    @classmethod
    def _size(cls, value: int | None) -> int | None:
        return value if value is None else _within("size", value, *SIZE_LIMIT)

    @field_validator("style")
    @classmethod
    def _style(cls, value: str | None) -> str | None:
        if value is not None and value not in STYLES:
            raise UnknownStyle(name=value, known=", ".join(STYLES))
        return value

    @model_validator(mode="after")
    def _last_seed(self) -> Self:
        """Each picture has a seed of its own, from which it can be made again."""
        if self.seed is not None:
            _within("seed", self.seed, 0, SEED_LIMIT - self.count + 1)
        return self

    def sources(self) -> list[Source]:
        """The pictures it works on, masks too."""
        return list(_sources(self))

    def with_files(self, files: Mapping[str, bytes]) -> Self:
        """The same request with its pictures' files, by hash."""
        return self.model_validate(_filled(self.model_dump(), files))


class DepthGuided(Request):
    """What may follow the depth of a scene: of a depth map, near is white, or of a picture."""

    depth: Source | None = None
    depth_of: Source | None = None

    @model_validator(mode="after")
    def _one_depth(self) -> Self:
        if self.depth is not None and self.depth_of is not None:
            raise TwoDepths()
        return self

    @property
    def scene(self) -> Source | None:
        """The picture whose depth is followed, if one is."""
        return self.depth or self.depth_of


class TextToImage(DepthGuided):
    """Words to pictures; picture `i` is made with seed + i."""

    mode: Literal["text_to_image"] = "text_to_image"

    @field_validator("prompt")
    @classmethod
    def _prompt(cls, value: str) -> str:
        if not value:
            raise EmptyPrompt()
        return value


class ImageToImage(DepthGuided):
    """A picture changed after words, or without them after itself.

    `strength` says how much: the share of the steps that are taken, from the picture with noise.
    """

    mode: Literal["image_to_image"] = "image_to_image"
    picture: Source
    strength: float | None = None

    @field_validator("strength")
    @classmethod
    def _strength(cls, value: float | None) -> float | None:
        return value if value is None else _within("strength", value, *STRENGTH_LIMIT)


class Part(BaseModel):
    """Words or a picture, and how much they count in a mix; less than 0 is away from them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    words: str = ""
    picture: Source | None = None
    weight: float = 1.0

    @field_validator("words")
    @classmethod
    def _words(cls, value: str) -> str:
        return _readable(value)

    @field_validator("weight")
    @classmethod
    def _weight(cls, value: float) -> float:
        return _within("weight", value, *WEIGHT_LIMIT)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if bool(self.words) == bool(self.picture):
            raise EmptyPart()
        return self


class Mix(Request):
    """Pictures after the weighted sum of what words and pictures mean; the prompt is not used."""

    mode: Literal["mix"] = "mix"
    parts: tuple[Part, ...]

    @field_validator("parts")
    @classmethod
    def _parts(cls, value: tuple[Part, ...]) -> tuple[Part, ...]:
        if len(value) < 2:
            raise TooFewParts()
        if all(part.weight == 0 for part in value):
            raise NothingToMix()
        _within("parts", len(value), 2, PARTS_LIMIT)
        return value


class Variations(Request):
    """Pictures like this one; the prompt is not used."""

    mode: Literal["variations"] = "variations"
    picture: Source


class Inpaint(Request):
    """The picture painted anew where the mask is 255, after words or, without them, after itself.

    Everywhere else it stays as it is, bit for bit. The result is as large as the picture.
    """

    mode: Literal["inpaint"] = "inpaint"
    picture: Source
    mask: Source


class Outpaint(Request):
    """A frame of `width` x `height` around or beside the picture; what is empty in it is painted.

    `left` and `top` place the frame in the picture's pixels: (-64, 0) is 64 pixels to its left.
    """

    mode: Literal["outpaint"] = "outpaint"
    picture: Source
    left: int
    top: int

    @field_validator("left", "top")
    @classmethod
    def _place(cls, value: int) -> int:
        return _within("place", value, -SIZE_LIMIT[1], SIZE_LIMIT[1])


KINDS: tuple[type[Request], ...] = (
    TextToImage,
    ImageToImage,
    Mix,
    Variations,
    Inpaint,
    Outpaint,
)


def read(fields: Mapping[str, Any]) -> Request:
    """The request of a JSON object, as the type that its `mode` names."""
    kinds = {kind.model_fields["mode"].default: kind for kind in KINDS}
    return kinds[fields["mode"]].model_validate(fields)


def _readable(value: str) -> str:
    value = value.strip()
    if len(value) > PROMPT_LIMIT:
        raise PromptTooLong(length=len(value), limit=PROMPT_LIMIT)
    if any(_unreadable(letter) for letter in value):
        raise UnreadableText()
    return value


def _within(name: str, value: Number, low: Number, high: Number) -> Number:
    if not low <= value <= high:
        raise OutOfRange(name=name, low=low, high=high, value=value)
    return value


def _unreadable(letter: str) -> bool:
    """Control characters and halves of surrogate pairs: no database and no page shows them."""
    return unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\r\t"


def _sources(value: object) -> Iterator[Source]:
    if isinstance(value, Source):
        yield value
    elif isinstance(value, tuple):
        for one in value:
            yield from _sources(one)
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _sources(getattr(value, name))


def _filled(value: Any, files: Mapping[str, bytes]) -> Any:
    """`value`, dumped, with the files of those sources that are there."""
    if isinstance(value, tuple | list):
        return tuple(_filled(one, files) for one in value)
    if not isinstance(value, dict):
        return value
    if set(value) == {"sha256"}:
        return value | {"file": files.get(value["sha256"], b"")}
    return {name: _filled(one, files) for name, one in value.items()}
