from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.runtime.scheduler import AHEAD, Full, Scheduler, Task

ROWS = 8


def task(
    owner: str, *, group: str = "decoder", rows: int = 2, cost: float = 2.0, brief: bool = False
) -> Task:
    return Task(owner=owner, group=group, rows=rows, cost=cost, brief=brief)


def of(*tasks: Task, rows: int = ROWS, limit: int = 2000) -> Scheduler[Task]:
    """A scheduler that holds the tasks, with as many begun as may be."""
    scheduler: Scheduler[Task] = Scheduler(rows=rows, limit=limit)
    scheduler.admit(*tasks)
    begin(scheduler)
    return scheduler


def begin(scheduler: Scheduler[Task]) -> None:
    while (one := scheduler.next_waiting()) is not None:
        scheduler.begin(one)


def run(scheduler: Scheduler[Task], left: dict[Task, int]) -> list[list[Task]]:
    """Run batches until every task has taken its steps; all the batches."""
    batches = []
    while left:
        begin(scheduler)
        batches.append(scheduler.next_batch())
        assert batches[-1], "tasks are left, but none is chosen"
        for one in batches[-1]:
            left[one] -= 1
            if not left[one]:
                del left[one]
                scheduler.remove(one)
    return batches


def test_nothing_to_do_gives_an_empty_batch() -> None:
    assert of().next_batch() == []
    waiting: Scheduler[Task] = Scheduler(rows=ROWS, limit=10)
    waiting.admit(task("person"))
    assert waiting.next_batch() == []


def test_requests_share_a_batch_up_to_its_rows() -> None:
    tasks = [task(f"person {i}", rows=1) for i in range(3)]
    tasks += [task(f"other {i}") for i in range(3)]
    batch = of(*tasks).next_batch()
    assert sum(one.rows for one in batch) == ROWS
    assert len(set(batch)) == len(batch) == 5


def test_one_person_alone_gets_whole_batches() -> None:
    assert len(of(*(task("person") for _ in range(100))).next_batch()) == 4


def test_only_one_group_shares_a_pass() -> None:
    scheduler = of(task("a", group="small"), task("b", group="large"), task("c", group="small"))
    assert [one.owner for one in scheduler.next_batch()] == ["c", "a"]
    assert [one.owner for one in scheduler.next_batch()] == ["b"]


def test_a_task_wider_than_the_batch_still_runs() -> None:
    assert len(of(task("person", rows=2), rows=1).next_batch()) == 1


def test_a_brief_stay_goes_before_the_long_ones() -> None:
    brief = task("person", group="prior", brief=True)
    scheduler = of(task("person"), brief)
    assert scheduler.next_batch() == [brief]


def test_one_persons_tasks_keep_their_order() -> None:
    tasks = [task("person") for _ in range(20)]
    batches = run(of(*tasks), dict.fromkeys(tasks, 25))
    ends = {one: index for index, batch in enumerate(batches) for one in batch}
    assert all(ends[a] <= ends[b] for a, b in pairwise(tasks))


def test_a_leaver_is_replaced_at_the_next_step() -> None:
    tasks = [task("person") for _ in range(20)]
    steps = {one: 250 if one is tasks[0] else 5 for one in tasks}
    batches = run(of(*tasks), steps)
    # beside the long one there is room for three: 18 of the others take six times five batches
    assert all(len(batch) == 4 for batch in batches[:30])


def test_one_request_behind_a_thousand_has_half_the_machine_at_once() -> None:
    heavy = [task("heavy") for _ in range(1000)]
    scheduler = of(*heavy)
    for _ in range(10):  # the heavy one has been at work for a while
        scheduler.next_batch()
    light = task("light")
    scheduler.admit(light)
    steps, work = 25, Counter[str]()
    while steps:
        begin(scheduler)
        for one in scheduler.next_batch():
            work[one.owner] += 1
            steps -= one is light
    assert work["light"] == 25
    assert work["heavy"] <= 25 + AHEAD + 1


def test_dear_work_counts_for_more() -> None:
    dear, cheap = task("dear", group="large", cost=16), task("cheap", group="small", cost=2)
    scheduler = of(dear, cheap)
    taken = Counter(scheduler.next_batch()[0].owner for _ in range(90))
    assert taken == {"dear": 10, "cheap": 80}


def test_time_away_earns_no_credit() -> None:
    scheduler = of(task("stayed", group="one"))
    for _ in range(1000):
        scheduler.next_batch()
    scheduler.admit(task("came", group="other"))
    begin(scheduler)
    taken = Counter(scheduler.next_batch()[0].owner for _ in range(160))
    assert abs(taken["stayed"] - taken["came"]) <= 2


def test_who_has_nothing_begun_does_not_wait_for_those_who_have() -> None:
    crowd = [task(f"person {i}") for i in range(4 * ROWS) for _ in range(2)]
    scheduler = of(*crowd)
    assert len(scheduler.waiting()) == 16  # 16 people have begun both, 16 one
    late = task("late")
    scheduler.admit(late)
    assert scheduler.next_waiting() is late


