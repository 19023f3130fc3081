from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from zipfile import ZipFile

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update

from engine.errors import NotFound
from engine.settings import Settings
from engine.studio import Studio
from storage.records import Review
from storage.tables import AccountRow, DecisionRow
from tests.web.pages import ann, browser, drawn, pages
from tests.web.test_telegram import ANN, NOW, TOKEN, result, signed
from web.account import NAME, STATE
from web.telegram import Telegram
from web.visitors import SESSION, VISITOR

pytestmark = pytest.mark.slow


@pytest.fixture
def app(settings: Settings, studio: Studio) -> FastAPI:
    telegram = Telegram(TOKEN, "http://studio.test", clock=lambda: NOW)
    return pages(settings, studio, telegram)


@pytest.fixture
async def visitor(app: FastAPI, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(app, settings, "ann") as client:
        yield client


async def begun(client: httpx.AsyncClient) -> str:
    """The path that Telegram leads back to, of a sign-in that this browser begins."""
    page = (await client.get("/en/account")).text
    link = re.search(r'href="(https://oauth\.telegram\.org/[^"]+)"', page)
    assert link
    [back] = parse_qs(urlsplit(link[1].replace("&amp;", "&")).query)["return_to"]
    return urlsplit(back).path


async def sign_in(client: httpx.AsyncClient, path: str | None = None) -> httpx.Response:
    path = path or await begun(client)
    return await client.post(path, data={"result": result(signed(ANN))})


async def sign_out(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/en/account/sign-out")


async def test_the_page_is_there_in_both_languages(visitor: httpx.AsyncClient) -> None:
    english = await visitor.get("/en/account")
    assert english.status_code == 200
    assert "You have no name here" in english.text
    assert "Кто вы здесь" in (await visitor.get("/ru/account")).text


async def test_nothing_on_the_page_is_inline_or_from_elsewhere(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.get("/en/account")
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"<style|style=|onclick|<script>|src=\"http", answer.text)


async def test_a_key_is_shown_once(studio: Studio, visitor: httpx.AsyncClient) -> None:
    made = await visitor.post("/en/account/keys", data={"name": "a <b>notebook</b>"})
    found = re.search(r"ks_[a-z0-9]{8}_[\w-]{43}", made.text)
    assert found
    holder = await studio.access.holder(found[0])
    assert holder == await ann(studio)
    later = (await visitor.get("/en/account")).text
    assert found[0] not in later
    assert "a &lt;b&gt;notebook" in later
    assert "last used" in later


async def test_a_key_without_a_name_is_refused_in_words(visitor: httpx.AsyncClient) -> None:
    for name in ("", "x" * 300, "a\nb"):
        refused = await visitor.post("/en/account/keys", data={"name": name})
        assert refused.status_code == 422
        assert 'class="problem"' in refused.text


async def test_a_key_is_revoked_by_its_owner_only(
    app: FastAPI, settings: Settings, studio: Studio, visitor: httpx.AsyncClient
) -> None:
    secret = await studio.access.make_key(await ann(studio), "k")
    path = f"/en/account/keys/{secret.split('_')[1]}/revoke"
    async with browser(app, settings, "bob") as bob:
        assert (await bob.post(path)).status_code == 404
    assert await studio.access.holder(secret)
    done = await visitor.post(path)
    assert (done.status_code, done.headers["location"]) == (303, "/en/account?done=key#keys")
    assert await studio.access.holder(secret) is None
    assert "You have no keys." in (await visitor.get("/en/account")).text


async def test_shared_pictures_are_listed_and_taken_back(
    studio: Studio, visitor: httpx.AsyncClient
) -> None:
    account = await ann(studio)
    [picture] = (await drawn(studio, account)).pictures
    token = await studio.links.share(picture.id, account)
    assert f'href="/s/{token}"' in (await visitor.get("/en/account")).text
    done = await visitor.post(f"/en/account/links/{picture.id}/revoke")
    assert done.headers["location"] == "/en/account?done=link#links"
    with pytest.raises(NotFound):
        await studio.links.shared(token)


async def test_the_language_is_remembered(studio: Studio, visitor: httpx.AsyncClient) -> None:
    done = await visitor.post("/en/account/language", data={"language": "ru"})
    assert done.headers["location"] == "/ru/account?done=language"
    assert done.cookies["language"] == "ru"
    assert (await ann(studio)).language == "ru"
    wrong = await visitor.post("/en/account/language", data={"language": "xx"})
    assert wrong.status_code == 404


async def test_the_switch_of_languages_leads_back(visitor: httpx.AsyncClient) -> None:
    for path, back in (
        ("/en/account", "/ru/account"),
        ("/en/privacy", "/ru/privacy"),
        ("/en/account/keys", "/ru/"),
        ("/en/", "/ru/"),
    ):
        referer = {"referer": f"http://studio.test{path}"}
        answer = await visitor.get("/language/ru", headers=referer)
        assert answer.headers["location"] == back


async def test_my_data_come_as_a_file(
    settings: Settings, studio: Studio, visitor: httpx.AsyncClient
) -> None:
    await drawn(studio, await ann(studio))
    answer = await visitor.post("/en/account/export")
    assert answer.headers["content-type"] == "application/zip"
    assert re.fullmatch(
        r'attachment; filename="kandinsky-[\d-]+\.zip"', answer.headers["content-disposition"]
    )
    with ZipFile(io.BytesIO(answer.content)) as archive:
        assert {"account.json", "jobs.json"} <= set(archive.namelist())
    assert not list(settings.data.glob("export-*"))


async def test_everything_is_deleted_once_it_is_typed(
    studio: Studio, visitor: httpx.AsyncClient
) -> None:
    account = await ann(studio)
    await drawn(studio, account)
    for word in ("", "delete", "удалить всё"):
        refused = await visitor.post("/en/account/forget", data={"word": word})
        assert refused.status_code == 422
        assert "Nothing was deleted." in refused.text
    assert await studio.history(account)
    done = await visitor.post("/en/account/forget", data={"word": " Delete  everything "})
    assert done.headers["location"] == "/en/account?done=forgotten"
    removed = [cookie for cookie in done.headers.get_list("set-cookie") if "Max-Age=0" in cookie]
    assert {cookie.partition("=")[0] for cookie in removed} == {VISITOR, SESSION, NAME}
    with pytest.raises(NotFound):
        await studio.owner(account.id)
    page = (await visitor.get("/en/account?done=forgotten")).text
    assert "Everything about you is deleted." in page


async def test_russian_may_be_typed_without_dots(
    studio: Studio, visitor: httpx.AsyncClient
) -> None:
    done = await visitor.post("/ru/account/forget", data={"word": "удалить все"})
    assert done.status_code == 303


async def test_who_has_decided_is_not_deleted(studio: Studio, visitor: httpx.AsyncClient) -> None:
    account = await ann(studio)
    [picture] = (await drawn(studio, account)).pictures
    async with studio.database.write() as session:
        session.add(
            DecisionRow(
                picture_id=picture.id,
                account_id=account.id,
                decision=Review.APPROVED,
                policy="1",
                reason="fine",
            )
        )
    refused = await visitor.post("/en/account/forget", data={"word": "delete everything"})
    assert refused.status_code == 422
    assert "You have decided about pictures as a moderator" in refused.text


async def test_signing_in_brings_everything_along(
    studio: Studio, visitor: httpx.AsyncClient
) -> None:
    job = await drawn(studio, await ann(studio))
    bots = await drawn(studio, await studio.account("telegram", "7", "ru"), key="telegram:1:0:2:3")
    done = await sign_in(visitor)
    assert (done.status_code, done.headers["location"]) == (303, "/en/account?done=signed-in")
    assert "HttpOnly" in done.headers["set-cookie"]
    page = (await visitor.get("/en/account")).text
    assert "You are signed in with Telegram as Аня." in page
    assert "oauth.telegram.org" not in page
    history = (await visitor.get("/en/history")).text
    assert job.id in history
    assert bots.id in history
    assert "in Telegram" in history


async def test_signing_out_leaves_an_anonymous_visitor(
    studio: Studio, visitor: httpx.AsyncClient
) -> None:
    await drawn(studio, await ann(studio))
    await sign_in(visitor)
    token = visitor.cookies[SESSION]
    done = await sign_out(visitor)
    assert done.headers["location"] == "/en/account?done=signed-out"
    assert not {SESSION, NAME} & set(visitor.cookies)
    assert await studio.access.signed_in(token) is None
    assert 'class="nothing"' in (await visitor.get("/en/history")).text


async def test_signing_in_and_out_makes_another_visitor_of_the_browser(
    app: FastAPI, settings: Settings
) -> None:
    visitors = []
    async with browser(app, settings) as somebody:
        for act in (begun, sign_in, sign_out):
            await act(somebody)
            await somebody.get("/en/account")
            visitors.append(somebody.cookies[VISITOR])
    assert len(set(visitors)) == 3


async def test_a_sign_in_that_another_browser_began_is_refused(
    app: FastAPI, settings: Settings, studio: Studio, visitor: httpx.AsyncClient
) -> None:
    job = await drawn(studio, await ann(studio))
    await begun(visitor)
    async with browser(app, settings, "mallory") as mallory:
        path = await begun(mallory)
    for back in (path, "/en/account/telegram/" + "x" * 22):
        refused = await sign_in(visitor, back)
        assert refused.status_code == 422
        assert "was not begun in this browser" in refused.text
    assert SESSION not in visitor.cookies
    assert job.id in (await visitor.get("/en/history")).text


async def test_a_sign_in_counts_once(visitor: httpx.AsyncClient) -> None:
    path = await begun(visitor)
    state = visitor.cookies[STATE]
    await sign_in(visitor, path)
    await sign_out(visitor)
    visitor.cookies.set(STATE, state)
    refused = await sign_in(visitor, path)
    assert refused.status_code == 422
    assert "was used already" in refused.text


async def test_forged_and_stale_sign_ins_are_refused(visitor: httpx.AsyncClient) -> None:
    path = await begun(visitor)
    old = ANN | {"auth_date": int(NOW) - 601}
    for said, words in (
        (result(signed(ANN, "4343:other")), "Telegram did not say this."),
        (result(signed(old)), "This sign-in is too old to count."),
        ("", "Telegram did not say this."),
    ):
        refused = await visitor.post(path, data={"result": said})
        assert refused.status_code == 422
        assert words in refused.text
    assert SESSION not in visitor.cookies


async def test_a_banned_visitor_cannot_shake_it_off(
    studio: Studio, visitor: httpx.AsyncClient
) -> None:
    account = await ann(studio)
    ban = {"banned_until": datetime.now(UTC) + timedelta(days=1), "ban_reason": "spam"}
    async with studio.database.write() as session:
        banned = update(AccountRow).where(AccountRow.id == account.id).values(ban)
        await session.execute(banned)
    refused = await sign_in(visitor)
    assert refused.status_code == 422
    assert "spam" in refused.text
    assert SESSION not in visitor.cookies


async def test_without_a_bot_the_page_says_nothing_of_telegram(
    settings: Settings, studio: Studio
) -> None:
    async with browser(pages(settings, studio), settings, "ann") as client:
        page = (await client.get("/en/account")).text
        assert "Telegram" not in page
        assert STATE not in client.cookies
        posted = await client.post("/en/account/telegram/x", data={"result": "x"})
        assert posted.status_code == 404


async def test_where_telegram_leads_to_there_is_a_script(visitor: httpx.AsyncClient) -> None:
    path = await begun(visitor)
    page = await visitor.get(path)
    assert page.status_code == 200
    assert f'action="{path}"' in page.text
    assert 'src="/static/signing.js"' in page.text
    hostile = await visitor.get('/en/account/telegram/"><script>')
    assert "<script>" not in hostile.text


@pytest.mark.parametrize("path", ["/keys", "/forget", "/export", "/sign-out", "/language"])
async def test_another_sites_page_cannot_send_the_forms(
    visitor: httpx.AsyncClient, path: str
) -> None:
    origin = {"origin": "https://evil.example"}
    assert (await visitor.post(f"/en/account{path}", headers=origin)).status_code == 403


async def test_forms_that_are_none_are_refused(visitor: httpx.AsyncClient) -> None:
    for body in (b"x" * 20_000, b"\xff=\xff", b"&".join([b"a=1"] * 100)):
        assert (await visitor.post("/en/account/keys", content=body)).status_code == 422


async def test_a_forged_session_is_nobodys(
    app: FastAPI, settings: Settings, visitor: httpx.AsyncClient
) -> None:
    visitor.cookies.set(SESSION, "x" * 43)
    assert "You have no name here" in (await visitor.get("/en/account")).text


async def test_privacy_says_what_is_true_of_this_studio(
    app: FastAPI, settings: Settings, studio: Studio, visitor: httpx.AsyncClient
) -> None:
    page = (await visitor.get("/en/privacy")).text
    assert "24 hours" in page
    assert "for 60 days" in page
    assert "/forget" not in page
    with_bot = settings.model_copy(update={"bot_token": TOKEN})
    async with browser(pages(with_bot, studio), settings, "ann") as client:
        assert "/forget" in (await client.get("/en/privacy")).text
        assert "Приватность" in (await client.get("/ru/privacy")).text


async def test_no_page_leads_nowhere(visitor: httpx.AsyncClient) -> None:
    lost = await visitor.get("/nothing")
    assert lost.status_code == 404
    assert "There is nothing here" in lost.text
    assert "Здесь ничего нет" in (await visitor.get("/ru/nothing")).text
    program = await visitor.get("/nothing", headers={"accept": "*/*"})
    assert program.json() == {"detail": "Not Found"}


async def test_a_fault_of_ours_is_a_page_without_details(visitor: httpx.AsyncClient) -> None:
    broken = await visitor.get("/broken")
    assert broken.status_code == 500
    assert "Something went wrong" in broken.text
    assert "RuntimeError" not in broken.text
