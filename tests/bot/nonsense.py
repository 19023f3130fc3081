"""Updates of all kinds, made from aiogram's own models: anything that Telegram may ever send."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from aiogram.filters.callback_data import CallbackData
from aiogram.types import (
    CallbackQuery,
    Chat,
    ChatMemberUpdated,
    InlineQuery,
    Message,
    TelegramObject,
    Update,
    User,
)
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from bot.choices import OnSetting
from bot.presses import OnEdit, OnMix, OnPhoto, OnResult
from bot.routers.account import OnForget
from bot.routers.history import OnHistory, Open
from bot.routers.queue import OnQueue
from bot.routers.start import Example, Speak
from bot.routers.styles import OnStyle

Wire = dict[str, Any]

PRESSES: tuple[type[CallbackData], ...] = (
    OnResult,
    OnPhoto,
    OnMix,
    OnEdit,
    OnSetting,
    OnQueue,
    OnStyle,
    OnHistory,
    Open,
    OnForget,
    Example,
    Speak,
)
KEEPING = (OnResult, OnPhoto)  # under pictures; they forget nobody
COMMANDS = (
    *("start", "help", "new", "mix", "settings", "styles", "history", "queue", "cancel"),
    *("language", "privacy", "export", "forget", "report", "nothing_like_this", ""),
)
ODD = (
    *(
        "лиса 🦊",
        "👩‍👩‍👧‍👦",
        "‮abc‬",
        "\u200b\u200d\ufeff",
        "שלום",
        "مرحبا",
        "e\u0301" * 20,
        "<b>",
        "</b>",
        "&lt;",
    ),
    *(
        "<script>alert(1)</script>",
        "*_`[a](b)",
        "'; DROP TABLE jobs; --",
        "../../etc/passwd",
        "%s{0}",
    ),
    *(
        "\x00",
        "\x01\x1b[31m",
        "\n\n",
        "\u2028",
        "a" * 4096,
        "𝕏" * 2048,
        "no",
        "нет",
        "-",
        "7",
        "٣",
        "10" * 40,
    ),
    *("--seed 7", "--seed", "--ar 3:2", "--ar 0:0", "--no hands", "--steps 10000", "--size 9x9"),
    *("--style none", '--no "', "—seed 8", "--", "--count -1", "--guidance nan", "--strength inf"),
    *("all", "other", "none", "left", "16x9", "go", "stop", "fill", "more", "en", "ru", "xx"),
)
LARGEST = 2**63 - 1
ALBUMS = ("1", "2")
NOT_SENT = (  # to a bot that did not ask for it
    *("business_connection_id", "direct_messages_topic"),
    *("ephemeral_message_id", "receiver_user"),
)
CONTENTS = (  # of a message
    *[["text"]] * 8,
    *(["text", "reply_to_message"], ["text", "entities"], ["photo"], ["photo", "caption"]),
    *(["photo", "reply_to_message"], ["document", "caption"], ["sticker"], ["caption"], []),
)


@dataclass(frozen=True, slots=True)
class Known:
    """What is really there: people, chats, messages, files and jobs."""

    people: Sequence[Wire]
    chats: Sequence[Wire]
    messages: Sequence[int]
    files: Sequence[str]
    jobs: Sequence[str]


def updates(known: Known) -> st.SearchStrategy[Wire]:
    """Without their numbers."""
    made = Made(known)
    kinds = {
        "message": made.of(Message),
        "edited_message": made.of(Message),
        "callback_query": st.one_of(made.of(CallbackQuery), made.of(CallbackQuery).map(_own)),
        "inline_query": made.of(InlineQuery),
        "my_chat_member": made.of(ChatMemberUpdated),
    }
    shares = ["message"] * 4 + ["callback_query"] * 4 + ["edited_message", "inline_query"]
    return (
        st.sampled_from([*shares, "my_chat_member"])
        .flatmap(lambda kind: st.fixed_dictionaries({kind: kinds[kind]}))
        .filter(_is_an_update)
    )


def words() -> st.SearchStrategy[str]:
    """At most as many as Telegram takes."""
    some = st.one_of(st.sampled_from(ODD), st.text(max_size=30))
    commands = st.builds(
        "/{}{}{}".format,
        st.sampled_from(COMMANDS),
        st.sampled_from(
            ["", " ", "@kandinsky_test_bot ", "@another_bot ", "\n", "@kandinsky_test_bot"]
        ),
        some,
    )
    several = st.lists(some, min_size=1, max_size=4).map(" ".join)
    return st.one_of(commands, several, some).map(lambda text: text[:4096] or "a")


def pressed(
    known: Known,
    owners: st.SearchStrategy[int],
    kinds: Sequence[type[CallbackData]] = PRESSES,
) -> st.SearchStrategy[str]:
    """What buttons of the bot say that are for one of the owners, with any values."""
    return st.sampled_from(kinds).flatmap(lambda kind: _packed(kind, known, owners))


def _packed(
    kind: type[CallbackData], known: Known, owners: st.SearchStrategy[int]
) -> st.SearchStrategy[str]:
    values: dict[str, st.SearchStrategy[Any]] = {"owner": owners}
    for name, field in kind.model_fields.items():
        if name != "owner":
            values[name] = _value(field.annotation, known)
    return st.builds(kind, **values).map(_pack).filter(bool)


def _value(kind: Any, known: Known) -> st.SearchStrategy[Any]:
    """Of a button."""
    if get_origin(kind) in (Union, types.UnionType):
        return st.one_of([_value(one, known) for one in get_args(kind)])
    if kind is UUID:
        return st.one_of(st.sampled_from(known.jobs).map(UUID), st.uuids())
    if kind is str:
        return st.sampled_from(ODD).filter(lambda text: len(text.encode()) < 16 and ":" not in text)
    if kind is int:
        return st.integers(-2, 5)
    return st.from_type(kind)


def _pack(data: CallbackData) -> str:
    """Nothing for what is too long for a button."""
    try:
        return data.pack()
    except ValueError:
        return ""


class Made:
    """Strategies for the parts of an update: what must be there, and a few of what may be."""

    def __init__(self, known: Known) -> None:
        self._known = known
        ids = st.one_of(st.integers(-3, 9), st.integers(-LARGEST - 1, LARGEST))
        people = [person["id"] for person in known.people]
        data = pressed(known, st.sampled_from(people))
        self._special: dict[str, st.SearchStrategy[Any]] = {
            "text": words(),
            "caption": words().map(lambda text: text[:1024]),
            "query": words().map(lambda text: text[:256]),
            "data": st.one_of(data, data, data.flatmap(_mutated), st.text(max_size=30)),
            "message_id": st.one_of(st.sampled_from(known.messages), ids),
            "file_id": st.one_of(st.sampled_from(known.files), st.text(min_size=1, max_size=20)),
            "id": st.one_of(ids, ids.map(str)),
            "media_group_id": st.sampled_from([None] * 30 + [*ALBUMS]),
        }

    @cache  # noqa: B019 - as long as the test
    def of(self, kind: type[TelegramObject], depth: int = 3) -> st.SearchStrategy[Wire]:
        """An object of that kind on the wire, in which so many are within each other."""
        fields = {
            field.alias or name: self._later(name, field, depth)
            for name, field in kind.model_fields.items()
            if name not in NOT_SENT
        }
        must = [field.alias or name for name, field in kind.model_fields.items() if _must(field)]
        may = [name for name in fields if name not in must]
        return _drawn(kind, must, may, fields)

    def _later(self, name: str, field: FieldInfo, depth: int) -> st.SearchStrategy[Any]:
        """Made when it is needed: kinds hold each other."""
        return st.deferred(lambda: self._field(name, field, depth))

    def _field(self, name: str, field: FieldInfo, depth: int) -> st.SearchStrategy[Any]:
        """What must be there is, however deep."""
        kind = field.annotation
        special = self._special.get(name)
        if special is not None and _is_plain(kind):
            return special.filter(lambda value: _fits(value, kind))
        return self._any(kind, max(depth, 1) if _must(field) else depth)

    def _any(self, kind: Any, depth: int) -> st.SearchStrategy[Any]:
        origin, given = get_origin(kind), get_args(kind)
        if origin in (Union, types.UnionType):
            return st.one_of([self._any(one, depth) for one in given if one is not type(None)])
        if origin is Annotated:
            return self._any(given[0], depth)
        if origin is Literal:
            return st.sampled_from([_plain(one) for one in given])
        if origin is list:
            one = self._any(given[0], depth)
            return st.just([]) if one.is_empty else st.lists(one, max_size=2)
        return self._one(kind, depth) if isinstance(kind, type) else st.nothing()

    def _one(self, kind: type, depth: int) -> st.SearchStrategy[Any]:
        if issubclass(kind, User):
            return st.sampled_from(self._known.people)
        if issubclass(kind, Chat):
            return st.sampled_from(self._known.chats)
        if issubclass(kind, TelegramObject):
            return self.of(kind, depth - 1) if depth > 0 else st.nothing()
        return SIMPLE.get(kind, st.nothing())


SIMPLE: dict[type, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.one_of(st.integers(0, 9), st.integers(-LARGEST - 1, LARGEST)),
    float: st.floats(-180, 180),
    str: st.text(max_size=20),
    datetime: st.integers(1, 2**31 - 1),
}


@st.composite
def _drawn(
    draw: st.DrawFn,
    kind: type[TelegramObject],
    must: Sequence[str],
    may: Sequence[str],
    fields: Mapping[str, st.SearchStrategy[Any]],
) -> Wire:
    """With what must be there, what usually is, and a few others."""
    others = draw(st.lists(st.sampled_from(may), max_size=2)) if may else []
    names = dict.fromkeys([*must, *others, *_usual(kind, draw)])
    return {name: draw(fields[name]) for name in names if not fields[name].is_empty}


def _usual(kind: type[TelegramObject], draw: st.DrawFn) -> list[str]:
    """What such an object nearly always has beside what it must have."""
    if issubclass(kind, Message):
        return ["from", *draw(st.sampled_from(CONTENTS))]
    if issubclass(kind, CallbackQuery):
        return ["data", "message"] if draw(st.integers(0, 9)) else ["data"]
    return []


def _own(press: Wire) -> Wire:
    """For the very person who presses it."""
    kept, colon, _ = press["data"].rpartition(":")
    return press | {"data": f"{kept}{colon}{press['from']['id']}"}


def _must(field: FieldInfo) -> bool:
    return field.is_required()


def _mutated(data: str) -> st.SearchStrategy[str]:
    """With a part missing, doubled, or other than it was."""
    parts = data.split(":")
    places = st.integers(0, len(parts) - 1)
    others = st.lists(st.text(max_size=8), max_size=2)

    def changed(place: int, other: list[str]) -> str:
        return ":".join([*parts[:place], *other, *parts[place + 1 :]])

    return st.builds(changed, places, others)


def _is_plain(kind: Any) -> bool:
    """Whether it is a number or a text, or may be none."""
    return {one for one in (get_args(kind) or (kind,)) if one is not type(None)} <= {int, str}


def _fits(value: object, kind: Any) -> bool:
    return isinstance(value, get_args(kind) or kind)


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def _is_an_update(wire: Wire) -> bool:
    try:
        Update.model_validate({"update_id": 1, **wire})
    except ValidationError:
        return False
    return True
