"""Telegram's HTML: read as strictly as Telegram reads it, and written back for people to see.

The rules and the words of the errors are those of TDLib
(td/telegram/MessageEntity.cpp, parse_html).
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.telegram.words import Entity, good_link, part, tidy, units

TYPES = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "code": "code",
    "pre": "pre",
    "span": "spoiler",
    "tg-spoiler": "spoiler",
    "tg-emoji": "custom_emoji",
    "a": "text_link",
    "blockquote": "blockquote",
}
TAGS = {
    "bold": "b",
    "italic": "i",
    "underline": "u",
    "strikethrough": "s",
    "spoiler": "tg-spoiler",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "expandable_blockquote": "blockquote",
}
SPECIAL = re.compile(r"[<&]")
SPACE = re.compile(r"\s*")
NAME = re.compile(r"[^\s>]*")
ATTRIBUTE = re.compile(r"[^\s=>/\"']*")
TOKEN = re.compile(r"[A-Za-z0-9.\-]*")
CHARACTER = re.compile(r"&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(lt|gt|amp|quot));?", re.IGNORECASE)
NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}


class Unreadable(ValueError):
    """The text is not what Telegram takes for HTML; the message is Telegram's."""


def parse(source: str) -> tuple[str, list[Entity]]:
    """The text and what is marked in it. Raises Unreadable."""
    if not SPECIAL.search(source):
        return tidy(source, [])
    return tidy(*_Parser(source).parsed())


def write(text: str, entities: list[Entity] | tuple[Entity, ...]) -> str:
    """HTML that shows it. The entities are in the order that `tidy` gives them."""
    written: list[str] = []
    closing: list[tuple[int, str]] = []  # the end and the tag of each that is open
    at = 0

    def go_on(until: int) -> None:
        nonlocal at
        if until > at:
            written.append(html.escape(part(text, at, until), quote=False))
            at = until

    for entity in entities:
        start, end = entity["offset"], entity["offset"] + entity["length"]
        while closing and closing[-1][0] <= start:
            offset, tag = closing.pop()
            go_on(offset)
            written.append(tag)
        go_on(start)
        opened, closed = _tags(entity, part(text, start, end))
        written.append(opened)
        closing.append((end, closed))
    for offset, tag in reversed(closing):
        go_on(offset)
        written.append(tag)
    go_on(units(text))
    return "".join(written)


