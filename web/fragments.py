"""The page's own pieces of HTML in one language, from web/templates; all user text is escaped."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from engine.cards import ModelCard
from engine.errors import UserError
from engine.events import Step
from engine.styles import STYLES, title
from engine.texts import Texts
from storage.records import JobRecord
from web.told import Told


def templates(texts: Texts, cards: Sequence[ModelCard]) -> Environment:
    """The templates of web/templates, which speak one language and know what can be made."""
    environment = Environment(
        loader=PackageLoader("web"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.globals.update(
        say=texts.say,
        plural=texts.count,
        error=texts.error_record,
        language=texts.language,
        style=lambda name: title(STYLES[name], texts) if name in STYLES else name,
        modes={mode for card in cards for mode in card.modes},
        models={card.name: card.title for card in cards},
        policies={},
    )
    return environment


NOTICES = 3  # at the top of the page


class Fragments:
    def __init__(self, texts: Texts, cards: Sequence[ModelCard]) -> None:
        self.texts = texts
        self._templates = templates(texts, cards)

    def header(self) -> str:
        return self.render("header")

    def part(self, name: str) -> str:
        """What is there of a part of the page before its script wakes."""
        return self.render(name)

    def tile(self, job: JobRecord) -> str:
        """A job in the strip."""
        return self.render("tile", job=job)

    def stage(self, jobs: Sequence[JobRecord], policies: Mapping[str, str]) -> str:
        """Jobs large, side by side: their pictures, how they go, or why there are none.

        `policies` are their names, by key.
        """
        return self.render("stage", jobs=jobs, policies=policies)

    def notices(self, told: Sequence[Told]) -> str:
        """What the person is to be told, at the top of the page."""
        return self.render("notices", notices=told, most=NOTICES)

    def place(self, position: int) -> str:
        """`position` requests of anybody are before this one."""
        if position == 0:
            return self.texts.say("Yours is next. It starts in a moment.")
        return self.texts.count(
            "In the queue: {n} request is before yours.",
            "In the queue: {n} requests are before yours.",
            position,
        )

    def step(self, step: Step, seconds: int | None) -> tuple[str, str]:
        """How far it is, and how long it takes."""
        say = self.texts.say
        line = say("Step {index} of {total}", index=step.index, total=step.total)
        return line, "" if seconds is None else say("about {seconds} s left", seconds=seconds)

    def problem(self, error: UserError) -> str:
        """A sentence above the button that says what is wrong."""
        return self.render("problem", sentence=self.texts.error(error))

    def render(self, name: str, **values: object) -> str:
        return self._templates.get_template(f"{name}.html").render(values)


def inline(preview: Image.Image) -> str:
    """A small picture as a data: address, so that no unfinished picture is ever a file."""
    buffer = io.BytesIO()
    preview.save(buffer, "WEBP", quality=80)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
