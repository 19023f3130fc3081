from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from sqlalchemy import func, select

from engine.requests import Mix, Part, TextToImage
from engine.settings import Settings
from engine.studio import Studio
from storage.records import View
from storage.tables import AccountRow
from tests.twin import CARD, Twin
from tests.web.pages import ann, browser, drawn, pages
from tests.web.reviewing import moderator
from web.shared import REPORTS

pytestmark = pytest.mark.slow


@pytest.fixture
async def stranger(settings: Settings, studio: Studio) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(pages(settings, studio), settings) as client:
        yield client


async def shared(studio: Studio, prompt: str = "a fox") -> tuple[str, str]:
    """(the id of a picture of ann's, the token of its link)"""
    account = await ann(studio)
    job = await drawn(studio, account, TextToImage(prompt=prompt), prompt[:20])
    [picture] = job.pictures
    return picture.id, await studio.links.share(picture.id, account)


async def accounts(studio: Studio) -> int:
    async with studio.database.read() as session:
        return await session.scalar(select(func.count()).select_from(AccountRow)) or 0


async def test_a_stranger_sees_the_picture_and_nothing_of_its_owner(
    studio: Studio, stranger: httpx.AsyncClient
) -> None:
    picture, token = await shared(studio, 'a "fox" & <b>')
    page = await stranger.get(f"/s/{token}")
    assert page.status_code == 200
    assert "Made by AI with Kandinsky Studio" in page.text
    assert "a &#34;fox&#34; &amp; &lt;b&gt;" in page.text
    assert f'content="http://studio.test/s/{token}.png"' in page.text
    assert page.headers["x-robots-tag"] == "noindex, nofollow"
    assert '<meta name="robots" content="noindex, nofollow">' in page.text
    for secret in (picture, "ann", "web:"):
        assert secret not in page.text
    russian = await stranger.get(f"/s/{token}", headers={"accept-language": "ru"})
    assert "Создано ИИ" in russian.text


async def test_the_file_is_the_original(studio: Studio, stranger: httpx.AsyncClient) -> None:
    picture, token = await shared(studio)
    original = (await studio.picture(picture, await ann(studio))).content
    file = await stranger.get(f"/s/{token}.png")
    assert file.content == original
    assert file.headers["content-type"] == "image/png"
    assert file.headers["cache-control"] == "no-cache"
    known = {"if-none-match": file.headers["etag"]}
    assert (await stranger.get(f"/s/{token}.png", headers=known)).status_code == 304
    saved = await stranger.get(f"/s/{token}.png?download=1")
    assert saved.headers["content-disposition"] == 'attachment; filename="kandinsky.png"'


async def test_a_stranger_gets_no_cookie(studio: Studio, stranger: httpx.AsyncClient) -> None:
    _, token = await shared(studio)
    for path in (f"/s/{token}", f"/s/{token}.png", "/s/nothing"):
        assert "set-cookie" not in (await stranger.get(path)).headers


async def test_a_link_taken_back_shows_nothing(studio: Studio, stranger: httpx.AsyncClient) -> None:
    picture, token = await shared(studio)
    etag = (await stranger.get(f"/s/{token}.png")).headers["etag"]
    await studio.links.unshare(picture, await ann(studio))
    for path in (f"/s/{token}", f"/s/{token}.png"):
        gone = await stranger.get(path, headers={"if-none-match": etag})
        assert gone.status_code == 404
        assert "a fox" not in gone.text


async def test_a_deleted_picture_is_shown_by_no_link(
    studio: Studio, stranger: httpx.AsyncClient
) -> None:
    picture, token = await shared(studio)
    await studio.delete([picture], await ann(studio))
    assert (await stranger.get(f"/s/{token}")).status_code == 404


@pytest.mark.parametrize("token", ["x", "x" * 22, "..%2F..%2Fsecret", "%00", "'--", "x" * 2000])
async def test_what_is_no_token_opens_nothing(stranger: httpx.AsyncClient, token: str) -> None:
    for path in (f"/s/{token}", f"/s/{token}.png"):
        assert (await stranger.get(path)).status_code == 404


