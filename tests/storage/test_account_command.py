"""`python -m storage account` and `prune`, as an operator gives them."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TypeVar
from zipfile import ZipFile

import pytest
from sqlalchemy import select

from storage.__main__ import main
from storage.accounts import Accounts
from storage.database import Database
from storage.gallery import Gallery
from storage.keys import Keys
from storage.pictures import PictureStore
from storage.records import Account, JobRecord, Role
from storage.signin import SignIn
from storage.tables import AuditRow
from tests.storage.pngs import CAT, FOX, OWL, name
from tests.storage.rows import age, done, dump

pytestmark = pytest.mark.slow

PASSWORD = "correct horse battery"

Result = TypeVar("Result")
Look = Callable[[Database], Coroutine[None, None, Result]]


@pytest.fixture(autouse=True)
def database_there(database_url: str) -> None:
    look(database_url, Database.ping)


def look(url: str, what: Look[Result]) -> Result:
    async def run() -> Result:
        async with Database.open(url) as database:
            return await what(database)

    return asyncio.run(run())


def account(url: str, *words: str) -> int:
    """The exit status; the options go where an operator would write them, after the words."""
    return main(["account", *words, "--database", url])


def made(url: str, channel: str = "web", external_id: str = "ann") -> int:
    """The id of that account."""
    return look(url, lambda it: Accounts(it).get_or_create(channel, external_id, "en")).id


def found(url: str, account_id: int) -> Account | None:
    return look(url, lambda database: Accounts(database).account(account_id))


def actions(url: str) -> list[str]:
    async def read(database: Database) -> list[str]:
        async with database.read() as session:
            return list(await session.scalars(select(AuditRow.action).order_by(AuditRow.id)))

    return look(url, read)


def checked(url: str, name: str, password: str) -> Account | None:
    return look(url, lambda database: SignIn(database).check(name, password))


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts text where the commands read it."""
    return lambda text: monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_a_moderator_is_made_and_given_a_new_password(
    database_url: str, say: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    say(f"{PASSWORD}\r\nnot this\n")
    create = ["create-moderator", "eve", "--password-stdin", "--role", "senior"]
    assert account(database_url, *create) == 0
    eve = checked(database_url, "eve", PASSWORD)
    assert eve is not None
    assert eve.role is Role.SENIOR
    assert capsys.readouterr().out == f"Moderator eve is account {eve.id}.\n"
    say("another password\n")
    assert account(database_url, "password", "eve", "--password-stdin") == 0
    assert checked(database_url, "eve", PASSWORD) is None
    assert checked(database_url, "eve", "another password") == eve
    everything = look(database_url, dump)
    assert PASSWORD not in everything
    assert "another password" not in everything
    assert actions(database_url) == ["create", "password"]


def test_a_password_is_asked_for_twice_and_not_shown(database_url: str) -> None:
    assert typed(database_url, PASSWORD, PASSWORD).endswith("Moderator eve is account 1.")
    assert checked(database_url, "eve", PASSWORD) is not None


def test_two_different_passwords_make_no_moderator(database_url: str) -> None:
    assert typed(database_url, PASSWORD, "another password").endswith("two different passwords.")
    assert checked(database_url, "eve", PASSWORD) is None


def typed(url: str, *lines: str) -> str:
    """What a terminal shows while `create-moderator eve` runs and somebody types these lines."""
    ours, theirs = pty.openpty()
    command = ["storage", "account", "create-moderator", "eve", "--database", url]
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", *command],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,  # no other terminal to ask at
    ):
        os.close(theirs)
        shown = b""
        for question, line in zip((b"Password: ", b"Again: "), lines, strict=True):
            while not shown.endswith(question):
                shown += os.read(ours, 1000)
            os.write(ours, line.encode() + b"\n")
        while part := _rest(ours):
            shown += part
    os.close(ours)
    text = shown.decode().strip()
    assert not any(line in text for line in lines)
    return text


def _rest(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1000)
    except OSError:  # nobody writes to it any more
        return b""


