"""Whether memory grows with the number of requests served."""

from __future__ import annotations

import resource
from collections.abc import AsyncIterator
from pathlib import Path

import torch

from engine.bench import traffic
from engine.bench.report import Line, Measured
from engine.bench.rig import Rig
from engine.bench.sections.memory import peak

NUMBER = (100, 2000)  # requests: quick, thorough
CLIENTS = 8
NOTE = (
    "resident memory of this process after a quarter of the requests, small ones of two steps each,"
    " and how much more it is after all of them"
)


async def lines(rig: Rig, seconds: float) -> AsyncIterator[Line]:
    number = NUMBER[not rig.quick]
    side = rig.card.side_limit[0]
    requests = [
        rig.requests.default(width=side, height=side, steps=2, prior_steps=2) for _ in range(number)
    ]
    await traffic.closed_loop(rig.engine, requests[: number // 4], CLIENTS)
    before = _resident()
    await traffic.closed_loop(rig.engine, requests[number // 4 :], CLIENTS)
    after = _resident()
    yield Line("growth.before", f"memory after {number // 4:,} requests", "MB", None, _one(before))
    yield Line("growth.after", f"more of it after {number:,}", "MB", None, _one(after - before))


def _one(value: float) -> Measured:
    return Measured.of(value)


def _resident() -> float:
    """MB (1e6 bytes); the peak where the system does not tell what is used now."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize() / 1e6
    return peak(torch.device("cpu"))
