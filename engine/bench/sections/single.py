"""One request alone on an idle machine."""

from __future__ import annotations

from collections.abc import AsyncIterator

from engine.bench import traffic
from engine.bench.report import Line, Measured
from engine.bench.rig import Rig, rounds


async def lines(rig: Rig, seconds: float) -> AsyncIterator[Line]:
    plain, ours = [], []
    for _ in rounds(seconds):
        plain.append(await rig.plain.latency(rig.requests.default()))
        ours.append(await traffic.latency(rig.engine, rig.requests.default()))
        yield Line("single.latency", "one request", "s", Measured.of(*plain), Measured.of(*ours))