@pytest.mark.parametrize(
    ("words", "typed", "error"),
    [
        ("create-moderator eve --password-stdin", "short\n", "at least 12 characters"),
        ("create-moderator eve --password-stdin", "", "at least 12 characters"),
        ("create-moderator ева --password-stdin", PASSWORD, "2 to 64 letters"),
        ("password eve --password-stdin", PASSWORD, "There is no moderator eve."),
        ("role 99 admin", "", "There is no account 99."),
        ("ban 99 --forever --reason spam", "", "There is no account 99."),
        ("unban 99", "", "There is no account 99."),
        ("key 99 laptop", "", "There is no account 99."),
        ("key", "", "Give an account's ID and a NAME for the key, or --new NAME."),
        ("key 1", "", "Give an account's ID and a NAME for the key, or --new NAME."),
        ("key 1 --new robot", "", "Give an account's ID and a NAME for the key, or --new NAME."),
        ("key 1 a --new robot", "", "Give an account's ID and a NAME for the key, or --new NAME."),
        ("key --new a/b", "", "2 to 64 letters"),
        ("revoke abcdefgh", "", "There is no valid key abcdefgh."),
        ("forget 99 --yes", "", "There is no account 99."),
        ("forget 99", "", "Repeat with --yes."),
        ("export 99 out.zip", "", "There is no account 99."),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    database_url: str,
    say: Callable[[str], None],
    capsys: pytest.CaptureFixture[str],
    words: str,
    typed: str,
    error: str,
) -> None:
    say(typed)
    assert account(database_url, *words.split()) == 2
    shown = capsys.readouterr()
    assert error in shown.err
    assert (shown.out, shown.err.count("\n")) == ("", 1)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "role 1 king",
        "role one admin",
        "role 0 admin",
        "role 9999999999 admin",
        "ban 1 --reason spam",
        "ban 1 --days 0 --reason spam",
        "ban 1 --days 99999999999 --reason spam",
        "ban 1 --days 3 --forever --reason spam",
        "ban 1 --days 3",
        "create-moderator eve --role user",
    ],
)
def test_what_makes_no_sense_shows_how_to_ask(
    database_url: str, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        account(database_url, *words.split())
    assert "usage: python -m storage account" in capsys.readouterr().err


def test_accounts_are_listed(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    ann, ivan = made(database_url), made(database_url, "telegram", "4\x1b[31m2")
    ban = ["ban", str(ivan), "--forever", "--reason"]
    assert account(database_url, *ban, "спам") == 0
    capsys.readouterr()
    assert account(database_url, "list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{ann}  web  ann  user"
    assert lines[1] == f"{ivan}  telegram  '4\\x1b[31m2'  user  banned forever: спам"
    assert account(database_url, "list", "--channel", "web") == 0
    assert capsys.readouterr().out.splitlines() == lines[:1]


def test_roles_and_bans_are_changed_and_written_down(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ann = made(database_url)
    assert account(database_url, "role", str(ann), "trusted") == 0
    assert account(database_url, "ban", str(ann), "--days", "3", "--reason", "spam") == 0
    changed = found(database_url, ann)
    assert changed is not None
    assert (changed.role, changed.ban_reason) == (Role.TRUSTED, "spam")
    assert f"until {changed.banned_until:%Y-%m-%d %H:%M} UTC" in capsys.readouterr().out
    assert account(database_url, "unban", str(ann)) == 0
    changed = found(database_url, ann)
    assert changed is not None
    assert changed.banned_until is None
    assert actions(database_url) == ["role", "ban", "unban"]


def test_a_key_is_shown_once_and_opens_until_revoked(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ann = made(database_url)
    assert account(database_url, "key", str(ann), "my laptop") == 0
    shown = capsys.readouterr()
    secret = shown.out.strip()
    assert "not shown again" in shown.err
    owner = look(database_url, lambda database: Keys(database).find(secret))
    assert owner is not None
    assert owner.id == ann
    assert secret not in look(database_url, dump)
    key_id = secret[3:11]
    assert account(database_url, "keys", str(ann)) == 0
    listed = capsys.readouterr().out
    assert f"{key_id}  my laptop  made " in listed
    assert secret not in listed
    assert account(database_url, "revoke", key_id) == 0
    assert look(database_url, lambda database: Keys(database).find(secret)) is None
    assert account(database_url, "keys", str(ann)) == 0
    assert capsys.readouterr().out.rstrip().endswith("revoked")


def test_a_key_may_have_a_new_account(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert account(database_url, "key", "--new", "robot") == 0
    secret = capsys.readouterr().out.strip()
    owner = look(database_url, lambda database: Keys(database).find(secret))
    assert owner is not None
    assert (owner.channel, owner.external_id) == ("api", "robot")
    assert account(database_url, "key", "--new", "robot") == 2
    assert f"use `key {owner.id} NAME`" in capsys.readouterr().err


def filled(url: str, store: PictureStore) -> JobRecord:
    """A job of ann's that ended 31 days ago, with two pictures and a source."""

    async def fill(database: Database) -> JobRecord:
        ann = await Accounts(database).get_or_create("web", "ann", "en")
        job = await done(database, store, ann, "k", [FOX, CAT], [OWL])
        await Gallery(database).favour(job.pictures[0].id, ann.id, True)
        await age(database, job, days=31)
        return job

    return look(url, fill)


def test_an_account_is_exported_and_forgotten(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = PictureStore(tmp_path / "pictures")
    ann = str(filled(database_url, store).account_id)
    pictures = ["--pictures", str(tmp_path / "pictures")]
    file = tmp_path / "ann.zip"
    assert account(database_url, "export", ann, str(file), *pictures) == 0
    with ZipFile(file) as archive:
        assert len(archive.namelist()) == 5
    assert account(database_url, "forget", ann, *pictures) == 2
    assert len(list(store.files())) == 3
    assert account(database_url, "forget", ann, "--yes", *pictures) == 0
    assert f"Account {ann} is forgotten." in capsys.readouterr().out
    assert found(database_url, int(ann)) is None
    assert list(store.files()) == []
    assert actions(database_url) == ["erase"]


def test_a_file_that_cannot_be_written_is_said(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ann = made(database_url)
    assert account(database_url, "export", str(ann), str(tmp_path / "absent" / "ann.zip")) == 2
    assert "No such file or directory" in capsys.readouterr().err


def prune(url: str, store: Path, *words: str) -> int:
    return main(["prune", *words, "--database", url, "--pictures", str(store)])


def test_old_pictures_are_pruned(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pictures"
    store = PictureStore(folder)
    filled(database_url, store)
    rest = (
        "updates: 0, states: 0, uploads: 0, removed: 0, refusals: 0, bans: 0, failed sign-ins: 0\n"
    )
    assert prune(database_url, folder, "--older-than", "32") == 0
    assert capsys.readouterr().out == f"Gone: pictures: 0, sources: 0, {rest}"
    assert prune(database_url, folder, "--older-than", "30", "--dry-run") == 0
    assert capsys.readouterr().out == f"Would go: pictures: 1, sources: 1, {rest}"
    assert len(list(store.files())) == 3
    assert prune(database_url, folder, "--older-than", "30") == 0
    assert capsys.readouterr().out == f"Gone: pictures: 1, sources: 1, {rest}"
    assert list(store.files()) == [name(FOX)]
    assert prune(database_url, folder, "--older-than", "30", "--favourites-too") == 0
    assert list(store.files()) == []


def test_pruning_finishes_what_a_crash_left(database_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    store = PictureStore(folder)
    picture = filled(database_url, store).pictures[1]
    store.remove("crashed", [name(FOX), name(CAT)])
    look(database_url, lambda it: Gallery(it).delete([picture.id], picture.account_id))
    assert prune(database_url, folder, "--older-than", "90", "--dry-run") == 0
    assert store.leaving() == ["crashed"]
    assert prune(database_url, folder, "--older-than", "90") == 0
    assert store.leaving() == []
    assert set(store.files()) == {name(FOX), name(OWL)}


@pytest.mark.parametrize("days", ["0", "-1", "x", "99999999999"])
def test_how_old_must_make_sense(database_url: str, tmp_path: Path, days: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        prune(database_url, tmp_path, f"--older-than={days}")
