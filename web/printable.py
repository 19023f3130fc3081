"""Text that fits into an answer, or into a database."""

from __future__ import annotations

from engine.errors import UnreadableText


def printable(text: str) -> str:
    """Without halves of surrogate pairs, which come with JSON and cannot be sent."""
    return text.encode(errors="replace").decode()


def readable(text: str) -> str:
    """The text. Raises UnreadableText for one that no database takes."""
    if "\0" in text or printable(text) != text:
        raise UnreadableText()
    return text
