"""What each model can do, as front ends show it, and how its defaults fill a request."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TypeVar

from engine.errors import (
    EmptyMask,
    MaskOfAnotherSize,
    NotOffered,
    OutOfRange,
    PictureTooSmall,
    UnknownModel,
    WindowInside,
)
from engine.requests import (
    SIZE_LIMIT,
    DepthGuided,
    ImageToImage,
    Inpaint,
    Mode,
    Outpaint,
    Request,
    Sampler,
)
from engine.sources import Source

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
    prior_steps: int  # 0 for a model without a prior
    prior_guidance: float
    samplers: tuple[Sampler, ...]  # the first is the default
    strength: float = 0.3  # of image to image
    depth: bool = False  # whether its pictures can follow a depth map
    depth_of: bool = False  # and the depth of a picture
    licence: str = ""
    memory: float = 0.0  # GB that its weights take on this device, as they are stored


def resolve(request: Request, cards: list[ModelCard]) -> Request:
    """The request with the model's defaults and a seed filled in, so that it can be made again.

    Raises UnknownModel, NotOffered or OutOfRange for what its model does not serve, and for a
    picture, mask or frame that cannot be worked on: PictureTooSmall, MaskOfAnotherSize, EmptyMask
    or WindowInside.
    """
    card = choose(request.model, cards)
    if request.mode not in card.modes:
        raise NotOffered(model=card.title, mode=request.mode.replace("_", " "))
    _follows(request, card)
    width, height = _size(request, card)
    whole = request.model_copy(
        update={
            "model": card.name,
            "width": width,
            "height": height,
            "seed": secrets.randbelow(2**31) if request.seed is None else request.seed,
            "steps": request.steps or card.steps,
            "guidance": request.guidance or card.guidance,
            "prior_steps": _of_prior(request.prior_steps, card.prior_steps),
            "prior_guidance": _of_prior(request.prior_guidance, card.prior_guidance),
            "sampler": request.sampler or card.samplers[0],
        }
    )
    if isinstance(whole, ImageToImage) and whole.strength is None:
        whole = whole.model_copy(update={"strength": card.strength})
    if not isinstance(whole, Inpaint | Outpaint):  # of these the model sees what it can
        _within("width", width, *card.side_limit)
        _within("height", height, *card.side_limit)
    _within("count", whole.count, 1, card.count_limit)
    if whole.sampler not in card.samplers:
        raise NotOffered(model=card.title, mode=f"sampler {whole.sampler}")
    return whole


def _follows(request: Request, card: ModelCard) -> None:
    """See that the model can follow the depth that the request gives, if any. Raises NotOffered."""
    if not isinstance(request, DepthGuided):
        return
    if request.depth is not None and not card.depth:
        raise NotOffered(model=card.title, mode="depth map")
    if request.depth_of is not None and not card.depth_of:
        raise NotOffered(model=card.title, mode="depth of a picture")


def _of_prior(asked: Value | None, default: Value) -> Value | None:
    """None for a model without a prior, whose card has 0."""
    return (asked or default) if default else None


def _size(request: Request, card: ModelCard) -> tuple[int, int]:
    """The (width, height) of the pictures to make: as asked, else what suits the mode."""
    width, height = card.sizes[0]
    if isinstance(request, ImageToImage):
        width, height = _fitted(_checked(request), card)
    elif isinstance(request, DepthGuided) and request.scene is not None:
        width, height = _fitted(_large_enough(request.scene), card)
    if isinstance(request, Inpaint | Outpaint):
        width, height = _checked(request)
    if isinstance(request, Inpaint):
        return width, height
    return request.width or width, request.height or height


def _fitted(size: tuple[int, int], card: ModelCard) -> tuple[int, int]:
    """The size of a picture, made smaller or larger until the model can work at it."""
    low, high = card.side_limit
    scale = min(1.0, high / max(size))
    scale = max(scale, low / min(size))
    return min(round(size[0] * scale), high), min(round(size[1] * scale), high)


def _large_enough(source: Source) -> tuple[int, int]:
    """The size of a picture, which can be worked on."""
    width, height = source.size
    if min(width, height) < SIZE_LIMIT[0]:
        raise PictureTooSmall(size=f"{width}×{height}", low=SIZE_LIMIT[0])
    _within("width", width, *SIZE_LIMIT)
    _within("height", height, *SIZE_LIMIT)
    return width, height


def _checked(request: ImageToImage | Inpaint | Outpaint) -> tuple[int, int]:
    """The size of the picture, which can be worked on."""
    width, height = size = _large_enough(request.picture)
    if isinstance(request, Inpaint):
        if request.mask.size != size:
            mask = "{}×{}".format(*request.mask.size)
            raise MaskOfAnotherSize(mask=mask, picture=f"{width}×{height}")
        if request.mask.picture("L").getextrema()[1] == 0:
            raise EmptyMask()
    if isinstance(request, Outpaint):
        right = request.left + (request.width or width)
        bottom = request.top + (request.height or height)
        if request.left >= 0 and request.top >= 0 and right <= width and bottom <= height:
            raise WindowInside()
    return size


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
