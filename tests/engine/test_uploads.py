from __future__ import annotations

import asyncio
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import update

from engine import files, lapsing
from engine.errors import AccountGone, NotFound, PictureGone, SourceMissing, WentWrong
from engine.requests import Variations
from engine.settings import Settings
from engine.sources import Source
from engine.studio import Studio
from storage import uploads as limits
from storage.database import Database
from storage.files import files_at
from storage.pictures import PictureStore, picture_name
from storage.records import Account, JobState
from storage.tables import UploadRow, now
from storage.verify import verify
from tests.twin import Twin

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, database_url=database_url, lease=2)


def source(colour: str = "red") -> Source:
    return Source.of(Image.new("RGB", (64, 64), colour))


async def people(studio: Studio) -> tuple[Account, Account]:
    return await studio.account("web", "ann", "en"), await studio.account("web", "bob", "en")


async def sound(settings: Settings) -> bool:
    async with Database.open(settings.database) as database:
        return (await verify(database, PictureStore(settings.pictures))).clean


async def test_what_was_sent_is_there_for_who_sent_it(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        ann, bob = await people(studio)
        red = source()
        await studio.uploads.keep(red, ann)
        await studio.uploads.keep(red, ann)
        kept = await studio.uploads.kept(red.sha256, ann)
        assert (kept, kept.file) == (red, red.file)
        with Image.open(BytesIO(await studio.uploads.thumbnail(red.sha256, ann))) as small:
            assert small.format == "WEBP"
        for look in (studio.uploads.kept, studio.uploads.thumbnail):
            with pytest.raises(NotFound):
                await look(red.sha256, bob)
            with pytest.raises(NotFound):
                await look("../../studio.sqlite3", ann)
    assert await sound(settings)


async def test_a_request_names_it_by_its_hash_alone(settings: Settings) -> None:
    async with Studio.open(settings, Twin(room_for=0)) as studio:
        ann, bob = await people(studio)
        red = source()
        request = Variations(picture=Source(sha256=red.sha256))
        with pytest.raises(SourceMissing):
            await studio.submit(request, ann, "k")
        await studio.uploads.keep(red, ann)
        assert (await studio.submit(request, ann, "k")).state is JobState.QUEUED
        with pytest.raises(SourceMissing):
            await studio.submit(request, bob, "k")
    assert await sound(settings)


async def test_what_a_job_was_made_from_stays_when_the_upload_goes(settings: Settings) -> None:
    red, blue = source(), source("blue")
    async with Studio.open(settings, Twin(room_for=0)) as studio:
        ann, _ = await people(studio)
        for one in (red, blue):
            await studio.uploads.keep(one, ann)
        await studio.submit(Variations(picture=Source(sha256=red.sha256)), ann, "k")
    async with Database.open(settings.database) as database, database.write() as session:
        old = now() - timedelta(hours=25)
        await session.execute(update(UploadRow).values(created_at=old))
    async with Studio.open(settings, Twin(room_for=0)) as studio:
        assert (await studio.uploads.kept(red.sha256, ann)).file == red.file
        with pytest.raises(NotFound):
            await studio.uploads.kept(blue.sha256, ann)
    assert list(PictureStore(settings.pictures).files()) == [red.sha256]
    assert await sound(settings)


async def test_old_ones_go_while_the_studio_is_open(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lapsing, "PRUNE_EVERY", 0.05)
    async with Studio.open(settings, Twin()) as studio:
        ann, _ = await people(studio)
        await studio.uploads.keep(source(), ann)
        async with studio.database.write() as session:
            old = now() - timedelta(hours=25)
            await session.execute(update(UploadRow).values(created_at=old))
        async with asyncio.timeout(20):
            while list(PictureStore(settings.pictures).files()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    assert await sound(settings)


async def test_of_too_many_the_oldest_go_with_their_files(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "COUNT_LIMIT", 2)
    sent = [source(colour) for colour in ("red", "green", "blue", "white")]
    async with Studio.open(settings, Twin()) as studio:
        ann, bob = await people(studio)
        for one in sent:
            await studio.uploads.keep(one, ann)
        await studio.uploads.keep(sent[0], bob)
        with pytest.raises(NotFound):
            await studio.uploads.kept(sent[0].sha256, ann)
    left = {sent[0].sha256, sent[2].sha256, sent[3].sha256}
    assert set(PictureStore(settings.pictures).files()) == left
    assert await sound(settings)


async def test_many_at_once_stay_within_the_limit(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "COUNT_LIMIT", 3)
    async with Studio.open(settings, Twin()) as studio:
        ann, _ = await people(studio)
        sent = [source(f"#00000{n}") for n in range(8)]
        await asyncio.gather(*(studio.uploads.keep(one, ann) for one in sent))
    assert len(list(PictureStore(settings.pictures).files())) == 3
    assert await sound(settings)


async def test_a_lost_file_is_said_to_be_gone(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        ann, _ = await people(studio)
        red = source()
        await studio.uploads.keep(red, ann)
        files_at(settings.pictures).delete(picture_name(red.sha256))
        with pytest.raises(PictureGone):
            await studio.uploads.kept(red.sha256, ann)
        with pytest.raises(SourceMissing):
            await studio.uploads.keep(Source(sha256=red.sha256), ann)


async def test_who_was_forgotten_leaves_no_file(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        ann, _ = await people(studio)
        await studio.uploads.keep(source(), ann)
        await studio.forget_me(ann)
        with pytest.raises(AccountGone):
            await studio.uploads.keep(source("blue"), ann)
    assert list(PictureStore(settings.pictures).files()) == []
    assert await sound(settings)


async def test_a_disk_that_fails_leaves_no_row_and_at_last_no_file(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    red, place = source(), Path(str(settings.pictures))
    blocked = place / red.sha256[:2]
    async with Studio.open(settings, Twin()) as studio:
        ann, _ = await people(studio)
        await asyncio.to_thread(place.mkdir, exist_ok=True)
        await asyncio.to_thread(blocked.write_text, "no folder")
        with pytest.raises(WentWrong):
            await studio.uploads.keep(red, ann)
        with pytest.raises(NotFound):
            await studio.uploads.kept(red.sha256, ann)
        await asyncio.to_thread(blocked.unlink)
    monkeypatch.setattr(files, "SAVE_LIMIT", -1)
    async with Studio.open(settings, Twin()):
        assert await sound(settings)
