from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from storage import uploads
from storage.accounts import Accounts
from storage.database import Database
from storage.erasure import erase
from storage.gallery import Gallery
from storage.locked import NoAccount
from storage.pictures import PictureStore, picture_name
from storage.records import Account
from storage.tables import UploadRow, now
from storage.uploads import Uploads
from storage.verify import verify
from tests.storage.plans import by_indices
from tests.storage.pngs import CAT, FOX, OWL, name
from tests.storage.rows import upload

MB = 2**20


@pytest.fixture
def store(tmp_path: Path) -> PictureStore:
    return PictureStore(tmp_path / "pictures")


async def put(database: Database, account: Account, *lengths: int) -> list[str]:
    """Uploads of so many bytes, the first one sent the longest ago; their hashes."""
    hashes = []
    for age, length in zip(range(len(lengths), 0, -1), lengths, strict=True):
        hashes.append(f"{age:064x}")
        await Uploads(database).put(account.id, hashes[-1], length)
        async with database.write() as session:
            own = update(UploadRow).where(UploadRow.sha256 == hashes[-1])
            await session.execute(own.values(created_at=now() - timedelta(minutes=age)))
    return hashes


async def kept(database: Database, account: Account) -> set[str]:
    async with database.read() as session:
        own = select(UploadRow.sha256).where(UploadRow.account_id == account.id)
        return set(await session.scalars(own))


async def test_an_upload_belongs_to_who_sent_it(
    database: Database, store: PictureStore, account: Account
) -> None:
    gallery = Gallery(database)
    bob = await Accounts(database).get_or_create("web", "bob", "en")
    fox = await upload(database, store, account, FOX)
    assert await gallery.sources([fox, name(CAT)], account.id) == {fox}
    assert await gallery.sources([fox], bob.id) == set()
    assert await gallery.all_hashes(account.id) == [fox]
    assert await gallery.stored([fox, name(CAT)]) == {fox}


async def test_a_file_of_an_upload_is_no_stray_and_its_loss_is_noticed(
    database: Database, store: PictureStore, account: Account, tmp_path: Path
) -> None:
    fox = await upload(database, store, account, FOX)
    assert (await verify(database, store)).clean
    (tmp_path / "pictures" / picture_name(fox)).unlink()
    found = await verify(database, store)
    assert found.rows_without_file == (f"upload {fox} of account {account.id}",)


async def test_sent_again_it_is_as_new(database: Database, account: Account) -> None:
    (old,) = await put(database, account, 9)
    await Uploads(database).put(account.id, old, 9)
    async with database.read() as session:
        row = (await session.scalars(select(UploadRow))).one()
    assert now() - row.created_at < timedelta(seconds=30)


async def test_of_too_many_the_oldest_go(
    database: Database, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "COUNT_LIMIT", 3)
    everything, hashes = Uploads(database), await put(database, account, *[9] * 5)
    assert set(await everything.surplus(account.id)) == set(hashes[:2])
    await everything.drop(account.id, hashes)
    assert await kept(database, account) == set(hashes[2:])
    assert await everything.surplus(account.id) == []


async def test_of_too_large_ones_the_oldest_go(database: Database, account: Account) -> None:
    everything, hashes = Uploads(database), await put(database, account, 90 * MB, *[40 * MB] * 4)
    bob = await Accounts(database).get_or_create("web", "bob", "en")
    await everything.put(bob.id, name(OWL), 190 * MB)
    assert await everything.surplus(account.id) == hashes[:1]
    assert await everything.surplus(bob.id) == []


async def test_what_is_sent_again_meanwhile_stays(
    database: Database, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "COUNT_LIMIT", 2)
    everything, hashes = Uploads(database), await put(database, account, 9, 9, 9)
    surplus = await everything.surplus(account.id)
    await everything.put(account.id, hashes[0], 9)
    await everything.drop(account.id, surplus)
    assert await kept(database, account) == set(hashes)


async def test_who_was_forgotten_keeps_nothing(database: Database, account: Account) -> None:
    await erase(database, account.id)
    with pytest.raises(NoAccount):
        await Uploads(database).put(account.id, name(FOX), 9)
    assert await kept(database, account) == set()


async def test_no_table_is_read_whole(
    database: Database, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "COUNT_LIMIT", 0)
    everything, gallery = Uploads(database), Gallery(database)
    async with by_indices(database, at_least=6):
        await everything.put(account.id, name(FOX), 9)
        await everything.drop(account.id, await everything.surplus(account.id))
        await gallery.sources([name(FOX)], account.id)
        await gallery.stored([name(FOX)])
