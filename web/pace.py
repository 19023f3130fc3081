"""How much longer a job takes, judged by the steps seen so far."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from engine.events import Step


class Pace:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: tuple[int, float] | None = None

    def seconds_left(self, step: Step) -> int | None:
        """Whole seconds, rounded up; None until two steps were seen."""
        now = self._clock()
        if self._first is None or step.index < self._first[0]:
            self._first = (step.index, now)
        index, began = self._first
        if step.index == index:
            return None
        return math.ceil((now - began) / (step.index - index) * (step.total - step.index))
