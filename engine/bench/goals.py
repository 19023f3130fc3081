"""What the project wants to reach, by figure, on a CPU and on a GPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound on how many times better than plain we are, or on our own figure."""

    of: Literal["ratio", "ours"]
    bound: Literal[">=", "<=", "<"]
    value: float
    unit: str = "x"

    def met(self, value: float) -> bool:
        if self.bound == ">=":
            return value >= self.value
        return value < self.value if self.bound == "<" else value <= self.value

    def __str__(self) -> str:
        space = "" if self.unit == "x" else " "
        return f"{self.bound} {self.value:.3g}{space}{self.unit}"


def _times(value: float) -> Goal:
    return Goal("ratio", ">=", value)


BOTH = {
    "poisson.0.8.p95": (_times(8),),
    "fair.slowdown": (Goal("ours", "<=", 2),),
    "prior.latency": (_times(8),),
    "prior.prompts": (_times(30),),
}
CPU = BOTH | {
    "single.latency": (_times(1.5), Goal("ours", "<", 3, "s")),
    "clients.8": (_times(3),),
    "outside.share": (Goal("ours", "<=", 5, "%"),),
}
GPU = BOTH | {
    "single.latency": (_times(4),),
    "clients.16": (_times(5),),
    "mixed.rate": (_times(3),),
    "outside.share": (Goal("ours", "<=", 3, "%"),),
    "memory.one": (_times(1 / 0.65),),
}


def of(name: str, *, gpu: bool) -> tuple[Goal, ...]:
    """The goals of the figure with this name; none for most."""
    return (GPU if gpu else CPU).get(name, ())
