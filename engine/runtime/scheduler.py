"""Which samples take part in the next forward pass. Pure Python: no torch, no asyncio, no SQL.

A task is one sample on its way through one network. The worker asks for a batch, runs one step
of each task in it, takes out those that are finished, and asks again; so tasks join and leave at
every step. Owners take turns: a turn is a `quantum` of work, and who has had fewer turns goes
first (the idea of deficit round robin, Shreedhar and Varghese 1995, with an account of work
instead of a deficit). So somebody's thousandth request delays another person's first by one turn
at most, and a person alone gets the whole machine.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from itertools import count


class Full(Exception):
    """As many tasks wait as may wait."""


@dataclass(slots=True, eq=False)
class Task:
    """A sample that still has steps to take in one network."""

    owner: str
    group: Hashable  # tasks may share a forward pass if this is equal: network, shape, dtype
    rows: int  # that it takes in the batch: 2 with guidance, else 1
    cost: float  # of one step, in TFLOP


@dataclass(slots=True)
class _Owner:
    since: int  # when the owner came, for equal turns
    work: float  # done for the owner, in TFLOP
    tasks: dict[Task, None] = field(default_factory=dict)  # in order of arrival


class Scheduler:
    """Holds every task from `admit` until `remove`."""

    def __init__(self, *, quantum: float, limit: int) -> None:
        """`quantum` is the work of one turn in TFLOP; `limit` the number of tasks held."""
        self._quantum = quantum
        self._limit = limit
        self._owners: dict[str, _Owner] = {}
        self._arrivals = count()
        self._held = 0

    def __len__(self) -> int:
        return self._held

    def admit(self, task: Task) -> None:
        """Let the task take part from the next batch on. Raises Full."""
        if self._held >= self._limit:
            raise Full
        owner = self._owners.get(task.owner)
        if owner is None:
            owner = _Owner(next(self._arrivals), self._least_work())
            self._owners[task.owner] = owner
        if task not in owner.tasks:
            owner.tasks[task] = None
            self._held += 1

    def remove(self, task: Task) -> None:
        """Take the task out: finished, failed or cancelled. Harmless when it is not held."""
        owner = self._owners.get(task.owner)
        if owner is None or task not in owner.tasks:
            return
        del owner.tasks[task]
        self._held -= 1
        if not owner.tasks:
            del self._owners[task.owner]

    def next_batch(self, rows: int) -> list[Task]:
        """The tasks of the next forward pass: of one group, `rows` rows at most, none twice.

        The oldest task of the owner whose turn it is names the group, and is taken in any case;
        the batch is filled up with what fits, in the order of turns.
        """
        batch: list[Task] = []
        waiting = {name: list(owner.tasks) for name, owner in self._owners.items()}
        while waiting:
            name = min(waiting, key=self._turn)
            task = _first(waiting[name], batch[0].group if batch else None, rows)
            if task is None and batch:
                del waiting[name]
                continue
            task = task or waiting[name][0]
            waiting[name].remove(task)
            if not waiting[name]:
                del waiting[name]
            batch.append(task)
            rows -= task.rows
            self._owners[name].work += task.cost
            if rows <= 0:
                break
        return batch

    def _turn(self, name: str) -> tuple[int, int]:
        owner = self._owners[name]
        return int(owner.work // self._quantum), owner.since

    def _least_work(self) -> float:
        """Where a new owner starts: in the present turn, without credit for time away."""
        return min((owner.work for owner in self._owners.values()), default=0.0)


def _first(tasks: list[Task], group: Hashable, rows: int) -> Task | None:
    """The oldest that fits: of the group (any, if None) and of `rows` rows at most."""
    for task in tasks:
        if (group is None or task.group == group) and task.rows <= rows:
            return task
    return None
