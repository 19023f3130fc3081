"""Who may do what: every route for everybody. A route that is not declared here fails."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI
from fastapi.routing import APIRoute
from itsdangerous import URLSafeSerializer
from PIL import Image

from engine.requests import TextToImage
from engine.settings import Settings
from engine.sources import Source
from engine.studio import Studio
from storage.records import Account, Role
from storage.rights import Rights
from tests.twin import CARD, Twin
from tests.web.api.people import png, program
from tests.web.moderation import test_rights
from tests.web.pages import drawn
from web.app import build
from web.visitors import SESSION, VISITOR

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

Headers = dict[str, str]
NUMBERS = itertools.count()
ROLES = (Role.USER, Role.MODERATOR, Role.SENIOR, Role.ADMIN)
TWIN = replace(
    CARD, modes=("text_to_image", "image_to_image", "mix", "variations", "inpaint", "outpaint")
)
GRADIO = ("/en", "/ru")
FINE = {200, 201, 202, 204, 303, 307}
REFUSED = {401}
HIDDEN = {401, 404}  # what is not one's own is not there


class Who(StrEnum):
    """To whom a route answers."""

    ANYBODY = "anybody"
    PERSON = "person"  # whoever has a key or a cookie, about what is their own
    OWNER = "owner"  # of the thing that the address names
    MAKER = "maker"  # a person who is not banned
    COMER = "comer"  # whoever comes to a page, about their own; a key counts for nothing there


@dataclass(frozen=True)
class Rule:
    """`sent` is what a good request has: keywords of httpx."""

    who: Who
    sent: dict[str, Any]


def rule(who: Who, **sent: Any) -> Rule:
    return Rule(who, sent)


ANYBODY, COMER = rule(Who.ANYBODY), rule(Who.COMER)
PERSON, OWNER = rule(Who.PERSON), rule(Who.OWNER)
IDS = {"ids": ["of the owner's picture"]}
WORDS = {"mode": "text_to_image", "prompt": "a fox"}
MADE_HERE = {"file": "a picture that was made here"}
FILE = {"file": ("a.png", png(), "image/png")}
IMAGE = {"image": FILE["file"]}
LOOKED_UP = (
    *("sd-models", "samplers", "schedulers", "prompt-styles", "options", "scripts", "embeddings"),
    *("cmd-flags", "memory", "sd-vae", "upscalers", "latent-upscale-modes", "loras"),
    *("hypernetworks", "face-restorers", "realesrgan-models", "progress"),
)

RULES: dict[str, Rule] = {
    "GET /": ANYBODY,
    "GET /language/{language}": ANYBODY,
    "GET /healthz": ANYBODY,
    "GET /styles/{name}.webp": ANYBODY,
    "GET /s/{token}": ANYBODY,
    "GET /s/{token}.png": ANYBODY,
    "GET /s/{token}/report": ANYBODY,
    "GET /en/privacy": ANYBODY,
    "GET /api/openapi.json": ANYBODY,
    "GET /api/docs": ANYBODY,
    "GET /media/{picture_id}": OWNER,
    "GET /media/source/{sha256}": OWNER,
    "GET /{language}/job/{job_ids}": OWNER,
    "GET /en/history": PERSON,
    "GET /en/history/{job_id}": OWNER,
    "GET /en/account": COMER,
    "GET /en/appeal/{picture_id}": ANYBODY,  # asks for words, whoever it is
    "POST /en/account/language": rule(Who.COMER, data={"language": "en"}),
    "POST /en/account/keys": rule(Who.COMER, data={"name": "a key"}),
    "POST /en/account/keys/{key_id}/revoke": OWNER,
    "POST /en/account/links/{picture_id}/revoke": OWNER,
    "POST /en/account/export": COMER,
    "GET /api/models": PERSON,
    "GET /api/styles": PERSON,
    "GET /api/jobs": PERSON,
    "POST /api/jobs": rule(Who.MAKER, json=WORDS),
    "GET /api/jobs/{job_id}": OWNER,
    "DELETE /api/jobs/{job_id}": OWNER,
    "GET /api/jobs/{job_id}/events": OWNER,
    "POST /api/uploads": rule(Who.PERSON, files=FILE),
    "POST /api/recall": rule(Who.PERSON, files=MADE_HERE),
    "GET /api/pictures/{picture_id}": OWNER,
    "PUT /api/pictures/{picture_id}/favourite": OWNER,
    "DELETE /api/pictures/{picture_id}/favourite": OWNER,
    "PUT /api/pictures/{picture_id}/share": OWNER,
    "DELETE /api/pictures/{picture_id}/share": OWNER,
    "POST /api/pictures/{picture_id}/report": rule(Who.OWNER, json={"reason": "a fault"}),
    "GET /api/notices": PERSON,
    "POST /api/notices/{notice_id}/seen": PERSON,
    "POST /api/pictures/zip": rule(Who.OWNER, json=IDS),
    "POST /api/pictures/delete": rule(Who.OWNER, json=IDS),
    "DELETE /api/pictures/{picture_id}": OWNER,
    "POST /v1/images/generations": rule(Who.MAKER, json={"prompt": "a fox"}),
    "POST /v1/images/edits": rule(
        Who.MAKER, data={"prompt": "a fox"}, files={"image": FILE["file"]}
    ),
    "POST /v1/images/variations": rule(Who.MAKER, files={"image": FILE["file"]}),
    "GET /v1/models": PERSON,
    "GET /v1/models/{model}": PERSON,
    "POST /sdapi/v1/txt2img": rule(Who.MAKER, json={"prompt": "a fox"}),
    "POST /sdapi/v1/options": rule(Who.PERSON, json={}),
    "POST /sdapi/v1/refresh-checkpoints": PERSON,
    "POST /sdapi/v1/skip": PERSON,
    "POST /sdapi/v1/interrupt": PERSON,
    **{f"GET /sdapi/v1/{name}": PERSON for name in LOOKED_UP},
}

# Tested where they are: they take a state of their own, or end only when the caller leaves.
ELSEWHERE = {
    "GET /{language}/live": "test_live.py, and below",
    "POST /en/account/forget": "test_account.py",
    "POST /en/account/notices/seen": "test_notices.py",
    "POST /en/appeal/{picture_id}": "test_notices.py",
    "POST /s/{token}/report": "test_shared.py",
    "POST /api/pictures/{picture_id}/appeal": "api/test_review.py",
    "POST /en/account/sign-out": "test_account.py",
    "GET /en/account/telegram/{state}": "test_telegram.py",
    "POST /en/account/telegram/{state}": "test_telegram.py",
    "POST /sdapi/v1/img2img": "api/test_webuiapi.py",
    "POST /sdapi/v1/png-info": "api/test_webuiapi.py",
}


def addresses(routes: Iterable[Any]) -> Iterator[str]:
    """Each method and path that the app answers; Gradio's own are for the visitor alone."""
    for route in routes:
        if isinstance(route, APIRoute):
            for method in sorted(route.methods or ()):
                yield f"{method} {route.path}"
        elif hasattr(route, "original_router"):
            yield from addresses(route.original_router.routes)
        elif getattr(route, "path", None) in GRADIO:
            continue
        elif isinstance(inner := getattr(route, "app", None), FastAPI):
            yield from addresses(inner.routes)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(data=tmp_path_factory.mktemp("data"), secret="a secret of the tests")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def studio(settings: Settings) -> AsyncIterator[Studio]:
    async with Studio.open(settings, Twin(cards=[TWIN])) as studio:
        yield studio


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(settings: Settings, studio: Studio) -> FastAPI:
    return build(settings, studio)


