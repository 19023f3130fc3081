"""How the bot presents itself: its commands, its name, its descriptions, its menu button."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiogram.types import BotCommand

from tests.telegram.chats import Chat, ChatKind, User
from tests.telegram.messages import Wire
from tests.telegram.refusals import bad
from tests.telegram.schema import wire_of

COMMAND = re.compile(r"[a-z0-9_]{1,32}")
COMMANDS_LIMIT = 100
DESCRIPTION_LIMIT = 256  # characters of a command's description
LIMITS = {"name": 64, "description": 512, "short_description": 120}

Scope = tuple[str, int, int]  # the type, the chat, the person; 0 where there is none


@dataclass(slots=True)
class Profile:
    """All of it, by scope and language; "" is the language of those who have no other."""

    commands: dict[tuple[Scope, str], list[Wire]] = field(default_factory=dict)
    texts: dict[tuple[str, str], str] = field(default_factory=dict)
    buttons: dict[int, Wire] = field(default_factory=dict)  # by chat; 0 for all others

    def set_commands(self, scope: Scope, language: str, commands: list[BotCommand]) -> None:
        """Raises Refused."""
        if len(commands) > COMMANDS_LIMIT:
            raise bad("BOT_COMMANDS_TOO_MUCH")
        for command in commands:
            if not COMMAND.fullmatch(command.command.removeprefix("/")):
                raise bad("BOT_COMMAND_INVALID")
            if not 1 <= len(command.description) <= DESCRIPTION_LIMIT:
                raise bad("BOT_COMMAND_DESCRIPTION_INVALID")
        wires = [wire_of(command) for command in commands]
        self.commands[scope, _checked(language)] = wires

    def commands_in(self, chat: Chat, person: User) -> list[Wire]:
        """Those that the person sees in the menu of that chat."""
        for scope in _scopes(chat, person):
            for language in (person.language, ""):
                if found := self.commands.get((scope, language)):
                    return found
        return []

    def set_text(self, kind: str, language: str, text: str) -> None:
        """Raises Refused."""
        if len(text) > LIMITS[kind]:
            raise bad(f"BOT_{kind.upper()}_TOO_LONG")
        self.texts[kind, _checked(language)] = text

    def text(self, kind: str, language: str) -> str:
        return self.texts.get((kind, language)) or self.texts.get((kind, ""), "")


def scope_of(scope: Mapping[str, Any] | None) -> Scope:
    """Of a BotCommandScope as it is on the wire."""
    if scope is None:
        return ("default", 0, 0)
    return (scope["type"], int(scope.get("chat_id", 0)), int(scope.get("user_id", 0)))


def _checked(language: str) -> str:
    if language and not re.fullmatch("[a-z]{2}", language):
        raise bad("LANG_CODE_INVALID")
    return language


def _scopes(chat: Chat, person: User) -> list[Scope]:
    everywhere = "all_private_chats" if chat.kind is ChatKind.PRIVATE else "all_group_chats"
    return [
        ("chat_member", chat.id, person.id),
        ("chat", chat.id, 0),
        (everywhere, 0, 0),
        ("default", 0, 0),
    ]
