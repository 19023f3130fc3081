"""`python -m tests.telegram.load`: how soon the bot acknowledges updates when very many come.

Telegram and its people are in this process and the bot, with an engine that has no models, in
another one. Of what people do, 70 % are words to draw, 20 % presses of a button and 10 % pictures.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import multiprocessing
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientError, ClientSession
from sqlalchemy import func, select

from bot import program
from bot.limits import Rates
from bot.routers.start import Example
from engine.settings import Settings
from engine.studio import Studio
from storage.database import Database
from storage.tables import JobRow, UpdateRow
from tests.bot.scene import free_port, png
from tests.chaos.program import Painter
from tests.telegram import Emulator, Person, Seen
from tests.telegram.messages import Content
from tests.telegram.seen import look

PLACES = 2  # of the engine: some pictures a second, as a machine with one GPU makes them
LOOK = 0.25  # seconds until the bot's numbers are looked at again
START_LIMIT, STOP_LIMIT = 60.0, 30.0  # seconds
SECRET = "a-secret-of-at-least-32-characters"
WORDS = ("a slow fox in the snow", "медленная лиса 🦊 на снегу", "a slow <b>fox</b> --seed 7")
KINDS, SHARES = ("words", "press", "picture"), (70, 20, 10)


@dataclass(frozen=True, slots=True)
class Load:
    """`rate` updates a second for so many seconds; `speed` is that of Telegram's time."""

    rate: float = 200
    seconds: float = 60
    people: int = 1000
    polling: bool = False
    speed: float = 1
    database: str = ""  # its URL; SQLite in a new folder without


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a load; times in seconds."""

    sent: int
    took: float
    waits: Sequence[float]  # until each update was acknowledged
    backlog: int  # updates that were stored and not handled yet, at most
    caught_up: float  # after the last update, until all were handled
    memory: int  # MB of the bot, at most
    asked: int  # updates that ask for pictures
    jobs: int
    stored: int
    unhandled: int
    failed: int
    violations: Sequence[str]

    def lost(self) -> int:
        """Updates that are not stored, or not handled, and jobs that are not there."""
        return self.sent - self.stored + self.unhandled + self.failed + abs(self.asked - self.jobs)

    def told(self) -> str:
        """For a person."""
        p50, p95, p99 = (1000 * self._slowest(share) for share in (50, 95, 99))
        return "\n".join(
            [
                f"updates       {self.sent} in {self.took:.1f} s: {self.sent / self.took:.0f}/s",
                f"acknowledged  p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms,"
                f" at most {1000 * max(self.waits):.0f} ms",
                f"backlog       {self.backlog} at most, handled {self.caught_up:.1f} s after the"
                " last update",
                f"jobs          {self.jobs} of {self.asked}",
                f"lost          {self.lost()}",
                f"violations    {len(self.violations)}",
                f"memory        {self.memory} MB of the bot, at most",
            ]
        )

    def _slowest(self, share: int) -> float:
        return statistics.quantiles(self.waits, n=100, method="inclusive")[share - 1]


async def measure(load: Load) -> Outcome:
    """Raises TimeoutError if the bot does not start."""
    with tempfile.TemporaryDirectory(prefix="kandinsky-") as folder:
        async with Emulator.open(speed=load.speed, keep_files=False) as telegram:
            settings = _settings(load, telegram, Path(folder))
            async with _bot(settings, load.speed) as watch:
                await _until_heard(telegram)
                crowd = Crowd(telegram, load.people)
                took = await crowd.act(load)
                caught_up = await _until_handled(crowd.sent, watch)
            jobs, stored, unhandled = await _counted(settings)
            return Outcome(
                sent=crowd.sent,
                took=took,
                waits=telegram.world.updates.waits,
                backlog=watch.backlog,
                caught_up=caught_up,
                memory=watch.memory,
                asked=crowd.asked,
                jobs=jobs,
                stored=stored,
                unhandled=unhandled,
                failed=watch.failed,
                violations=telegram.violations,
            )


class Crowd:
    """People who do something in turn; `sent` counts updates, `asked` those that make a job."""

    def __init__(self, telegram: Emulator, size: int) -> None:
        people = [telegram.person(f"Person {n}", "en" if n % 2 else "ru") for n in range(size)]
        self._crowd = [(person, _greeted(telegram, person)) for person in people]
        self._dice = random.Random(0)
        self._picture = png("orange", (64, 64))
        self._presses: set[asyncio.Task[object]] = set()
        self.sent = self.asked = 0

    async def act(self, load: Load) -> float:
        """Returns how many seconds it took."""
        started = time.monotonic()
        for number in range(round(load.rate * load.seconds)):
            early = started + number / load.rate - time.monotonic()
            await asyncio.sleep(max(0.0, early))
            await self._do(*self._crowd[number % len(self._crowd)])
        return time.monotonic() - started

    async def _do(self, person: Person, greeting: Seen) -> None:
        kind = self._dice.choices(KINDS, SHARES)[0]
        self.sent += 1
        self.asked += kind != "picture"
        match kind:
            case "words":
                await person.says(f"{self._dice.choice(WORDS)} --steps 4")
            case "press":
                press = asyncio.create_task(person.presses(greeting, "a fox"))
                self._presses.add(press)
                press.add_done_callback(self._presses.discard)
            case _:
                await person.sends_photo(self._picture)


def _greeted(telegram: Emulator, person: Person) -> Seen:
    """As after /start: a message with an example on a button."""
    person.chat.started = True
    data = Example(index=0, owner=person.id).pack()
    keyboard = {"inline_keyboard": [[{"text": "a fox", "callback_data": data}]]}
    return look(telegram.world.post(person.chat, telegram.bot, Content("Hi"), keyboard=keyboard))


class Watch:
    """Looks at the bot's own numbers and at its memory while it works."""

    def __init__(self, port: int, pid: int) -> None:
        self._url = f"http://127.0.0.1:{port}/metrics"
        self._pid = pid
        self.waiting = self.backlog = self.handled = self.failed = self.memory = 0

    async def look(self) -> None:
        """Again and again, until it is cancelled."""
        async with ClientSession() as session:
            while True:
                with suppress(ClientError):  # it does not listen yet
                    async with session.get(self._url) as answer:
                        self._read(await answer.text())
                await asyncio.sleep(LOOK)

    def _read(self, text: str) -> None:
        found = numbers(text)
        self.waiting = int(found["kandinsky_bot_updates_waiting"])
        self.backlog = max(self.backlog, self.waiting)
        self.handled = int(found.get('kandinsky_bot_updates_total{outcome="handled"}', 0))
        self.failed = int(found.get('kandinsky_bot_updates_total{outcome="failed"}', 0))
        self.memory = _peak(self._pid)


