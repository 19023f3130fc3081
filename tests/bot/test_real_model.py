"""A person's evening with the bot over the real engine and the model that is shipped."""

from __future__ import annotations

from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from engine import Engine, Settings
from engine.studio import Studio
from tests.bot.scene import SPEED, labels, running, settings_for
from tests.telegram import Emulator, Person, Seen

pytestmark = pytest.mark.slow

WORDS = {
    "en": (
        "a red fox on a blue background",
        "a yellow sun",
        "Vary",
        "➕ Mix",
        "✨ Mix",
        "🖌 Edit",
        "Extend",
        "As file",
    ),
    "ru": (
        "красная лиса на синем фоне",
        "жёлтое солнце",
        "Вариации",
        "➕ Смешать",
        "✨ Смешать",
        "🖌 Правка",
        "Расширить",
        "Файлом",
    ),
}


@pytest.fixture
async def telegram(tmp_path: Path) -> AsyncIterator[Emulator]:
    """Telegram with the bot in it, over mini."""
    async with Emulator.open(speed=SPEED) as telegram:
        settings = settings_for(telegram, tmp_path)
        async with (
            Engine.open(Settings(data=tmp_path)) as engine,
            Studio.open(settings, engine) as studio,
            running(settings, studio),
        ):
            yield telegram
        telegram.check()
        assert [(call.method, call.description) for call in telegram.refused] == []


async def picture(person: Person, after: Seen) -> Seen:
    """The next finished picture with its buttons."""
    return await person.sees(
        lambda message: message.photo and len(message.buttons) > 1 and message.id > after.id,
        timeout=60,
    )


async def original(person: Person, result: Seen, button: str) -> Image.Image:
    await person.presses(result, button)
    sent = await person.sees(lambda message: message.document, after=result)
    return Image.open(BytesIO(sent.document or b""))


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_an_evening(telegram: Emulator, language: str) -> None:
    fox, sun, vary, mix, go, edit, extend, as_file = WORDS[language]
    person = telegram.person("Anna", language=language)
    said = await person.says(f"{fox} --seed 3")
    first = await picture(person, said)
    assert first.caption.startswith(f"{fox} --seed 3\n")
    exact = await original(person, first, as_file)
    assert exact.text["parameters"].startswith(fox)  # type: ignore[attr-defined]

    await person.presses(first, vary)
    varied = await picture(person, first)
    assert varied.photo != first.photo

    await person.presses(first, mix)
    await person.says(sun)
    draft = await person.sees(lambda message: sun in message.text)
    await person.presses(draft, go)
    mixed = await picture(person, varied)
    assert sun in mixed.caption

    await person.presses(first, edit)
    await person.sees(lambda message: message.text and message.buttons, after=mixed)
    box = (80, 80, 110, 110)
    with Image.open(BytesIO(first.photo or b"")) as opened:
        painted = opened.convert("RGB")
    ImageDraw.Draw(painted).ellipse(box, fill="#00ff55")
    file = BytesIO()
    painted.save(file, "PNG")
    await person.sends_photo(file.getvalue(), caption=sun)
    edited = await picture(person, mixed)
    after, before = (
        np.asarray((await original(person, edited, as_file)).convert("RGB")),
        np.asarray(exact.convert("RGB")),
    )
    kept = np.ones(before.shape[:2], bool)
    kept[box[1] - 24 : box[3] + 24, box[0] - 24 : box[2] + 24] = False
    assert (after[kept] == before[kept]).all()
    assert (after[~kept] != before[~kept]).any()

    await person.presses(first, extend)
    sides = await person.sees(lambda message: "➡️" in labels(message))
    await person.presses(sides, "➡️")
    wider = await picture(person, edited)
    extended = await original(person, wider, as_file)
    assert extended.width == exact.width * 3 // 2
    assert (np.asarray(extended.convert("RGB"))[:, : exact.width] == before).all()