def test_what_has_begun_is_bounded_however_many_people_come() -> None:
    scheduler = of(*(task(f"person {i}") for i in range(1000)))
    assert len(scheduler.waiting()) == 1000 - 8 * ROWS
    assert scheduler.room == 2000 - len(scheduler.waiting())


def test_a_request_larger_than_the_queue_is_served_when_nobody_waits() -> None:
    scheduler: Scheduler[Task] = Scheduler(rows=ROWS, limit=2)
    scheduler.admit(*(task("person") for _ in range(4)))
    with pytest.raises(Full):
        scheduler.admit(task("person"))
    assert len(scheduler) == 4


def test_the_waiting_are_named_in_the_order_of_turns() -> None:
    scheduler: Scheduler[Task] = Scheduler(rows=ROWS, limit=10)
    a1, a2, b1 = task("a"), task("a"), task("b")
    scheduler.admit(a1, a2)
    scheduler.admit(b1)
    assert scheduler.waiting() == [a1, b1, a2]


def test_a_group_that_does_not_fit_gets_smaller_batches() -> None:
    scheduler = of(*(task("person") for _ in range(4)))
    scheduler.shrink("decoder", 8)
    assert len(scheduler.next_batch()) == 2
    scheduler.shrink("decoder", 1)
    assert len(scheduler.next_batch()) == 1


def test_a_full_scheduler_refuses_all_of_a_request() -> None:
    scheduler: Scheduler[Task] = Scheduler(rows=ROWS, limit=2)
    scheduler.admit(task("person"))
    with pytest.raises(Full):
        scheduler.admit(task("person"), task("person"))
    assert (len(scheduler), scheduler.room) == (1, 1)
    begin(scheduler)  # who has begun no longer waits
    scheduler.admit(task("person"), task("person"))
    assert (len(scheduler), scheduler.room) == (3, 0)


class AnyOrder(RuleBasedStateMachine):
    """Admissions, beginnings, steps, ends and cancellations in any order, against a plain model."""

    def __init__(self) -> None:
        super().__init__()
        self.scheduler: Scheduler[Task] = Scheduler(rows=4, limit=12)
        self.held: dict[Task, int] = {}  # steps left
        self.waits: Counter[Task] = Counter()  # batches since its last step

    @rule(
        owner=st.sampled_from("abcd"),
        group=st.sampled_from(("prior", "small", "large")),
        rows=st.integers(1, 2),
        cost=st.sampled_from((0.1, 1.0, 4.0)),
        brief=st.booleans(),
        steps=st.integers(1, 6),
    )
    def admit(
        self, owner: str, group: str, rows: int, cost: float, brief: bool, steps: int
    ) -> None:
        one = Task(owner=owner, group=group, rows=rows, cost=cost, brief=brief)
        if sum(not other.begun for other in self.held) == 12:
            with pytest.raises(Full):
                self.scheduler.admit(one)
            return
        self.scheduler.admit(one)
        self.held[one] = steps

    @precondition(lambda self: self.held)
    @rule()
    def begin_one(self) -> None:
        one = self.scheduler.next_waiting()
        if one is None:
            assert any(other.begun for other in self.held), "nobody may begin, and nobody has"
            return
        earlier = [other for other in self.held if other.owner == one.owner and not other.begun]
        assert earlier[0] is one
        self.scheduler.begin(one)

    @precondition(lambda self: any(one.begun for one in self.held))
    @rule(group=st.sampled_from(("prior", "small", "large")))
    def take_a_step(self, group: str) -> None:
        batch = self.scheduler.next_batch()
        assert batch
        assert len(set(batch)) == len(batch)
        assert all(one in self.held and one.begun for one in batch)
        assert len({one.group for one in batch}) == 1
        assert sum(one.rows for one in batch) <= 4
        for one in self.held:
            self.waits[one] += one.begun
        for one in batch:
            del self.waits[one]
            self.held[one] -= 1
            if not self.held[one]:
                self._end(one)
            elif self.held[one] == 3:  # on to its next network
                one.group = group

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self._end(data.draw(st.sampled_from(list(self.held))))

    @invariant()
    def nothing_is_lost(self) -> None:
        assert len(self.scheduler) == len(self.held)
        waiting = {one for one in self.held if not one.begun}
        assert set(self.scheduler.waiting()) == waiting
        assert self.scheduler.room == 12 - len(waiting)

    @invariant()
    def nobody_starves(self) -> None:
        """At most 20 tasks of at most 6 steps, and for each of these 40 cheap ones of others."""
        assert all(wait <= 20 * 6 * 41 for wait in self.waits.values())

    def _end(self, one: Task) -> None:
        self.scheduler.remove(one)
        self.scheduler.remove(one)  # twice is harmless
        del self.held[one]
        self.waits.pop(one, None)


TestAnyOrder = AnyOrder.TestCase