async def test_the_public_address_is_the_one_that_is_told(
    settings: Settings, studio: Studio
) -> None:
    _, token = await shared(studio)
    public = settings.model_copy(update={"public_url": "https://studio.example/"})
    async with browser(pages(public, studio), settings) as client:
        page = (await client.get(f"/s/{token}")).text
        assert f'content="https://studio.example/s/{token}"' in page


async def test_a_mix_is_told_by_its_words(settings: Settings) -> None:
    card = replace(CARD, modes=(*CARD.modes, "mix"))
    async with Studio.open(settings, Twin(cards=[card])) as studio:
        account = await ann(studio)
        parts = (Part(words="a fox"), Part(words="an owl"))
        [picture] = (await drawn(studio, account, Mix(parts=parts))).pictures
        token = await studio.links.share(picture.id, account)
        async with browser(pages(settings, studio), settings) as client:
            assert "a fox, an owl" in (await client.get(f"/s/{token}")).text


async def test_a_stranger_reports_it_once(studio: Studio, stranger: httpx.AsyncClient) -> None:
    _, token = await shared(studio)
    assert f'href="/s/{token}/report"' in (await stranger.get(f"/s/{token}")).text
    form = await stranger.get(f"/s/{token}/report")
    assert form.headers["x-robots-tag"] == "noindex, nofollow"
    nothing = await stranger.post(f"/s/{token}/report", data={"reason": "other", "words": " "})
    assert nothing.status_code == 422
    for words in ("He is <real>.", "And again."):
        told = await stranger.post(f"/s/{token}/report", data={"reason": "person", "words": words})
        assert "Thank you" in told.text
    (case,) = await studio.moderation.take(await moderator(studio), View.REPORTED)
    (report,) = case.reports
    assert report.reason == "Shows a real person. He is <real>."


async def test_a_picture_is_not_reported_without_end(
    studio: Studio, stranger: httpx.AsyncClient
) -> None:
    _, token = await shared(studio)
    await stranger.get(f"/s/{token}/report")
    for _ in range(REPORTS):
        answer = await stranger.post(f"/s/{token}/report", data={"reason": "person"})
        assert answer.status_code == 200
    answer = await stranger.post(f"/s/{token}/report", data={"reason": "person"})
    assert answer.status_code == 429


async def test_who_has_no_cookie_is_not_heard(studio: Studio, stranger: httpx.AsyncClient) -> None:
    _, token = await shared(studio)
    before = await accounts(studio)
    for _ in range(REPORTS + 1):
        stranger.cookies.clear()
        answer = await stranger.post(f"/s/{token}/report", data={"reason": "person"})
        assert answer.status_code == 403
        assert "did not keep this site’s cookie" in answer.text
    assert await accounts(studio) == before
    told = await stranger.post(f"/s/{token}/report", data={"reason": "person"})
    assert "Thank you" in told.text


async def test_what_is_not_shared_makes_nobody_an_account(
    studio: Studio, stranger: httpx.AsyncClient
) -> None:
    _, token = await shared(studio)
    await stranger.get(f"/s/{token}/report")
    before = await accounts(studio)
    gone = await stranger.post(f"/s/{'a' * 22}/report", data={"reason": "person"})
    assert gone.status_code == 404
    assert await accounts(studio) == before


async def test_a_report_of_no_text_is_refused(studio: Studio, stranger: httpx.AsyncClient) -> None:
    _, token = await shared(studio)
    await stranger.get(f"/s/{token}/report")
    bad = await stranger.post(f"/s/{token}/report", data={"reason": "person", "words": "a\0b"})
    assert bad.status_code == 422
    assert "cannot be read" in bad.text


async def test_what_is_not_shared_is_not_reported(stranger: httpx.AsyncClient) -> None:
    for token in ("a" * 22, "x"):
        answer = await stranger.post(f"/s/{token}/report", data={"reason": "person"})
        assert answer.status_code == 404
