"""A light request behind four heavy ones of another owner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from statistics import median

from engine import TextToImage
from engine.bench import traffic
from engine.bench.report import Line, Measured
from engine.bench.rig import Rig, rounds

HEAVY = 4  # requests
COUNT = 4  # pictures of each
NOTE = "plain makes the light request wait for the whole of the heavy ones that came before it"


async def lines(rig: Rig, seconds: float) -> AsyncIterator[Line]:
    plain_alone, plain_behind, alone, behind = [], [], [], []
    for index in rounds(seconds):
        plain_alone.append(await rig.plain.latency(rig.requests.default()))
        if index % 2 == 0:  # they take long
            heavy = await rig.plain.latency(_heavy(rig))
        plain_behind.append(HEAVY * heavy + plain_alone[-1])
        alone.append(await traffic.latency(rig.engine, rig.requests.default(), "light"))
        behind.append(await _behind(rig, alone[-1] / 4))
        yield _line("light request alone", "alone", plain_alone, alone)
        yield _line(f"behind {HEAVY} heavy ones", "behind", plain_behind, behind)
        yield Line(
            "fair.slowdown",
            "slower than alone",
            "x",
            Measured.of(median(plain_behind) / median(plain_alone)),
            Measured.of(median(behind) / median(alone)),
        )


def _line(what: str, name: str, plain: list[float], ours: list[float]) -> Line:
    return Line(f"fair.{name}", what, "s", Measured.of(*plain), Measured.of(*ours))


def _heavy(rig: Rig) -> TextToImage:
    return rig.requests.default(count=COUNT, steps=2 * rig.card.steps)


async def _behind(rig: Rig, pause: float) -> float:
    """Seconds that the light request takes, `pause` seconds after the heavy ones; ends these."""
    jobs = [rig.engine.submit(_heavy(rig), "heavy") for _ in range(HEAVY)]
    try:
        await asyncio.sleep(pause)
        return await traffic.latency(rig.engine, rig.requests.default(), "light")
    finally:
        for job in jobs:
            job.cancel()
        for job in jobs:
            async for _ in job:
                pass
