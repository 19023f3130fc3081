from __future__ import annotations

from pathlib import Path

import pytest

from storage.database import Database
from storage.gallery import Gallery
from storage.pictures import PictureStore
from storage.records import Account
from storage.removal import BATCH, finish, removing
from storage.verify import verify
from tests.storage.pngs import CAT, FOX, name
from tests.storage.rows import done


@pytest.fixture
def store(tmp_path: Path) -> PictureStore:
    return PictureStore(tmp_path / "pictures")


async def test_files_go_with_their_rows(
    database: Database, store: PictureStore, account: Account
) -> None:
    gallery, job = Gallery(database), await done(database, store, account, "k", [FOX, CAT])
    async with removing(store, gallery, "gone", [name(FOX), name(CAT)]):
        assert store.marked("gone") == [name(FOX), name(CAT)]
        await gallery.delete([job.pictures[0].id], account.id)
    assert list(store.files()) == [name(CAT)]
    assert (await verify(database, store)).clean


async def test_rows_that_stayed_keep_their_files(
    database: Database, store: PictureStore, account: Account
) -> None:
    await done(database, store, account, "k", [FOX])
    with pytest.raises(ZeroDivisionError):
        async with removing(store, Gallery(database), "gone", [name(FOX)]):
            raise ZeroDivisionError
    assert list(store.files()) == [name(FOX)]
    assert store.leaving() == []


async def test_nothing_to_remove_leaves_no_note(database: Database, store: PictureStore) -> None:
    async with removing(store, Gallery(database), "gone", []):
        assert store.leaving() == []


async def test_what_is_just_saved_again_stays(
    database: Database, store: PictureStore, account: Account
) -> None:
    gallery, job = Gallery(database), await done(database, store, account, "k", [FOX])
    store.save("again", [FOX])
    async with removing(store, gallery, "gone", [name(FOX)]):
        await gallery.delete([job.pictures[0].id], account.id)
    assert list(store.files()) == [name(FOX)]
    store.settle("again", await gallery.stored([name(FOX)]))
    assert list(store.files()) == []


async def test_a_start_in_between_changes_nothing(
    database: Database, store: PictureStore, account: Account
) -> None:
    gallery, job = Gallery(database), await done(database, store, account, "k", [FOX])
    async with removing(store, gallery, "gone", [name(FOX)]):
        await finish(store, gallery, "gone")  # another process, which takes it for left over
        assert list(store.files()) == [name(FOX)]
        await gallery.delete([job.pictures[0].id], account.id)
    assert list(store.files()) == []
    assert store.leaving() == []


async def test_what_a_crash_left_is_finished(
    database: Database, store: PictureStore, account: Account
) -> None:
    gallery, job = Gallery(database), await done(database, store, account, "k", [FOX, CAT])
    store.remove("gone", [name(FOX), name(CAT)])
    await gallery.delete([job.pictures[0].id], account.id)
    for note in store.leaving():
        await finish(store, gallery, note)
    assert list(store.files()) == [name(CAT)]
    assert store.leaving() == []


async def test_there_may_be_many(database: Database, store: PictureStore, account: Account) -> None:
    await done(database, store, account, "k", [FOX])
    many = [f"{number:064x}" for number in range(70 * BATCH)]  # more than a statement takes
    async with removing(store, Gallery(database), "gone", [*many, name(FOX)]):
        pass
    assert list(store.files()) == [name(FOX)]
