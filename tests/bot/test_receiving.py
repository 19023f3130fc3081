"""Updates are acknowledged once they are stored, and not before."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from bot.lanes import Lanes
from bot.metrics import Metrics
from bot.receiving import KINDS, SECRET_HEADER, poll, received, webhook
from engine.settings import Settings
from engine.studio import Studio
from storage.database import Database, DatabaseAway
from storage.inbox import Inbox
from storage.records import Received
from tests.bot.scene import running, settings_for
from tests.bot.test_limits import limited
from tests.bot.waiting import until
from tests.telegram import Emulator
from tests.telegram.test_webhook import serving
from tests.twin import Twin

pytestmark = pytest.mark.slow

SECRET = "a-secret-of-at-least-32-characters"
PERSON = {"id": 5, "is_bot": False, "first_name": "Anna"}
CHAT = {"id": -9, "type": "group", "title": "Painters"}
MESSAGE = {"message_id": 1, "date": 1, "chat": CHAT, "from": PERSON, "text": "лиса"}


class Notes(Inbox):
    """An inbox that is `away` while a test wants it, and never takes what says "broken"."""

    away = False

    async def put(self, updates: Sequence[Received]) -> list[Received]:
        if self.away:
            raise DatabaseAway("planted")
        if any("broken" in str(one.body) for one in updates):
            raise UnicodeError("planted")
        return await super().put(updates)


@dataclass
class Desk:
    """What receives: `handled` are the bodies of the updates, in order."""

    inbox: Notes
    lanes: Lanes
    handled: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with Database.open(f"sqlite:///{tmp_path / 'studio.sqlite3'}") as database:
        handled: list[dict[str, Any]] = []

        async def handle(together: list[Received]) -> None:
            handled.extend(one.body for one in together)

        inbox = Notes(database, 7)
        desk = Desk(inbox, Lanes(inbox, handle, Metrics()), handled)
        yield desk
        await desk.lanes.drain(1)


@asynccontextmanager
async def polling(telegram: Emulator, lanes: Lanes) -> AsyncIterator[None]:
    async with limited(telegram.url, telegram.token, Metrics()) as bot:
        asking = asyncio.create_task(poll(bot, lanes))
        try:
            yield
        finally:
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking


@asynccontextmanager
async def listening(desk: Desk) -> AsyncIterator[Pusher]:
    app = webhook(desk.lanes, SECRET)
    route = next(iter(app.router.routes()))
    async with serving(route.handler) as url, ClientSession() as session:
        yield Pusher(session, url)


@dataclass
class Pusher:
    """Telegram, which pushes one update; gives back the status that it is answered with."""

    session: ClientSession
    url: str

    async def __call__(self, body: bytes | Mapping[str, Any], secret: str | None = SECRET) -> int:
        headers = {} if secret is None else {SECRET_HEADER: secret}
        data = BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
        async with self.session.post(self.url, data=data, headers=headers) as answer:
            return answer.status


@asynccontextmanager
async def at_work(settings: Settings) -> AsyncIterator[None]:
    """The whole bot."""
    async with Studio.open(settings, Twin()) as studio, running(settings, studio):
        yield


def a(number: int, **more: Any) -> dict[str, Any]:
    return {"update_id": number, "message": MESSAGE | more}


@pytest.mark.parametrize(
    ("update", "lane", "person"),
    [
        ({"message": MESSAGE}, "-9:5", "5"),
        ({"callback_query": {"id": "1", "from": PERSON, "message": MESSAGE}}, "-9:5", "5"),
        ({"callback_query": {"id": "1", "from": PERSON}}, "callback_query:5", "5"),
        ({"inline_query": {"id": "1", "from": PERSON, "query": ""}}, "inline_query:5", "5"),
        ({"my_chat_member": {"chat": CHAT, "from": PERSON}}, "-9:5", "5"),
        ({"message": {"message_id": 1, "chat": CHAT}}, "-9:None", None),
        ({"message": {"chat": {"id": 10**400}, "from": 3}}, f"{10**400}"[:255], None),
        ({"message": None}, ":None", None),
        ({"something_new": {"from": PERSON}}, ":None", None),
    ],
)
def test_the_lane_and_the_person_of_each_kind(
    update: dict[str, Any], lane: str, person: str | None
) -> None:
    stored = received({"update_id": 3, **update})
    assert (stored.id, stored.lane, stored.person) == (3, lane, person)
    assert stored.album is None
    assert stored.body == {"update_id": 3, **update}


def test_pictures_sent_together_are_known_by_their_album() -> None:
    assert received(a(1, media_group_id="77")).album == "77"


@pytest.mark.parametrize("number", [None, "1", 1.0, True, -1, 2**63])
def test_what_has_no_number_is_no_update(number: object) -> None:
    with pytest.raises(ValueError, match="number"):
        received({"update_id": number})


async def test_it_asks_for_those_that_it_can_handle(desk: Desk) -> None:
    async with Emulator.open() as telegram, polling(telegram, desk.lanes):
        await telegram.person("Anna").says("лиса 🦊 <b>")
        await until(lambda: desk.handled)
        assert desk.handled[0]["message"]["text"] == "лиса 🦊 <b>"
        assert telegram.world.updates.allowed == sorted(KINDS)
        telegram.check()


async def test_what_is_not_stored_is_not_confirmed(desk: Desk) -> None:
    async with Emulator.open() as telegram:
        desk.inbox.away = True
        async with polling(telegram, desk.lanes):
            await telegram.person("Anna").says("a fox")
            await asyncio.sleep(0.3)
            assert len(telegram.world.updates) == 1
            desk.inbox.away = False
            await until(lambda: not len(telegram.world.updates))
            assert [body["message"]["text"] for body in desk.handled] == ["a fox"]


async def test_updates_come_again_after_a_kill_before_they_were_stored(desk: Desk) -> None:
    async with Emulator.open() as telegram:
        desk.inbox.away = True
        anna = telegram.person("Anna")
        async with polling(telegram, desk.lanes):
            await anna.says("1")
            await anna.says("2")
            await asyncio.sleep(0.2)
        desk.inbox.away = False
        async with polling(telegram, desk.lanes):
            await until(lambda: len(desk.handled) == 2)
            await anna.says("3")
            await until(lambda: len(desk.handled) == 3)
        assert [body["message"]["text"] for body in desk.handled] == ["1", "2", "3"]


async def test_it_asks_on_when_telegram_fails(desk: Desk) -> None:
    async with Emulator.open() as telegram:
        telegram.faults.broken(502, method="getUpdates")
        telegram.faults.flood(1, method="getUpdates")
        telegram.faults.reset(method="getUpdates")
        async with polling(telegram, desk.lanes):
            await telegram.person("Anna").says("a fox")
            await until(lambda: desk.handled, 15)


async def test_an_update_that_fits_no_model_stops_no_other(desk: Desk) -> None:
    async with Emulator.open() as telegram:
        telegram.world.updates.put("message", {"chat": "nonsense", "text": ["?"]}, 1)
        await telegram.person("Anna").says("a fox")
        async with polling(telegram, desk.lanes):
            await until(lambda: len(desk.handled) == 2)
            await until(lambda: not len(telegram.world.updates))


async def test_an_update_that_cannot_be_stored_stops_no_other(desk: Desk) -> None:
    async with Emulator.open() as telegram:
        anna = telegram.person("Anna")
        for text in ("whole", "broken", "a fox"):
            await anna.says(text)
        async with polling(telegram, desk.lanes):
            await until(lambda: len(desk.handled) == 2)
            await until(lambda: not len(telegram.world.updates))
        assert [body["message"]["text"] for body in desk.handled] == ["whole", "a fox"]


async def test_a_push_is_stored_before_it_is_acknowledged(desk: Desk) -> None:
    async with listening(desk) as push:
        assert await push(a(1)) == 200
        known = await desk.inbox.put([received(a(1))])
        assert known == []
        await until(lambda: desk.handled == [a(1)])


async def test_a_push_without_the_secret_is_nobodys(desk: Desk) -> None:
    async with listening(desk) as push:
        for secret in (None, "", "wrong", SECRET + "x", SECRET.upper(), "café-ÿ"):
            assert await push(a(1), secret) == 401
    assert await desk.inbox.waiting() == []
    assert desk.handled == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"1", b'"a"', b"null", b"{}", b'{"update_id": "1"}', b"\xff", b"[" * 9999],
)
async def test_rubbish_is_refused(desk: Desk, body: bytes) -> None:
    async with listening(desk) as push:
        assert await push(body) == 400
    assert desk.handled == []


async def test_too_much_is_refused(desk: Desk) -> None:
    async with listening(desk) as push:
        assert await push(b" " * 2**21) == 413


async def test_a_push_that_comes_twice_is_handled_once(desk: Desk) -> None:
    async with listening(desk) as push:
        statuses = await asyncio.gather(*(push(a(1)) for _ in range(20)), push(a(2)))
        assert set(statuses) == {200}
        await until(lambda: len(desk.handled) == 2)
        assert await push(a(1)) == 200
        await asyncio.sleep(0.1)
    assert len(desk.handled) == 2


async def test_a_push_is_not_acknowledged_while_the_database_is_away(desk: Desk) -> None:
    async with listening(desk) as push:
        desk.inbox.away = True
        assert await push(a(1)) == 503
        desk.inbox.away = False
        assert await push(a(1)) == 200
        await until(lambda: desk.handled == [a(1)])


async def test_a_push_that_cannot_be_stored_does_not_come_for_ever(desk: Desk) -> None:
    async with listening(desk) as push:
        assert await push(b'{"update_id": 1, "message": {"text": "\\ud83e"}}') == 200
        assert await push(a(2)) == 200
        await until(lambda: desk.handled == [a(2)])


async def test_the_bot_tells_telegram_where_to_push(tmp_path: Path) -> None:
    """And what was said before is pushed then."""
    async with Emulator.open(speed=20) as telegram:
        anna = telegram.person("Anna")
        await anna.says("a fox")
        settings = settings_for(telegram, tmp_path)
        hook = f"http://127.0.0.1:{settings.bot_port}/telegram/webhook"
        settings = settings.model_copy(update={"bot_webhook": hook, "bot_secret": SECRET})
        async with at_work(settings):
            await anna.sees(lambda message: message.photo)
            assert telegram.world.webhook.wire()["url"] == hook
        telegram.check()


async def test_after_a_webhook_it_can_ask_again(tmp_path: Path) -> None:
    async with Emulator.open(speed=20) as telegram:
        async with limited(telegram.url, telegram.token, Metrics()) as bot:
            await bot.set_webhook("https://elsewhere.example/")
        async with at_work(settings_for(telegram, tmp_path)):
            anna = telegram.person("Anna")
            await anna.says("a fox")
            await anna.sees(lambda message: message.photo)
