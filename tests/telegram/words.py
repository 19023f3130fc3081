"""Words and what is marked in them. Offsets of entities are UTF-16 code units."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

Entity = dict[str, Any]

VERBATIM = {"code", "pre", "text_link", "url"}  # in them nothing is a link of its own
FOUND = re.compile(
    r"(?P<url>https?://[^\s<>\"]+)"
    r"|(?<![\w/<])(?P<bot_command>/[A-Za-z0-9_]{1,64}(?:@\w{3,32})?)(?![\w/])"
    r"|(?<!\w)(?P<mention>@\w{4,32})(?!\w)"
    r"|(?<!\w)(?P<hashtag>#\w*[^\W\d]\w*)"
)


def units(text: str) -> int:
    """How long Telegram takes the text to be: in UTF-16 code units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def part(text: str, begin: int, end: int) -> str:
    """The text between two offsets."""
    if text.isascii():
        return text[begin:end]
    return text.encode("utf-16-le")[2 * begin : 2 * end].decode("utf-16-le", "replace")


def tidy(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Without the space around it, with the links and commands that Telegram finds by itself."""
    text = text.replace("\r", "")
    begin = units(text) - units(text.lstrip())
    text = text.strip()
    end = units(text)
    kept = [cut for entity in entities if (cut := _within(entity, begin, end))]
    kept += _found(text, kept)
    return text, sorted(kept, key=_order)


def good_link(url: str) -> bool:
    """Whether Telegram takes it for a link: it refuses hosts without a dot."""
    parts = urlsplit(url if "://" in url or url.startswith("tg:") else f"http://{url}")
    if parts.scheme in ("tg", "ton", "mailto", "tel"):
        return True
    return parts.scheme in ("http", "https") and "." in (parts.hostname or "")


def _within(entity: Entity, begin: int, end: int) -> Entity | None:
    """The entity in the text that begins there and has that length."""
    first = max(entity["offset"] - begin, 0)
    last = min(entity["offset"] + entity["length"] - begin, end)
    return entity | {"offset": first, "length": last - first} if last > first else None


def _found(text: str, marked: list[Entity]) -> list[Entity]:
    if not any(sign in text for sign in ("/", "@", "#")):
        return []
    taken = [
        (entity["offset"], entity["offset"] + entity["length"])
        for entity in marked
        if entity["type"] in VERBATIM
    ]
    found = []
    for match in FOUND.finditer(text):
        offset = units(text[: match.start()])
        end = offset + units(match[0])
        if not any(first < end and offset < last for first, last in taken):
            found.append({"type": match.lastgroup, "offset": offset, "length": end - offset})
    return found


def _order(entity: Entity) -> tuple[int, int, str]:
    """Of what is in each other, the outer comes first."""
    return entity["offset"], -entity["length"], entity["type"]
