"""One person's way through the studio, of which the N-th storage or send point fails.

A point is a statement or a commit of any database, a change of the folder of pictures, and the
sending of a message. `run` is for a process of its own: what it hooks into stays.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError

from engine.errors import UserError
from engine.requests import Variations
from engine.settings import Settings
from engine.studio import Studio
from storage.database import Database, DatabaseAway
from storage.outbox import Outbox
from storage.records import Account, JobRecord, JobState
from tests.chaos.desk import a_source, ended
from tests.chaos.program import Painter

CHANGES = ("open", "os.mkdir", "os.rename", "os.remove")  # as sys.addaudithook calls them
FIRED = 3  # the exit code of a run in which the fault fell, and which went on to its end
TRIES = 3

Result = TypeVar("Result")


class Fault(StrEnum):
    """How a point fails."""

    KILL = "kill"  # the process ends there
    ERROR = "error"  # of the driver or of the disk
    TIMEOUT = "timeout"
    UNANSWERED = "unanswered"  # a commit is kept, but its answer does not arrive


class Points:
    """Counts the points, and lets the `at`-th fail."""

    def __init__(self, fault: Fault, at: int, place: str) -> None:
        self._fault = fault
        self._at = at
        self._place = place
        self.passed = 0

    def hook(self) -> None:
        """For good: into every database of this process, and every change of the folder."""
        event.listen(Engine, "before_cursor_execute", self._statement)
        event.listen(Engine, "commit", self._commit)
        sys.addaudithook(self._change)

    def send(self) -> None:
        self._pass(OSError(errno.ECONNRESET, "planted"))

    def _statement(self, *_: object) -> None:
        self._pass(_away())

    def _commit(self, connection: Connection) -> None:
        if self._fault is Fault.UNANSWERED and self.passed + 1 == self._at:
            connection.engine.dialect.do_commit(connection.connection)
        self._pass(_away())

    def _change(self, name: str, arguments: tuple[Any, ...]) -> None:
        if name in CHANGES and str(arguments[0]).startswith(self._place):
            self._pass(OSError(errno.EIO, "planted"))

    def _pass(self, error: Exception) -> None:
        self.passed += 1
        if self.passed != self._at:
            return
        if self._fault is Fault.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        raise TimeoutError("planted") if self._fault is Fault.TIMEOUT else error


def _away() -> OperationalError:
    return OperationalError("planted", None, sqlite3.OperationalError("planted"))


def run(settings: Settings, name: str, fault: Fault, at: int) -> None:
    """Ends with exit code 0 if there are fewer than `at` points, with FIRED if it survived it."""
    logging.disable()
    points = Points(fault, at, settings.pictures)
    points.hook()
    asyncio.run(journey(settings, name, points.send))
    os._exit(FIRED if points.passed >= at else 0)


async def journey(settings: Settings, name: str, send: Callable[[], None]) -> JobState:
    """A person asks for two variations of a picture, is told, and deletes the first of them.

    Each deed is tried again when it fails, as a front end or its user does, and can be repeated
    from the start: what was done before is done once. In between, the studio is restarted.
    """
    async with Studio.open(settings, Painter(places=2)) as studio:
        account = await _again(lambda: studio.account("telegram", name, "en"))
        request = Variations(picture=a_source(len(name)), seed=1, steps=2, count=2)
        job = await _again(lambda: studio.submit(request, account, name))
        job = await _again(lambda: ended(studio, job, account))
    async with Studio.open(settings, Painter(places=2)) as studio:
        await _again(lambda: _delete_first(studio, job, account))
    async with Database.open(settings.database) as database:
        await _again(lambda: _deliver(Outbox(database), send))
    return job.state


async def _delete_first(studio: Studio, job: JobRecord, account: Account) -> None:
    left = (await studio.job(job.id, account)).pictures
    if len(left) == 2:
        await studio.delete([left[0].id], account)


async def _deliver(outbox: Outbox, send: Callable[[], None]) -> None:
    for delivery in await outbox.take(10, lease=0):
        send()
        await outbox.sent(delivery, "message 1")


async def _again(deed: Callable[[], Awaitable[Result]]) -> Result:
    for _ in range(TRIES - 1):
        with suppress(UserError, DatabaseAway, OSError):
            return await deed()
    return await deed()
