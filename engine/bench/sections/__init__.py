"""What is measured with the rig, each section with its seconds in a quick and a thorough run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from engine.bench.report import Line
from engine.bench.rig import Rig
from engine.bench.sections import (
    clients,
    crowd,
    fair,
    growth,
    mixed,
    outside,
    poisson,
    prior,
    rows,
    safety,
    single,
)


@dataclass(frozen=True, slots=True)
class Section:
    lines: Callable[[Rig, float], AsyncIterator[Line]]
    seconds: tuple[float, float]  # quick, thorough
    note: str = ""


SECTIONS = {
    "single": Section(single.lines, (6, 30)),
    "clients": Section(clients.lines, (12, 110)),
    "rows": Section(rows.lines, (3, 20)),
    "mixed": Section(mixed.lines, (8, 60)),
    "poisson": Section(poisson.lines, (16, 130), poisson.NOTE),
    "fair": Section(fair.lines, (6, 40), fair.NOTE),
    "crowd": Section(crowd.lines, (5, 20), crowd.NOTE),
    "prior": Section(prior.lines, (3, 15)),
    "outside": Section(outside.lines, (3, 15)),
    "growth": Section(growth.lines, (3, 60), growth.NOTE),
    "safety": Section(safety.lines, (10, 60), safety.NOTE),
}
