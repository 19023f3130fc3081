"""Pictures a second by the number of clients, each an owner of its own in a closed loop."""

from __future__ import annotations

from collections.abc import AsyncIterator

from engine.bench import traffic
from engine.bench.report import Line, Measured
from engine.bench.rig import CLIENTS, Rig, rounds

EACH = 2  # requests of a client in a round


async def lines(rig: Rig, seconds: float) -> AsyncIterator[Line]:
    plain: list[float] = []
    ours: dict[int, list[float]] = {clients: [] for clients in CLIENTS}
    for _ in rounds(seconds):
        for clients in CLIENTS:
            plain.append(1 / await rig.plain.latency(rig.requests.default()))
            requests = rig.requests.many(EACH * clients)
            spent = await traffic.closed_loop(rig.engine, requests, clients)
            ours[clients].append(len(requests) / spent)
            yield _line(clients, plain, ours[clients])


def _line(clients: int, plain: list[float], ours: list[float]) -> Line:
    return Line(
        f"clients.{clients}",
        f"{clients} client{'s' if clients > 1 else ''}",
        "pictures/s",
        Measured.of(*plain),
        Measured.of(*ours),
        better="higher",
    )
