"""What is encoded of a request's texts: the whole of each, and the parts of the long ones, so that
a few words do not get lost among many.

The parts of texts that are very long are longer, so that there are never many of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from engine.safety.prompts.words import likely

MOST = 64  # different clauses of a request, or as many as it has texts
SHORT = 12  # words; such a text is looked at as a whole
WINDOW, STRIDE = 10, 5  # words
STOP = re.compile(r"[.!?;\n]")

_Word = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Clause:
    text: str  # as it is encoded
    start: int  # in the text as typed
    end: int


@dataclass(frozen=True, slots=True)
class _Read:
    whole: Sequence[Clause]  # one, or none of a text without words
    words: Sequence[_Word]
    sentences: Sequence[Sequence[_Word]]


def clauses(texts: Sequence[str]) -> list[list[Clause]]:
    """Of each text: the whole, its sentences, and windows of long ones. Every word is in them."""
    read = [_read(text) for text in texts]
    longest = max((len(one.words) for one in read), default=0)
    for scale in count(1):
        found = [[*one.whole, *_parts(one, scale)] for one in read]
        if len({clause.text for some in found for clause in some}) <= MOST:
            break
        if longest <= SHORT * scale:  # there are no more parts
            break
    return found


def _read(text: str) -> _Read:
    words = likely(text)
    whole = [Clause(_said(words), 0, len(text))] if words else []
    return _Read(whole, words, list(_sentences(text, words)))


def _said(words: Sequence[_Word]) -> str:
    return " ".join(word for word, _, _ in words)


def _parts(read: _Read, scale: int) -> Iterator[Clause]:
    if len(read.words) > SHORT * scale:
        for sentence in read.sentences if scale == 1 else _packed(read.sentences, WINDOW * scale):
            for some in _windows(sentence, scale):
                yield Clause(_said(some), some[0][1], some[-1][2])


def _sentences(text: str, words: Sequence[_Word]) -> Iterator[Sequence[_Word]]:
    first = 0
    for place in range(1, len(words) + 1):
        if place == len(words) or STOP.search(text, words[place - 1][2], words[place][1]):
            yield words[first:place]
            first = place


def _packed(sentences: Iterable[Sequence[_Word]], most: int) -> Iterator[Sequence[_Word]]:
    """Those that follow one another together, up to so many words."""
    pack: list[_Word] = []
    for sentence in sentences:
        if pack and len(pack) + len(sentence) > most:
            yield pack
            pack = []
        pack = [*pack, *sentence]
    if pack:
        yield pack


def _windows(words: Sequence[_Word], scale: int) -> Iterator[Sequence[_Word]]:
    if len(words) <= SHORT * scale:
        yield words
        return
    window, stride = WINDOW * scale, STRIDE * scale
    for first in range(0, len(words) - window + stride, stride):
        yield words[first : first + window]
