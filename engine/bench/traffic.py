"""Requests sent to the engine: by clients that wait for their pictures, or at given times."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import perf_counter

from engine import Engine, Request


async def latency(engine: Engine, request: Request, owner: str = "bench") -> float:
    """Seconds from the request to its pictures."""
    began = perf_counter()
    await engine.submit(request, owner)
    return perf_counter() - began


async def closed_loop(engine: Engine, requests: Sequence[Request], clients: int) -> float:
    """Seconds until all are served; each client asks for the next when it has its last."""
    left = iter(requests)

    async def client(owner: str) -> None:
        for request in left:
            await engine.submit(request, owner)

    began = perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(client(f"bench:{number}"))
    return perf_counter() - began


async def open_loop(
    engine: Engine, requests: Sequence[Request], times: Sequence[float]
) -> list[float]:
    """Latencies in seconds of requests that come at these times, each of an owner of its own.

    They count from the time of arrival, so a late submission is no advantage.
    """
    began = perf_counter()

    async def client(request: Request, time: float, owner: str) -> float:
        await asyncio.sleep(max(0.0, began + time - perf_counter()))
        await engine.submit(request, owner)
        return perf_counter() - began - time

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(client(request, time, f"bench:{number}"))
            for number, (request, time) in enumerate(zip(requests, times, strict=True))
        ]
    return [task.result() for task in tasks]


def pictures(requests: Sequence[Request]) -> int:
    return sum(request.count for request in requests)
