from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from storage.__main__ import main
from storage.accounts import Accounts
from storage.database import Database
from storage.files import files_at
from storage.gallery import Gallery
from storage.ledger import Ledger
from storage.pictures import PictureStore, picture_name, thumbnail_name
from storage.records import NewPicture
from storage.verify import verify as compare
from tests import s3
from tests.storage.pngs import CAT, FOX, OWL, png

pytestmark = pytest.mark.slow

pytest_plugins = ["tests.storage.places"]


async def fill(url: str, store: PictureStore) -> list[str]:
    """Stores two pictures and the one that they were made from, with their rows; the hashes."""
    async with Database.open(url) as database:
        account = await Accounts(database).get_or_create("web", "ann", "en")
        ledger = Ledger(database)
        hashes = store.save("save", [FOX, CAT, OWL])
        await ledger.submit(account.id, "k", "image_to_image", "mini", {}, sources=hashes[2:])
        job = await ledger.claim("worker", lease=60)
        assert job is not None
        rows = [NewPicture(1, sha256, width=8, height=8, bytes=3) for sha256 in hashes[:2]]
        assert await ledger.finish(job.id, job.attempt, rows)
        store.settle("save", keep=hashes)
    return hashes


def verify(url: str, place: str) -> int:
    return main(["verify", "--database", url, "--pictures", place])


def test_verify_finds_nothing_in_a_sound_store(
    database_url: str, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(fill(database_url, PictureStore(place)))
    assert verify(database_url, place) == 0
    assert capsys.readouterr().out == "3 pictures checked: all is well\n"


def test_verify_finds_every_kind_of_mismatch(
    database_url: str, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store, files = PictureStore(place), files_at(place)
    gone, cut, source = asyncio.run(fill(database_url, store))
    files.delete(picture_name(gone))
    files.write(picture_name(cut), files.read(picture_name(cut))[:-9])
    files.delete(picture_name(source))
    (orphan,) = store.save("orphan", [png(9)])
    store.settle("orphan", keep={orphan})
    files.write("stray.png", b"stray")
    store.save("saved", [png(10)])
    store.remove("removed", [gone])
    assert verify(database_url, place) == 1
    output = sorted(capsys.readouterr().out.splitlines())
    assert [line for line in output if "row without file: " not in line] == [
        "3 pictures checked: see above",
        f"content does not match its hash: {place}/{picture_name(cut)}",
        *sorted(
            f"file without row: {place}/{file}"
            for file in (picture_name(orphan), thumbnail_name(orphan), "stray.png")
        ),
        "removal not finished: removed",
        "save not settled: saved",
    ]
    assert sum("row without file: " in line for line in output) == 2
    assert f"row without file: source {source} of job " in "\n".join(output)


async def test_verify_is_not_misled_by_work_in_progress(database: Database, place: str) -> None:
    account = await Accounts(database).get_or_create("web", "ann", "en")
    ledger, gallery, store = Ledger(database), Gallery(database), PictureStore(place)

    async def work() -> None:
        """Saves a picture with its row and deletes it, again and again."""
        for number in range(6):
            note = f"save-{number}"
            hashes = await asyncio.to_thread(store.save, note, [png(8 + number)])
            await ledger.submit(account.id, note, "text_to_image", "mini", {})
            job = await ledger.claim("worker", lease=60)
            assert job is not None
            picture = NewPicture(1, hashes[0], width=8, height=8, bytes=3)
            await ledger.finish(job.id, job.attempt, [picture])
            await asyncio.to_thread(store.settle, note, hashes)
            await asyncio.to_thread(store.remove, note, hashes)
            done = await gallery.job(job.id, account.id)
            assert done is not None
            await gallery.delete([done.pictures[0].id], account.id)
            await asyncio.to_thread(store.finish_removal, note, keep=())

    working, looks = asyncio.create_task(work()), 0
    while not working.done():
        found = await compare(database, PictureStore(place))
        assert found.rows_without_file == ()
        assert found.files_without_row == ()
        assert found.hash_mismatches == ()
        looks += 1
    await working
    assert looks > 1
    assert (await compare(database, store)).clean


def test_verify_reports_a_store_that_is_not_there(
    tmp_path: Path, s3_server: s3.Server, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path / 'studio.sqlite3'}"
    asyncio.run(fill(url, PictureStore(tmp_path)))
    assert verify(url, "s3://not-there/pictures") == 2
    assert "bucket does not exist" in capsys.readouterr().err
    assert verify(url, "ftp://example.org") == 2
    assert "s3://bucket/prefix" in capsys.readouterr().err


def test_verify_does_not_make_a_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "typo.sqlite3"
    assert verify(f"sqlite:///{file}", str(tmp_path)) == 2
    assert "python -m storage migrate" in capsys.readouterr().err
    assert not file.exists()


def test_migrate_makes_the_database_where_the_settings_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "KANDINSKY_DATA", str(tmp_path / "data"))
    assert main(["migrate"]) == 0
    assert (tmp_path / "data" / "studio.sqlite3").is_file()
    assert main(["verify"]) == 0


@pytest.mark.parametrize("arguments", [[], ["prune-everything"], ["migrate", "--pictures", "x"]])
def test_what_is_no_command_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refusal:
        main(arguments)
    assert refusal.value.code == 2
    assert "usage: python -m storage" in capsys.readouterr().err
