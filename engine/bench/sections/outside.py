"""How much of its time the engine spends outside the networks when it serves one request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from engine.bench import traffic
from engine.bench.report import Line, Measured
from engine.bench.rig import Rig, rounds

PAUSE = 0.05  # seconds; the engine counts its time when it has ended, after it gave the pictures


async def lines(rig: Rig, seconds: float) -> AsyncIterator[Line]:
    shares = []
    for _ in rounds(seconds):
        before = rig.engine.stats()
        await traffic.latency(rig.engine, rig.requests.default())
        await asyncio.sleep(PAUSE)
        after = rig.engine.stats()
        inside = (after.networks - before.networks) / (after.busy - before.busy)
        shares.append(100 * (1 - inside))
        yield Line("outside.share", "time outside the networks", "%", None, Measured.of(*shares))
