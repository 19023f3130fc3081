from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from storage.__main__ import main
from storage.accounts import Accounts
from storage.database import Database
from storage.ledger import Ledger
from storage.pictures import PictureStore
from storage.records import NewPicture


async def fill(url: str, store: PictureStore) -> list[Path]:
    """Stores two pictures with their rows."""
    async with Database.open(url) as database:
        account = await Accounts(database).get_or_create("web", "ann", "en")
        ledger = Ledger(database)
        await ledger.submit(account.id, "k", "text_to_image", "mini", {})
        job = await ledger.claim()
        assert job is not None
        hashes = store.save(job.id, [b"fox", b"cat"])
        rows = [NewPicture(1, sha256, width=8, height=8, bytes=3) for sha256 in hashes]
        assert await ledger.finish(job.id, job.attempt, rows)
        store.settle(job.id, keep=set(hashes))
    return [store.path(sha256) for sha256 in hashes]


def verify(url: str, folder: Path) -> int:
    return main(["verify", "--database", url, "--pictures", str(folder)])


def test_verify_finds_nothing_in_a_sound_store(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(fill(database_url, PictureStore(tmp_path / "pictures")))
    assert verify(database_url, tmp_path / "pictures") == 0
    assert "2 pictures checked: all is well" in capsys.readouterr().out


def test_verify_finds_every_kind_of_mismatch(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pictures"
    gone, changed = asyncio.run(fill(database_url, PictureStore(folder)))
    gone.unlink()
    changed.write_bytes(b"dog")
    (folder / "stray.png").write_bytes(b"stray")
    assert verify(database_url, folder) == 1
    output = capsys.readouterr().out
    assert output.count("row without file: ") == 1
    assert f"file without row: {folder / 'stray.png'}" in output
    assert f"content does not match its hash: {changed}" in output


def test_verify_does_not_make_a_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "typo.sqlite3"
    assert verify(f"sqlite:///{file}", tmp_path) == 2
    assert "python -m storage migrate" in capsys.readouterr().err
    assert not file.exists()


def test_migrate_makes_the_database_where_the_settings_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "KANDINSKY_DATA", str(tmp_path / "data"))
    assert main(["migrate"]) == 0
    assert (tmp_path / "data" / "studio.sqlite3").is_file()
    assert main(["verify"]) == 0
