from __future__ import annotations

import pytest

from bot import menu
from bot.limits import Limits
from bot.metrics import Metrics
from engine.texts import LANGUAGES, Texts
from tests.telegram import Emulator
from tests.telegram.bots import bot_of

EVERY = [
    *("start", "help", "new", "mix", "settings", "styles", "history", "queue", "cancel"),
    *("language", "privacy", "export", "forget", "report"),
]
TOLD = {"setMyCommands", "setMyDescription", "setMyShortDescription", "setChatMenuButton"}


def told(telegram: Emulator) -> list[str]:
    """What Telegram was told, call by call."""
    return [call.method for call in telegram.calls if call.method in TOLD]


async def introduced(telegram: Emulator) -> None:
    async with bot_of(telegram) as bot:
        bot.session.middleware(Limits(Metrics()))
        await menu.introduce(bot)


async def test_people_see_the_commands_in_their_language() -> None:
    async with Emulator.open() as telegram:
        await introduced(telegram)
        anna, boris = telegram.person("Anna"), telegram.person("Борис", language="ru")
        assert anna.menu()["history"] == "Your pictures"
        assert boris.menu()["history"] == "Ваши картинки"
        assert list(anna.menu()) == EVERY
        telegram.check()


async def test_groups_have_a_short_list() -> None:
    async with Emulator.open() as telegram:
        await introduced(telegram)
        anna = telegram.person("Anna")
        group = telegram.group("Painters", [anna])
        assert list(anna.menu(group)) == ["help", "settings", "queue", "cancel"]


async def test_the_descriptions_are_in_both_languages() -> None:
    async with Emulator.open() as telegram:
        await introduced(telegram)
        for kind in ("description", "short_description"):
            english, russian = (telegram.world.profile.text(kind, code) for code in ("", "ru"))
            assert english
            assert russian
            assert english != russian


async def test_what_telegram_knows_it_is_not_told_again() -> None:
    async with Emulator.open() as telegram:
        await introduced(telegram)
        first = told(telegram)
        assert first
        await introduced(telegram)
        assert told(telegram) == first


async def test_a_long_wait_does_not_keep_the_bot_from_starting() -> None:
    async with Emulator.open() as telegram:
        telegram.faults.flood(3600, method="setMyDescription")
        await introduced(telegram)
        assert telegram.person("Anna").menu()


@pytest.mark.parametrize("language", LANGUAGES)
def test_telegram_takes_the_texts(language: str) -> None:
    for name, said in menu.commands(Texts(language)).items():
        assert name.isascii()
        assert 3 <= len(said) <= 40
