"""What the benchmark says on standard error while it works."""

from __future__ import annotations

import sys
from time import perf_counter

_BEGAN = perf_counter()


def say(text: str) -> None:
    print(f"[{perf_counter() - _BEGAN:4.0f} s] {text}", file=sys.stderr, flush=True)
