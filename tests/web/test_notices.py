"""What a person hears on the web of what moderators decided, and what they say against it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from html import escape
from pathlib import Path

import httpx
import pytest

from engine.settings import Settings
from engine.studio import Studio
from tests.twin import Twin
from tests.web.pages import ann, browser, drawn, pages
from tests.web.reviewing import REASON, approve, remove, reviewed
from tests.web.test_live import heard, until

pytestmark = pytest.mark.slow


@pytest.fixture
async def visitor(settings: Settings, studio: Studio) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(pages(settings, studio), settings, "ann") as client:
        yield client


async def removed(studio: Studio, policy: str = "gore") -> str:
    """The id of a picture of ann's that was removed."""
    job = await drawn(studio, await ann(studio))
    await remove(studio, job.pictures[0].id, policy=policy)
    return job.pictures[0].id


async def test_an_open_page_hears_of_a_removal(studio: Studio) -> None:
    account = await ann(studio)
    job = await drawn(studio, account)
    async with aclosing(heard(studio, account)) as events:
        first = await until(events, "job", lambda one: True)
        assert not (await until(events, "told", lambda html: True)).strip()
        await remove(studio, job.pictures[0].id)
        changed = await until(events, "job", lambda one: one["shows"] != first["shows"])
        assert "/media/" not in changed["tile"]
        told = await until(events, "told", lambda html: html.strip())
    assert "The moderators removed a picture of yours: " in told
    assert escape(REASON) in told
    assert f'data-do="appeal" data-picture="{job.pictures[0].id}"' in told


async def test_an_open_page_hears_of_a_release(tmp_path: Path) -> None:
    async with Studio.open(reviewed(tmp_path), Twin()) as studio:
        account = await ann(studio)
        job = await drawn(studio, account)
        assert (len(job.pictures), len(job.withheld)) == (0, 1)
        async with aclosing(heard(studio, account)) as events:
            held = await until(events, "job", lambda one: True)
            assert "Waits for a moderator" in held["tile"]
            await approve(studio, job.withheld[0].id)
            shown = await until(events, "job", lambda one: "/media/" in one["tile"])
            assert shown["shows"] == job.withheld[0].id
            await until(events, "told", lambda html: "here it is" in html)


async def test_what_was_read_is_not_told_again(studio: Studio, visitor: httpx.AsyncClient) -> None:
    await removed(studio)
    shown = (await visitor.get("/en/account")).text
    assert "From the moderators" in shown
    assert escape(REASON).replace("&#x27;", "&#39;") in shown
    (notice,) = await studio.notices.all(await ann(studio))
    answer = await visitor.post("/en/account/notices/seen", data={"ids": str(notice.id)})
    assert answer.status_code == 303
    assert "From the moderators" not in (await visitor.get("/en/account")).text
    for wrong in ("x", "9" * 30, "0"):
        answer = await visitor.post("/en/account/notices/seen", data={"ids": wrong})
        assert answer.status_code == 303


async def test_anothers_notice_stays(
    studio: Studio, settings: Settings, visitor: httpx.AsyncClient
) -> None:
    await removed(studio)
    (notice,) = await studio.notices.all(await ann(studio))
    async with browser(pages(settings, studio), settings, "bob") as bob:
        await bob.post("/en/account/notices/seen", data={"ids": str(notice.id)})
    assert len(await studio.notices.all(await ann(studio))) == 1


@pytest.mark.parametrize(("language", "thanks"), [("en", "Thank you"), ("ru", "Спасибо")])
async def test_an_appeal_is_made_once(
    studio: Studio, visitor: httpx.AsyncClient, language: str, thanks: str
) -> None:
    picture = await removed(studio, "hate")
    address = f"/{language}/appeal/{picture}"
    policies = {one.key: one for one in await studio.moderation.policies()}
    account = (await visitor.get(f"/{language}/account")).text
    assert policies["hate"].names[language] in account
    assert address in account
    page = await visitor.get(address)
    assert "<textarea" in page.text
    assert (await visitor.post(address, data={"text": "  "})).status_code == 422
    long = await visitor.post(address, data={"text": "x" * 1001})
    assert long.status_code == 422
    assert "x" * 1001 in long.text  # nobody types it twice
    made = await visitor.post(address, data={"text": "It is only a <fox>."})
    assert thanks in made.text
    assert (await visitor.post(address, data={"text": "Still."})).status_code == 409


async def test_only_ones_own_removed_picture_is_appealed_for(
    studio: Studio, settings: Settings, visitor: httpx.AsyncClient
) -> None:
    job = await drawn(studio, await ann(studio))
    mine = f"/en/appeal/{job.pictures[0].id}"
    assert (await visitor.post(mine, data={"text": "Why not?"})).status_code == 404
    await remove(studio, job.pictures[0].id)
    async with browser(pages(settings, studio), settings, "bob") as bob:
        assert (await bob.post(mine, data={"text": "Mine!"})).status_code == 404


async def test_the_history_shows_where_a_picture_was(
    studio: Studio, visitor: httpx.AsyncClient
) -> None:
    picture = await removed(studio)
    shown = (await visitor.get("/ru/history")).text
    assert "Удалено модераторами: " in shown
    assert f'data-do="appeal" data-picture="{picture}"' in shown
    assert f"/media/{picture}" not in shown


async def test_a_removed_picture_is_nowhere(studio: Studio, visitor: httpx.AsyncClient) -> None:
    job = await drawn(studio, await ann(studio))
    picture = job.pictures[0].id
    token = await studio.links.share(picture, await ann(studio))
    places = (f"/media/{picture}", f"/media/{picture}?small=1", f"/s/{token}", f"/s/{token}.png")
    for place in places:
        assert (await visitor.get(place)).status_code == 200
    await remove(studio, picture)
    for place in (*places, f"/s/{token}/report"):
        assert (await visitor.get(place)).status_code == 404
