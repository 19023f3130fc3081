"""Eight clients with mixed requests; plain diffusers makes the same ones one after another."""

from __future__ import annotations

from collections.abc import AsyncIterator

from engine.bench import traffic
from engine.bench.report import Line, Measured
from engine.bench.rig import Rig, rounds

NUMBER = 8  # clients
REQUESTS = (8, 32)  # in a round: quick, thorough


async def lines(rig: Rig, seconds: float) -> AsyncIterator[Line]:
    plain, ours = [], []
    for index in rounds(seconds):
        requests = [rig.requests.mixed() for _ in range(REQUESTS[not rig.quick])]
        if rig.gpu and index == 0:  # see each shape once
            await traffic.closed_loop(rig.engine, requests, NUMBER)
            requests = [one.model_copy(update={"prompt": one.prompt + "!"}) for one in requests]
        number = traffic.pictures(requests)
        plain.append(number / sum([await rig.plain.latency(request) for request in requests]))
        ours.append(number / await traffic.closed_loop(rig.engine, requests, NUMBER))
        yield Line(
            "mixed.rate",
            f"mixed requests, {NUMBER} clients",
            "pictures/s",
            Measured.of(*plain),
            Measured.of(*ours),
            better="higher",
        )
