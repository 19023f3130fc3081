from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
import torch

from engine import Settings
from engine.errors import Busy, NotEnoughMemory, WentWrong
from engine.events import Cancelled, Done, Failed, Queued, Step
from engine.families import mini_card
from engine.requests import Request
from engine.runtime.device import Device
from engine.runtime.models import Models
from engine.runtime.stages import Way
from engine.runtime.worker import Worker
from engine.weights import MINI, Weights
from tests.engine.runtime.fakes import Counting, CountingModel, FakeJob, asked


@contextmanager
def working(model: CountingModel, **fields: object) -> Iterator[Worker]:
    settings = Settings.model_validate({"device": "cpu", "threads": 1} | fields)
    weights = Weights(mini_card("one"), MINI)
    worker = Worker(settings, lambda: (Models([weights], lambda _: model), Device(settings)))
    worker.start()
    try:
        yield worker
    finally:
        model.network.hold.set()
        worker.stop()


def put(worker: Worker, *jobs: FakeJob) -> None:
    for job in jobs:
        worker.put(job)


def steps_of(job: FakeJob) -> list[int]:
    return [event.index for event in job.events if isinstance(event, Step)]


def raises_for(name: str, error: Exception) -> Callable[[Sequence[Counting]], None]:
    def fault(stages: Sequence[Counting]) -> None:
        if any(stage.owner == name for stage in stages):
            raise error

    return fault


def no_memory_above(rows: int) -> Callable[[Sequence[Counting]], None]:
    def fault(stages: Sequence[Counting]) -> None:
        if sum(stage.rows for stage in stages) > rows:
            raise torch.OutOfMemoryError("no memory")

    return fault


def test_a_request_is_told_each_step_and_its_pictures() -> None:
    with working(CountingModel()) as worker:
        job = FakeJob(asked("a", count=2))
        put(worker, job)
        last = job.last()
    assert isinstance(last, Done)
    assert [picture.seed for picture in last.pictures] == [7, 8]
    assert [picture.image.getpixel((0, 0)) for picture in last.pictures] == [(7,) * 3, (8,) * 3]
    assert job.events[0] == Queued(0)
    assert steps_of(job)[0] == 0
    assert steps_of(job) == sorted(set(steps_of(job)))
    assert all(event.total == 7 for event in job.events if isinstance(event, Step))


def test_requests_join_and_leave_a_running_batch() -> None:
    model = CountingModel()
    with working(model) as worker:
        long = FakeJob(asked("long", steps=200), owner="one")
        put(worker, long)
        short = FakeJob(asked("short", steps=3), owner="two")
        put(worker, short)
        assert isinstance(short.last(), Done)
        assert isinstance(long.last(), Done)
    assert sum("short" in batch for batch in model.network.passes) == 5
    assert sum("long" in batch for batch in model.network.passes) == 202
    assert ["long", "short"] in [sorted(batch) for batch in model.network.passes]


def test_out_of_memory_halves_the_batch_and_loses_nothing() -> None:
    model = CountingModel()
    model.network.fault = no_memory_above(4)
    model.network.hold.clear()
    with working(model) as worker:
        jobs = [FakeJob(asked(str(i)), owner=str(i)) for i in range(20)]
        put(worker, *jobs)
        model.network.hold.set()
        assert all(isinstance(job.last(), Done) for job in jobs)
    sizes = [len(batch) for batch in model.network.passes]
    assert sum(size > 2 for size in sizes) <= 3  # 8 and 4 pictures were tried once, and remembered
    assert all(steps_of(job) == sorted(set(steps_of(job))) for job in jobs)
    assert model.caches["words"].stats().bytes == 0  # emptied, to make room


def test_a_hundred_failed_allocations_in_a_row_lose_nothing() -> None:
    model = CountingModel()
    failures = iter(range(100))

    def fault(stages: Sequence[Counting]) -> None:
        if len(stages) > 1 and next(failures, None) is not None:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    model.network.fault = fault
    with working(model) as worker:
        jobs = [FakeJob(asked(str(i)), owner=str(i)) for i in range(30)]
        put(worker, *jobs)
        assert all(isinstance(job.last(), Done) for job in jobs)


def test_a_picture_too_large_for_the_machine_fails_alone() -> None:
    model = CountingModel()
    model.network.fault = raises_for("large", torch.OutOfMemoryError("no memory"))
    with working(model) as worker:
        large, small = FakeJob(asked("large"), owner="a"), FakeJob(asked("small"), owner="b")
        put(worker, large, small)
        assert isinstance(small.last(), Done)
        last = large.last()
    assert isinstance(last, Failed)
    assert isinstance(last.error, NotEnoughMemory)


