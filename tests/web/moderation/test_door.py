from __future__ import annotations

import re

import httpx
import pytest
from fastapi import FastAPI

from storage.records import Role
from storage.signin import SignIn
from tests.web.moderation.desk import SITE, sitting
from tests.web.moderation.scene import Scene
from web.moderation.session import COOKIE, LASTS

PASSWORD = "correct horse battery"
DOOR = "/moderation/sign-in"

pytestmark = pytest.mark.slow


async def sign_in(
    client: httpx.AsyncClient, password: str = PASSWORD, **more: str
) -> httpx.Response:
    return await client.post(DOOR, data={"name": "olga", "password": password, **more})


@pytest.fixture
async def olga(scene: Scene) -> None:
    await SignIn(scene.database).create("olga", PASSWORD, Role.MODERATOR, by=None)


@pytest.mark.usefixtures("olga")
async def test_a_moderator_comes_in_and_goes(app: FastAPI) -> None:
    async with sitting(app) as client:
        led = await client.get("/moderation/search?text=a%20fox")
        assert led.status_code == 303
        door = led.headers["location"]
        assert door == f"{DOOR}?next=%2Fmoderation%2Fsearch%3Ftext%3Da%2520fox"
        page = await client.get(door)
        assert 'value="/moderation/search?text=a%20fox"' in page.text
        answer = await sign_in(client, next="/moderation/search?text=a%20fox")
        assert answer.headers["location"] == "/moderation/search?text=a%20fox"
        cookie = answer.headers["set-cookie"].lower()
        for part in (
            COOKIE,
            "httponly",
            "samesite=strict",
            "path=/moderation;",
            f"max-age={LASTS}",
        ):
            assert part in cookie
        assert (await client.get("/moderation")).status_code == 200
        assert (await client.get(DOOR)).headers["location"] == "/moderation"
        out = await client.post("/moderation/sign-out")
        assert out.headers["location"] == DOOR
        assert (await client.get("/moderation")).status_code == 303


@pytest.mark.usefixtures("olga")
async def test_a_session_ends_for_good_when_it_is_left(app: FastAPI) -> None:
    async with sitting(app) as client:
        await sign_in(client)
        token = client.cookies[COOKIE]
        await client.post("/moderation/sign-out")
    async with sitting(app, token) as thief:
        assert (await thief.get("/moderation")).status_code == 303


@pytest.mark.usefixtures("olga")
async def test_wrong_passwords_make_the_next_try_wait(app: FastAPI) -> None:
    async with sitting(app) as client:
        for _ in range(5):
            answer = await sign_in(client, "wrong")
            assert answer.status_code == 401
            assert "There is no moderator of that name and password." in answer.text
            assert 'value="olga"' in answer.text
            assert "wrong" not in re.sub(r"<p.*?</p>", "", answer.text)
        answer = await sign_in(client)
        assert answer.status_code == 429
        assert re.search(r'data-wait="1[0-5]".*in 1[0-5] seconds', answer.text)


@pytest.mark.parametrize(
    "address",
    ["https://evil.test/", "//evil.test", "/moderation.evil", "/en/", "/moderation/\\evil", DOOR],
)
@pytest.mark.usefixtures("olga")
async def test_signing_in_leads_to_no_other_place(app: FastAPI, address: str) -> None:
    async with sitting(app) as client:
        assert (await sign_in(client, next=address)).headers["location"] == "/moderation"


async def test_a_link_of_another_site_is_followed_once_more(app: FastAPI) -> None:
    async with sitting(app, **{"sec-fetch-site": "cross-site"}) as client:
        answer = await client.get(DOOR)
        assert answer.headers["refresh"] == f"0; url={DOOR}?again=1&next=%2Fmoderation"
        assert answer.text == ""
        assert "Sign in" in (await client.get(f"{DOOR}?again=1")).text


async def test_a_name_that_is_no_text_is_refused(app: FastAPI) -> None:
    async with sitting(app) as client:
        assert (await client.post(DOOR, data={"name": "a\0", "password": "x"})).status_code == 422


@pytest.mark.usefixtures("olga")
async def test_a_password_is_changed_whoever_tries_the_door(app: FastAPI) -> None:
    new = "another horse battery"
    async with sitting(app) as client:
        await sign_in(client)
        for _ in range(5):
            await sign_in(client, "wrong")
        assert (await sign_in(client)).status_code == 429
        done = await client.post("/moderation/account", data={"old": PASSWORD, "new": new})
        assert done.headers["location"] == "/moderation/account?done=1"
        assert (await client.get("/moderation")).status_code == 200


@pytest.mark.usefixtures("olga")
async def test_a_new_password_ends_the_other_sessions(app: FastAPI) -> None:
    new = "another horse battery"
    async with sitting(app) as client, sitting(app) as other:
        await sign_in(client)
        await sign_in(other)
        wrong = await client.post("/moderation/account", data={"old": "wrong", "new": new})
        assert wrong.status_code == 422
        assert "Check both" in wrong.text
        weak = await client.post("/moderation/account", data={"old": PASSWORD, "new": "short"})
        assert "at least 12 characters" in weak.text
        done = await client.post("/moderation/account", data={"old": PASSWORD, "new": new})
        assert done.headers["location"] == "/moderation/account?done=1"
        assert "Your password is changed." in (await client.get(done.headers["location"])).text
        assert (await other.get("/moderation")).status_code == 303
        assert (await sign_in(other, new)).status_code == 303


async def test_the_door_speaks_the_browsers_language_and_remembers_it(app: FastAPI) -> None:
    async with sitting(app, **{"accept-language": "ru"}) as client:
        assert "Войти" in (await client.get(DOOR)).text
        back = await client.get(
            "/moderation/language/en", headers={"referer": f"{SITE}/moderation/search?text=a"}
        )
        assert back.headers["location"] == "/moderation/search?text=a"
        assert "Sign in" in (await client.get(DOOR)).text


async def test_nothing_on_the_page_is_inline(app: FastAPI, moderator: httpx.AsyncClient) -> None:
    for client, path in ((sitting(app), DOOR), (moderator, "/moderation")):
        answer = await client.get(path)
        assert "script-src 'self';" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        scripts = re.findall(r"<script([^>]*)>(.*?)</script>", answer.text, re.DOTALL)
        assert scripts
        for attributes, content in scripts:
            assert "application/json" in attributes or not content.strip()
        assert not re.search(r'\s(style|on\w+)="', answer.text)
        assert "set-cookie" not in answer.headers
