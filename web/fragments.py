"""The page's own pieces of HTML in one language, from web/templates; all user text is escaped."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from engine.errors import UserError
from engine.events import Step
from engine.texts import Texts
from storage.records import JobRecord, JobState


class Fragments:
    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self._templates = Environment(
            loader=PackageLoader("web"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        self._templates.globals.update(
            seen=time.monotonic_ns,
            say=texts.say,
            plural=texts.count,
            error=texts.error_record,
            language=texts.language,
        )

    def header(self) -> str:
        return self._render("header")

    def empty(self) -> str:
        """The stage before the first picture."""
        return self._render("empty")

    def queued(self, job: JobRecord, position: int, waiting: int) -> str:
        """`position` requests of anybody are before this one, `waiting` of one's own behind it."""
        return self._render("queued", job=job, position=position, waiting=waiting)

    def drawing(
        self, job: JobRecord, step: Step, seconds: int | None, waiting: int, preview: str | None
    ) -> str:
        """`preview` is the address of the newest one, which may be of an earlier step."""
        return self._render(
            "drawing",
            job=job,
            step=step,
            seconds=seconds,
            waiting=waiting,
            preview=preview,
        )

    def ended(self, job: JobRecord) -> str:
        """A job's pictures, or why there are none."""
        return self._render("ended", job=job)

    def history(self, jobs: Sequence[JobRecord]) -> str:
        """Newest first, without what was stopped and what the stage shows as being drawn."""
        on_stage = next((job for job in reversed(jobs) if not job.state.final), None)
        shown = [job for job in jobs if job.state is not JobState.CANCELLED and job is not on_stage]
        return self._render("history", jobs=shown)

    def problem(self, error: UserError) -> str:
        """A sentence above the button that says what is wrong."""
        return self._render("problem", sentence=self._texts.error(error))

    def _render(self, name: str, **values: object) -> str:
        return self._templates.get_template(f"{name}.html").render(values)


def inline(preview: Image.Image) -> str:
    """A small picture as a data: address, so that no unfinished picture is ever a file."""
    buffer = io.BytesIO()
    preview.save(buffer, "WEBP", quality=80)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