@dataclass(frozen=True)
class Ann:
    """Somebody with something of every kind; `names` fill the braces of addresses."""

    account: Account
    headers: Headers
    names: dict[str, str]
    picture: bytes


def signer(settings: Settings) -> URLSafeSerializer:
    return URLSafeSerializer(settings.signing_key(), salt="visitor")


async def somebody(settings: Settings, studio: Studio) -> Ann:
    name = f"ann-{next(NUMBERS)}"
    account = await studio.account("web", name, "en")
    job = await drawn(studio, account, TextToImage(prompt="a fox", seed=7))
    source = Source.of(Image.new("RGB", (64, 64), "red"))
    await studio.uploads.keep(source, account)
    picture = job.pictures[0].id
    names = {
        "job_id": job.id,
        "job_ids": job.id,
        "picture_id": picture,
        "notice_id": "1",
        "sha256": source.sha256,
        "token": await studio.links.share(picture, account),
        "language": "en",
        "name": "none",
        "model": "twin",
    }
    key = await studio.access.make_key(account, "first")
    await studio.access.make_key(account, "second")
    second = list(await studio.access.keys(account))[-1]
    cookie = signer(settings).dumps(name)
    headers = {"authorization": f"Bearer {key}", "cookie": f"{VISITOR}={cookie}"}
    file = await studio.picture(picture, account)
    return Ann(account, headers, names | {"key_id": second.id}, file.content)


