"""Which samples take part in the next forward pass. Pure Python: no torch, no asyncio, no SQL.

A task is one sample on its way through the networks. It waits, begins, takes part in batch after
batch, and is removed; the worker changes its group, rows and cost as it goes from one network to
the next. Owners share the machine fairly (the idea of deficit round robin, Shreedhar and Varghese
1995): each has an account of the work done for it, who has had least goes first, and nobody gets
more than a few steps ahead of another who waits. So a person with one request has half of the
machine beside another with a thousand, and a person alone has it all.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Generic, TypeVar

AHEAD = 2  # steps of its own size that a task may put its owner ahead of others in a full batch


class Full(Exception):
    """As many tasks wait as may wait."""


@dataclass(slots=True, eq=False, kw_only=True)
class Task:
    """A sample that still has steps to take; what it needs for the next one."""

    owner: str
    group: Hashable = None  # tasks share a forward pass if this is equal: network, shape, dtype
    rows: int = 1  # that it takes in the batch: 2 with guidance, else 1
    cost: float = 0.0  # of the step, in TFLOP
    brief: bool = False  # a short stay at this network: goes before the owner's long ones
    begun: bool = False


T = TypeVar("T", bound=Task)


@dataclass(slots=True)
class _Owner(Generic[T]):
    since: int  # when the owner came
    work: float  # done for the owner, in TFLOP
    waiting: dict[T, None] = field(default_factory=dict)  # both in order of arrival
    begun: dict[T, None] = field(default_factory=dict)


class Scheduler(Generic[T]):
    """Holds every task from `admit` until `remove`."""

    def __init__(self, *, rows: int, limit: int) -> None:
        """`rows` are the most of a batch; `limit` is how many tasks may wait to begin."""
        self.rows = rows
        self._limit = limit
        self._fewer: dict[Hashable, int] = {}  # groups that have room for fewer rows
        self._owners: dict[str, _Owner[T]] = {}
        self._arrivals = count()

    def __len__(self) -> int:
        return sum(len(owner.waiting) + len(owner.begun) for owner in self._owners.values())

    @property
    def room(self) -> int:
        """How many more tasks may wait."""
        return self._limit - sum(len(owner.waiting) for owner in self._owners.values())

    def admit(self, *tasks: T) -> None:
        """Let the tasks wait for their beginning. Raises Full, and then admits none.

        Where nobody waits, there is room for any number.
        """
        if len(tasks) > self.room and self.room < self._limit:
            raise Full
        for task in tasks:
            if task.owner not in self._owners:
                least = min((owner.work for owner in self._owners.values()), default=0.0)
                self._owners[task.owner] = _Owner(next(self._arrivals), least)
            self._owners[task.owner].waiting[task] = None

    def waiting(self) -> list[T]:
        """The tasks that have not begun, in the order in which they would."""
        turns = [
            (turn, owner.since, task)
            for owner in self._owners.values()
            for turn, task in enumerate(owner.waiting)
        ]
        return [task for _, _, task in sorted(turns, key=lambda one: one[:2])]

    def next_waiting(self) -> T | None:
        """The task to begin now; None while enough are on their way to fill the batches.

        An owner may have `rows` tasks begun, all together four times as many. As many again are
        for those of whom none has begun; what has begun takes memory, so that is the end.
        """
        begun = sum(len(owner.begun) for owner in self._owners.values())
        each = self.rows if begun < 4 * self.rows else 1
        able = [
            owner for owner in self._owners.values() if owner.waiting and len(owner.begun) < each
        ]
        if not able or begun >= 8 * self.rows:
            return None
        first = min(able, key=lambda owner: (owner.work, owner.since))
        return next(iter(first.waiting))

    def begin(self, task: T) -> None:
        """The task, which waited, takes part from the next batch on."""
        owner = self._owners[task.owner]
        del owner.waiting[task]
        owner.begun[task] = None
        task.begun = True

    def remove(self, task: T) -> None:
        """Take the task out: finished, failed or cancelled. Harmless when it is not held."""
        owner = self._owners.get(task.owner)
        if owner is None:
            return
        owner.waiting.pop(task, None)
        owner.begun.pop(task, None)
        if not owner.waiting and not owner.begun:
            del self._owners[task.owner]

    def shrink(self, group: Hashable, rows: int) -> None:
        """Remember that `rows` rows of the group do not fit into memory: half as many from now."""
        self._fewer[group] = max(1, rows // 2)

    def next_batch(self) -> list[T]:
        """The tasks of the next forward pass, all of one group; empty if none has begun.

        The owner who has had least names the group by its first task, which is taken in any case;
        then the owners add theirs, always the one who has had least, while there is room for the
        rows and nobody gets too far ahead.
        """
        left = {name: list(owner.begun) for name, owner in self._owners.items() if owner.begun}
        batch: list[T] = []
        room = self.rows
        while left:
            name = min(left, key=self._newest_of_the_least)
            task = _first(left[name], batch[0].group) if batch else _lead(left[name])
            if task is None or (batch and (task.rows > room or self._ahead(task))):
                del left[name]
                continue
            if not batch:
                room = self._fewer.get(task.group, room)
            left[name].remove(task)
            batch.append(task)
            room -= task.rows
            self._owners[name].work += task.cost
            if not left[name]:
                del left[name]
        return batch

    def _newest_of_the_least(self, name: str) -> tuple[float, int]:
        """Who has had least; of several the newest, who has yet to join the batch."""
        owner = self._owners[name]
        return owner.work, -owner.since

    def _ahead(self, task: T) -> bool:
        """Whether the task's owner has had enough while others wait for their steps."""
        others = [
            owner.work for name, owner in self._owners.items() if name != task.owner and owner.begun
        ]
        return bool(others) and self._owners[task.owner].work > min(others) + AHEAD * task.cost


def _lead(tasks: Iterable[T]) -> T:
    """The oldest task at a brief stay, that it may join or leave the long ones; else the oldest."""
    return min(tasks, key=lambda task: not task.brief)


def _first(tasks: Iterable[T], group: Hashable) -> T | None:
    return next((task for task in tasks if task.group == group), None)
