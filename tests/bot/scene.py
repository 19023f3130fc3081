"""The whole bot in a test: Telegram's emulator, people, a studio, and an engine in memory."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import get_args

from PIL import Image

from bot import program
from bot.limits import Rates
from engine.cards import ModelCard
from engine.requests import Mode
from engine.settings import Settings
from engine.studio import Studio
from tests.telegram import Emulator, Person, Seen
from tests.twin import CARD, Twin

SPEED = 20.0  # how much faster Telegram's time passes
EVERYTHING = replace(CARD, modes=get_args(Mode), depth=False)


@dataclass(frozen=True, slots=True)
class Scene:
    """`anna` speaks English and `boris` Russian; `settings` are the bot's."""

    telegram: Emulator
    anna: Person
    boris: Person
    studio: Studio
    twin: Twin
    settings: Settings


@asynccontextmanager
async def scene(
    folder: Path,
    *,
    paused: bool = False,
    cards: Sequence[ModelCard] = (EVERYTHING,),
    more: Mapping[str, object] = MappingProxyType({}),
) -> AsyncIterator[Scene]:
    """At the end the bot must not have broken Telegram's rules. `more` are settings."""
    twin = Twin(paused=paused, cards=cards)
    async with Emulator.open(speed=SPEED) as telegram:
        settings = settings_for(telegram, folder, **more)
        async with Studio.open(settings, twin) as studio, running(settings, studio):
            yield Scene(
                telegram,
                telegram.person("Anna", language="en"),
                telegram.person("Борис", language="ru"),
                studio,
                twin,
                settings,
            )
        telegram.check()


@asynccontextmanager
async def running(settings: Settings, studio: Studio) -> AsyncIterator[None]:
    """The bot over an open studio."""
    bot = asyncio.create_task(program.run(settings, studio, Rates().faster(SPEED)))
    try:
        yield
    finally:
        bot.cancel()
        with suppress(asyncio.CancelledError):
            await bot


def settings_for(telegram: Emulator, folder: Path, **more: object) -> Settings:
    fields = {
        "data": folder / "data",
        "telegram_api": telegram.url,
        "bot_token": telegram.token,
        "bot_port": free_port(),
        **more,
    }
    return Settings.model_validate(fields)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def png(colour: str, size: tuple[int, int] = (128, 128)) -> bytes:
    """The file of a picture of one colour."""
    file = BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def labels(message: Seen) -> list[str]:
    """The texts of the buttons under a message."""
    return [text for row in message.buttons for text in row]
