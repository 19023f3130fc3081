"""What is encoded of a text: the whole of it, and the parts of a long one, so that a few words do
not get lost among many."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.safety.prompts.words import likely

SHORT = 12  # words; such a text is looked at as a whole
WINDOW, STRIDE = 10, 5  # words
STOP = re.compile(r"[.!?;\n]")

_Word = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Clause:
    text: str  # as it is encoded
    start: int  # in the text as typed
    end: int


def clauses(text: str) -> list[Clause]:
    """The whole text, its sentences, and windows of long ones."""
    words = likely(text)
    found = [Clause(_said(words), 0, len(text))] if words else []
    if len(words) > SHORT:
        for sentence in _sentences(text, words):
            found += [Clause(_said(some), some[0][1], some[-1][2]) for some in _windows(sentence)]
    return found


def _said(words: Sequence[_Word]) -> str:
    return " ".join(word for word, _, _ in words)


def _sentences(text: str, words: Sequence[_Word]) -> Iterator[Sequence[_Word]]:
    first = 0
    for place in range(1, len(words) + 1):
        if place == len(words) or STOP.search(text, words[place - 1][2], words[place][1]):
            yield words[first:place]
            first = place


def _windows(words: Sequence[_Word]) -> Iterator[Sequence[_Word]]:
    if len(words) <= SHORT:
        yield words
        return
    for first in range(0, len(words) - WINDOW + STRIDE, STRIDE):
        yield words[first : first + WINDOW]
