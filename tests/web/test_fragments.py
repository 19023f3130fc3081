from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from PIL import Image

from engine.errors import UnknownModel
from engine.events import Step
from engine.texts import LANGUAGES, Texts
from storage.records import JobRecord, JobState, PictureRecord, Review, Withheld
from tests.twin import CARD
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
TAGS = {
    *("article", "div", "p", "span", "i", "b", "small", "figure", "figcaption", "a", "img"),
    *("button", "li", "details", "summary", "label", "input", "output"),
}
CARDS = [replace(CARD, modes=("text_to_image", "mix", "variations", "inpaint", "outpaint"))]


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
        self.values: dict[str, str | None] = {}
        self.words: list[str] = []
        self._inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.values |= dict(attrs)
        self._inside = ("class", "words") in attrs

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.words.append(data)


def shows(language: str) -> Fragments:
    return Fragments(Texts(language), CARDS)


def everywhere(show: Fragments, one: JobRecord) -> list[str]:
    """Each fragment that shows the job's words."""
    waiting = replace(one, state=JobState.QUEUED, pictures=())
    failed = replace(one, state=JobState.FAILED, pictures=())
    return [show.stage([each], {}) for each in (one, waiting, failed)]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("prompt", HOSTILE)
def test_words_are_shown_as_they_are_and_nothing_else(prompt: str, language: str) -> None:
    for html in everywhere(shows(language), job(prompt)):
        seen = Reader(html)
        assert seen.tags <= TAGS, html
        assert not [name for name in seen.attributes if name.startswith("on")], html
        assert set(seen.words) == {prompt}, html


@pytest.mark.parametrize("prompt", HOSTILE)
def test_a_tile_names_its_job_and_runs_nothing(prompt: str) -> None:
    html = shows("en").tile(job(prompt))
    seen = Reader(html)
    assert seen.tags <= TAGS
    assert not [name for name in seen.attributes if name.startswith("on")], html
    assert seen.values["title"] == prompt


def test_an_error_shows_its_values_as_they_are() -> None:
    html = shows("en").problem(UnknownModel(name="<b>x</b>", known="mini"))
    assert "&lt;b&gt;x&lt;/b&gt;" in html
    assert 'role="alert"' in html


def test_a_picture_has_its_seed_a_download_and_what_can_be_done_with_it() -> None:
    html = shows("ru").stage([job(pictures=2)], {})
    assert "1234567</small>" in html  # to be copied: digits only
    assert 'src="/media/p1"' in html
    assert 'href="/media/p1?download=1"' in html
    for action in ("vary", "mix", "edit", "extend", "reuse", "link", "report", "delete"):
        assert f'data-do="{action}" data-picture="p1"' in html


def test_what_no_model_can_do_is_not_offered() -> None:
    html = Fragments(Texts("en"), [replace(CARD, modes=("text_to_image",))]).stage([job()], {})
    for action in ("vary", "mix", "edit", "extend"):
        assert f'data-do="{action}"' not in html


def test_progress_says_step_and_time() -> None:
    show = shows("ru")
    assert show.step(Step(12, 25), 4) == ("Шаг 12 из 25", "осталось около 4 с")
    assert show.step(Step(1, 25), None) == ("Шаг 1 из 25", "")
    assert show.place(2) == "Вы в очереди: перед вами 2 запроса."


def test_a_running_job_shows_how_far_it_is() -> None:
    running = replace(job(pictures=0), state=JobState.RUNNING, step=5, steps=20)
    for html in (shows("en").tile(running), shows("en").stage([running], {})):
        assert 'aria-valuenow="25.0"' in html
        assert 'data-do="stop" data-job="j1"' in html


def test_a_mix_shows_its_parts() -> None:
    parts = [
        {"words": "<i>снег</i>", "picture": None, "weight": 1.0},
        {"words": "", "picture": {"sha256": "a" * 64}, "weight": -0.5},
    ]
    mix = replace(job(""), mode="mix")
    html = shows("ru").stage([replace(mix, request=mix.request | {"parts": parts})], {})
    assert "&lt;i&gt;снег&lt;/i&gt;<small>100 %</small>" in html
    assert f'src="/media/source/{"a" * 64}?small=1"' in html


GORE = {"gore": "Blood & <cruelty>"}


def test_what_is_withheld_has_its_place_among_the_others() -> None:
    gone = (Withheld("p0", 0, Review.REMOVED, "gore"), Withheld("p2", 2, Review.HELD, ""))
    one = replace(job(pictures=2), pictures=(picture(1),), withheld=gone)
    html = shows("en").stage([one], GORE)
    assert [html.index(name) for name in ("Blood", "/media/p1", "A moderator looks")] == sorted(
        html.index(name) for name in ("Blood", "/media/p1", "A moderator looks")
    )
    assert "Removed by the moderators: “Blood &amp; &lt;cruelty&gt;”" in html
    assert 'data-do="appeal" data-picture="p0"' in html
    assert 'data-many="3"' in html
    for hidden in ("/media/p0", "/media/p2"):
        assert hidden not in html


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_job_of_which_nothing_is_shown_says_why(language: str) -> None:
    held = replace(job(), pictures=(), withheld=(Withheld("p0", 0, Review.HELD, ""),))
    refused = replace(
        held,
        state=JobState.BLOCKED,
        error_key="PictureRefused",
        error_values={"policy": "gore"},
        withheld=(Withheld("p0", 0, Review.REMOVED, "gore"),),
    )
    say = Texts(language).say
    show = shows(language)
    assert say("A moderator looks at this picture first. Then it appears here by itself.") in (
        show.stage([held], {})
    )
    assert say("Waits for a moderator") in show.tile(held)
    html = show.stage([refused], GORE)
    assert 'role="alert"' in html
    assert f'data-do="appeal" data-picture="p0">{say("Appeal")}</button>' in html


def test_previews_are_part_of_the_page() -> None:
    assert inline(Image.new("RGB", (8, 8))).startswith("data:image/webp;base64,")
