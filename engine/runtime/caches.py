"""What was computed before and comes out the same: kept by its key, within a limit of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class CacheStats:
    """`bytes` are held now; hits and misses are counted since the start."""

    hits: int
    misses: int
    bytes: int


class Cache(Generic[Value]):
    """Least recently used goes first. A limit of 0 keeps nothing."""

    def __init__(self, limit: int, size: Callable[[Value], int]) -> None:
        """`limit` in bytes; `size` says how many a value takes."""
        self._limit = limit
        self._size = size
        self._held: OrderedDict[Hashable, Value] = OrderedDict()
        self._bytes = self._hits = self._misses = 0

    def get(self, key: Hashable) -> Value | None:
        if key not in self._held:
            self._misses += 1
            return None
        self._hits += 1
        self._held.move_to_end(key)
        return self._held[key]

    def put(self, key: Hashable, value: Value) -> None:
        if key in self._held:
            self._bytes -= self._size(self._held.pop(key))
        self._held[key] = value
        self._bytes += self._size(value)
        while self._bytes > self._limit:
            self._bytes -= self._size(self._held.popitem(last=False)[1])

    def clear(self) -> None:
        self._held.clear()
        self._bytes = 0

    def stats(self) -> CacheStats:
        return CacheStats(self._hits, self._misses, self._bytes)
