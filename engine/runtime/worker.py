"""The one thread that owns the device. Jobs come in by `put`; events go out by `job.tell`.

Its round: begin who may begin, ask the scheduler for a batch, take each of it one step further in
one forward pass, resume those whose stage is finished. Whoever came or left is seen in each round.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from PIL import Image

from engine.cards import filled
from engine.errors import Busy, NotEnoughMemory, UserError, WentWrong
from engine.events import Cancelled, Done, Event, Failed, Picture, Queued, Step
from engine.requests import ImageToImage, Request
from engine.runtime.caches import CacheStats
from engine.runtime.models import Model, Models
from engine.runtime.scheduler import Full, Scheduler, Task
from engine.settings import Settings

if TYPE_CHECKING:
    from engine.runtime.device import Device
    from engine.runtime.stages import Stage, Way

TELL_EVERY = 0.05  # seconds between the steps that a job is told of
PREVIEW_EVERY = 0.5  # seconds between the previews of a job
PREVIEW_SHARE = 0.05  # of the worker's time that previews may take
ROWS = 16  # of a batch, until the device is known

log = logging.getLogger(__name__)


class Ordered(Protocol):
    """What the worker needs to know of a job."""

    request: Request
    owner: str
    cancelled: bool

    @property
    def watched(self) -> bool: ...

    def tell(self, event: Event) -> None: ...


@dataclass(frozen=True, slots=True)
class Stats:
    """Seconds and counts since the start; `networks` of the `busy` seconds were forward passes."""

    busy: float = 0.0
    networks: float = 0.0
    passes: int = 0
    rows: int = 0
    caches: dict[str, CacheStats] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Run:
    """A job on its way: a sample for each picture, and the pictures that are finished."""

    job: Ordered
    samples: list[Sample] = field(default_factory=list)
    pictures: dict[int, Image.Image] = field(default_factory=dict)
    position: int | None = None  # as told last
    told: int = -1  # steps, as told last
    told_at: float = 0.0
    shown: float = 0.0  # when the last preview was

    @property
    def begun(self) -> bool:
        return any(sample.begun for sample in self.samples)

    @property
    def steps(self) -> int:
        """Of each picture, in all."""
        request = self.job.request
        share = filled(request.strength) if isinstance(request, ImageToImage) else 1.0
        return (request.prior_steps or 0) + max(1, int(filled(request.steps) * share))

    @property
    def taken(self) -> int:
        """Steps taken, as a mean of the pictures."""
        return sum(sample.taken for sample in self.samples) // len(self.samples)


@dataclass(slots=True, eq=False, kw_only=True)
class Sample(Task):
    """One picture of a job."""

    run: Run
    index: int
    model: Model | None = None
    way: Way[Any] | None = None
    stage: Stage | None = None
    before: int = 0  # denoising steps of the stages that are finished
    starved: bool = False  # there was no memory for it alone, once

    @property
    def taken(self) -> int:
        return self.before + (self.stage.progress if self.stage else 0)


class Worker:
    def __init__(self, settings: Settings, opened: Callable[[], tuple[Models, Device]]) -> None:
        """`opened` is called in the thread, when the first request comes."""
        self._opened = opened
        self._models: Models | None = None
        self._device: Device | None = None
        self._scheduler: Scheduler[Sample] = Scheduler(rows=ROWS, limit=settings.queue_limit)
        self._runs: dict[Ordered, Run] = {}
        self._change = threading.Condition()  # guards the scheduler and the runs
        self._closing = False
        self._preview_after = 0.0
        self._busy = 0.0  # seconds of the rounds that have ended
        self._since: float | None = None  # when the present one began
        self._passes = self._rows = 0
        self._thread = threading.Thread(target=self._work, name="engine-worker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Cancel what waits and what runs, and wait for the thread."""
        with self._change:
            self._closing = True
            self._change.notify()
        self._thread.join()

    def put(self, job: Ordered) -> None:
        """Take the job. Raises Busy."""
        run = Run(job)
        run.samples = [
            Sample(owner=job.owner, run=run, index=index) for index in range(job.request.count)
        ]
        with self._change:
            try:
                self._scheduler.admit(*run.samples)
            except Full as error:
                raise Busy() from error
            self._runs[job] = run
            self._tell_positions()
            self._change.notify()

    def drop(self, job: Ordered) -> None:
        """End a job that has not begun; one that runs sees `cancelled` at its next step."""
        with self._change:
            run = self._runs.get(job)
            if run is not None and not run.begun:
                self._end(run, Cancelled())
                self._tell_positions()

    def room(self) -> int:
        """How many more pictures may wait."""
        with self._change:
            return self._scheduler.room

    def stats(self) -> Stats:
        busy = self._busy + (time.perf_counter() - self._since if self._since else 0.0)
        networks = self._device.seconds if self._device else 0.0
        caches = self._models.stats() if self._models else {}
        return Stats(busy, networks, self._passes, self._rows, caches)

    def _work(self) -> None:
        while self._wait():
            self._since = time.perf_counter()
            try:
                self._round()
            except Exception as error:  # a fault of ours; nobody may wait for ever because of it
                log.exception("the worker's round failed")
                for run in self._all_runs():
                    self._fail(run, error)
            self._busy += time.perf_counter() - self._since
            self._since = None
        for run in self._all_runs():
            with self._change:
                self._end(run, Cancelled())
        if self._device is not None:
            self._device.close()

    def _all_runs(self) -> list[Run]:
        with self._change:
            return list(self._runs.values())

    def _wait(self) -> bool:
        """Wait for work; False to stop."""
        with self._change:
            while not self._closing and not self._runs:
                self._change.wait()
            return not self._closing

    def _round(self) -> None:
        while (sample := self._may_begin()) is not None and self._begin(sample):
            pass
        with self._change:
            batch = self._scheduler.next_batch()
        if batch:
            self._advance(batch)
            for run in dict.fromkeys(sample.run for sample in batch):
                self._report(run)

    def _may_begin(self) -> Sample | None:
        """Ends who has cancelled; the sample whose turn it is to begin."""
        with self._change:
            for run in [run for run in self._runs.values() if run.job.cancelled]:
                self._end(run, Cancelled())
            return self._scheduler.next_waiting()

    def _begin(self, sample: Sample) -> bool:
        """Bring the sample to its first stage; False if its model has to wait for room."""
        run = sample.run
        request = run.job.request
        try:
            model = self._model(filled(request.model))
            if model is None:
                return False
            sample.model = model
            sample.way = model.paint(request, sample.index)
            with self._change:
                if run.job not in self._runs:  # cancelled while its model was loaded
                    return True
                self._scheduler.begin(sample)
                self._tell_positions()
        except Exception as error:
            self._fail(run, error)
            return True
        self._resume(sample)
        self._report(run)
        return True

    def _model(self, name: str) -> Model | None:
        if self._models is None:
            self._models, self._device = self._opened()
            self._scheduler.rows = self._device.rows
        busy = {filled(run.job.request.model) for run in self._all_runs() if run.begun}
        return self._models.take(name, busy)

    def _advance(self, batch: list[Sample]) -> None:
        """One step of each in one pass; who cannot take it fails alone."""
        stages = [filled(sample.stage) for sample in batch]
        try:
            with filled(self._device).inference():
                stages[0].network.advance(stages)
        except Exception as error:
            if filled(self._device).out_of_memory(error):
                self._make_room(batch, error)
            elif len(batch) > 1:
                for sample in batch:
                    self._advance([sample])
            else:
                self._fail(batch[0].run, error)
            return
        self._passes += 1
        self._rows += sum(sample.rows for sample in batch)
        for sample in batch:
            if filled(sample.stage).finished and sample.run.job in self._runs:
                self._resume(sample)

    def _resume(self, sample: Sample) -> None:
        """On to the next stage, or to the finished picture."""
        run, way = sample.run, filled(sample.way)
        if sample.stage is not None:
            sample.before += sample.stage.progress
            sample.stage = None
        try:
            with filled(self._device).inference():
                stage = next(way)
        except StopIteration as end:
            self._finish(sample, Image.fromarray(end.value))
        except Exception as error:
            self._fail(run, error)
        else:
            sample.stage = stage
            with self._change:
                sample.group, sample.rows = stage.group, stage.rows
                sample.cost, sample.brief = stage.cost, stage.brief

    def _finish(self, sample: Sample, image: Image.Image) -> None:
        run = sample.run
        run.pictures[sample.index] = image
        with self._change:
            self._scheduler.remove(sample)
            if len(run.pictures) == len(run.samples):
                self._end(run, Done(_pictures(run)))

    def _fail(self, run: Run, error: Exception) -> None:
        if not isinstance(error, UserError):
            log.error("a request failed", exc_info=error)
            error = WentWrong()
        with self._change:
            self._end(run, Failed(error))
            self._tell_positions()

    def _end(self, run: Run, event: Event) -> None:
        """Nothing of the run is left; called with the lock held."""
        if self._runs.pop(run.job, None) is None:
            return
        for sample in run.samples:
            self._scheduler.remove(sample)
            if sample.way is not None:
                sample.way.close()
        run.job.tell(event)

    def _make_room(self, batch: list[Sample], error: Exception) -> None:
        """After a failed allocation: give back, and try with half as many rows, or once more."""
        rows = sum(sample.rows for sample in batch)
        log.warning("no memory for %d rows of %s", rows, type(batch[0].stage).__name__)
        filled(self._models).forget()
        filled(self._device).free()
        if len(batch) > 1:
            with self._change:
                self._scheduler.shrink(batch[0].group, rows)
        elif batch[0].starved:
            self._fail(batch[0].run, NotEnoughMemory())
        else:
            batch[0].starved = True

    def _report(self, run: Run) -> None:
        """Tell the steps, if that is due, and show a preview if it is wanted and due."""
        now = time.monotonic()
        if run.told >= 0 and now < run.told_at + TELL_EVERY:
            return
        taken = run.taken
        if run.job not in self._runs or taken == run.told:
            return
        run.told, run.told_at = taken, now
        run.job.tell(Step(taken, run.steps, self._preview(run)))

    def _preview(self, run: Run) -> Image.Image | None:
        now = time.monotonic()
        if not run.job.watched or now < max(run.shown + PREVIEW_EVERY, self._preview_after):
            return None
        for sample in run.samples:
            clean = sample.stage.sketch() if sample.stage else None
            if clean is not None:
                image = self._painted(filled(sample.model), clean)
                run.shown = time.monotonic()
                self._preview_after = run.shown + (run.shown - now) / PREVIEW_SHARE
                return image
        return None

    def _painted(self, model: Model, clean: Any) -> Image.Image | None:
        """A preview is not worth a request: where there is a fault, or no memory, there is none."""
        try:
            return model.preview(clean)
        except Exception:
            log.exception("a preview failed")
            return None

    def _tell_positions(self) -> None:
        """Tell those whose place has changed; called with the lock held."""
        waiting = dict.fromkeys(
            sample.run for sample in self._scheduler.waiting() if not sample.run.begun
        )
        for position, run in enumerate(waiting):
            if position != run.position:
                run.position = position
                run.job.tell(Queued(position))


def _pictures(run: Run) -> tuple[Picture, ...]:
    seed = filled(run.job.request.seed)
    return tuple(Picture(run.pictures[i], seed + i) for i in range(len(run.samples)))
