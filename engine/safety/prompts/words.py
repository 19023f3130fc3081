"""The words of a text, and what each may stand for: digits for letters, letters of another script,
letters spaced or dotted apart, letters repeated.

A word has several readings, and rules look at all of them. One that is a guess counts only for
rules' words that are long enough, so that it is hardly ever one by chance.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise

from engine.safety.prompts.letters import (
    LATIN_DIGITS,
    LATIN_LOOKS,
    LATIN_SOUNDS,
    RUSSIAN_DIGITS,
    RUSSIAN_LOOKS,
    RUSSIAN_SOUNDS,
    SIGNS,
    TWINS,
)
from engine.safety.prompts.normal import Normal, normalise

PIECE = re.compile(rf"(?:[^\W_]|[{re.escape(SIGNS)}])+")
AMOUNT = re.compile(r"\d+(?:[a-z]{1,2}|[а-я]{1,2})?")  # 4k, 35mm, 18+, 90х
LATIN = re.compile(r"[a-z]")
RUSSIAN = re.compile(r"[а-яё]")
TRIPLE = re.compile(r"(\w)\1\1+")
DOUBLE = re.compile(r"(\w)\1+")
BETWEEN = re.compile(r"(?<=[бвгджзклмнпрстфхцчшщ])3(?=[бвгджзклмнпрстфхцчшщ]|\b)")  # с3кс
ALONE = "aiавиосуя"  # letters that are words
SPELT = 3  # so many single letters in a row are one word
GLUED = 12  # so many pieces without a blank between are one word, at most
SURE, GUESS, LONG = 0, 3, 5  # how long a rule's word has to be
LOOSE = 9  # so many letters may be several words
LATIN_TWINS = {latin: russian for russian, latin in TWINS.items()}


@dataclass(frozen=True, slots=True)
class Reading:
    text: str
    least: int  # letters that a rule's word must have


@dataclass(frozen=True, slots=True)
class Word:
    """It is the text's words from `first` up to `last`, which what is read otherwise may share,
    and stands from `start` up to `end` in the text as typed."""

    first: int
    last: int
    start: int
    end: int
    readings: tuple[Reading, ...]
    loose: bool = False  # where words begin and end in it is not known


@dataclass(frozen=True, slots=True)
class _Piece:
    text: str
    start: int  # in the normal text
    end: int


def words(text: str) -> list[Word]:
    """All that may be read in a text."""
    normal = normalise(text)
    pieces = _pieces(normal)
    spelt = list(_spelt(normal, pieces))
    letters = {place for run in spelt for place in range(*run)}
    alone = [(place, place + 1) for place in range(len(pieces)) if place not in letters]
    runs = alone + spelt + list(_after_one(normal, pieces, spelt)) + list(_glued(normal, pieces))
    numbers = _numbers(len(pieces), spelt)
    return [_word(normal, pieces[first:last], numbers[first:last]) for first, last in runs]


def likely(text: str) -> list[tuple[str, int, int]]:
    """The words of a text, each in its most likely reading, and where it stands as typed."""
    normal = normalise(text)
    pieces = _pieces(normal)
    runs = dict([*_glued(normal, pieces), *_spelt(normal, pieces)])
    russian = _lean(normal.text) > 0
    said: list[tuple[str, int, int]] = []
    place = 0
    while place < len(pieces):
        some = pieces[place : runs.get(place, place + 1)]
        place += len(some)
        if word := _likely("".join(piece.text for piece in some), russian):
            said.append((word, *normal.place(some[0].start, some[-1].end)))
    return said


def _pieces(normal: Normal) -> list[_Piece]:
    return [_Piece(found[0], *found.span()) for found in PIECE.finditer(normal.text)]


def _numbers(count: int, spelt: list[tuple[int, int]]) -> list[int]:
    """Of which word each piece is; the letters of one that is spelt are of one."""
    inner = {place for first, last in spelt for place in range(first + 1, last)}
    return list(accumulate((place not in inner for place in range(count)), initial=-1))[1:]


def _word(normal: Normal, pieces: list[_Piece], numbers: list[int]) -> Word:
    text, joined = "".join(piece.text for piece in pieces), len(pieces) > 1
    start, end = normal.place(pieces[0].start, pieces[-1].end)
    readings = _readings(text, GUESS if joined else SURE)
    return Word(numbers[0], numbers[-1] + 1, start, end, readings, joined and len(text) >= LOOSE)


def _gaps(normal: Normal, pieces: list[_Piece]) -> list[str]:
    """What stands between each piece and the next."""
    return [normal.text[one.end : other.start] for one, other in pairwise(pieces)]


def _spelt(normal: Normal, pieces: list[_Piece]) -> Iterator[tuple[int, int]]:
    """Runs of single letters with the same between all of them: n u d e, n.u.d.e."""
    gaps = _gaps(normal, pieces)
    first = 0
    while first < len(pieces):
        last = first + 1
        while len(pieces[last - 1].text) == 1 and last < len(pieces):
            if len(pieces[last].text) > 1 or gaps[last - 1] != gaps[first]:
                break
            last += 1
        if last - first >= SPELT and any(one.text.isalpha() for one in pieces[first:last]):
            yield first, last
            first = last
        else:
            first = max(first + 1, last - 1)  # its last may be the first of another: a  n u d e


def _after_one(
    normal: Normal, pieces: list[_Piece], spelt: list[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """Of words spelt with blanks, what is left without a first letter that is a word: a n u d e."""
    for first, last in spelt:
        blank = normal.text[pieces[first].end : pieces[first + 1].start].isspace()
        if blank and last - first > SPELT and pieces[first].text in ALONE:
            yield first + 1, last


def _glued(normal: Normal, pieces: list[_Piece]) -> Iterator[tuple[int, int]]:
    """Runs of pieces with signs but no blank between: na.ked, nu_de."""
    first = 0
    for blank, gaps in groupby(_gaps(normal, pieces), lambda gap: any(map(str.isspace, gap))):
        last = first + len(list(gaps))
        if not blank and last - first < GLUED:
            yield first, last + 1
        first = last


def _readings(text: str, least: int) -> tuple[Reading, ...]:
    bare = "".join(one for one in text if one not in SIGNS)
    found = {bare: least} if bare else {}
    for reading in _decoded(text.strip("!|")):
        found.setdefault(reading, max(least, GUESS))
    for reading in _twins(bare):
        found.setdefault(reading, LONG - 1)
    for reading in list(found):
        if TRIPLE.search(reading):
            found.setdefault(TRIPLE.sub(r"\1", reading), max(least, GUESS))
            found.setdefault(TRIPLE.sub(r"\1\1", reading), max(least, GUESS))
            found.setdefault(DOUBLE.sub(r"\1", reading), LONG)
        elif DOUBLE.search(reading):
            found.setdefault(DOUBLE.sub(r"\1", reading), LONG)
    return tuple(Reading(reading, length) for reading, length in found.items())


def _decoded(text: str) -> Iterator[str]:
    """What is left of digits, signs and letters of two scripts in one word."""
    latin, russian = bool(LATIN.search(text)), bool(RUSSIAN.search(text))
    if text.isalpha() and not (latin and russian):
        return
    if latin or not russian:
        for digits in LATIN_DIGITS if latin else ():
            said = _swap(text, digits)
            yield from [_swap(said, LATIN_LOOKS), _swap(said, LATIN_SOUNDS)] if russian else [said]
    if russian:
        for digits in RUSSIAN_DIGITS:
            said = _swap(text, digits)
            yield from (
                [_swap(said, RUSSIAN_LOOKS), _swap(said, RUSSIAN_SOUNDS)] if latin else [said]
            )


def _twins(text: str) -> Iterator[str]:
    """A word that is all of letters which the other script has as well: СЕКС, in Latin letters."""
    for twins in (TWINS, LATIN_TWINS):
        if text and all(letter in twins for letter in text):
            yield _swap(text, twins)


def _likely(text: str, russian: bool) -> str:
    """The one reading that a person would most likely see; `russian` is the rest of the text."""
    text = text.strip("!|")
    if AMOUNT.fullmatch(text):
        return text
    lean = _lean(text)
    russian = lean > 1 or (russian and lean > -2) or not LATIN.search(text)
    if RUSSIAN.search(text) and russian:
        text = _swap(_swap(BETWEEN.sub("е", text), RUSSIAN_DIGITS[0]), RUSSIAN_LOOKS)
    elif LATIN.search(text):
        text = _swap(_swap(text, LATIN_DIGITS[0]), LATIN_LOOKS)
    return TRIPLE.sub(r"\1", text)


def _lean(text: str) -> int:
    """How many more letters there are that only Russian has than such that only Latin has."""
    own = [letter for letter in text if letter not in _BOTH]
    return sum(bool(RUSSIAN.match(one)) - bool(LATIN.match(one)) for one in own)


def _swap(text: str, letters: dict[str, str]) -> str:
    return "".join(letters.get(letter, letter) for letter in text)


_BOTH = TWINS.keys() | LATIN_TWINS.keys()
