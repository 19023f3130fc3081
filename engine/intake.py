"""The one gate through which people's pictures enter: a file of any kind in, a clean PNG file out.

A file is looked at here (its weight, its first bytes) and opened by engine/cleaner.py, in processes
that a hostile one may bring down. What a model needs of its size is for engine/cards.py.
"""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO, TypeVar, cast

from engine import cleaner
from engine.cleaner import ANSWER, ORDER, PIXEL_LIMIT, READY, Outcome, Wanted, kind_of
from engine.errors import (
    Busy,
    MovingPicture,
    NotAPicture,
    PictureBroken,
    PictureTooHeavy,
    PictureTooLarge,
    UserError,
)
from engine.safety.provenance import Marker, marked
from engine.sources import Source

log = logging.getLogger(__name__)

Result = TypeVar("Result")

MB = 2**20
FILE_LIMIT = 20 * MB  # bytes
PNG_LIMIT = 96 * MB  # bytes of an answer; the pixels of the largest picture are 64 MB
CLOCK_LIMIT = 10.0  # seconds for a picture; on a machine that is not busy, it takes 2 at most


class Intake:
    """Takes any number of pictures at once, and has some of them opened at a time."""

    def __init__(self, children: int, marker: Marker | None = None) -> None:
        self._children = children
        self._marker = marker
        self._trials = asyncio.Semaphore(children)
        self._closing = False
        self._idle = asyncio.LifoQueue[_Place]()  # a second child starts only when it is needed
        for _ in range(children):
            self._idle.put_nowait(_Place())

    @classmethod
    @asynccontextmanager
    async def open(cls, children: int = 2, marker: Marker | None = None) -> AsyncIterator[Intake]:
        """`children`: how many pictures are opened at once, each in a process of its own. With a
        marker, pictures keep the signed history (C2PA) that they bring."""
        intake = cls(children, marker)
        try:
            yield intake
        finally:
            await intake._close()

    async def take(self, file: bytes) -> Source:
        """The picture of a PNG, JPEG or WebP file: upright, in sRGB, RGB or (if anything in it is
        see-through) RGBA, and nothing else of what the file held. The same pixels give the same
        Source, but for those with a history, which is written into each file anew.

        Raises NotAPicture, PictureTooHeavy, PictureTooLarge, MovingPicture or PictureBroken, and
        Busy while the gate closes.
        """
        made = await self._made(file, Wanted.PICTURE)
        if self._marker is not None and await asyncio.to_thread(marked, file):
            async with self._trials:
                made = await asyncio.to_thread(self._marker.opened, file, made)
        return await asyncio.to_thread(Source.of_file, made)

    async def take_mask(self, file: bytes) -> Source:
        """The mask that a picture stands for (L: 255 is repainted, 0 is kept): what is more
        see-through than not, as in the Images API of OpenAI, or if nothing is, what is brighter
        than not. Raises what `take` does."""
        made = await self._made(file, Wanted.MASK)
        return await asyncio.to_thread(Source.of_file, made)

    async def texts(self, file: bytes) -> dict[str, str]:
        """What a picture's file says in words, for `recall`. Raises what `take` does."""
        texts: dict[str, str] = json.loads(await self._made(file, Wanted.TEXTS))
        return texts

    async def _made(self, file: bytes, wanted: Wanted) -> bytes:
        if kind_of(file) is None:
            raise NotAPicture()
        if len(file) > FILE_LIMIT:
            raise PictureTooHeavy(limit=FILE_LIMIT // MB)
        outcome, made = await self._opened(file, wanted)
        if outcome is not Outcome.CLEAN:
            raise _refusal(outcome)
        return made

    async def _opened(self, file: bytes, wanted: Wanted) -> tuple[Outcome, bytes]:
        place = await self._idle.get()
        try:
            if self._closing:
                raise Busy()
            return await place.opened(file, wanted)
        finally:
            self._idle.put_nowait(place)

    async def _close(self) -> None:
        """Lets the pictures at work be finished; those that wait are refused."""
        self._closing = True
        for place in [await self._idle.get() for _ in range(self._children)]:
            await place.close()
            self._idle.put_nowait(place)


def _refusal(outcome: Outcome) -> UserError:
    match outcome:
        case Outcome.TOO_LARGE:
            return PictureTooLarge(limit=PIXEL_LIMIT // 10**6)
        case Outcome.MOVING:
            return MovingPicture()
        case _:
            return PictureBroken()


class _Place:
    """Where one picture at a time is opened: a child, started when needed, and the thread that
    speaks with it."""

    def __init__(self) -> None:
        self._child: _Child | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="intake")

    async def opened(self, file: bytes, wanted: Wanted) -> tuple[Outcome, bytes]:
        """What the child says of a file. Raises PictureBroken if it dies of it or takes too long,
        and RuntimeError if it does not even start."""
        if self._child is None or not self._child.lives():
            await self._vacate()
            self._child = _Child()
        try:
            async with asyncio.timeout(CLOCK_LIMIT):
                return await self._in_thread(self._child.asked, file, wanted)
        except BaseException as error:  # cancelled, too: the child may be in the midst of anything
            code = await asyncio.shield(self._vacate())
            if not isinstance(error, OSError | EOFError):
                raise
            log.warning("A picture of %d bytes ended its process, with %s", len(file), code)
            raise PictureBroken() from error

    async def close(self) -> None:
        await self._vacate()
        self._thread.shutdown()

    async def _vacate(self) -> int | None:
        """Kills the child and waits until the thread has noticed. Returns its exit code."""
        child, self._child = self._child, None
        if child is None:
            return None
        child.kill()
        return await self._in_thread(child.ended)

    def _in_thread(self, work: Callable[..., Result], *given: object) -> asyncio.Future[Result]:
        return asyncio.get_running_loop().run_in_executor(self._thread, work, *given)


class _Child:
    """A process of engine/cleaner.py, which inherits no files, no settings and no signals of the
    terminal. `asked` and `ended` block."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(Path(cleaner.__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            start_new_session=True,
        )
        self._orders = cast(IO[bytes], self._process.stdin)
        self._answers = cast(IO[bytes], self._process.stdout)

    def lives(self) -> bool:
        return self._process.poll() is None

    def asked(self, file: bytes, wanted: Wanted) -> tuple[Outcome, bytes]:
        """One turn of the conversation. Raises OSError or EOFError if the process ends in it."""
        if self._answers.read(len(READY)) != READY:
            raise RuntimeError("the process that opens pictures does not start")
        self._orders.write(ORDER.pack(wanted, len(file)))
        self._orders.write(file)
        self._orders.flush()
        outcome, length = ANSWER.unpack(self._read(ANSWER.size))
        return Outcome(outcome), self._read(length)

    def kill(self) -> None:
        self._process.kill()

    def ended(self) -> int:
        """The exit code, once it has one."""
        with suppress(OSError):  # the rest of an order cannot be delivered any more
            self._orders.close()
        self._answers.close()
        return self._process.wait()

    def _read(self, length: int) -> bytes:
        read = self._answers.read(length) if length <= PNG_LIMIT else b""
        if len(read) < length:
            raise EOFError
        return read
