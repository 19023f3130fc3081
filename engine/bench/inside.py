"""The model's networks without the worker, for what the engine cannot be asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

import torch

from engine import TextToImage
from engine.bench.models import Model
from engine.cards import filled
from engine.kandinsky.v22 import Kandinsky22
from engine.runtime.denoising import Noise
from engine.runtime.device import Device
from engine.runtime.stages import travel


class Inside:
    """Loaded at its first use; all its work is done in one thread."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._thread = ThreadPoolExecutor(1, "inside")
        self._networks: tuple[Device, Kandinsky22] | None = None

    async def imagine(self, requests: list[TextToImage]) -> float:
        """Seconds of the prior alone for these prompts, asked for at once."""
        return await self._timed(self._imagine, requests)

    async def decode(self, request: TextToImage, rows: int) -> float:
        """Seconds of one forward pass of the decoder UNet over so many rows."""
        return await self._timed(self._decode, request, rows)

    async def _timed(self, work: Callable[..., float], *arguments: Any) -> float:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def _load(self) -> tuple[Device, Kandinsky22]:
        if self._networks is None:
            device = Device(self._model.settings)
            kandinsky = Kandinsky22(
                self._model.weights.folder, device, 0, self._model.card.side_limit[1]
            )
            self._networks = device, kandinsky
        return self._networks

    def _imagine(self, requests: list[TextToImage]) -> float:
        device, kandinsky = self._load()
        started = perf_counter()
        ways = [kandinsky.imagine(one, Noise(filled(one.seed), device)) for one in requests]
        travel(ways)[0][0].cpu()  # wait for the device
        return perf_counter() - started

    @torch.inference_mode()
    def _decode(self, request: TextToImage, rows: int) -> float:
        device, kandinsky = self._load()
        nothing = torch.zeros(1, kandinsky.width, device=device.torch)
        condition = kandinsky.decoder.condition(nothing)
        size = filled(request.height) // 8, filled(request.width) // 8
        unguided = request.model_copy(update={"guidance": 1.0})
        stages = [
            kandinsky.decoder.stage(unguided, Noise(index, device), condition, condition, size)
            for index in range(rows)
        ]
        times = stages[0].numbers[:, 0].long()
        x = torch.cat([stage.x for stage in stages])
        kandinsky.decoder.predict(x, times[:1].expand(rows), [condition] * rows)[0].cpu()
        started = perf_counter()
        kandinsky.decoder.predict(x, times[:1].expand(rows), [condition] * rows)[0].cpu()
        return perf_counter() - started
