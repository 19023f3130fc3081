from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from engine.requests import TextToImage
from engine.settings import Settings
from engine.studio import Studio
from engine.texts import Texts
from tests.twin import Twin
from tests.web.pages import ann, browser, drawn, pages
from web.history import PAGE
from web.when import When

pytestmark = pytest.mark.slow


@pytest.fixture
def visitor(settings: Settings, studio: Studio) -> httpx.AsyncClient:
    return browser(pages(settings, studio), settings, "ann")


async def test_the_history_shows_pictures_words_and_settings(
    studio: Studio, visitor: httpx.AsyncClient
) -> None:
    account = await ann(studio)
    request = TextToImage(prompt="a fox", seed=7, count=2, negative_prompt="blur")
    job = await drawn(studio, account, request)
    shown = (await visitor.get("/en/history")).text
    for expected in (
        f'data-job="{job.id}"',
        *(f"/media/{one.id}?small=1" for one in job.pictures),
        "a fox",
        "blur",
        "64 × 64",
        "just now",
        "In the studio",
    ):
        assert expected in shown
    assert "только что" in (await visitor.get("/ru/history")).text


async def test_hostile_words_are_shown_as_they_are(
    studio: Studio, visitor: httpx.AsyncClient
) -> None:
    await drawn(studio, await ann(studio), TextToImage(prompt='"><script>alert(1)</script>'))
    shown = (await visitor.get("/en/history")).text
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown


async def test_pages_follow_one_another(
    studio: Studio, visitor: httpx.AsyncClient, twin: Twin
) -> None:
    twin.paused = True
    account = await ann(studio)
    request = TextToImage(prompt="a fox")
    jobs = [await studio.submit(request, account, str(number)) for number in range(PAGE + 2)]
    first = (await visitor.get("/en/history")).text
    assert first.count('class="card"') == PAGE
    last = jobs[2].id
    assert f'data-before="{last}"' in first
    second = (await visitor.get("/en/history", params={"before": last})).text
    assert second.count('class="card"') == 2
    assert "data-before" not in second


async def test_filters_narrow_the_history(studio: Studio, visitor: httpx.AsyncClient) -> None:
    account = await ann(studio)
    fox = await drawn(studio, account, TextToImage(prompt="a Fox"), "1")
    owl = await drawn(studio, account, TextToImage(prompt="an owl"), "2")
    await studio.favour(owl.pictures[0].id, account)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    for params, found in (
        ({"search": "FOX"}, {fox.id}),
        ({"favourites": "true"}, {owl.id}),
        ({"mode": "mix"}, set()),
        ({"mode": "text_to_image", "model": "twin"}, {fox.id, owl.id}),
        ({"since": tomorrow}, set()),
        ({"until": tomorrow}, {fox.id, owl.id}),
        ({"until": "2020-01-01T00:00:00"}, set()),
    ):
        shown = (await visitor.get("/en/history", params=params)).text
        assert {job.id for job in (fox, owl) if f'data-job="{job.id}"' in shown} == found, params
        assert "nothing" not in shown


async def test_where_nothing_was_made_the_page_is_told(visitor: httpx.AsyncClient) -> None:
    assert 'class="nothing"' in (await visitor.get("/en/history")).text


async def test_deleted_pictures_and_stopped_jobs_leave_the_history(
    studio: Studio, visitor: httpx.AsyncClient, twin: Twin
) -> None:
    account = await ann(studio)
    job = await drawn(studio, account)
    await studio.delete([job.pictures[0].id], account)
    twin.paused = True
    stopped = await studio.submit(TextToImage(prompt="an owl"), account, "2")
    assert "Stop" in (await visitor.get(f"/en/history/{stopped.id}")).text
    await studio.cancel(stopped.id, account)
    assert "card" not in (await visitor.get("/en/history")).text


async def test_what_failed_says_why(studio: Studio, visitor: httpx.AsyncClient, twin: Twin) -> None:
    twin.paused = True
    account = await ann(studio)
    await studio.submit(TextToImage(prompt="a fox"), account, "k")
    (await twin.job(1)).tell(RuntimeError("broken"))
    [job] = await studio.history(account)
    assert [event async for event in studio.watch(job.id, account)]
    shown = (await visitor.get("/en/history")).text
    assert 'class="problem"' in shown
    assert "fault in the studio" in shown


async def test_another_persons_jobs_are_not_shown(
    settings: Settings, studio: Studio, visitor: httpx.AsyncClient
) -> None:
    job = await drawn(studio, await ann(studio))
    app = pages(settings, studio)
    async with browser(app, settings, "bob") as bob, browser(app, settings) as nobody:
        assert job.id not in (await bob.get("/en/history")).text
        assert (await bob.get(f"/en/history/{job.id}")).status_code == 404
        assert (await nobody.get("/en/history")).status_code == 401
        key = await studio.access.make_key(await ann(studio), "a key")
        keyed = await nobody.get("/en/history", headers={"authorization": f"Bearer {key}"})
        assert job.id in keyed.text


@pytest.mark.parametrize(
    "query", ["before=nothing", "mode='--", "model=" + "x" * 150, "search=%25_%5C"]
)
async def test_odd_questions_find_nothing(
    studio: Studio, visitor: httpx.AsyncClient, query: str
) -> None:
    await drawn(studio, await ann(studio))
    answer = await visitor.get(f"/en/history?{query}")
    assert answer.status_code == 200
    assert "card" not in answer.text


@pytest.mark.parametrize(
    "query",
    [
        "since=tomorrow",
        "since=0001-01-01T00:00:00%2B14:00",
        "until=9999-12-31T23:59:59-14:00",
        "search=" + "x" * 1001,
        "favourites=maybe",
    ],
)
async def test_broken_questions_are_refused(visitor: httpx.AsyncClient, query: str) -> None:
    assert (await visitor.get(f"/en/history?{query}")).status_code == 422


def test_times_are_said_in_each_language() -> None:
    english, russian = When(Texts("en")), When(Texts("ru"))
    moment = datetime.now(UTC) - timedelta(hours=3)
    assert english.ago(moment) == "3 hours ago"
    assert russian.ago(moment) == "3 часа назад"
    assert english.ago(moment.replace(tzinfo=None)) == "3 hours ago"
    old = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert english.ago(old) == "February 3, 2026"
    assert russian.ago(old) == "3 февраля 2026\u202fг."
    assert english.exactly(old) == "Feb 3, 2026, 04:05 UTC"
    assert english.iso(old) == "2026-02-03T04:05:06+00:00"


async def test_a_shared_picture_is_marked(studio: Studio, visitor: httpx.AsyncClient) -> None:
    account = await ann(studio)
    job = await drawn(studio, account)
    assert "data-shared" not in (await visitor.get("/en/history")).text
    await studio.links.share(job.pictures[0].id, account)
    assert "data-shared" in (await visitor.get("/en/history")).text
