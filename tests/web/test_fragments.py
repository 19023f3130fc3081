from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from PIL import Image

from engine.errors import UnknownModel
from engine.events import Step
from engine.texts import LANGUAGES, Texts
from storage.records import JobRecord, JobState, PictureRecord, Review
from web.fragments import Fragments, inline

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "${alert(1)} {{constructor.constructor('alert(1)')()}} {% raw %}",
    "**bold** [link](javascript:alert(1))",
    "\u202eright to left\u202c and zero\u200bwidth",
    "two\nlines  and   spaces",
]
TAGS = {"div", "p", "span", "i", "figure", "figcaption", "a", "img", "button", "h2", "ol", "li"}


def job(prompt: str = "a fox", state: JobState = JobState.DONE, pictures: int = 1) -> JobRecord:
    return JobRecord(
        id="j1",
        account_id=1,
        key="k",
        mode="text_to_image",
        model="twin",
        request={"prompt": prompt, "width": 64, "height": 64, "seed": 7},
        state=state,
        attempt=1,
        crashes=0,
        step=0,
        steps=0,
        error_key=None,
        error_values={},
        created_at=NOW,
        started_at=NOW,
        finished_at=NOW,
        pictures=tuple(picture(index) for index in range(pictures)),
    )


def picture(index: int) -> PictureRecord:
    return PictureRecord(
        id=f"p{index}",
        job_id="j1",
        account_id=1,
        index=index,
        seed=1_234_567 + index,
        sha256="0",
        width=64,
        height=64,
        media_type="image/png",
        bytes=1,
        favourite=False,
        review=Review.NONE,
        created_at=NOW,
    )


class Reader(HTMLParser):
    """What a browser would find: tags, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self._inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self._inside = ("class", "words") in attrs

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.words.append(data)


def everywhere(show: Fragments, one: JobRecord) -> list[str]:
    """Each fragment that shows the job's words."""
    waiting = replace(one, state=JobState.QUEUED, pictures=())
    failed = replace(one, state=JobState.FAILED, pictures=())
    return [
        show.queued(waiting, 2, 1),
        show.drawing(waiting, Step(1, 3), 5, 0, None),
        show.ended(one),
        show.ended(failed),
        show.history([one, waiting, failed, waiting]),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("prompt", HOSTILE)
def test_words_are_shown_as_they_are_and_nothing_else(prompt: str, language: str) -> None:
    for html in everywhere(Fragments(Texts(language)), job(prompt)):
        seen = Reader(html)
        assert seen.tags <= TAGS, html
        assert not [name for name in seen.attributes if name.startswith("on")], html
        assert set(seen.words) == {prompt}, html


def test_an_error_shows_its_values_as_they_are() -> None:
    html = Fragments(Texts("en")).problem(UnknownModel(name="<b>x</b>", known="mini"))
    assert "&lt;b&gt;x&lt;/b&gt;" in html
    assert 'role="alert"' in html


def test_a_picture_has_its_seed_and_a_download() -> None:
    html = Fragments(Texts("ru")).ended(job(pictures=2))
    assert "Зерно 1234567" in html  # to be copied: digits only
    assert 'src="/media/p1"' in html
    assert 'href="/media/p1?download=1"' in html


def test_progress_says_step_time_and_preview() -> None:
    preview = inline(Image.new("RGB", (8, 8)))
    html = Fragments(Texts("ru")).drawing(job(), Step(12, 25), 4, 0, preview)
    assert "Шаг 12 из 25" in html
    assert "осталось около 4 с" in html
    assert 'src="data:image/webp;base64,' in html
    assert 'aria-valuenow="12"' in html


@pytest.mark.parametrize(
    ("state", "key", "sentence"),
    [
        (JobState.CANCELLED, None, "Stopped."),
        (JobState.FAILED, "Busy", "The studio is full"),
        (JobState.QUARANTINED, None, "because of a fault in the studio"),
        (JobState.BLOCKED, None, "against the rules of the studio"),
        (JobState.DONE, None, "no longer here"),
    ],
)
def test_no_pictures_has_a_reason(state: JobState, key: str | None, sentence: str) -> None:
    ended = replace(job(state=state, pictures=0), error_key=key)
    assert sentence in Fragments(Texts("en")).ended(ended)


def test_history_leaves_out_what_was_stopped_and_what_is_on_the_stage() -> None:
    show = Fragments(Texts("en"))
    drawn = replace(job("now drawn", JobState.RUNNING, 0), id="j2")
    waiting = replace(job("one that waits", JobState.QUEUED, 0), id="j3")
    stopped = job("a stopped one", JobState.CANCELLED, 0)
    html = show.history([stopped, waiting, drawn, job("an old fox")])
    assert "one that waits" in html
    assert "an old fox" in html
    assert "now drawn" not in html
    assert "a stopped one" not in html


def test_an_empty_history_says_what_will_be_there() -> None:
    assert "only you can see it" in Fragments(Texts("en")).history([])


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_switch_marks_the_language_of_the_page(language: str) -> None:
    header = Fragments(Texts(language)).header()
    current = header[header.index(f'href="../language/{language}"') :].split(">")[0]
    assert "aria-current" in current
