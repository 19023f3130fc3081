"""What a picture asks of the networks, one stage after another.

A model tells how a picture comes about as a generator (a *way*) that yields stages: each is a stay
at one network for one or more steps. The worker takes stages of different pictures one step
further in one forward pass, and resumes the way when its stage is finished. So a model's file
reads top to bottom as if there were one picture, and the passes are shared all the same.
"""

from __future__ import annotations

from collections.abc import Generator, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

Result = TypeVar("Result")


class Network(Protocol):
    """Takes stages one step further in one forward pass."""

    def advance(self, stages: Sequence[Any]) -> None:
        """All are of one group. When it raises, no stage has changed."""


@dataclass(slots=True, eq=False, kw_only=True)
class Stage:
    """One sample's stay at a network."""

    network: Network
    group: Hashable  # stages share a pass if this is equal
    rows: int  # of the batch
    cost: float  # of a step, in TFLOP
    steps: int = 1
    step: int = 0  # steps taken
    brief: bool = True  # a short stay: it goes before the long ones, to join or leave them soon

    @property
    def finished(self) -> bool:
        return self.step == self.steps

    @property
    def progress(self) -> int:
        """Denoising steps taken, of those that the request counts."""
        return 0

    def sketch(self) -> Tensor | None:
        """What the picture would become, as clean latents (4, h, w), if the stage knows."""
        return None


Way = Generator[Stage, None, Result]


@torch.inference_mode()
def travel(ways: Iterable[Way[Result]]) -> list[Result]:
    """Take several ways to their ends, sharing passes; for work outside the worker."""
    results: dict[int, Result] = {}
    underway: dict[int, tuple[Way[Result], Stage]] = {}

    def resume(index: int, way: Way[Result]) -> None:
        try:
            underway[index] = way, next(way)
        except StopIteration as end:
            underway.pop(index, None)
            results[index] = end.value

    for index, way in enumerate(ways):
        resume(index, way)
    while underway:
        _, first = next(iter(underway.values()))
        together = {
            index: way for index, (way, stage) in underway.items() if stage.group == first.group
        }
        first.network.advance([underway[index][1] for index in together])
        for index, way in together.items():
            if underway[index][1].finished:
                resume(index, way)
    return [results[index] for index in sorted(results)]
