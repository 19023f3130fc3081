"""One thread for the blocking work of all callers: what waits when it is free is done at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Sequence[Item]], Sequence[Result]]

LIMIT = 256  # items of one batch


@dataclass(frozen=True, slots=True)
class _Order(Generic[Item, Result]):
    items: Sequence[Item]
    done: asyncio.Future[Sequence[Result]]
    loop: asyncio.AbstractEventLoop


class Batches(Generic[Item, Result]):
    """`load` gives the work; it is called in the thread, again before the next batch if it fails.

    The thread is a daemon, so that work which hangs does not keep the program from ending.
    """

    def __init__(self, load: Callable[[], Work[Item, Result]], name: str) -> None:
        self._load = load
        self._work: Work[Item, Result] | None = None
        self._orders: SimpleQueue[_Order[Item, Result] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    @property
    def ready(self) -> bool:
        """Whether the work has been loaded."""
        return self._work is not None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread after the batch at work; it is not waited for."""
        self._orders.put(None)

    async def do(self, items: Sequence[Item]) -> Sequence[Result]:
        """The result of each item. Raises what the work raised."""
        if not items:
            return []
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Sequence[Result]] = loop.create_future()
        self._orders.put(_Order(items, done, loop))
        return await done

    def _run(self) -> None:
        with suppress(Exception):  # the first order tells
            self._work = self._load()
        while orders := self._waiting():
            self._answer(orders)

    def _waiting(self) -> list[_Order[Item, Result]]:
        """Those that wait, at least one; nothing when the thread is to end."""
        first = self._orders.get()
        orders = [] if first is None else [first]
        while orders and sum(len(order.items) for order in orders) < LIMIT:
            try:
                order = self._orders.get_nowait()
            except Empty:
                break
            if order is None:
                self._orders.put(None)
                break
            orders.append(order)
        return orders

    def _answer(self, orders: list[_Order[Item, Result]]) -> None:
        orders = [order for order in orders if not order.done.cancelled()]
        try:
            if self._work is None:
                self._work = self._load()
            results = self._work([item for order in orders for item in order.items])
        except Exception as error:
            log.exception("a batch failed")
            for order in orders:
                _tell(order, error)
            return
        place = 0
        for order in orders:
            _tell(order, results[place : place + len(order.items)])
            place += len(order.items)


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