def numbers(text: str) -> dict[str, float]:
    """What the page /metrics says, by name and labels."""
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def _peak(pid: int) -> int:
    """The memory of a process, in MB, at most so far."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    return 0


@asynccontextmanager
async def _bot(settings: Settings, speed: float) -> AsyncIterator[Watch]:
    """The bot in a process of its own, told to stop at the end."""
    process = multiprocessing.get_context("spawn").Process(target=_work, args=(settings, speed))
    process.start()
    watch = Watch(settings.bot_port, process.pid or 0)
    looking = asyncio.create_task(watch.look())
    try:
        yield watch
    finally:
        looking.cancel()
        process.terminate()
        await asyncio.to_thread(process.join, STOP_LIMIT)
        process.kill()
        process.join()


def _work(settings: Settings, speed: float) -> None:
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    with suppress(asyncio.CancelledError):
        asyncio.run(_serve(settings, speed))


async def _serve(settings: Settings, speed: float) -> None:
    async with Studio.open(settings, Painter(PLACES)) as studio:
        running = asyncio.create_task(program.run(settings, studio, Rates().faster(speed)))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
        await running


def _settings(load: Load, telegram: Emulator, folder: Path) -> Settings:
    port = free_port()
    hook = "" if load.polling else f"http://127.0.0.1:{port}/telegram/webhook"
    return Settings(
        data=folder,
        database_url=load.database,
        telegram_api=telegram.url,
        bot_token=telegram.token,
        bot_port=port,
        bot_webhook=hook,
        bot_secret=SECRET,
        backlog=0,
        quotas={},
    )


async def _until_heard(telegram: Emulator) -> None:
    """Returns when the bot hears updates. Raises TimeoutError."""
    async with asyncio.timeout(START_LIMIT):
        while not any(call.method in ("setWebhook", "getUpdates") for call in telegram.calls):  # noqa: ASYNC110
            await asyncio.sleep(LOOK)


async def _until_handled(sent: int, watch: Watch) -> float:
    """How many seconds it took."""
    started = time.monotonic()
    while watch.waiting or watch.handled + watch.failed < sent:  # noqa: ASYNC110
        await asyncio.sleep(LOOK)
    return time.monotonic() - started


async def _counted(settings: Settings) -> tuple[int, int, int]:
    """Jobs, updates, and updates that were not handled."""
    waiting = select(func.count()).where(UpdateRow.handled_at.is_(None))
    async with Database.open(settings.database) as database, database.read() as session:
        jobs = await session.scalar(select(func.count()).select_from(JobRow))
        stored = await session.scalar(select(func.count()).select_from(UpdateRow))
        return jobs or 0, stored or 0, await session.scalar(waiting) or 0


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if nothing was lost and no rule of Telegram was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.telegram.load", description=__doc__)
    usual = Load()
    parser.add_argument("--seconds", type=float, default=usual.seconds)
    parser.add_argument("--rate", type=float, default=usual.rate, help="updates a second")
    parser.add_argument("--people", type=int, default=usual.people)
    parser.add_argument("--polling", action="store_true", help="instead of a webhook")
    parser.add_argument("--database", default="", help="a URL; SQLite in a new folder without")
    load = Load(**vars(parser.parse_args(arguments)))
    outcome = asyncio.run(measure(load))
    print(outcome.told())
    return 1 if outcome.lost() or outcome.violations else 0


if __name__ == "__main__":
    sys.exit(main())
