from __future__ import annotations

import json
import os
import resource
import stat
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from sqlalchemy import update

from storage.accounts import Accounts
from storage.database import Database
from storage.export import PAGE, export
from storage.files import files_at
from storage.gallery import Gallery
from storage.keys import Keys
from storage.ledger import Ledger
from storage.links import Links
from storage.messages import Messages
from storage.pictures import PictureStore, picture_name
from storage.records import Account, MessageKind, Review, Role
from storage.refusals import Refusals
from storage.signin import SignIn
from storage.states import States
from storage.tables import PictureRow
from tests.storage.pngs import CAT, FOX, OWL, name, noise
from tests.storage.reviewing import held_one
from tests.storage.rows import done, upload

pytestmark = pytest.mark.slow


@pytest.fixture
def store(tmp_path: Path) -> PictureStore:
    return PictureStore(tmp_path / "pictures")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder / "ann.zip"


def unpacked(file: Path) -> dict[str, bytes]:
    with ZipFile(file) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len(set(names)) == len(names)
        return {name: archive.read(name) for name in names}


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """A disk that is full after so many bytes of each file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_everything_about_an_account_is_in_it(
    database: Database, store: PictureStore, account: Account, file: Path
) -> None:
    job = await done(database, store, account, "k", [FOX, CAT], [OWL], "Рыжая лиса 🦊")
    await export(database, store, account.id, file)
    content = unpacked(file)
    day = f"{job.pictures[0].created_at:%Y-%m-%d}"
    fox, cat = (f"pictures/{day}-{job.id[:8]}-{index}.png" for index in (0, 1))
    owl = f"sources/{name(OWL)}.png"
    assert content.keys() == {"account.json", "jobs.json", fox, cat, owl}
    assert [content[fox], content[cat], content[owl]] == [FOX, CAT, OWL]
    (told,) = json.loads(content["jobs.json"])
    assert told["request"] == {"prompt": "Рыжая лиса 🦊"}
    assert (told["id"], told["state"], told["words"]) == (job.id, "done", "рыжая лиса 🦊")
    assert told["created_at"] == job.created_at.isoformat()
    assert [one["file"] for one in told["pictures"]] == [fox, cat]
    assert told["sources"] == [owl]
    assert "Рыжая" in content["jobs.json"].decode()


async def test_the_account_is_told_and_no_secret_of_it(
    database: Database, store: PictureStore, file: Path
) -> None:
    signin, password = SignIn(database), "correct horse battery"
    eve = await signin.create("eve", password, Role.SENIOR, by=None)
    job = await done(database, store, eve, "k", [FOX])
    await Accounts(database).set(eve.id, {"style": "лубок"})
    await Accounts(database).visit(eve.id, "web")
    secret = await Keys(database).make(eve.id, "laptop")
    token = await signin.open(eve.id, "console", timedelta(hours=1))
    await Gallery(database).report(job.pictures[0].id, eve.id, "odd")
    await export(database, store, eve.id, file)
    content = unpacked(file)
    told: dict[str, Any] = json.loads(content["account.json"])
    assert (told["channel"], told["external_id"], told["role"]) == ("moderator", "eve", "senior")
    assert told["settings"] == {"style": "лубок"}
    assert [visit["front_end"] for visit in told["visits"]] == ["web", "console"]
    assert [(key["id"], key["name"]) for key in told["keys"]] == [(secret[3:11], "laptop")]
    assert [report["reason"] for report in told["reports"]] == ["odd"]
    everything = b"".join(content.values()).decode(errors="replace")
    for hidden in (password, "argon2", secret[12:], token):
        assert hidden not in everything


async def test_what_the_bot_keeps_is_in_it(
    database: Database, store: PictureStore, account: Account, file: Path
) -> None:
    ivan = await Accounts(database).get_or_create("telegram", "42", "ru")
    job = await done(database, store, ivan, "k", [FOX])
    (picture,) = job.pictures
    messages, states = Messages(database, 1), States(database)
    await messages.sent(42, 8, job.id, MessageKind.STATUS)
    await messages.sent(42, 9, job.id, MessageKind.PICTURE, picture.id)
    await states.set_data("1:42", "42", {"prompt": "лиса"})
    await states.set_data("1:43", "43", {"prompt": "owl"})
    await export(database, store, ivan.id, file)
    content = unpacked(file)
    (told,) = json.loads(content["jobs.json"])
    (shown,) = told["pictures"]
    assert [(one["chat_id"], one["message_id"]) for one in told["messages"]] == [(42, 8), (42, 9)]
    assert [one["picture_id"] for one in told["messages"]] == [None, shown["id"]]
    assert all(one["sent_at"] for one in told["messages"])
    (state,) = json.loads(content["account.json"])["states"]
    assert (state["key"], state["data"]) == ("1:42", {"prompt": "лиса"})
    await export(database, store, account.id, file)
    assert json.loads(unpacked(file)["account.json"])["states"] == []


async def test_uploads_and_links_are_in_it(
    database: Database, store: PictureStore, account: Account, file: Path
) -> None:
    job = await done(database, store, account, "k", [FOX], [OWL])
    token = await Links(database).share(job.pictures[0].id, account.id)
    for picture in (OWL, CAT):
        await upload(database, store, account, picture)
    await export(database, store, account.id, file)
    content = unpacked(file)
    told = json.loads(content["account.json"])
    assert [(one["picture_id"], one["token"]) for one in told["links"]] == [
        (job.pictures[0].id, token)
    ]
    sent = [one["file"] for one in told["uploads"]]
    assert sent == [f"sources/{name(OWL)}.png", f"sources/{name(CAT)}.png"]
    assert [content[one] for one in sent] == [OWL, CAT]
    assert sum(one.endswith(".png") for one in content) == 3


async def test_nothing_of_others_is_in_it(
    database: Database, store: PictureStore, account: Account, file: Path
) -> None:
    bob = await Accounts(database).get_or_create("web", "bob", "en")
    await done(database, store, bob, "bobs", [FOX], [CAT], "bob's wish")
    await export(database, store, account.id, file)
    content = unpacked(file)
    assert content.keys() == {"account.json", "jobs.json"}
    assert json.loads(content["jobs.json"]) == []
    assert b"bob" not in b"".join(content.values())


async def test_deleted_pictures_are_not_in_it_and_removed_ones_without_a_file(
    database: Database, store: PictureStore, account: Account, file: Path
) -> None:
    job = await done(database, store, account, "k", [FOX, CAT, OWL])
    deleted, removed, _ = job.pictures
    await Gallery(database).delete([deleted.id], account.id)
    gone = {"review": Review.REMOVED, "policy": "gore"}
    async with database.write() as session:
        await session.execute(update(PictureRow).where(PictureRow.id == removed.id).values(gone))
    await export(database, store, account.id, file)
    content = unpacked(file)
    assert [content[one] for one in content if one.endswith(".png")] == [OWL]
    (told,) = json.loads(content["jobs.json"])
    shown = [(one["file"] is None, one["review"], one["policy"]) for one in told["pictures"]]
    assert shown == [(True, "removed", "gore"), (False, "none", "")]


async def test_what_is_withheld_is_in_it_as_nothing_else(
    database: Database, store: PictureStore, account: Account, file: Path
) -> None:
    removed = (await done(database, store, account, "a", [FOX])).pictures[0]
    held = (await done(database, store, account, "b", [CAT])).pictures[0]
    await done(database, store, account, "c", [noise(9)], [FOX, CAT, OWL])
    for picture in (FOX, CAT, OWL):
        await upload(database, store, account, picture)
    async with database.write() as session:
        for one, review in ((removed, Review.REMOVED), (held, Review.HELD)):
            hidden = update(PictureRow).where(PictureRow.id == one.id).values(review=review)
            await session.execute(hidden)
    await export(database, store, account.id, file)
    content = unpacked(file)
    shown = [content[one] for one in content if one.endswith(".png")]
    assert sorted(shown) == sorted([noise(9), OWL])
    told = json.loads(content["jobs.json"])[-1]
    assert told["sources"] == [f"sources/{name(OWL)}.png"]
    sent = [one["file"] for one in json.loads(content["account.json"])["uploads"]]
    assert sent == [None, None, f"sources/{name(OWL)}.png"]


async def test_what_the_gates_and_moderators_made_of_it_is_in_it(
    database: Database, store: PictureStore, account: Account, file: Path
) -> None:
    one = await held_one(database, account)
    await Refusals(database).add(account.id, "a bad wish", "gore", "blood", 0.9)
    await export(database, store, account.id, file)
    content = unpacked(file)
    (job,) = json.loads(content["jobs.json"])
    assert job["pictures"][0]["score"] == 0.5
    told = json.loads(content["account.json"])
    (case,), (refusal,) = told["cases"], told["refusals"]
    assert (case["picture_id"], case["why"], case["closed_at"]) == (one, "doubt", None)
    assert case["opened_at"]
    assert (refusal["rule"], refusal["score"]) == ("blood", 0.9)


async def test_a_lost_file_is_named(
    database: Database, store: PictureStore, account: Account, file: Path, tmp_path: Path
) -> None:
    job = await done(database, store, account, "k", [FOX, CAT], [OWL])
    for lost in (FOX, OWL):
        files_at(tmp_path / "pictures").delete(picture_name(name(lost)))
    await export(database, store, account.id, file)
    content = unpacked(file)
    day = f"{job.pictures[0].created_at:%Y-%m-%d}"
    assert content["missing.txt"].decode().splitlines() == [
        f"pictures/{day}-{job.id[:8]}-0.png",
        f"sources/{name(OWL)}.png",
    ]
    assert content[f"pictures/{day}-{job.id[:8]}-1.png"] == CAT


async def test_a_source_of_several_jobs_is_in_it_once(
    database: Database, store: PictureStore, account: Account, file: Path
) -> None:
    for key in "ab":
        await done(database, store, account, key, [FOX], [OWL])
    await export(database, store, account.id, file)
    assert sum(one.endswith(".png") for one in unpacked(file)) == 3


async def test_many_jobs_are_told_in_order(
    database: Database, store: PictureStore, ledger: Ledger, account: Account, file: Path
) -> None:
    ids = [
        (await ledger.submit(account.id, str(n), "mix", "mini", {"seed": n})).id
        for n in range(PAGE + 1)
    ]
    await export(database, store, account.id, file)
    assert [job["id"] for job in json.loads(unpacked(file)["jobs.json"])] == ids


async def test_pictures_are_never_all_in_memory(
    database: Database, store: PictureStore, account: Account, file: Path
) -> None:
    pictures = [noise(side) for side in range(500, 520)]  # 16 MB in all
    await done(database, store, account, "k", pictures)
    tracemalloc.start()
    await export(database, store, account.id, file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(b"".join(unpacked(file).values())) > 15e6
    assert peak < 5e6


async def test_only_its_owner_can_read_it(
    database: Database, store: PictureStore, account: Account, file: Path
) -> None:
    await export(database, store, account.id, file)
    assert stat.filemode(os.stat(file).st_mode) == "-rw-------"
    with ZipFile(file) as archive:
        modes = {stat.filemode(entry.external_attr >> 16) for entry in archive.infolist()}
    assert modes == {"?rw-r--r--"}  # for who unpacks it


async def test_a_full_disk_leaves_no_half_file(
    database: Database, store: PictureStore, account: Account, file: Path
) -> None:
    await export(database, store, account.id, file)
    before = unpacked(file)
    await done(database, store, account, "k", [noise(500)])
    with pytest.raises(OSError, match="too large"), files_limited_to(400_000):
        await export(database, store, account.id, file)
    assert unpacked(file) == before
    assert os.listdir(file.parent) == [file.name]


async def test_nobody_is_not_exported(database: Database, store: PictureStore, file: Path) -> None:
    with pytest.raises(ValueError, match=r"There is no account 99\."):
        await export(database, store, 99, file)
    assert list(file.parent.iterdir()) == []
