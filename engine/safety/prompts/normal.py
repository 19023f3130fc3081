"""A text as it is compared: without marks, invisible characters and the looks of its letters.

Every character knows its place in the text as it was typed. What a word may stand for beyond that
(digits for letters, letters spaced apart) is read by engine/safety/prompts/words.py.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from engine.safety.prompts.letters import STRANGE

# A character and what is put on or behind it: accents, and what joins or parts without being seen.
CLUSTER = re.compile(r".[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]*", re.S)
MOST = 4  # characters that come of one; one of a whole sentence is not read to its end
HIDDEN = frozenset("\u115f\u1160\u3164\uffa0\u034f\u2800")  # blank, though they count as letters


@dataclass(frozen=True, slots=True)
class Normal:
    """`text`, and for each of its characters the place (start and end) in the text as typed."""

    text: str
    places: tuple[tuple[int, int], ...]

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where the characters from `start` up to `end`, at least one, stand as typed."""
        return self.places[start][0], self.places[end - 1][1]


def normalise(text: str) -> Normal:
    """Doing it again changes nothing. At most MOST characters come of one."""
    characters: list[str] = []
    places: list[tuple[int, int]] = []
    for cluster in CLUSTER.finditer(text):
        plain = _plain(cluster[0])
        characters.append(plain)
        places += [cluster.span()] * len(plain)
    return Normal("".join(characters), tuple(places))


def _plain(cluster: str) -> str:
    if cluster.isascii():
        return cluster.lower() if cluster.isprintable() else " "
    folded = unicodedata.normalize("NFKC", cluster).casefold()
    return "".join(map(_letter, unicodedata.normalize("NFC", folded)))[:MOST]


def _letter(character: str) -> str:
    if character == "й":
        return character
    bare = "".join(filter(_seen, unicodedata.normalize("NFKD", character).casefold()))
    return "".join(STRANGE.get(one, one) for one in bare)


def _seen(character: str) -> bool:
    """Whether it is more than a mark, a control or something that has no look of its own."""
    return character not in HIDDEN and unicodedata.category(character)[0] not in "MC"
