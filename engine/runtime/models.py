"""The loaded models: each on first use, the least recently used let go where memory is short."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from PIL import Image

from engine.errors import ModelTooLarge, WeightsBroken
from engine.requests import Request
from engine.runtime.caches import Cache, CacheStats
from engine.settings import Settings
from engine.weights import Weights

if TYPE_CHECKING:
    from engine.runtime.device import Device
    from engine.runtime.stages import Way

GB = 1e9

log = logging.getLogger(__name__)


class Model(Protocol):
    """One model family's way of making pictures."""

    @property
    def caches(self) -> Mapping[str, Cache[Any]]:
        """By name; emptied where memory is short."""

    def paint(self, request: Request, index: int) -> Way[Any]:
        """Picture `index` of a resolved request, as pixels (H, W, 3) uint8."""

    def preview(self, clean: Any) -> Image.Image:
        """A small picture of a stage's sketch."""


class Models:
    """`take` gives a model by name."""

    def __init__(
        self,
        weights: Iterable[Weights],
        load: Callable[[Weights], Model],
        budget: float = 0,
        width: int = 4,
    ) -> None:
        """`budget` in GB for all loaded weights, 0 for any; `width` in bytes a number."""
        self._weights = {one.card.name: one for one in weights}
        self._load = load
        self._budget = budget
        self._loaded: dict[str, Model] = {}  # least recently used first
        self._size = {name: one.numbers * width / GB for name, one in self._weights.items()}

    def take(self, name: str, busy: Collection[str]) -> Model | None:
        """The model, loaded if need be; None while there is no room for it beside the `busy` ones.

        Raises WeightsBroken, or ModelTooLarge for one that would not fit alone.
        """
        if name not in self._loaded:
            if not self._make_room(name, busy):
                return None
            self._loaded[name] = self._load(self._weights[name])
        model = self._loaded[name] = self._loaded.pop(name)
        return model

    def forget(self) -> None:
        """Empty every cache."""
        for model in self._loaded.values():
            for cache in model.caches.values():
                cache.clear()

    def stats(self) -> dict[str, CacheStats]:
        """The caches, by model and name."""
        return {
            f"{name} {kind}": cache.stats()
            for name, model in list(self._loaded.items())  # may be called from another thread
            for kind, cache in model.caches.items()
        }

    def _make_room(self, name: str, busy: Collection[str]) -> bool:
        """Let idle models go until `name` fits; False, and none gone, where that is not enough."""
        if not self._budget:
            return True
        if self._size[name] > self._budget:
            needs = f"{self._size[name]:.1f}"
            raise ModelTooLarge(model=name, needs=needs, allowed=self._budget)
        idle = [other for other in self._loaded if other not in busy]
        room = self._budget - self._size[name] - self._held(self._loaded)
        if room + self._held(idle) < 0:
            return False
        while room < 0:
            other = idle.pop(0)
            log.info("the model %s makes room for %s", other, name)
            del self._loaded[other]
            room += self._size[other]
        return True

    def _held(self, names: Iterable[str]) -> float:
        """GB."""
        return sum(self._size[name] for name in names)


def opened(settings: Settings, weights: Iterable[Weights]) -> tuple[Models, Device]:
    """The models of these settings and the device they run on; imports torch."""
    from engine.runtime.device import Device

    device = Device(settings)
    load = partial(_loaded, device=device, settings=settings)
    return Models(weights, load, settings.memory, device.dtype.itemsize), device


def _loaded(weights: Weights, device: Device, settings: Settings) -> Model:
    from safetensors import SafetensorError

    device.free()
    try:
        make = _family(weights, settings)
        return make(weights.folder, device, settings.cache * 1_000_000, weights.card.side_limit[1])
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        log.exception("the model %s cannot be loaded", weights.card.name)
        raise WeightsBroken(file=weights.folder, model=weights.card.name) from error


def _family(weights: Weights, settings: Settings) -> Callable[..., Model]:
    match weights.family.name:
        case "2.1":
            from engine.kandinsky.v21 import Kandinsky21

            return Kandinsky21
        case "2.2":
            from engine.kandinsky.v22 import Kandinsky22

            return partial(Kandinsky22, depth_model=settings.depth_model)
        case "3":
            from engine.kandinsky.v3 import Kandinsky3

            return partial(Kandinsky3, text_device=settings.text_device)
