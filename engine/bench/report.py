"""What was measured, and as JSON; `table.py` shows it to people."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import Any, Literal

from engine.bench import goals
from engine.bench.machine import Machine


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure: of all samples the median, the least and the most."""

    value: float
    low: float
    high: float
    samples: tuple[float, ...]

    @classmethod
    def of(cls, *samples: float) -> Measured:
        return cls(median(samples), min(samples), max(samples), samples)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table. `name` is "section.figure", as the goals name it."""

    name: str
    what: str
    unit: str  # s, ms, pictures/s, MB, %, ...
    plain: Measured | None
    ours: Measured | None
    better: Literal["lower", "higher"] = "lower"
    raw: dict[str, list[float]] = field(default_factory=dict)  # what the figures were made from

    @property
    def ratio(self) -> float | None:
        """How many times better ours is than plain's."""
        if self.plain is None or self.ours is None:
            return None
        over, under = self.plain.value, self.ours.value
        if self.better == "higher":
            over, under = under, over
        return over / under if under else None

    def met(self, goal: goals.Goal) -> bool | None:
        """Whether the goal is reached; None when its figure is missing."""
        value = self.ratio
        if goal.of == "ours":
            value = None if self.ours is None else self.ours.value
        return None if value is None else goal.met(value)


@dataclass(slots=True)
class Report:
    """Grows line by line, so that there is something to show when it is cut short."""

    machine: Machine
    options: dict[str, object]
    model: str  # its title, size and steps
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    baseline: str = ""  # how plain diffusers is at its fastest here
    lines: dict[str, Line] = field(default_factory=dict)  # by name
    notes: dict[str, str] = field(default_factory=dict)  # by section
    failed: dict[str, str] = field(default_factory=dict)  # why, by section
    finished: bool = False

    def add(self, line: Line) -> None:
        """Take a figure, or a better one in its place."""
        self.lines[line.name] = line

    def goals_of(self, line: Line) -> tuple[goals.Goal, ...]:
        return goals.of(line.name, gpu=self.machine.gpu)

    def an_hour(self) -> int | None:
        """Pictures an hour with as many clients as suit this machine best."""
        lines = [line for name, line in self.lines.items() if name.startswith("clients.")]
        rates = [line.ours.value for line in lines if line.ours]
        return round(3600 * max(rates)) if rates else None

    def as_json(self) -> dict[str, Any]:
        return {
            "program": "engine.bench",
            "schema": 1,
            "date": self.began.isoformat(timespec="seconds"),
            "machine": asdict(self.machine),
            "options": self.options,
            "model": self.model,
            "baseline": self.baseline,
            "lines": [self._line(line) for line in self.lines.values()],
            "notes": self.notes,
            "failed": self.failed,
            "pictures_an_hour": self.an_hour(),
            "finished": self.finished,
        }

    def _line(self, line: Line) -> dict[str, Any]:
        found = [
            asdict(goal) | {"text": str(goal), "met": line.met(goal)}
            for goal in self.goals_of(line)
        ]
        return asdict(line) | {"ratio": line.ratio, "goals": found}
