"""The device that the networks run on: how rows are spread over it, and what it can hold.

On a CPU a batch is split over lanes, one a core, each with as many threads as cores are left: small
networks gain little from more threads an operation, and nearly everything from more rows at once.
"""

from __future__ import annotations

import gc
import os
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import Tensor, nn

from engine.settings import Settings

BUCKETS = (1, 2, 4, 8, 16, 32)  # rows of a batch on a GPU, which is fastest with few shapes
ROWS = {"cpu": 16, "cuda": 32}  # of a batch, at most; more give hardly a better time a row

Forward = Callable[..., Tensor]  # tensors of N rows each to one of N rows


class Device:
    """Owned by one thread, which alone may call `run`."""

    def __init__(self, settings: Settings) -> None:
        name = settings.device
        if name == "auto":
            name = "cuda" if torch.cuda.is_available() else "cpu"
        self.torch = torch.device(name)
        self.on_cpu = self.torch.type == "cpu"
        dtype = settings.dtype
        if dtype == "auto":
            dtype = "float32" if self.on_cpu else "bfloat16"
        self.dtype: torch.dtype = getattr(torch, dtype)
        self.rows = settings.batch_rows or ROWS.get(self.torch.type, max(BUCKETS))
        self.seconds = (
            0.0  # spent in networks so far; of a GPU, which runs on, only until it was told
        )
        self.deterministic = settings.deterministic
        self._threads = settings.threads or len(os.sched_getaffinity(0)) if self.on_cpu else 1
        self._lanes = ThreadPoolExecutor(self._threads, "engine-lane")
        if self.on_cpu:
            torch.set_num_threads(1)

    def place(self, network: nn.Module) -> nn.Module:
        """The network on the device, ready for inference."""
        network = network.to(self.torch).eval().requires_grad_(False)
        if not self.on_cpu:  # what convolutions on tensor cores want
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network

    def traced(self, network: nn.Module, *example: Tensor) -> Forward:
        """On a CPU, the network as a graph that Python has no part in, so that lanes run at once.

        Batch and picture size stay free. Elsewhere, the network as it is.
        """
        if not self.on_cpu:
            return network
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # the tracer's remarks on the networks' checks of sizes
            forward: Forward = torch.jit.trace(network, example, check_trace=False)  # type: ignore[no-untyped-call]
        return forward

    def run(
        self, forward: Forward, *rows: Tensor, least: int = 1, most: int | None = None
    ) -> Tensor:
        """`forward` of N rows, in one pass or spread over the lanes of a CPU.

        There, fewer than `least` rows are not worth a lane, and more than `most` not a pass.
        """
        with self.timed():
            if not self.on_cpu:
                return self._in_a_bucket(forward, rows)
            if self.deterministic:
                return self._in_lanes(forward, rows, least=1, most=1)
            return self._in_lanes(forward, rows, least, most)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """What is done inside counts as time in the networks."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - started

    def _in_a_bucket(self, forward: Forward, rows: tuple[Tensor, ...]) -> Tensor:
        """Filled up to a bucket; always the same one where results must not vary by a bit."""
        count = len(rows[0])
        size = max(count, self.rows) if self.deterministic else bucket(count)
        filled = tuple(
            torch.cat([one, one[-1:].expand(size - count, *one.shape[1:])]) for one in rows
        )
        return forward(*filled)[:count]

    def _in_lanes(
        self, forward: Forward, rows: tuple[Tensor, ...], least: int, most: int | None
    ) -> Tensor:
        count = len(rows[0])
        lanes = max(1, min(count // least, self._threads))
        pieces = max(lanes, -(-count // most) if most else 0)
        parts = list(zip(*(one.tensor_split(pieces) for one in rows), strict=True))
        threads = 1 if self.deterministic else self._threads // lanes
        if len(parts) == 1:
            return _forward(forward, parts[0], 1 if least > 1 else threads)
        found = self._lanes.map(lambda part: _forward(forward, part, threads), parts)
        return torch.cat(list(found))

    @staticmethod
    def inference() -> AbstractContextManager[object]:
        """Inside, nothing is noted for gradients, which makes small operations cheaper."""
        return torch.inference_mode()

    def out_of_memory(self, error: Exception) -> bool:
        """Whether the error says that an allocation failed, on a GPU or in the machine's memory."""
        if isinstance(error, torch.OutOfMemoryError | MemoryError):
            return True
        words = ("can't allocate memory", "not enough memory")
        return isinstance(error, RuntimeError) and any(word in str(error) for word in words)

    def free(self) -> None:
        """Give back what no tensor uses."""
        gc.collect()
        if self.torch.type == "cuda":
            torch.cuda.empty_cache()

    def close(self) -> None:
        self._lanes.shutdown()


def bucket(rows: int) -> int:
    """The smallest bucket for so many rows; above the largest, as many as there are."""
    return next((size for size in BUCKETS if size >= rows), rows)


@torch.inference_mode()
def _forward(forward: Forward, rows: tuple[Tensor, ...], threads: int) -> Tensor:
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    # optimised for each new shape, a graph takes seconds at first and is hardly faster then
    with torch.jit.optimized_execution(False):  # type: ignore[attr-defined]
        return forward(*rows)
