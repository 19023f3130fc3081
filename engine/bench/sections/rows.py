"""How the time of one row falls as more of them share the decoder's forward pass."""

from __future__ import annotations

from collections.abc import AsyncIterator

from engine.bench.report import Line, Measured
from engine.bench.rig import Rig, rounds

ROWS = (1, 2, 4, 8, 16, 32)


async def lines(rig: Rig, seconds: float) -> AsyncIterator[Line]:
    times: dict[int, list[float]] = {rows: [] for rows in ROWS}
    for _ in rounds(seconds):
        for rows in ROWS:
            spent = await rig.inside.decode(rig.requests.default(), rows)
            times[rows].append(1000 * spent / rows)
            yield _line(rows, times[rows])


def _line(rows: int, times: list[float]) -> Line:
    what = f"decoder, {rows} row{'s' if rows > 1 else ''} a pass: time of a row"
    return Line(f"rows.{rows}", what, "ms", None, Measured.of(*times))
