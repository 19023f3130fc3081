"""One request of somebody behind a thousand of somebody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from statistics import median

from engine.bench import traffic
from engine.bench.report import Line, Measured
from engine.bench.rig import Rig, rounds

CROWD = 1000  # requests
NOTE = f"plain makes the one wait for the {CROWD:,} that came before it"


async def lines(rig: Rig, seconds: float) -> AsyncIterator[Line]:
    service = await rig.plain.latency(rig.requests.default())
    alone, behind = [], []
    for _ in rounds(seconds):
        alone.append(await traffic.latency(rig.engine, rig.requests.default(), "one"))
        behind.append(await _behind(rig))
        yield Line(
            "crowd.latency",
            f"one request behind {CROWD:,} of another owner",
            "s",
            Measured.of((CROWD + 1) * service),
            Measured.of(*behind),
        )
        yield Line(
            "crowd.slowdown",
            "slower than alone",
            "x",
            Measured.of(CROWD + 1),
            Measured.of(median(behind) / median(alone)),
        )


async def _behind(rig: Rig) -> float:
    """Seconds that the one takes, when the thousand have been at it for a second; ends these."""
    jobs = [rig.engine.submit(request, "crowd") for request in rig.requests.many(CROWD)]
    try:
        await asyncio.sleep(1)
        return await traffic.latency(rig.engine, rig.requests.default(), "one")
    finally:
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
