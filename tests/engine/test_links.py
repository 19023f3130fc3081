from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import update

from engine.errors import AccountGone, NotFound, PictureGone
from engine.requests import TextToImage
from engine.settings import Settings
from engine.studio import Finished, Studio
from storage.files import files_at
from storage.pictures import picture_name, thumbnail_name
from storage.records import Account, PictureRecord, Review
from storage.tables import PictureRow
from tests.twin import Twin

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, database_url=database_url, lease=2)


async def drawn(studio: Studio) -> tuple[Account, PictureRecord]:
    ann = await studio.account("web", "ann", "en")
    job = await studio.submit(TextToImage(prompt="a fox", seed=7), ann, "k")
    async for event in studio.watch(job.id, ann):
        if isinstance(event, Finished):
            return ann, event.job.pictures[0]
    raise AssertionError("the studio has closed")


async def test_who_has_the_token_sees_the_picture(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        ann, picture = await drawn(studio)
        assert picture.shared is None
        token = await studio.links.share(picture.id, ann)
        assert await studio.links.share(picture.id, ann) == token
        seen = await studio.links.shared(token)
        assert seen.content == (await studio.picture(picture.id, ann)).content
        assert (seen.media_type, seen.record.id) == ("image/png", picture.id)
        small = await studio.links.thumbnail(token)
        with Image.open(BytesIO(small.content)) as opened:
            assert (small.media_type, opened.format) == ("image/webp", "WEBP")
        (listed,) = await studio.links.all(ann)
        assert (listed.picture_id, listed.token) == (picture.id, token)
        (job,) = await studio.history(ann)
        assert job.pictures[0].shared == token


async def test_nobody_shares_what_is_not_theirs(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        ann, picture = await drawn(studio)
        bob = await studio.account("web", "bob", "en")
        with pytest.raises(NotFound):
            await studio.links.share(picture.id, bob)
        token = await studio.links.share(picture.id, ann)
        with pytest.raises(NotFound):
            await studio.links.unshare(picture.id, bob)
        assert await studio.links.all(bob) == []
        await studio.links.shared(token)


@pytest.mark.parametrize("how", ["unshared", "deleted", "removed", "forgotten"])
async def test_a_link_ends_at_once(settings: Settings, how: str) -> None:
    async with Studio.open(settings, Twin()) as studio:
        ann, picture = await drawn(studio)
        token = await studio.links.share(picture.id, ann)
        match how:
            case "unshared":
                await studio.links.unshare(picture.id, ann)
            case "deleted":
                await studio.delete([picture.id], ann)
            case "removed":
                async with studio.database.write() as session:
                    await session.execute(update(PictureRow).values(review=Review.REMOVED))
            case "forgotten":
                await studio.forget_me(ann)
        for look in (studio.links.shared, studio.links.thumbnail):
            with pytest.raises(NotFound):
                await look(token)
        assert await studio.links.all(ann) == []


async def test_who_was_forgotten_shares_nothing(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        ann, picture = await drawn(studio)
        await studio.forget_me(ann)
        with pytest.raises(AccountGone):
            await studio.links.share(picture.id, ann)


async def test_a_lost_file_is_said_to_be_gone(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        ann, picture = await drawn(studio)
        token = await studio.links.share(picture.id, ann)
        for name in (picture_name, thumbnail_name):
            files_at(settings.pictures).delete(name(picture.sha256))
        for look in (studio.links.shared, studio.links.thumbnail):
            with pytest.raises(PictureGone):
                await look(token)
