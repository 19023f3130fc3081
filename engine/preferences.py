"""What a person has set for all their requests, and how that fills a request's empty fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from engine.cards import ModelCard, choose
from engine.errors import UserError
from engine.requests import (
    COUNT_LIMIT,
    STEPS_LIMIT,
    DepthGuided,
    Mix,
    Request,
    TextToImage,
    Variations,
)
from engine.styles import WORDLESS

Aspect = Literal["1:1", "16:9", "9:16", "3:2", "2:3"]
Quality = Literal["draft", "standard", "fine"]

ASPECTS: tuple[Aspect, ...] = get_args(Aspect)
QUALITIES: dict[Quality, float] = {"draft": 0.5, "standard": 1.0, "fine": 2.0}  # of the steps
KEY = "preferences"  # of an account's settings

CLOSE = 1.04  # times another aspect: as near as 2.1's own 768 x 448 is to 16:9
ROOM = 1.5  # times a model's own area, at which it still works well
GRAINS = (64, 8)  # pixels: what models work at, else what keeps the aspect

Size = tuple[int, int]
Value = TypeVar("Value")


class Preferences(BaseModel):
    """What a person has set; a field left alone is as in a request without it.

    Raises what a request does for a value that none may have.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str | None = None
    aspect: Aspect = "1:1"
    count: int = 1
    style: str | None = None
    quality: Quality = "standard"
    negative_prompt: str = ""
    seed: int | None = None  # the same for each request, if given

    @field_validator("count", "style", "negative_prompt", "seed")
    @classmethod
    def _fits(cls, value: Value, info: ValidationInfo) -> Value:
        """As a request takes it; the seed also where the most pictures are asked for."""
        fields = {"mode": "text_to_image", "count": COUNT_LIMIT, str(info.field_name): value}
        fits: Value = getattr(Request.model_validate(fields), str(info.field_name))
        return fits

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Preferences:
        """Those among an account's settings; whatever cannot be read there counts as unset."""
        kept = settings.get(KEY)
        if not isinstance(kept, Mapping):
            return cls()
        fields = {name: kept[name] for name in cls.model_fields if name in kept}
        return cls(**{name: value for name, value in fields.items() if cls._takes(name, value)})

    @classmethod
    def _takes(cls, name: str, value: object) -> bool:
        try:
            cls.model_validate({name: value})
        except (UserError, ValidationError):
            return False
        return True

    def apply(self, request: Request, cards: Sequence[ModelCard]) -> Request:
        """The request with these preferences where it says nothing itself and they make sense.

        A style goes with words: a picture that is continued or changed without any stays itself.
        What a mode takes from its picture, such as the size of an edit, is left to it. Where the
        preferred model cannot do what is asked, the first that can does it.
        Raises UnknownModel for a request that names a model which is not here.
        """
        card = self._card(request, cards)
        wished = {
            "model": card.name if card != cards[0] else None,
            "count": min(self.count, card.count_limit),
            "steps": self._steps(card),
            "negative_prompt": self.negative_prompt,
            "seed": self.seed,
            "style": self.style if request.prompt and request.mode not in WORDLESS else None,
        }
        filled = {
            name: value
            for name, value in wished.items()
            if _unset(request, name) and value != _default(request, name)
        }
        return request.model_copy(update=filled | self._sides(request, card))

    def _card(self, request: Request, cards: Sequence[ModelCard]) -> ModelCard:
        if request.model is not None:
            return choose(request.model, list(cards))
        able = [card for card in cards if _can(card, request)]
        return next((card for card in able if card.name == self.model), (able or cards)[0])

    def _steps(self, card: ModelCard) -> int | None:
        if self.quality == "standard":
            return None
        low, high = STEPS_LIMIT
        return min(max(round(card.steps * QUALITIES[self.quality]), low), high)

    def _sides(self, request: Request, card: ModelCard) -> dict[str, int]:
        """The width and height, where it is neither asked for nor a picture's own."""
        if not free(request) or request.width is not None or request.height is not None:
            return {}
        width, height = size(self.aspect, card)
        return {} if (width, height) == card.sizes[0] else {"width": width, "height": height}


def free(request: Request) -> bool:
    """Whether its pictures may be of any size: they take none from a picture that it works on."""
    if isinstance(request, DepthGuided) and request.scene is not None:
        return False
    return isinstance(request, TextToImage | Mix | Variations)


def size(aspect: Aspect, card: ModelCard) -> Size:
    """The (width, height) in that aspect which suits the model best: one of its own sizes, else
    one of about its first one's area. The first one itself where its limits allow neither."""
    ratio = _ratio(aspect)
    first = card.sizes[0]

    def off(one: Size) -> float:
        return _apart(_area(one), _area(first))

    own = [one for one in card.sizes if _apart(one[0] / one[1], ratio) <= CLOSE]
    if own:
        return min(own, key=off)
    coarse, fine = (
        min(_candidates(ratio, card.side_limit, grain), key=off, default=first) for grain in GRAINS
    )
    return coarse if coarse != first and off(coarse) <= ROOM else fine


def _candidates(ratio: float, limits: tuple[int, int], grain: int) -> list[Size]:
    """All sizes whose sides are multiples of the grain within the limits, in that aspect."""
    low, high = limits
    widths = range(ceil(low / grain) * grain, high + 1, grain)
    sizes = [(width, round(width / ratio / grain) * grain) for width in widths]
    return [
        (width, height)
        for width, height in sizes
        if low <= height <= high and _apart(width / height, ratio) <= CLOSE
    ]


def _ratio(aspect: Aspect) -> float:
    wide, high = aspect.split(":")
    return int(wide) / int(high)


def _area(size: Size) -> int:
    return size[0] * size[1]


def _apart(one: float, other: float) -> float:
    """How many times the larger is the smaller: 1 or more."""
    return max(one / other, other / one)


def _can(card: ModelCard, request: Request) -> bool:
    """Whether the model has the mode, and follows the depth that the request gives, if any."""
    if isinstance(request, DepthGuided):
        if request.depth is not None and not card.depth:
            return False
        if request.depth_of is not None and not card.depth_of:
            return False
    return request.mode in card.modes


def _unset(request: Request, name: str) -> bool:
    """A style that was said to be None is one not to have; any other None takes the default."""
    given = name in request.model_fields_set
    return not given or (name != "style" and getattr(request, name) is None)


def _default(request: Request, name: str) -> object:
    return type(request).model_fields[name].default
