"""One thread for the blocking work of all callers, in pieces that they share fairly."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Sequence[Item]], Sequence[Result]]

PIECE = 32  # items worked on without a break, at most, and
WEIGHT = 1024  # of all of them, unless it is one alone


@dataclass(slots=True, eq=False)
class _Order(Generic[Item, Result]):
    items: Sequence[Item]
    done: asyncio.Future[Sequence[Result]]
    loop: asyncio.AbstractEventLoop
    taken: int = 0  # items that are at work or done
    results: list[Result] = field(default_factory=list)

    @property
    def next(self) -> Item:
        return self.items[self.taken]

    def take(self) -> Item:
        item = self.next
        self.taken += 1
        return item


class Batches(Generic[Item, Result]):
    """`load` gives the work; it is called in the thread, again before the next piece if it fails.

    Orders wait in a ring: one item of each in turn makes up a piece, so that a long one holds up
    nobody for longer than that. What nobody waits for any more is not done. The thread is a
    daemon, so that work which hangs does not keep the program from ending.
    """

    def __init__(
        self, load: Callable[[], Work[Item, Result]], name: str, weigh: Callable[[Item], int]
    ) -> None:
        self._load, self._weigh = load, weigh
        self._work: Work[Item, Result] | None = None
        self._orders: SimpleQueue[_Order[Item, Result] | None] = SimpleQueue()
        self._ring: deque[_Order[Item, Result]] = deque()  # this and the next are the thread's
        self._ends = False
        self._thread = Thread(target=self._run, name=name, daemon=True)

    @property
    def ready(self) -> bool:
        """Whether the work has been loaded."""
        return self._work is not None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread after what waits already; it is not waited for."""
        self._orders.put(None)

    async def do(self, items: Sequence[Item]) -> Sequence[Result]:
        """The result of each item. Raises what the work raised. Cancelled, it has the rest of the
        items left alone."""
        if not items:
            return []
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Sequence[Result]] = loop.create_future()
        self._orders.put(_Order(items, done, loop))
        return await done

    def _run(self) -> None:
        with suppress(Exception):  # the first order tells
            self._work = self._load()
        while self._waiting():
            if piece := self._piece():
                self._answer(piece)

    def _waiting(self) -> bool:
        """Whether there is an order, as soon as there is; not when the thread is to end."""
        while not self._ends:
            try:
                order = self._orders.get(block=not self._ring)
            except Empty:
                break
            if order is None:
                self._ends = True
            else:
                self._ring.append(order)
        return bool(self._ring)

    def _piece(self) -> list[tuple[_Order[Item, Result], Item]]:
        piece: list[tuple[_Order[Item, Result], Item]] = []
        weight = 0
        while self._ring and len(piece) < PIECE:
            order = self._ring.popleft()
            if order.done.done():  # its caller has gone
                continue
            weight += self._weigh(order.next)
            if piece and weight > WEIGHT:
                self._ring.appendleft(order)
                break
            piece.append((order, order.take()))
            if order.taken < len(order.items):
                self._ring.append(order)
        return piece

    def _answer(self, piece: Sequence[tuple[_Order[Item, Result], Item]]) -> None:
        orders = dict.fromkeys(order for order, _ in piece)
        try:
            if self._work is None:
                self._work = self._load()
            results = self._work([item for _, item in piece])
        except Exception as error:
            log.exception("a piece failed")
            self._ring = deque(order for order in self._ring if order not in orders)
            for order in orders:
                _tell(order, error)
            return
        for (order, _), result in zip(piece, results, strict=True):
            order.results.append(result)
        for order in orders:
            if len(order.results) == len(order.items):
                _tell(order, order.results)


def _tell(order: _Order[Item, Result], result: Sequence[Result] | Exception) -> None:
    with suppress(RuntimeError):  # its loop has ended
        order.loop.call_soon_threadsafe(_settle, order.done, result)


def _settle(done: asyncio.Future[Sequence[Result]], result: Sequence[Result] | Exception) -> None:
    if done.done():  # its caller has gone
        return
    if isinstance(result, Exception):
        done.set_exception(result)
    else:
        done.set_result(result)
