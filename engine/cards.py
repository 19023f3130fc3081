"""What each model can do, as front ends show it, and how its defaults fill a request."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TypeVar

from engine.errors import NotOffered, OutOfRange, UnknownModel
from engine.requests import Mode, Request, Sampler

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One model that this studio serves. Sizes are (width, height) in pixels."""

    name: str
    title: str
    modes: tuple[Mode, ...]
    sizes: tuple[tuple[int, int], ...]  # the first is the default
    side_limit: tuple[int, int]  # smallest and largest width or height
    count_limit: int
    steps: int
    guidance: float
    prior_steps: int
    prior_guidance: float
    samplers: tuple[Sampler, ...]  # the first is the default


def resolve(request: Request, cards: list[ModelCard]) -> Request:
    """The request with the model's defaults and a seed filled in, so that it can be made again.

    Raises UnknownModel, NotOffered or OutOfRange for what its model does not serve.
    """
    card = choose(request.model, cards)
    if request.mode not in card.modes:
        raise NotOffered(model=card.title, mode=request.mode.replace("_", " "))
    width, height = card.sizes[0]
    whole = request.model_copy(
        update={
            "model": card.name,
            "width": request.width or width,
            "height": request.height or height,
            "seed": secrets.randbelow(2**31) if request.seed is None else request.seed,
            "steps": request.steps or card.steps,
            "guidance": request.guidance or card.guidance,
            "prior_steps": request.prior_steps or card.prior_steps,
            "prior_guidance": request.prior_guidance or card.prior_guidance,
            "sampler": request.sampler or card.samplers[0],
        }
    )
    for side in ("width", "height"):
        _within(side, getattr(whole, side), *card.side_limit)
    _within("count", whole.count, 1, card.count_limit)
    if whole.sampler not in card.samplers:
        raise NotOffered(model=card.title, mode=f"sampler {whole.sampler}")
    return whole


def filled(value: Value | None) -> Value:
    """A field of a resolved request. Raises ValueError for a request that is not."""
    if value is None:
        raise ValueError("the request was not resolved")
    return value


def choose(name: str | None, cards: list[ModelCard]) -> ModelCard:
    """The card of that name; the first card for None. Raises UnknownModel."""
    for card in cards:
        if name is None or card.name == name:
            return card
    raise UnknownModel(name=name, known=", ".join(card.name for card in cards))


def _within(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise OutOfRange(name=name, low=low, high=high, value=value)
