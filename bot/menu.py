"""How the bot presents itself in Telegram: its commands and what it says of itself."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.methods import (
    GetChatMenuButton,
    GetMyCommands,
    GetMyDescription,
    GetMyShortDescription,
    SetChatMenuButton,
    SetMyCommands,
    SetMyDescription,
    SetMyShortDescription,
    TelegramMethod,
)
from aiogram.types import (
    BotCommand,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeDefault,
    MenuButtonCommands,
)

from bot.limits import NoRoom, optional
from engine.texts import LANGUAGES, Texts

IN_GROUPS = ("help", "settings", "queue", "cancel")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Wish:
    """What Telegram should know, how it is asked for what it knows, and how it is told."""

    wanted: dict[str, Any]
    ask: TelegramMethod[Any]
    tell: TelegramMethod[Any]


async def introduce(bot: Bot) -> None:
    """Tells Telegram what it does not know yet: it does not take such news often.

    What it refuses stays as it was. Raises TelegramAPIError while it cannot be reached.
    """
    for wish in _wishes():
        try:
            await _fulfil(bot, wish)
        except TelegramBadRequest as error:
            log.warning("%s: %s", wish.tell.__api_method__, error)


def commands(texts: Texts) -> dict[str, str]:
    """All commands, and what each is for."""
    say = texts.say
    return {
        "start": say("Begin"),
        "help": say("What I can do"),
        "new": say("Begin anew"),
        "mix": say("Mix pictures and words"),
        "settings": say("Model, shape, style, quality"),
        "styles": say("The styles in pictures"),
        "history": say("Your pictures"),
        "queue": say("What is being drawn for you"),
        "cancel": say("Stop"),
        "language": say("English or Russian"),
        "privacy": say("What is kept about you"),
        "export": say("All that is kept, as a file"),
        "forget": say("Delete all that is kept"),
        "report": say("Report a picture"),
    }


async def _fulfil(bot: Bot, wish: _Wish) -> None:
    known = await bot(wish.ask)
    if _plain(known) != wish.wanted:
        with suppress(NoRoom), optional():  # a wait of hours would keep the bot from starting
            await bot(wish.tell)


def _plain(known: Any) -> dict[str, Any]:
    """What Telegram answered, as `_Wish.wanted` has it."""
    if isinstance(known, list):
        return {command.command: command.description for command in known}
    fields: dict[str, Any] = known.model_dump()
    return fields


def _wishes() -> Iterator[_Wish]:
    for language in LANGUAGES:
        texts = Texts(language)
        code = None if language == LANGUAGES[0] else language  # None: for all other languages
        yield from _of_commands(texts, code)
        yield from _of_descriptions(texts, code)
    button = MenuButtonCommands()
    yield _Wish(button.model_dump(), GetChatMenuButton(), SetChatMenuButton(menu_button=button))


def _of_commands(texts: Texts, code: str | None) -> Iterator[_Wish]:
    every = commands(texts)
    few = {name: every[name] for name in IN_GROUPS}
    for scope, offered in (
        (BotCommandScopeDefault(), every),
        (BotCommandScopeAllPrivateChats(), every),
        (BotCommandScopeAllGroupChats(), few),
    ):
        listed = [BotCommand(command=name, description=said) for name, said in offered.items()]
        yield _Wish(
            offered,
            GetMyCommands(scope=scope, language_code=code),
            SetMyCommands(commands=listed, scope=scope, language_code=code),
        )


def _of_descriptions(texts: Texts, code: str | None) -> Iterator[_Wish]:
    short = texts.say("Draws what you write, changes and mixes pictures. Kandinsky models.")
    yield _Wish(
        {"short_description": short},
        GetMyShortDescription(language_code=code),
        SetMyShortDescription(short_description=short, language_code=code),
    )
    whole = texts.say(
        "Write what to draw, and you get pictures. Send a picture, and it is changed, mixed or"
        " continued past its edges. Kandinsky models do the painting."
    )
    yield _Wish(
        {"description": whole},
        GetMyDescription(language_code=code),
        SetMyDescription(description=whole, language_code=code),
    )