@dataclass(frozen=True, slots=True)
class _Open:
    """A tag that was not closed yet."""

    name: str
    argument: str
    offset: int


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._text: list[str] = []
        self._length = 0
        self._open: list[_Open] = []
        self._entities: list[Entity] = []

    def parsed(self) -> tuple[str, list[Entity]]:
        while found := SPECIAL.search(self._source, self._at):
            self._take(self._source[self._at : found.start()])
            self._at = found.start()
            if found[0] == "&":
                self._character()
            elif self._source.startswith("</", self._at):
                self._end_tag(self._at)
            else:
                self._start_tag(self._at)
        self._take(self._source[self._at :])
        if self._open:
            name = self._open[-1].name
            raise Unreadable(f'Can\'t find end tag corresponding to start tag "{name}"')
        return "".join(self._text), self._entities

    def _take(self, text: str) -> None:
        self._text.append(text)
        self._length += units(text)

    def _character(self) -> None:
        """One of the few that Telegram knows; any other stays as it is written."""
        character, self._at = _character(self._source, self._at)
        self._take(character)

    def _start_tag(self, begin: int) -> None:
        name = self._match(NAME, begin + 1).lower()
        self._unless_over(f"Unclosed start tag at byte offset {self._bytes(begin)}")
        if name not in TYPES:
            raise self._error(f'Unsupported start tag "{name}"', begin)
        attributes = self._attributes(name, begin)
        argument = _argument(name, attributes)
        if name == "span" and argument != "spoiler":
            raise self._error('Tag "span" must have class "tg-spoiler"', begin)
        self._open.append(_Open(name, argument, self._length))

    def _attributes(self, tag: str, begin: int) -> dict[str, str]:
        """Up to the end of the tag."""
        unclosed = f"Unclosed start tag at byte offset {self._bytes(begin)}"
        attributes: dict[str, str] = {}
        while True:
            self._skip_space()
            self._unless_over(unclosed)
            if self._source[self._at] == ">":
                self._at += 1
                return attributes
            name = self._match(ATTRIBUTE)
            if not name:
                raise self._error(f'Empty attribute name in the tag "{tag}"', begin)
            self._skip_space()
            self._unless_over(unclosed)
            if self._source[self._at] != "=":
                attributes[name] = ""
                continue
            self._at += 1
            self._skip_space()
            self._unless_over(unclosed)
            attributes[name] = self._value(unclosed)

    def _value(self, unclosed: str) -> str:
        quote = self._source[self._at]
        if quote not in "\"'":
            begin = self._at
            value = self._match(TOKEN)
            if self._at == len(self._source) or self._source[self._at] not in " \t\n>":
                raise self._error("Unexpected end of name token", begin)
            return value.lower()
        end = self._source.find(quote, self._at + 1)
        if end < 0:
            raise Unreadable(unclosed)
        value = self._source[self._at + 1 : end]
        self._at = end + 1
        return CHARACTER.sub(lambda found: _character(found[0], 0)[0], value)

    def _end_tag(self, begin: int) -> None:
        if not self._open:
            raise self._error("Unexpected end tag", begin)
        name = self._match(NAME, begin + 2).lower()
        self._skip_space()
        if not self._source.startswith(">", self._at):
            raise self._error("Unclosed end tag", begin)
        self._at += 1
        opened = self._open.pop()
        if name and name != opened.name:
            offset = self._bytes(begin)
            raise Unreadable(
                f"Unmatched end tag at byte offset {offset}, "
                f'expected "</{opened.name}>", found "</{name}>"'
            )
        if self._length > opened.offset:
            self._close(opened)

    def _close(self, opened: _Open) -> None:
        entity: Entity = {
            "type": TYPES[opened.name],
            "offset": opened.offset,
            "length": self._length - opened.offset,
        }
        if opened.name == "a":
            url = opened.argument or part("".join(self._text), opened.offset, self._length)
            if not good_link(url):
                return
            entity["url"] = url
        elif opened.name == "tg-emoji":
            entity["custom_emoji_id"] = opened.argument
        elif opened.name == "blockquote" and opened.argument:
            entity["type"] = "expandable_blockquote"
        elif opened.name == "code" and opened.argument and self._in_pre(opened):
            entity["language"] = opened.argument
        elif opened.name == "pre":
            self._take_language(entity)
        self._entities.append(entity)

    def _in_pre(self, opened: _Open) -> bool:
        return bool(self._open) and self._open[-1] == _Open("pre", "", opened.offset)

    def _take_language(self, pre: Entity) -> None:
        """`<pre><code class="language-x">` is one entity."""
        code = self._entities[-1] if self._entities else {}
        language = code.pop("language", "")
        if language and code["length"] == pre["length"]:
            self._entities.pop()
            pre["language"] = language

    def _match(self, pattern: re.Pattern[str], at: int | None = None) -> str:
        found = pattern.match(self._source, self._at if at is None else at)
        assert found
        self._at = found.end()
        return found[0]

    def _skip_space(self) -> None:
        self._match(SPACE)

    def _unless_over(self, error: str) -> None:
        if self._at >= len(self._source):
            raise Unreadable(error)

    def _bytes(self, at: int) -> int:
        return len(self._source[:at].encode())

    def _error(self, what: str, at: int) -> Unreadable:
        return Unreadable(f"{what} at byte offset {self._bytes(at)}")


def _character(source: str, at: int) -> tuple[str, int]:
    """What stands at `&`, and where it ends."""
    found = CHARACTER.match(source, at)
    if not found:
        return "&", at + 1
    decimal, hexadecimal, name = found.groups()
    if name:
        return NAMED[name.lower()], found.end()
    code = int(decimal) if decimal else int(hexadecimal, 16)
    good = 0 < code < 0x110000 and not 0xD800 <= code < 0xE000
    return (chr(code), found.end()) if good else ("&", at + 1)


def _argument(tag: str, attributes: dict[str, str]) -> str:
    readers: dict[str, Callable[[], str]] = {
        "a": lambda: attributes.get("href", ""),
        "code": lambda: _after("language-", attributes.get("class", "")),
        "span": lambda: _after("tg-", attributes.get("class", "")),
        "tg-emoji": lambda: attributes.get("emoji-id", ""),
        "blockquote": lambda: "expandable" if "expandable" in attributes else "",
    }
    return readers[tag]() if tag in readers else ""


def _after(prefix: str, value: str) -> str:
    return value.removeprefix(prefix) if value.startswith(prefix) else ""


def _tags(entity: Entity, text: str) -> tuple[str, str]:
    kind = entity["type"]
    if kind in ("text_link", "url"):
        return f'<a href="{html.escape(entity.get("url", text))}">', "</a>"
    if kind == "pre" and "language" in entity:
        return f'<pre><code class="language-{html.escape(entity["language"])}">', "</code></pre>"
    if kind == "expandable_blockquote":
        return "<blockquote expandable>", "</blockquote>"
    return (f"<{TAGS[kind]}>", f"</{TAGS[kind]}>") if kind in TAGS else ("", "")
