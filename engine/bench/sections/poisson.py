"""Latencies when requests come at random, at shares of what plain diffusers can serve."""

from __future__ import annotations

from collections.abc import AsyncIterator
from statistics import fmean

import numpy as np

from engine.bench import traffic, waiting
from engine.bench.report import Line, Measured
from engine.bench.rig import Rig

# Loads, as shares of the capacity of plain diffusers (1 / its mean service time), and the share of
# the section's time that each has. The second needs the most: queues near capacity settle slowly.
LOADS = {0.5: 0.2, 0.8: 0.6, 1.5: 0.2}
SHARES = (50, 95, 99)
LEAST = 6  # arrivals
SERVICES = 3  # requests that plain diffusers serves before, between and after the loads
NOTE = (
    "ours in real time with the real engine; plain by Lindley's recursion, one server in order of"
    " arrival, over the same arrivals and its service times as measured in between"
)


async def lines(rig: Rig, seconds: float) -> AsyncIterator[Line]:
    rng = np.random.default_rng(rig.seed)
    services = [await rig.plain.latency(rig.requests.default()) for _ in range(SERVICES)]
    capacity = 1 / fmean(services)
    for load, share in LOADS.items():
        number = max(LEAST, int(seconds * share * capacity * load))
        times = waiting.arrivals(rng, number, load * capacity)
        ours = await traffic.open_loop(rig.engine, rig.requests.many(number), times)
        services += [await rig.plain.latency(rig.requests.default()) for _ in range(SERVICES)]
        served = [float(one) for one in rng.choice(services, number)]
        plain = waiting.one_server(times, served)
        for line in _lines(load, plain, ours):
            line.raw.update(arrivals=times, plain=plain, ours=ours, services=list(services))
            yield line


def _lines(load: float, plain: list[float], ours: list[float]) -> list[Line]:
    return [
        Line(
            f"poisson.{load}.p{share}",
            f"p{share} at {load}x plain's capacity ({len(ours)} arrivals)",
            "s",
            Measured.of(waiting.percentile(plain, share)),
            Measured.of(waiting.percentile(ours, share)),
        )
        for share in SHARES
    ]
