"""Who may do what at the console: every route for everybody. tests/web/test_rights.py fails for a
route that is not declared here."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI
from itsdangerous import URLSafeSerializer

from engine.settings import Settings
from engine.studio import Studio
from storage.pictures import PictureStore
from storage.records import Role
from storage.rights import Rights
from storage.signin import SignIn
from tests.twin import Twin
from tests.web.moderation.desk import console, sitting
from tests.web.moderation.scene import Scene, drawing
from web.moderation.session import COOKIE
from web.visitors import SESSION, VISITOR

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

RANKS = (Role.MODERATOR, Role.SENIOR, Role.ADMIN)
FINE = {200, 303}
NUMBERS = itertools.count()


@dataclass(frozen=True)
class Rule:
    """To whom a route answers: None is anybody. `sent` are keywords of httpx; `told` is what the
    route answers to those who may."""

    least: Role | None
    sent: dict[str, Any]
    told: frozenset[int]


def rule(least: Role | None, told: set[int] = FINE, **sent: Any) -> Rule:
    return Rule(least, sent, frozenset(told))


ANYBODY, SENIOR, ADMIN = rule(None), rule(Role.SENIOR), rule(Role.ADMIN)
MODERATOR = rule(Role.MODERATOR)
POLICY = {
    "name-en": "Gore",
    "name-ru": "Кровь",
    "advice-en": "Draw something kind.",
    "advice-ru": "Нарисуйте доброе.",
    "action": "hold",
    "position": "3",
    "active": "1",
}
DAYS = {"since": "2026-01-01", "until": "2026-02-01"}
BAN = {"account": "of the person", "days": 1, "reason": "a test"}

RULES: dict[str, Rule] = {
    "GET /moderation/sign-in": ANYBODY,
    "POST /moderation/sign-in": rule(None, {401, 429}, data={"name": "no", "password": "no"}),
    "POST /moderation/sign-out": ANYBODY,
    "GET /moderation/language/{language}": ANYBODY,
    "GET /moderation": MODERATOR,
    "GET /moderation/account": MODERATOR,
    "POST /moderation/account": rule(Role.MODERATOR, {422}, data={"old": "no", "new": "no"}),
    "GET /moderation/search": MODERATOR,
    "POST /moderation/same": rule(
        Role.MODERATOR, files={"file": ("a.png", drawing("", 3), "image/png")}
    ),
    "GET /moderation/person/{account_id}": MODERATOR,
    "GET /moderation/picture/{picture_id}": MODERATOR,
    "GET /moderation/media/{picture_id}": MODERATOR,
    "GET /moderation/source/{picture_id}/{sha256}": MODERATOR,
    "GET /moderation/refusals": MODERATOR,
    "GET /moderation/statistics": MODERATOR,
    "GET /moderation/policies": MODERATOR,
    "POST /moderation/policies/{key}": rule(Role.ADMIN, data=POLICY),
    "GET /moderation/audit": SENIOR,
    "GET /moderation/export": ADMIN,
    "POST /moderation/export": rule(Role.ADMIN, data=DAYS),
    "GET /moderation/moderators": ADMIN,
    "POST /moderation/api/take": rule(Role.MODERATOR, json={}),
    "POST /moderation/api/case": rule(Role.MODERATOR, json={"case": "of the picture"}),
    "POST /moderation/api/keep": rule(Role.MODERATOR, json={"cases": [1]}),
    "POST /moderation/api/release": rule(Role.MODERATOR, json={"cases": [1]}),
    "POST /moderation/api/decide": rule(
        Role.MODERATOR,
        {200, 409},  # somebody may hold it
        json={"decision": "approved", "pictures": "of the person"},
    ),
    "POST /moderation/api/undo": rule(Role.MODERATOR, {404}, json={}),  # nothing was decided yet
    "POST /moderation/api/ban": rule(Role.SENIOR, json=BAN),
    "POST /moderation/api/unban": rule(Role.SENIOR, json={"account": "of the person"}),
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(
        data=tmp_path_factory.mktemp("data"),
        secret="a secret of the tests",
        check_prompts=False,
        check_pictures=False,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def studio(settings: Settings) -> AsyncIterator[Studio]:
    async with Studio.open(settings, Twin(room_for=0)) as studio:
        yield studio


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(settings: Settings, studio: Studio) -> FastAPI:
    return console(settings, studio)


@pytest.fixture(scope="module")
def scene(settings: Settings, studio: Studio) -> Scene:
    return Scene(studio.database, PictureStore(settings.pictures))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def strangers(settings: Settings, studio: Studio, scene: Scene) -> dict[str, str]:
    """Cookies of everybody who may not come in, by what they are."""
    signer = URLSafeSerializer(settings.signing_key(), salt="visitor")
    found = {"nobody": "", "forged": f"{COOKIE}={'x' * 43}", "odd": f"{COOKIE}=\"';--"}
    for role in (Role.USER, *RANKS):  # a role opens nothing to a visitor's cookie
        account = await scene.person(f"visitor-{role}")
        await Rights(scene.database).role(account.id, role, by=None)
        found[f"visitor with the role {role}"] = f"{VISITOR}={signer.dumps(f'visitor-{role}')}"
    account = await scene.person("584", "telegram")
    await Rights(scene.database).role(account.id, Role.ADMIN, by=None)
    other = await studio.access.sign_in(account, "web")
    found["a session of the studio"] = f"{SESSION}={other}"
    found["a session of the studio at the door"] = f"{COOKIE}={other}"
    mo = await scene.moderator("mo-who-left")
    ended = await scene.token(mo)
    await SignIn(scene.database).close(ended)
    found["ended"] = f"{COOKIE}={ended}"
    found["expired"] = f"{COOKIE}={await scene.token(mo, hours=-1)}"
    found["at another door"] = f"{SESSION}={await scene.token(mo)}"
    demoted = await scene.moderator("mo-who-was")
    found["demoted"] = await scene.cookie(demoted)
    await Rights(scene.database).role(demoted.id, Role.USER, by=None)
    banned = await scene.moderator("mo-who-is-banned", Role.ADMIN)
    found["banned"] = await scene.cookie(banned)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    await Rights(scene.database).ban(banned.id, tomorrow, "tests", by=None)
    return found


@dataclass(frozen=True)
class Thing:
    """Something to be looked at; `names` fill the braces of addresses."""

    names: dict[str, str]
    account: int
    case: int


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def thing(studio: Studio, scene: Scene) -> Thing:
    ann, mo = await scene.person("ann"), await scene.moderator("mo-who-looks")
    source = drawing("source", 77)
    (sha256,) = scene.store.save("thing", [source])
    part = {"words": "", "picture": {"sha256": sha256}, "weight": 1}
    picture = await scene.held(ann, "", mode="mix", parts=[part], sources=[source])
    story = await studio.moderation.story(mo, picture)
    assert story.case is not None
    names = {
        "account_id": str(ann.id),
        "picture_id": picture,
        "sha256": sha256,
        "key": "gore",
        "language": "en",
    }
    return Thing(names, ann.id, story.case.id)


async def told(app: FastAPI, address: str, rule: Rule, thing: Thing, cookie: str) -> int:
    """The status of the answer."""
    method, path = address.split(" ")
    sent = dict(rule.sent)
    if body := sent.get("json"):
        known = {
            "account": thing.account,
            "case": thing.case,
            "pictures": [thing.names["picture_id"]],
        }
        sent["json"] = {name: known.get(name, value) for name, value in body.items()}
    async with sitting(app, **({"cookie": cookie} if cookie else {})) as client:
        answer = await client.request(method, path.format(**thing.names), **sent)
    if answer.status_code == 303 and rule.least is not None:
        to = answer.headers["location"]
        return 401 if to.startswith("/moderation/sign-in") else 303
    return answer.status_code


def refused(address: str) -> int:
    """What somebody is told who has not signed in; a page leads them to the door."""
    return 404 if "/media/" in address or "/source/" in address else 401


@pytest.mark.parametrize("address", RULES)
async def test_who_may(
    app: FastAPI, scene: Scene, strangers: dict[str, str], thing: Thing, address: str
) -> None:
    rule = RULES[address]
    for who, cookie in strangers.items():
        status = await told(app, address, rule, thing, cookie)
        assert status in (rule.told if rule.least is None else {refused(address)}), who
    for role in RANKS:
        account = await scene.moderator(f"{role}-{next(NUMBERS)}", role)
        status = await told(app, address, rule, thing, await scene.cookie(account))
        enough = rule.least is None or RANKS.index(role) >= RANKS.index(rule.least)
        assert status in (rule.told if enough else {403}), role
