"""The one thread that owns the device. Jobs come in by `put`; events go out by `job.tell`.

It is not the scheduler: jobs run one after another, each to its end.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from PIL import Image

from engine.cards import filled
from engine.errors import UserError, WeightsBroken, WentWrong
from engine.events import Cancelled, Done, Event, Failed, Picture, Queued, Step
from engine.requests import Request
from engine.settings import Settings
from engine.weights import Weights

if TYPE_CHECKING:
    from engine.kandinsky.v22 import Kandinsky22

PREVIEW_EVERY = 0.5  # seconds

log = logging.getLogger(__name__)


class Ordered(Protocol):
    """What the worker needs to know of a job."""

    request: Request
    watched: bool
    cancelled: bool

    def tell(self, event: Event) -> None: ...


class Worker:
    def __init__(self, settings: Settings, weights: list[Weights]) -> None:
        self._settings = settings
        self._weights = {one.card.name: one for one in weights}
        self._models: dict[str, Kandinsky22] = {}
        self._waiting: deque[Ordered] = deque()
        self._change = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="engine-worker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Cancel what waits, stop what runs at its next step, and wait for the thread."""
        with self._change:
            self._closing = True
            self._change.notify()
        self._thread.join()

    def put(self, job: Ordered) -> None:
        with self._change:
            self._waiting.append(job)
            job.tell(Queued(position=len(self._waiting) - 1))
            self._change.notify()

    def drop(self, job: Ordered) -> None:
        """End a job that has not begun; one that runs sees `cancelled` at its next step."""
        with self._change:
            if job in self._waiting:
                self._waiting.remove(job)
                job.tell(Cancelled())
                self._tell_positions()

    def waiting(self) -> int:
        with self._change:
            return len(self._waiting)

    def _run(self) -> None:
        while (job := self._next()) is not None:
            job.tell(self._outcome(job))
        for left in self._waiting:
            left.tell(Cancelled())

    def _next(self) -> Ordered | None:
        """The next job, or None to stop; tells the others their places."""
        with self._change:
            while not self._waiting and not self._closing:
                self._change.wait()
            if self._closing:
                return None
            job = self._waiting.popleft()
            self._tell_positions()
            return job

    def _tell_positions(self) -> None:
        for position, other in enumerate(self._waiting):
            other.tell(Queued(position))

    def _outcome(self, job: Ordered) -> Event:
        try:
            return self._paint(job)
        except UserError as error:
            return Failed(error)
        except Exception:
            log.exception("a request failed")
            return Failed(WentWrong())

    def _paint(self, job: Ordered) -> Event:
        if self._unwanted(job):
            return Cancelled()
        model = self._model(filled(job.request.model))
        shown = 0.0
        for painting in model.paint(job.request):
            if self._unwanted(job):
                return Cancelled()
            if isinstance(painting, list):
                seed = filled(job.request.seed)
                pictures = (Picture(image, seed + i) for i, image in enumerate(painting))
                return Done(tuple(pictures))
            preview: Image.Image | None = None
            last = painting.index == painting.total
            due = job.watched and not last and time.monotonic() - shown >= PREVIEW_EVERY
            if due and painting.clean is not None:
                preview = model.preview(painting.clean)
                shown = time.monotonic()
            job.tell(Step(painting.index, painting.total, preview))
        raise RuntimeError("the model gave no pictures")

    def _unwanted(self, job: Ordered) -> bool:
        return job.cancelled or self._closing

    def _model(self, name: str) -> Kandinsky22:
        """The model of that name, loaded on first use."""
        if name not in self._models:
            self._models[name] = load(self._weights[name].folder, name, self._settings)
        return self._models[name]


def load(folder: Path, name: str, settings: Settings) -> Kandinsky22:
    """Load a model onto the device that the settings name. Raises WeightsBroken."""
    import torch
    from safetensors import SafetensorError

    from engine.kandinsky.v22 import Kandinsky22

    if settings.threads:
        torch.set_num_threads(settings.threads)
    device = torch.device(settings.device if settings.device != "auto" else _best_device(torch))
    dtype = settings.dtype
    if dtype == "auto":
        dtype = "float32" if device.type == "cpu" else "bfloat16"
    try:
        return Kandinsky22(folder, device, getattr(torch, dtype))
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        log.exception("the model %s cannot be loaded", name)
        raise WeightsBroken(file=folder, model=name) from error


def _best_device(torch: Any) -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"
