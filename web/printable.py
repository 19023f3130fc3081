"""Text that fits into an answer."""

from __future__ import annotations


def printable(text: str) -> str:
    """Without halves of surrogate pairs, which come with JSON and cannot be sent."""
    return text.encode(errors="replace").decode()
