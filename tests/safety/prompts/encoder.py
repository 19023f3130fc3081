"""An encoder of sentences for tests: quick, the same everywhere, slow or broken when wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event, current_thread
from zlib import crc32

import numpy as np

from engine.safety.prompts.likeness import Likeness, Vectors

SIZE = 512


class Encoder:
    """Texts are alike that hold the same words. `batches` are the texts of each call, without the
    one of the examples; while `free` is not set, calls hang, and while `broken`, they fail."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.threads: set[str] = set()
        self.free = Event()
        self.free.set()
        self.broken = False

    def load(self) -> Likeness:
        likeness = Likeness(self)
        self.batches.clear()
        return likeness

    def __call__(self, texts: Sequence[str]) -> Vectors:
        self.batches.append(list(texts))
        self.threads.add(current_thread().name)
        self.free.wait()
        if self.broken:
            raise RuntimeError("no vectors today")
        return np.stack([_vector(text) for text in texts])


def _vector(text: str) -> Vectors:
    vector = np.zeros(SIZE, np.float32)
    for word in text.split():
        vector[crc32(word.encode()) % SIZE] += 1
    return vector / max(1.0, float(np.linalg.norm(vector)))


def broken_at_first(encoder: Encoder, times: int) -> Callable[[], Likeness]:
    """Loads only after it has failed so often."""
    left = iter(range(times))

    def load() -> Likeness:
        if next(left, None) is not None:
            raise OSError("the weights are not there")
        return encoder.load()

    return load
