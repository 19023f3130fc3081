"""What is said about a job, in both languages, however long and odd the words are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bot.wording import (
    CAPTION_LIMIT,
    WORDS_LIMIT,
    caption,
    ended,
    in_short,
    percent,
    unsigned,
    waiting,
)
from engine.errors import UnreadableText
from engine.events import Queued, Step
from engine.requests import (
    PROMPT_LIMIT,
    ImageToImage,
    Inpaint,
    Mix,
    Outpaint,
    Part,
    Request,
    TextToImage,
    Variations,
)
from engine.sources import Source
from engine.texts import LANGUAGES, Texts
from storage.records import JobRecord, JobState
from tests.bot.scene import EVERYTHING
from tests.telegram.contents import CAPTION_LIMIT as TELEGRAM_CAPTION
from tests.telegram.contents import TEXT_LIMIT
from tests.telegram.html import parse

PICTURE = Source.of(Image.new("RGB", (64, 64)))
HOSTILE = ("<", "&", "&amp;", "<b>", "</code>", '"', "🦊", "‮", "é", "a_b*c[d](e)")

both = pytest.mark.parametrize("texts", [Texts(one) for one in LANGUAGES], ids=LANGUAGES)
english = Texts("en")


def filled(piece: str) -> str:
    """As many of them as a prompt takes."""
    return (piece * PROMPT_LIMIT)[:PROMPT_LIMIT].strip()


def the_job(
    request: Request, state: JobState = JobState.DONE, error: str | None = None, model: str = "twin"
) -> JobRecord:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return JobRecord(
        id="3b1f8f0e-0000-4000-8000-000000000000",
        account_id=1,
        key="telegram:1:0:2:3",
        mode=request.mode,
        model=model,
        request=request.model_copy(update={"model": model}).model_dump(mode="json"),
        state=state,
        attempt=1,
        crashes=0,
        step=0,
        steps=0,
        error_key=error,
        error_values={},
        created_at=moment,
        started_at=moment,
        finished_at=moment,
    )


def the_requests(words: str) -> list[Request]:
    """One of each mode, with these words wherever there is room for some."""
    more: dict[str, Any] = {
        "prompt": words,
        "negative_prompt": words,
        "negative_decoder_prompt": words,
    }
    parts = [Part(words=words, weight=-1.75) for _ in range(7)]
    return [
        TextToImage(**more),
        ImageToImage(picture=PICTURE, **more),
        Mix(parts=(*parts, Part(picture=PICTURE)), **more),
        Variations(picture=PICTURE, **more),
        Inpaint(picture=PICTURE, mask=PICTURE, **more),
        Outpaint(picture=PICTURE, left=-64, top=0, width=128, height=64, **more),
    ]


@both
@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("model", ["twin", "gone"])
def test_the_longest_words_fit_under_a_picture(texts: Texts, piece: str, model: str) -> None:
    for request in the_requests(filled(piece)):
        shown, _ = parse(caption(the_job(request, model=model), [EVERYTHING], texts))
        assert 0 < len(shown) <= CAPTION_LIMIT < TELEGRAM_CAPTION


@both
@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED, JobState.QUARANTINED])
def test_the_longest_words_fit_where_there_is_no_picture(
    texts: Texts, piece: str, state: JobState
) -> None:
    for request in the_requests(filled(piece)):
        shown, _ = parse(ended(the_job(request, state, "WentWrong"), texts))
        assert len(shown) <= TEXT_LIMIT // 4


@both
@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("event", [None, Queued(0), Queued(10**9), Step(999, 1000)])
def test_the_longest_words_fit_beside_a_progress(
    texts: Texts, piece: str, event: Queued | Step | None
) -> None:
    """A status may carry a preview: its words are then a caption, and eight go in one message."""
    for request in the_requests(filled(piece)):
        shown, _ = parse(waiting(the_job(request), event, 10**6, texts))
        assert WORDS_LIMIT < len(shown) < TEXT_LIMIT // 8


@settings(max_examples=200)
@given(st.text(min_size=1, max_size=60).filter(str.strip))
def test_words_are_shown_as_they_were_said(words: str) -> None:
    try:
        request = TextToImage(prompt=words)
    except UnreadableText:
        return
    job = the_job(request)
    for said in (waiting(job, None, None, english), ended(job, english)):
        shown, _ = parse(said)
        assert shown.startswith(parse(_escaped(request.prompt))[0])


@pytest.mark.parametrize("words", ["лиса & <b>", "a 🦊\nin the snow"])
def test_a_tap_on_the_words_copies_them(words: str) -> None:
    shown, (code, by) = parse(
        caption(the_job(TextToImage(prompt=words, seed=7)), [EVERYTHING], english)
    )
    assert (code["type"], by["type"]) == ("code", "italic")
    assert shown == f"{words} --seed 7\nMade by AI"


@pytest.mark.parametrize("sign", ["Made by AI", "Создано ИИ"])
def test_a_caption_that_is_sent_back_is_words_alone(sign: str) -> None:
    assert unsigned(f"a fox\nin the snow --seed 7\n{sign}\n") == "a fox\nin the snow --seed 7"
    for words in ("a fox", sign, f"{sign}\na fox"):
        assert unsigned(words) == words


@both
def test_a_mix_says_what_it_is_of(texts: Texts) -> None:
    parts = (Part(words="a <fox>", weight=0.5), Part(picture=PICTURE))
    shown, _ = parse(caption(the_job(Mix(parts=parts)), [EVERYTHING], texts))
    by = texts.say("Made by AI")
    assert shown == f"a <fox> (50\N{NO-BREAK SPACE}%) + {texts.say('a picture')}\n{by}"


@both
def test_one_line_is_one_line(texts: Texts) -> None:
    for request in the_requests("a\nb \t c " * 99):
        short = in_short(the_job(request), texts, 30)
        assert len(short) == 30
        assert "\n" not in short


@pytest.mark.parametrize(
    ("event", "left", "said"),
    [
        (Step(1, 4), None, "▰▰▰▱▱▱▱▱▱▱▱▱ · 25\N{NO-BREAK SPACE}%"),
        (Step(4, 4), 3, "▰▰▰▰▰▰▰▰▰▰▰▰ · 100\N{NO-BREAK SPACE}% · about 3 s left"),
        (Step(0, 0), None, "Yours is next. It starts in a moment."),
        (Queued(1), None, "In the queue: 1 request is before yours."),
        (Queued(2), None, "In the queue: 2 requests are before yours."),
        (Queued(0), None, "Yours is next. It starts in a moment."),
        (None, None, "Yours is next. It starts in a moment."),
    ],
)
def test_how_far_it_is(event: Queued | Step | None, left: int | None, said: str) -> None:
    job = the_job(TextToImage(prompt="a fox"))
    assert waiting(job, event, left, english) == f"a fox\n{said}"


def test_russian_counts_as_russians_do() -> None:
    job, texts = the_job(TextToImage(prompt="лиса")), Texts("ru")
    said = {waiting(job, Queued(n), None, texts).replace(str(n), "") for n in (1, 2, 5)}
    assert len(said) == 3


def test_why_there_is_nothing() -> None:
    request = TextToImage(prompt="a fox")
    failed = ended(the_job(request, JobState.FAILED, "NotEnoughMemory"), english)
    assert failed.startswith("a fox\nThis machine has too little memory")
    assert ended(the_job(request, JobState.CANCELLED), english) == "a fox\nStopped."
    aside = ended(the_job(request, JobState.QUARANTINED), Texts("ru"))
    assert "отложен" in aside


def test_shares_are_percents() -> None:
    assert percent(-0.25) == "-25\N{NO-BREAK SPACE}%"


def _escaped(words: str) -> str:
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
