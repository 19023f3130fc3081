"""/export and /forget."""

from __future__ import annotations

import asyncio
import json
import os
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest

from storage.database import Database
from storage.pictures import PictureStore
from storage.verify import verify
from tests.bot.scene import Scene, labels

pytestmark = pytest.mark.slow


def pictures(talk: Scene) -> list[Path]:
    """The files of all pictures."""
    return list(Path(talk.settings.pictures).rglob("*.png"))


async def test_an_export_holds_words_and_pictures(talk: Scene) -> None:
    await talk.anna.says("a fox")
    await talk.anna.sees(lambda message: message.photo)
    await talk.anna.says("/export")
    sent = await talk.anna.sees(lambda message: message.document)
    assert (sent.name or "").startswith("kandinsky-")
    with ZipFile(BytesIO(sent.document or b"")) as archive:
        (job,) = json.loads(archive.read("jobs.json"))
        assert job["words"] == "a fox"
        assert archive.read(job["pictures"][0]["file"]).startswith(b"\x89PNG")


async def test_a_second_one_meanwhile_is_refused(talk: Scene) -> None:
    await talk.boris.says("/export")
    await talk.boris.says("/export")
    await talk.boris.sees(lambda message: "По одному файлу за раз" in message.text)
    assert len([message for message in talk.boris.chat.messages if message.document]) == 1


async def test_one_that_telegram_does_not_take_is_explained(talk: Scene) -> None:
    await talk.anna.says("a fox")
    await talk.anna.sees(lambda message: message.photo)
    (file,) = pictures(talk)
    file.chmod(0o600)
    file.write_bytes(os.urandom(50 * 2**20))
    await talk.anna.says("/export")
    said = await talk.anna.sees(lambda message: "python -m storage" in message.text, timeout=60)
    assert "Your file has 51 MB" in said.text


async def test_forgetting_is_asked_about_and_complete(talk: Scene) -> None:
    await talk.anna.says("a fox")
    await talk.anna.sees(lambda message: message.photo)
    await talk.anna.says("/forget")
    asked = await talk.anna.sees(lambda message: "Forget everything about you?" in message.text)
    assert labels(asked) == ["🗑 Forget everything", "Keep it"]
    await talk.anna.presses(asked, "🗑 Forget everything")
    assert "is deleted" in talk.anna.looks_at(asked).text
    account = await talk.studio.account("telegram", str(talk.anna.id), "en")
    assert await talk.studio.history(account) == []
    async with Database.open(talk.settings.database) as database:
        assert (await verify(database, PictureStore(talk.settings.pictures))).clean
    assert pictures(talk) == []


async def test_a_second_press_does_no_harm(talk: Scene) -> None:
    await talk.boris.says("/forget")
    asked = await talk.boris.sees(lambda message: "Забыть о вас всё?" in message.text)
    await asyncio.gather(*(talk.boris.presses(asked, "🗑 Забыть всё") for _ in range(2)))
    await talk.boris.says("лиса")
    await talk.boris.sees(lambda message: message.photo)


async def test_keeping_it_changes_nothing(talk: Scene) -> None:
    await talk.boris.says("лиса")
    await talk.boris.sees(lambda message: message.photo)
    await talk.boris.says("/forget")
    asked = await talk.boris.sees(lambda message: "Забыть о вас всё?" in message.text)
    await talk.boris.presses(asked, "Оставить")
    assert "остаётся как есть" in talk.boris.looks_at(asked).text
    account = await talk.studio.account("telegram", str(talk.boris.id), "ru")
    assert len(await talk.studio.history(account)) == 1


@pytest.mark.parametrize("command", ["/export", "/forget"])
async def test_in_a_group_neither_is_done(talk: Scene, command: str) -> None:
    group = talk.telegram.group("Painters", [talk.anna, talk.boris])
    await talk.boris.says(command, chat=group)
    said = await talk.boris.sees(lambda message: "только для вас" in message.text, chat=group)
    assert labels(said) == ["Личный чат"]
