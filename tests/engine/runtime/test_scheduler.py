from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.runtime.scheduler import Full, Scheduler, Task

ROWS = 8


def task(owner: str, *, group: str = "decoder", rows: int = 2, cost: float = 1.0) -> Task:
    return Task(owner, group, rows, cost)


def run(scheduler: Scheduler, left: dict[Task, int], rows: int = ROWS) -> list[list[Task]]:
    """Run batches until every task has taken its steps; all the batches."""
    batches = []
    while left:
        batches.append(scheduler.next_batch(rows))
        assert batches[-1], "tasks are left, but none is chosen"
        for one in batches[-1]:
            left[one] -= 1
            if not left[one]:
                del left[one]
                scheduler.remove(one)
    return batches


def test_nothing_to_do_gives_an_empty_batch() -> None:
    assert Scheduler(quantum=25, limit=10).next_batch(ROWS) == []


def test_requests_share_a_batch_up_to_its_rows() -> None:
    scheduler = Scheduler(quantum=25, limit=10)
    tasks = [task(f"person {i}") for i in range(3)] + [task("person 3", rows=1) for _ in range(3)]
    for one in tasks:
        scheduler.admit(one)
    batch = scheduler.next_batch(ROWS)
    assert sum(one.rows for one in batch) == ROWS
    assert len(set(batch)) == len(batch) == 5


def test_only_one_group_shares_a_pass() -> None:
    scheduler = Scheduler(quantum=25, limit=10)
    for group in ("prior", "decoder", "prior"):
        scheduler.admit(task("person", group=group))
    assert [one.group for one in scheduler.next_batch(ROWS)] == ["prior", "prior"]


def test_a_task_wider_than_the_batch_still_runs() -> None:
    scheduler = Scheduler(quantum=25, limit=10)
    scheduler.admit(task("person", rows=2))
    assert len(scheduler.next_batch(1)) == 1


def test_one_persons_tasks_keep_their_order() -> None:
    scheduler = Scheduler(quantum=25, limit=100)
    tasks = [task("person") for _ in range(20)]
    for one in tasks:
        scheduler.admit(one)
    batches = run(scheduler, dict.fromkeys(tasks, 25))
    ends = {one: index for index, batch in enumerate(batches) for one in batch}
    assert all(ends[a] <= ends[b] for a, b in pairwise(tasks))


def test_one_request_waits_at_most_a_turn_behind_a_thousand() -> None:
    scheduler = Scheduler(quantum=25, limit=2000)
    heavy = [task("heavy") for _ in range(1000)]
    for one in heavy:
        scheduler.admit(one)
    for _ in range(10):  # the heavy one has been at work for a while
        scheduler.next_batch(ROWS)
    light = task("light")
    scheduler.admit(light)
    left = dict.fromkeys(heavy, 25) | {light: 25}
    batches = 0
    while light in left:
        batches += 1
        for one in scheduler.next_batch(ROWS):
            left[one] -= 1
            if not left[one]:
                del left[one]
                scheduler.remove(one)
    assert batches <= 25 + 7  # its own 25 steps, and a turn (25 of work, 4 a batch) before them


def test_dear_work_counts_for_more() -> None:
    scheduler = Scheduler(quantum=8, limit=10)
    dear, cheap = task("dear", rows=8, cost=8), task("cheap", rows=8, cost=1)
    scheduler.admit(dear)
    scheduler.admit(cheap)
    taken = Counter(scheduler.next_batch(ROWS)[0].owner for _ in range(90))
    assert taken == {"dear": 10, "cheap": 80}


def test_time_away_earns_no_credit() -> None:
    scheduler = Scheduler(quantum=8, limit=10)
    stayed = task("stayed", rows=8)
    scheduler.admit(stayed)
    for _ in range(1000):
        scheduler.next_batch(ROWS)
    scheduler.admit(task("came", rows=8))
    taken = Counter(scheduler.next_batch(ROWS)[0].owner for _ in range(160))
    assert abs(taken["stayed"] - taken["came"]) <= 16


def test_a_full_scheduler_refuses() -> None:
    scheduler = Scheduler(quantum=25, limit=2)
    tasks = [task("person") for _ in range(3)]
    scheduler.admit(tasks[0])
    scheduler.admit(tasks[1])
    with pytest.raises(Full):
        scheduler.admit(tasks[2])
    scheduler.remove(tasks[0])
    scheduler.admit(tasks[2])
    assert len(scheduler) == 2


class AnyOrder(RuleBasedStateMachine):
    """Admissions, steps, ends and cancellations in any order, against a plain model."""

    def __init__(self) -> None:
        super().__init__()
        self.scheduler = Scheduler(quantum=5, limit=12)
        self.held: dict[Task, int] = {}  # steps left
        self.waits: Counter[Task] = Counter()  # batches since its last step

    @rule(
        owner=st.sampled_from("abcd"),
        group=st.sampled_from(("prior", "small", "large")),
        rows=st.integers(1, 2),
        cost=st.sampled_from((0.1, 1.0, 4.0)),
        steps=st.integers(1, 6),
    )
    def admit(self, owner: str, group: str, rows: int, cost: float, steps: int) -> None:
        one = Task(owner, group, rows, cost)
        if len(self.held) == 12:
            with pytest.raises(Full):
                self.scheduler.admit(one)
            return
        self.scheduler.admit(one)
        self.held[one] = steps

    @precondition(lambda self: self.held)
    @rule(rows=st.integers(2, 6))
    def take_a_step(self, rows: int) -> None:
        batch = self.scheduler.next_batch(rows)
        assert batch
        assert len(set(batch)) == len(batch)
        assert set(batch) <= set(self.held)
        assert len({one.group for one in batch}) == 1
        assert sum(one.rows for one in batch) <= rows
        for one in self.held:
            self.waits[one] += 1
        for one in batch:
            del self.waits[one]
            self.held[one] -= 1
            if not self.held[one]:
                self._end(one)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self._end(data.draw(st.sampled_from(list(self.held))))

    @invariant()
    def nothing_is_lost(self) -> None:
        assert len(self.scheduler) == len(self.held)

    @invariant()
    def nobody_starves(self) -> None:
        """12 tasks of at most 6 steps, and a turn for each of 4 owners, bound every wait."""
        assert all(wait <= 12 * 6 + 4 * 50 for wait in self.waits.values())

    def _end(self, one: Task) -> None:
        self.scheduler.remove(one)
        self.scheduler.remove(one)  # twice is harmless
        del self.held[one]
        self.waits.pop(one, None)


TestAnyOrder = AnyOrder.TestCase