async def strangers(app: FastAPI, settings: Settings, studio: Studio) -> dict[str, Headers]:
    """By what they are, the headers of everybody but the owner, the good ones last."""
    forger = URLSafeSerializer("another secret", salt="visitor")
    bob = await studio.account("web", f"bob-{next(NUMBERS)}", "en")
    ended = await studio.access.sign_in(bob, "web")
    await studio.access.sign_out(ended)
    revoked = await studio.access.make_key(bob, "old")
    (key,) = await studio.access.keys(bob)
    await studio.access.revoke_key(key.id, bob)
    found: dict[str, Headers] = {
        "nobody": {},
        "forged cookie": {"cookie": f"{VISITOR}={forger.dumps('bob')}"},
        "forged session": {"cookie": f"{SESSION}={'x' * 43}"},
        "ended session": {"cookie": f"{SESSION}={ended}"},
        "forged key": {"authorization": f"Bearer ks_aaaaaaaa_{'x' * 43}"},
        "revoked key": {"authorization": f"Bearer {revoked}"},
    }
    for role in ROLES:
        name = f"{role}-{next(NUMBERS)}"
        account = await studio.account("web", name, "en")
        await Rights(studio.database).role(account.id, role, by=None)
        found[role] = {"cookie": f"{VISITOR}={signer(settings).dumps(name)}"}
    account = await studio.account("web", f"banned-{next(NUMBERS)}", "en")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    await Rights(studio.database).ban(account.id, tomorrow, "tests", by=None)
    found["banned"] = {"authorization": f"Bearer {await studio.access.make_key(account, 'k')}"}
    return found


async def status(app: FastAPI, address: str, rule: Rule, ann: Ann, headers: Headers) -> int:
    method, path = address.split(" ")
    sent = rule.sent
    if sent.get("json") == IDS:
        sent = {"json": {"ids": [ann.names["picture_id"]]}}
    if sent.get("files") == MADE_HERE:
        sent = {"files": {"file": ("a.png", ann.picture, "image/png")}}
    async with program(app, **headers) as client:
        answer = await client.request(method, path.format(**ann.names), **sent)
    return answer.status_code


def expected(rule: Rule, who: str) -> set[int]:
    """What a stranger may be told."""
    known = who in (*ROLES, "banned")
    if rule.who in (Who.ANYBODY, Who.COMER):
        return FINE
    if not known:
        return HIDDEN if rule.who is Who.OWNER else REFUSED
    if rule.who is Who.OWNER:
        return {404}
    return {403} if rule.who is Who.MAKER and who == "banned" else FINE


async def test_every_route_is_declared(app: FastAPI) -> None:
    found = {one.replace("/ru/", "/en/") for one in addresses(app.routes)}
    assert found == {*RULES, *ELSEWHERE, *test_rights.RULES}


@pytest.mark.parametrize("address", RULES)
async def test_who_may(app: FastAPI, settings: Settings, studio: Studio, address: str) -> None:
    rule, ann = RULES[address], await somebody(settings, studio)
    for who, headers in (await strangers(app, settings, studio)).items():
        told = await status(app, address, rule, ann, headers)
        assert told in expected(rule, who), who
    assert await status(app, address, rule, ann, ann.headers) in FINE
