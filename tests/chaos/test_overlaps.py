"""People who do two things to one file at the same moment lose no picture, and leave none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import Engine, event

from engine.errors import TooManyWaiting
from engine.requests import TextToImage, Variations
from engine.settings import Settings
from engine.studio import Studio
from storage.database import Database
from storage.gallery import Gallery
from storage.pictures import PictureStore
from storage.records import Account, JobState
from storage.removal import removing
from tests.chaos.desk import LOOK, a_source, checked, ended
from tests.chaos.program import Painter

pytestmark = pytest.mark.slow

TIMES = 20


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, quotas={"user": (1, 0)})


async def delete_all(settings: Settings, account: Account) -> None:
    """As a studio does that has been running for long."""
    store = PictureStore(settings.pictures)
    async with Database.open(settings.database) as database:
        gallery = Gallery(database)
        (job,) = await gallery.history(account.id)
        hashes = [picture.sha256 for picture in job.pictures]
        async with removing(store, gallery, "delete_1_1", hashes):
            await gallery.delete([picture.id for picture in job.pictures], account.id)


@contextmanager
def meanwhile(query: str, deed: Callable[[], Coroutine[None, None, None]]) -> Iterator[list[str]]:
    """Does it in a thread as soon as a statement that begins so was answered, the first time."""
    done: list[str] = []

    def look(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(query) and not done:
            done.append(statement)
            thread = Thread(target=lambda: asyncio.run(deed()))
            thread.start()
            thread.join()

    event.listen(Engine, "after_cursor_execute", look)
    yield done
    event.remove(Engine, "after_cursor_execute", look)


async def test_a_picture_is_deleted_while_its_save_ends(settings: Settings) -> None:
    """The save has read that there is a row, and the deletion sees that there is a save."""
    async with Studio.open(settings, Painter(places=1)) as studio:
        account = await studio.account("web", "ann", "en")
        with meanwhile("SELECT pictures.sha256", lambda: delete_all(settings, account)) as done:
            job = await studio.submit(TextToImage(prompt="a fox", seed=1, count=2), account, "k")
            assert (await ended(studio, job, account)).state is JobState.DONE
            async with asyncio.timeout(20):
                while PictureStore(settings.pictures).notes():  # noqa: ASYNC110
                    await asyncio.sleep(LOOK)
        assert done
        assert (await studio.job(job.id, account)).pictures == ()
    assert await checked(settings, [job.id]) == []


async def test_one_picture_is_sent_twice_and_refused_once(settings: Settings) -> None:
    async with Studio.open(settings, Painter(places=0)) as studio:

        async def twice(number: int) -> str:
            account = await studio.account("web", f"person {number}", "en")
            request = Variations(picture=a_source(number), seed=1)
            results = await asyncio.gather(
                *(studio.submit(request, account, key) for key in "ab"), return_exceptions=True
            )
            (refused,) = [one for one in results if isinstance(one, BaseException)]
            (job,) = [one for one in results if not isinstance(one, BaseException)]
            assert isinstance(refused, TooManyWaiting)
            await studio.cancel(job.id, account)
            return job.id

        accepted = await asyncio.gather(*map(twice, range(TIMES)))
    assert await checked(settings, accepted) == []
