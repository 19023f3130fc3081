"""Denoising: samples of any sampler, step count and guidance take a step in one forward pass."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import is_
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from engine.runtime import samplers
from engine.runtime.device import Device
from engine.runtime.samplers import Table, Threshold
from engine.runtime.stages import Stage

Whole = TypeVar("Whole")


@dataclass(slots=True, eq=False, kw_only=True)
class Denoising(Stage):
    """A sample's stay at a denoising network, or those of several prompts at once.

    `x` is (P, ...), float32; `toward` and `away` are what the network is conditioned on, P each;
    `away` is None without guidance.
    """

    table: Table
    numbers: Tensor  # the table's rows with the guidance, on the device
    x: Tensor
    toward: Sequence[Any]
    away: Sequence[Any] | None
    drawn: Tensor  # (S, P, ...), for the first S steps; the others draw nothing
    clean: Tensor | None = None
    kept: tuple[Tensor, Tensor, Tensor] | None = None  # mask, latents, noise, of what stays

    @property
    def progress(self) -> int:
        return self.step

    def sketch(self) -> Tensor | None:
        return self.clean[0] if self.clean is not None and self.clean.dim() == 4 else None

    def noise(self) -> Tensor:
        """The noise of the next step; anything where it adds none."""
        return self.drawn[self.step] if self.step < len(self.drawn) else self.x

    def row(self) -> Tensor:
        """The numbers of the next step for each of the samples, (P, columns)."""
        return self.numbers[self.step].expand(len(self.x), -1)


class Noise:
    """Standard normal numbers from a picture's own CPU generator, in the order of diffusers."""

    def __init__(self, seed: int, device: Device) -> None:
        self._device = device
        self.generator = torch.Generator("cpu").manual_seed(seed)

    def place(self) -> bytes:
        """Where the generator stands: equal for equal numbers to come."""
        return hashlib.sha256(self.generator.get_state().numpy().tobytes()).digest()

    def draw(self, shape: Sequence[int]) -> Tensor:
        """float32 on the device; drawn in the dtype of the networks, as diffusers does."""
        drawn = torch.randn(*shape, generator=self.generator, dtype=self._device.dtype)
        return drawn.to(self._device.torch, torch.float32)


class Together(Generic[Whole]):
    """What the conditions of a pass are as one batch; made anew only when others take part."""

    def __init__(self, make: Callable[[list[Any]], Whole]) -> None:
        self._make = make
        self._parts: list[Any] = []
        self._whole: Whole | None = None

    def of(self, parts: list[Any]) -> Whole:
        same = len(parts) == len(self._parts) and all(map(is_, parts, self._parts))
        if self._whole is None or not same:
            self._parts, self._whole = parts, self._make(parts)
        return self._whole


class Denoiser(ABC):
    """A network that predicts x0 or the noise; its kinds say what it is conditioned on."""

    threshold: Threshold | None = None

    @abstractmethod
    def predict(
        self, x: Tensor, times: Tensor, conditions: list[Any]
    ) -> tuple[Tensor, Tensor | None]:
        """(R, ...) and (R,) to the output and, where it is learned, the spread of the variance."""

    def advance(self, stages: Sequence[Denoising]) -> None:
        """One step of each. Rows: each sample toward its condition, then those guided, away."""
        stages = sorted(stages, key=lambda stage: stage.away is None)  # guided ones first
        x = torch.cat([stage.x for stage in stages])
        numbers = torch.cat([stage.row() for stage in stages])
        guided = sum(len(stage.x) for stage in stages if stage.away is not None)
        conditions = [one for stage in stages for one in stage.toward]
        conditions += [one for stage in stages for one in stage.away or ()]
        rows = torch.cat([x, x[:guided]])
        times = numbers[:, 0].long()
        out, spread = self.predict(rows, torch.cat([times, times[:guided]]), conditions)
        toward, away = out[: len(x)], out[len(x) :]
        if guided:
            mixed = samplers.guided(numbers[:guided], toward[:guided], away)
            toward = torch.cat([mixed, toward[guided:]])
        spread = None if spread is None else spread[: len(x)]
        last = drawn = None
        if any(stage.table.looks_back for stage in stages):
            last = torch.cat([stage.x if stage.clean is None else stage.clean for stage in stages])
        if any(stage.step < len(stage.drawn) for stage in stages):
            drawn = torch.cat([stage.noise() for stage in stages])
        adds_back = any(stage.table.adds_back for stage in stages)
        x, clean = samplers.step(numbers, x, toward, spread, last, drawn, self.threshold, adds_back)
        if stages[0].kept is not None:  # so it is with all at this network
            mask, image, noise = (torch.cat(parts) for parts in _columns(stages))
            x = samplers.keep(numbers, x, mask, image, noise)
        start = 0
        for stage in stages:
            own = slice(start, start := start + len(stage.x))
            stage.x, stage.clean = x[own], clean[own]
            stage.step += 1


def _columns(stages: Sequence[Denoising]) -> Iterator[tuple[Tensor, ...]]:
    return zip(*(stage.kept for stage in stages if stage.kept is not None), strict=True)
