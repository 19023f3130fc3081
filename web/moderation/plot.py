"""How the gate's scores and what people decided go together, as a plot and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.texts import Texts

WIDTH, HALF, FOOT = 800, 130, 24  # pixels; HALF is the height above the axis, and below it
GAP = 4


@dataclass(frozen=True, slots=True)
class Bar:
    """`kind` is above or below the axis."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Something at one place of the scale."""

    x: float
    title: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Plot:
    """`rows` are of the table: from and to which score, how many approved, how many removed."""

    bars: list[Bar]
    lines: list[Mark]
    marks: list[Mark]
    rows: list[tuple[str, int, int]]
    width: int = WIDTH
    height: int = 2 * HALF + FOOT
    middle: int = HALF
    bottom: int = 2 * HALF


def plot(
    approved: Sequence[int], removed: Sequence[int], thresholds: tuple[float, float], texts: Texts
) -> Plot:
    """Of as many bins as each has, which share the scores from 0 to 1 evenly."""
    say, bins = texts.say, len(approved)
    most = max([*approved, *removed, 0])
    if not most:
        return Plot([], [], [], [])
    bars = []
    rows = []
    for number, (above, below) in enumerate(zip(approved, removed, strict=True)):
        scores = f"{number / bins:.2f}–{(number + 1) / bins:.2f}"
        rows.append((scores, above, below))
        told = f"{scores}: {say('Approved')} {above}, {say('Removed')} {below}"
        for kind, count in (("above", above), ("below", below)):
            if count:
                bars.append(_bar(kind, number, bins, count / most, told))
    lines = [
        Mark(WIDTH * thresholds[0], say("passes below {score}", score=thresholds[0])),
        Mark(WIDTH * thresholds[1], say("blocked from {score}", score=thresholds[1])),
    ]
    return Plot(bars, lines, _scale(), rows)


def _bar(kind: str, number: int, bins: int, share: float, title: str) -> Bar:
    width = WIDTH / bins
    height = max(round(share * (HALF - 16), 1), 1.0)
    top = HALF - height if kind == "above" else HALF
    return Bar(kind, number * width + GAP / 2, top, width - GAP, height, title)


def _scale() -> list[Mark]:
    anchors = {0: "start", 10: "end"}
    return [
        Mark(WIDTH * tenth / 10, f"{tenth / 10:g}", anchors.get(tenth, "middle"))
        for tenth in range(0, 11, 2)
    ]
