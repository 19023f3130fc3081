"""How much longer a job takes, judged by the steps seen so far."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from engine.events import Step


class Pace:
    """Counts from the first step seen: attaching to a running job knows nothing before it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first = self._last = (0, math.inf)  # step index, when it was seen

    def seconds_left(self, step: Step) -> int | None:
        """Whole seconds, rounded up; None until two steps were seen."""
        now = (step.index, self._clock())
        if self._last[0] == 0 or step.index < self._last[0]:  # the first, or a new attempt
            self._first = now
        self._last = now
        steps = now[0] - self._first[0]
        if steps == 0:
            return None
        return math.ceil((now[1] - self._first[1]) / steps * (step.total - step.index))
