"""A model of plain numbers that serves the worker's interface: its pictures are one grey each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from engine.cards import filled
from engine.events import Event
from engine.requests import Request, TextToImage
from engine.runtime.caches import Cache
from engine.runtime.stages import Stage, Way


@dataclass(slots=True, eq=False, kw_only=True)
class Counting(Stage):
    owner: str
    brief: bool = False

    @property
    def progress(self) -> int:
        return self.step

    def sketch(self) -> Tensor | None:
        return torch.zeros(4, 1, 1)


class CountingNetwork:
    """Notes each pass; `fault` may raise for a pass that it is shown, before anything happens."""

    def __init__(self) -> None:
        self.passes: list[list[str]] = []
        self.fault: Callable[[Sequence[Counting]], None] = lambda stages: None
        self.hold = threading.Event()  # cleared, no pass goes on
        self.hold.set()

    def advance(self, stages: Sequence[Counting]) -> None:
        self.hold.wait(10)
        self.passes.append([stage.owner for stage in stages])
        self.fault(stages)
        for stage in stages:
            stage.step += 1


class CountingModel:
    """Two rows a picture; its prompt names the owner that a pass is noted under."""

    def __init__(self) -> None:
        self.network = CountingNetwork()
        self.previews = 0
        self.caches: dict[str, Cache[str]] = {"words": Cache(10, len)}
        self.caches["words"].put("a", "1234")

    def paint(self, request: Request, index: int) -> Way[Any]:
        stage = Counting(
            network=self.network,
            group=self.network,
            rows=2,
            cost=2.0,
            steps=filled(request.prior_steps) + filled(request.steps),
            owner=request.prompt,
        )
        yield stage
        grey = (filled(request.seed) + index) % 256
        return np.full((4, 4, 3), grey, dtype=np.uint8)

    def preview(self, clean: Any) -> Image.Image:
        self.previews += 1
        return Image.new("RGB", (1, 1))


def asked(name: str, *, steps: int = 5, count: int = 1, model: str = "one") -> TextToImage:
    """A resolved request."""
    return TextToImage(
        prompt=name, seed=7, steps=steps, prior_steps=2, count=count, model=model, guidance=3
    )


@dataclass(eq=False)
class FakeJob:
    request: Request
    owner: str = "person"
    watched: bool = False
    cancelled: bool = False
    events: list[Event] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def tell(self, event: Event) -> None:
        from engine.events import Queued, Step

        assert not self.ended.is_set(), f"{event} after the end"
        self.events.append(event)
        if not isinstance(event, Queued | Step):
            self.ended.set()

    def last(self) -> Event:
        assert self.ended.wait(10), "the job never ended"
        return self.events[-1]
