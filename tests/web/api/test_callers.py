from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from engine.cards import ModelCard
from engine.settings import Settings
from engine.studio import Studio
from storage.records import Account
from storage.rights import Rights
from tests.twin import Twin
from tests.web.api.people import browser, front_end, made, program
from web.api.app import ROUTERS
from web.api.callers import CALLS, PUBLIC

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOX = {"mode": "text_to_image", "prompt": "a fox"}


def calls() -> Iterator[tuple[str, str]]:
    """Every call that there is, but for the documentation."""
    for router in ROUTERS:
        for route in router.routes:
            if isinstance(route, APIRoute) and route.path not in PUBLIC:
                for method in route.methods or ():
                    named = dict.fromkeys(("job_id", "picture_id", "notice_id"), "1")
                    yield method, route.path.format(model="twin", **named)


@pytest.mark.parametrize(
    "header", [None, "Bearer ks_forged", "Bearer", "Basic !", "Digest x", "Basic a3M6a3M="]
)
async def test_nobody_gets_in_without_a_valid_key(app: FastAPI, header: str | None) -> None:
    headers = {} if header is None else {"authorization": header}
    async with program(app, **headers) as nobody:
        for method, path in calls():
            answer = await nobody.request(method, path)
            assert answer.status_code == 401, path
            assert answer.headers["www-authenticate"] == "Bearer"
            assert "set-cookie" not in answer.headers
            assert answer.json()["error"] == refusal(path, answer.json())


def refusal(path: str, said: dict[str, Any]) -> object:
    """The error of a call without a key, in the form of its API."""
    message = "This needs a valid API key. Make one on the account page of the studio."
    if path.startswith("/sdapi/"):
        assert said["detail"] == message
        return "Unauthorised"
    if path.startswith("/v1/"):
        of_openai = {"type": "authentication_error", "param": None, "code": "invalid_api_key"}
        return {"message": message} | of_openai
    return {"code": "unauthorised", "message": message}


@pytest.mark.parametrize("path", PUBLIC)
async def test_the_documentation_is_for_everybody(app: FastAPI, path: str) -> None:
    async with program(app) as nobody:
        assert (await nobody.get(path)).status_code == 200


async def test_a_key_is_taken_as_a_token_and_as_a_password(app: FastAPI, key: str) -> None:
    basic = base64.b64encode(f"anything:{key}".encode()).decode()
    for header in (f"Bearer {key}", f"bearer {key}", f"Basic {basic}"):
        async with program(app, authorization=header) as client:
            assert (await client.get("/v1/models")).status_code == 200


async def test_a_revoked_key_opens_nothing(
    ann: httpx.AsyncClient, studio: Studio, account: Account
) -> None:
    assert (await ann.get("/api/jobs")).status_code == 200
    (key,) = await studio.access.keys(account)
    await studio.access.revoke_key(key.id, account)
    assert (await ann.get("/api/jobs")).status_code == 401


async def test_a_wrong_key_counts_more_than_a_cookie(app: FastAPI, settings: Settings) -> None:
    async with browser(app, settings, "cat") as client:
        answer = await client.get("/api/jobs", headers={"authorization": "Bearer ks_forged"})
    assert answer.status_code == 401


async def test_a_browser_calls_with_its_cookie(app: FastAPI, settings: Settings) -> None:
    async with browser(app, settings, "cat") as cat, browser(app, settings, "dog") as dog:
        job = (await made(cat))["id"]
        assert (await cat.get(f"/api/jobs/{job}")).status_code == 200
        assert (await dog.get(f"/api/jobs/{job}")).status_code == 404


async def test_a_forged_cookie_is_nobody(app: FastAPI) -> None:
    async with program(app, cookie="studio=ImFubiI.AAAA") as client:
        assert (await client.get("/api/jobs")).status_code == 401


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_a_page_of_another_site_cannot_write(
    app: FastAPI, settings: Settings, origin: str
) -> None:
    async with browser(app, settings, "cat") as cat:
        answer = await cat.post("/api/jobs", json=FOX, headers={"origin": origin})
        assert answer.status_code == 403
        read = await cat.get("/api/jobs", headers={"origin": origin})
        assert "access-control-allow-origin" not in read.headers


async def test_somebody_banned_looks_but_draws_nothing(
    ann: httpx.AsyncClient, studio: Studio, account: Account
) -> None:
    job = (await made(ann))["id"]
    until = datetime.now(UTC) + timedelta(hours=1)
    await Rights(studio.database).ban(account.id, until, "spam", by=None)
    assert (await ann.get(f"/api/jobs/{job}")).status_code == 200
    for path, body in (
        ("/api/jobs", FOX),
        ("/v1/images/generations", {"prompt": "a fox"}),
        ("/sdapi/v1/txt2img", {"prompt": "a fox"}),
    ):
        refused = await ann.post(path, json=body)
        assert refused.status_code == 403
        assert "spam" in refused.text


async def test_a_keys_calls_are_counted(ann: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    calls = [await ann.get("/v1/models") for _ in range(CALLS)]
    assert {answer.status_code for answer in calls} == {200}
    while (refused := await ann.get("/v1/models")).status_code == 200:  # two more each second
        pass
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json()["error"]["type"] == "rate_limit_error"
    assert (await bob.get("/v1/models")).status_code == 200


class Faulty(Twin):
    def models(self) -> list[ModelCard]:
        raise RuntimeError("the secret cause")


async def test_a_fault_of_the_studio_is_told_without_its_cause(settings: Settings) -> None:
    apart = settings.model_copy(update={"data": settings.data / "faulty"})
    async with Studio.open(apart, Faulty()) as studio:
        app = front_end(apart, studio)
        async with browser(app, apart, "cat") as cat:
            for path in ("/api/models", "/v1/models", "/sdapi/v1/sd-models"):
                answer = await cat.get(path)
                assert answer.status_code == 500
                assert "fault in the studio" in answer.text
                assert "secret" not in answer.text


async def test_what_is_nowhere_is_told_in_each_apis_form(ann: httpx.AsyncClient) -> None:
    assert (await ann.get("/api/nothing")).json()["error"]["code"] == "no_such_call"
    assert (await ann.get("/v1/nothing")).json()["error"]["type"] == "invalid_request_error"
    assert (await ann.get("/sdapi/v1/nothing")).json()["error"] == "NoSuchCall"
    wrong = await ann.put("/api/jobs")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "wrong_method")


async def test_who_comes_with_the_pages_cookie_is_at_the_page(
    app: FastAPI, settings: Settings, studio: Studio, ann: httpx.AsyncClient, account: Account
) -> None:
    async with browser(app, settings, "owl") as owl:
        for client in (ann, owl):
            await client.post("/api/jobs", json=FOX, headers={"idempotency-key": "one"})
            await client.post("/sdapi/v1/txt2img", json={"prompt": "a fox", "width": 64})
    by_key = [job.key.split(":")[0] for job in await studio.history(account)]
    by_cookie = [
        job.key.split(":")[0]
        for job in await studio.history(await studio.account("web", "owl", "en"))
    ]
    assert sorted(by_key) == ["api", "sdapi"]
    assert by_cookie == ["web", "web"]
