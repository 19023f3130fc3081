from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from engine.access import SIGNED_IN
from engine.errors import (
    AccountBanned,
    AccountGone,
    BadKeyName,
    NotFound,
    TooManyKeys,
    UnreadableText,
)
from engine.preferences import Preferences
from engine.requests import TextToImage
from engine.settings import Settings
from engine.studio import Finished, Studio
from storage.keys import KEY_LIMIT
from storage.pictures import PictureStore
from storage.records import JobState
from storage.rights import FOREVER, Rights
from storage.tables import SessionRow, now
from storage.verify import verify
from tests.twin import Twin

pytestmark = pytest.mark.slow

FOX = TextToImage(prompt="a fox", seed=7)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, database_url=database_url, lease=2)


async def test_a_key_is_its_holders_until_it_is_revoked(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        ann, bob = [await studio.account("web", name, "en") for name in ("ann", "bob")]
        secret = await studio.access.make_key(ann, " laptop ")
        assert await studio.access.holder(secret) == ann
        assert await studio.access.holder(f"{secret[:-1]}?") is None
        (key,) = await studio.access.keys(ann)
        assert (key.name, key.revoked_at) == ("laptop", None)
        assert await studio.access.keys(bob) == []
        with pytest.raises(NotFound):
            await studio.access.revoke_key(key.id, bob)
        await studio.access.revoke_key(key.id, ann)
        assert await studio.access.holder(secret) is None
        for key_id in (key.id, "nothing", "\x00"):
            with pytest.raises((NotFound, UnreadableText)):
                await studio.access.revoke_key(key_id, ann)


@pytest.mark.parametrize("name", ["", "  ", "x" * 256, "a\nb", "a\x00b"])
async def test_a_key_has_a_name_to_know_it_by(settings: Settings, name: str) -> None:
    async with Studio.open(settings, Twin()) as studio:
        ann = await studio.account("web", "ann", "en")
        with pytest.raises(BadKeyName):
            await studio.access.make_key(ann, name)
        assert await studio.access.keys(ann) == []


async def test_there_are_only_so_many_keys(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        ann = await studio.account("web", "ann", "en")
        for number in range(KEY_LIMIT):
            await studio.access.make_key(ann, f"key {number}")
        with pytest.raises(TooManyKeys):
            await studio.access.make_key(ann, "one more")


async def test_one_is_signed_in_until_one_signs_out_or_for_sixty_days(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        ivan = await studio.account("telegram", "42", "ru")
        token, other = [await studio.access.sign_in(ivan, "web") for _ in range(2)]
        assert await studio.access.signed_in(token) == ivan
        assert await studio.access.signed_in("x") is None
        elsewhere = await studio.access.sign_in(ivan, "moderation")
        assert await studio.access.signed_in(elsewhere) is None
        await studio.access.sign_out(token)
        await studio.access.sign_out("x")
        assert await studio.access.signed_in(token) is None
        assert await studio.access.signed_in(other) == ivan
        async with studio.database.write() as session:
            ends = await session.scalar(select(SessionRow.expires_at).limit(1).order_by("id"))
            assert ends is not None
            assert ends < now() + SIGNED_IN
            await session.execute(update(SessionRow).values(expires_at=now() - timedelta(1)))
        assert await studio.access.signed_in(other) is None


async def test_who_is_forgotten_is_signed_out_and_has_no_key(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        ivan = await studio.account("telegram", "42", "ru")
        token, secret = (
            await studio.access.sign_in(ivan, "web"),
            await studio.access.make_key(ivan, "laptop"),
        )
        await studio.forget_me(ivan)
        assert await studio.access.signed_in(token) is None
        assert await studio.access.holder(secret) is None
        for late in (studio.access.sign_in(ivan, "web"), studio.access.make_key(ivan, "laptop")):
            with pytest.raises(AccountGone):
                await late
        with pytest.raises(AccountGone):
            await studio.submit(FOX, ivan, "k")


async def test_what_a_visitor_made_is_the_accounts_and_goes_on(settings: Settings) -> None:
    twin = Twin(paused=True)
    async with Studio.open(settings, twin) as studio:
        ann = await studio.account("web", "ann", "en")
        ivan = await studio.account("telegram", "42", "ru")
        await studio.prefer(ann, Preferences(count=3))
        job = await studio.submit(FOX, ann, "k")
        run = await twin.job(1)
        run.step(1)
        await studio.access.join(ann, ivan)
        with pytest.raises(NotFound):
            await studio.job(job.id, ann)
        with pytest.raises(AccountGone):
            await studio.submit(FOX, ann, "l")
        assert (await studio.submit(FOX, ivan, "k")).id == job.id
        run.done()
        async with asyncio.timeout(20):
            events = [event async for event in studio.watch(job.id, ivan)]
        last = events[-1]
        assert isinstance(last, Finished)
        assert last.job.state is JobState.DONE
        assert (await studio.picture(last.job.pictures[0].id, ivan)).content
        assert (await studio.preferences(ivan)).count == 3
        await studio.access.join(ann, ivan)
        assert (await studio.account("web", "ann", "en")).id != ann.id
        assert (await verify(studio.database, PictureStore(settings.pictures))).clean


async def test_a_banned_visitor_joins_nobody(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        ann = await studio.account("web", "ann", "en")
        ivan = await studio.account("telegram", "42", "ru")
        await Rights(studio.database).ban(ann.id, FOREVER, "spam", by=None)
        with pytest.raises(AccountBanned, match="spam"):
            await studio.access.join(ann, ivan)
        assert (await studio.owner(ann.id)).banned_until == FOREVER
        with pytest.raises(ValueError, match="no visitor"):
            await studio.access.join(ivan, ann)
        await studio.forget_me(ivan)
        await Rights(studio.database).unban(ann.id, by=None)
        with pytest.raises(AccountGone):
            await studio.access.join(ann, ivan)