def test_a_fault_in_a_shared_pass_fails_its_own_request_only() -> None:
    model = CountingModel()
    model.network.fault = raises_for("bad", ValueError("a fault"))
    model.network.hold.clear()
    with working(model) as worker:
        jobs = [FakeJob(asked(name), owner=name) for name in ("good", "bad", "better")]
        put(worker, *jobs)
        model.network.hold.set()
        good, bad, better = (job.last() for job in jobs)
    assert isinstance(good, Done)
    assert isinstance(better, Done)
    assert isinstance(bad, Failed)
    assert isinstance(bad.error, WentWrong)
    assert sum("good" in batch for batch in model.network.passes) >= 7


@pytest.mark.parametrize("watched", [True, False])
def test_previews_are_made_only_while_somebody_watches(watched: bool) -> None:
    model = CountingModel()
    with working(model) as worker:
        job = FakeJob(asked("a", steps=100), watched=watched)
        put(worker, job)
        job.last()
    assert (model.previews > 0) is watched
    assert model.previews <= 2


def test_a_preview_that_fails_costs_nobody_a_picture() -> None:
    class Blind(CountingModel):
        def preview(self, clean: object) -> NoReturn:
            raise torch.OutOfMemoryError("no memory")

    with working(Blind()) as worker:
        job = FakeJob(asked("a", steps=50), watched=True)
        put(worker, job)
        assert isinstance(job.last(), Done)


def test_a_fault_of_the_workers_own_leaves_nobody_waiting() -> None:
    class Shapeless(CountingModel):
        def paint(self, request: Request, index: int) -> Way[object]:
            yield from super().paint(request, index)
            return "no pixels"

    with working(Shapeless()) as worker:
        for _ in range(2):
            job = FakeJob(asked("a"))
            put(worker, job)
            assert isinstance(job.last(), Failed)


def test_the_waiting_are_told_their_places() -> None:
    model = CountingModel()
    model.network.hold.clear()
    with working(model, batch_rows=1) as worker:
        jobs = [FakeJob(asked(str(i), count=3), owner="one") for i in range(3)]
        put(worker, *jobs)
        model.network.hold.set()
        for job in jobs:
            job.last()
    places = [event.position for event in jobs[2].events if isinstance(event, Queued)]
    assert places[-1] == 0
    assert places == sorted(places, reverse=True)


def test_a_full_queue_refuses_and_goes_on() -> None:
    model = CountingModel()
    model.network.hold.clear()
    with working(model, queue_limit=4, batch_rows=2) as worker:
        jobs = []
        while worker.room() >= 2:
            jobs.append(FakeJob(asked("b", count=2)))
            put(worker, jobs[-1])
        refused = FakeJob(asked("b", count=2))
        with pytest.raises(Busy):
            worker.put(refused)
        model.network.hold.set()
        assert all(isinstance(job.last(), Done) for job in jobs)
        assert not refused.events


def test_weights_that_cannot_be_read_fail_each_request() -> None:
    settings = Settings(device="cpu", threads=1)

    def broken() -> tuple[Models, Device]:
        raise OSError("no such device")

    worker = Worker(settings, broken)
    worker.start()
    for _ in range(2):
        job = FakeJob(asked("a"))
        worker.put(job)
        assert isinstance(job.last(), Failed)
    worker.stop()


def test_cancelling_at_any_moment_ends_a_request_once() -> None:
    model = CountingModel()
    order = random.Random(5)
    with working(model, batch_rows=4) as worker:
        jobs = []
        for number in range(300):
            job = FakeJob(asked(str(number), steps=order.randint(1, 9)), owner=str(number % 7))
            put(worker, job)
            jobs.append(job)
            unlucky = order.choice(jobs)
            if order.random() < 0.3:
                unlucky.cancelled = True
                worker.drop(unlucky)
        ends = [job.last() for job in jobs]
    assert all(isinstance(end, Done | Cancelled) for end in ends)
    assert any(isinstance(end, Cancelled) for end in ends)
    assert all(
        isinstance(end, Done) for job, end in zip(jobs, ends, strict=True) if not job.cancelled
    )


def test_stopping_cancels_what_runs_and_what_waits() -> None:
    model = CountingModel()
    with working(model, batch_rows=2) as worker:
        jobs = [FakeJob(asked(str(i), steps=250)) for i in range(5)]
        put(worker, *jobs)
    assert all(job.last() == Cancelled() for job in jobs)


def test_the_worker_counts_what_it_did(tmp_path: Path) -> None:
    with working(CountingModel()) as worker:
        job = FakeJob(asked("a", count=2))
        put(worker, job)
        job.last()
        stats = worker.stats()
    assert stats.rows == 2 * 2 * 7
    assert 7 <= stats.passes <= 14
