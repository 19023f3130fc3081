"""What can be asked of the engine: one frozen, validated, serialisable type per mode.

A field left as None takes the model's own default. What does not depend on a model is checked
here and raises a `UserError`; what does (sizes, modes) is checked against its card.
"""

from __future__ import annotations

import unicodedata
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, field_validator

from engine.errors import EmptyPrompt, OutOfRange, PromptTooLong, UnknownStyle, UnreadableText
from engine.styles import STYLES

PROMPT_LIMIT = 1000  # characters
COUNT_LIMIT = 10  # pictures a request
SIZE_LIMIT = (64, 4096)  # pixels a side; a model's card is stricter
STEPS_LIMIT = (1, 250)
PRIOR_STEPS_LIMIT = (2, 250)  # from the first time of training to its last
GUIDANCE_LIMIT = (1.0, 20.0)
SEED_LIMIT = 2**32 - 1

Number = TypeVar("Number", int, float)

Mode = Literal["text_to_image"]
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
        value = value.strip()
        if len(value) > PROMPT_LIMIT:
            raise PromptTooLong(length=len(value), limit=PROMPT_LIMIT)
        if any(_unreadable(letter) for letter in value):
            raise UnreadableText()
        return value

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


class TextToImage(Request):
    """Words to pictures; picture `i` is made with seed + i."""

    mode: Literal["text_to_image"] = "text_to_image"

    @field_validator("prompt")
    @classmethod
    def _prompt(cls, value: str) -> str:
        if not value:
            raise EmptyPrompt()
        return value


def _within(name: str, value: Number, low: Number, high: Number) -> Number:
    if not low <= value <= high:
        raise OutOfRange(name=name, low=low, high=high, value=value)
    return value


def _unreadable(letter: str) -> bool:
    """Control characters and halves of surrogate pairs: no database and no page shows them."""
    return unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\r\t"
