"""`python -m tests.web.load`: what the web front end does while many look on and some submit.

The real program with the mini model is in another process. Each person is a browser's cookie with
an open stream of events, as the page has one.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from tests.e2e.program import Program, running

STEPS = 25
FINAL = ("done", "failed", "cancelled", "blocked", "quarantined")


@dataclass
class Seen:
    """What came of it: seconds of each action by its name, jobs by their end, events heard."""

    actions: dict[str, list[float]] = field(default_factory=dict)
    ends: dict[str, str] = field(default_factory=dict)
    events: int = 0
    memory: float = 0  # MB of the program, at most

    def lost(self) -> list[str]:
        return [job for job, end in self.ends.items() if end not in FINAL]


class Person:
    def __init__(self, program: Program, seen: Seen) -> None:
        self.client = httpx.AsyncClient(base_url=program.address, timeout=60)
        self.seen = seen

    async def timed(self, name: str, action: Awaitable[httpx.Response]) -> httpx.Response:
        started = time.monotonic()
        answer = await action
        self.seen.actions.setdefault(name, []).append(time.monotonic() - started)
        answer.raise_for_status()
        return answer

    async def watch(self) -> None:
        async with self.client.stream("GET", "/en/live") as stream:
            async for line in stream.aiter_lines():
                self.seen.events += line.startswith("event:")

    async def submit(self, until: float) -> None:
        number = 0
        while time.monotonic() < until:
            number += 1
            asked = {"mode": "text_to_image", "prompt": f"a fox {number}", "steps": STEPS}
            answer = await self.timed("submit", self.client.post("/api/jobs", json=asked))
            job = answer.json()["id"]
            self.seen.ends[job] = "queued"
            await self.timed("stage", self.client.get(f"/en/job/{job}"))
            await self.timed("history", self.client.get("/en/history"))
            while self.seen.ends[job] not in FINAL and time.monotonic() < until + 120:
                await asyncio.sleep(0.5)
                answer = await self.timed("job", self.client.get(f"/api/jobs/{job}"))
                self.seen.ends[job] = answer.json()["state"]
            await self.timed("page", self.client.get("/en/"))


async def load(program: Program, sessions: int, submitters: int, seconds: float) -> Seen:
    """So many people look on, of whom some submit one job after another."""
    seen = Seen()
    people = [Person(program, seen) for _ in range(sessions)]
    for person in people:
        await person.client.get("/")
    watching = [asyncio.create_task(person.watch()) for person in people]
    measuring = asyncio.create_task(_measure(program, seen))
    until = time.monotonic() + seconds
    await asyncio.gather(*(person.submit(until) for person in people[:submitters]))
    for task in (*watching, measuring):
        task.cancel()
    await asyncio.gather(*watching, measuring, return_exceptions=True)
    for person in people:
        await person.client.aclose()
    return seen


async def _measure(program: Program, seen: Seen) -> None:
    process = psutil.Process(program.pid)
    while True:
        with suppress(psutil.Error):
            seen.memory = max(seen.memory, process.memory_info().rss / 1e6)
        await asyncio.sleep(1)


def report(seen: Seen, say: Callable[[str], object] = print) -> None:
    for name, times in sorted(seen.actions.items()):
        cuts = statistics.quantiles(times, n=100) if len(times) > 1 else times * 99
        half, most = cuts[49] * 1000, cuts[94] * 1000
        say(f"{name:8} {len(times):6} times, p50 {half:6.0f} ms, p95 {most:6.0f} ms")
    done = sum(end == "done" for end in seen.ends.values())
    say(f"{len(seen.ends)} jobs, {done} done, {len(seen.lost())} lost; {seen.events} events heard")
    say(f"memory of the program: {seen.memory:.0f} MB at most")


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.web.load", description=__doc__)
    parser.add_argument("--sessions", type=int, default=100, help="people who look on")
    parser.add_argument("--submitters", type=int, default=8, help="those of them who submit")
    parser.add_argument("--seconds", type=float, default=60)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as program:
        seen = asyncio.run(load(program, given.sessions, given.submitters, given.seconds))
    report(seen)
    return bool(seen.lost())


if __name__ == "__main__":
    sys.exit(main())
