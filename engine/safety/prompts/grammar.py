"""How rules are written, and how they are read from engine/safety/prompts/rules.

A line is a rule of words, which stand side by side in a text, in this order:

    nude       the word             nud*      words that begin so
    *phile     that end so          *porn*    that hold it
    {name}     one of a list of words.txt
    a b|c      one or the other: a and b side by side, or c
    a .. b     up to four other words may stand between
    a ~ b      the same, in either order
    a & b      both are somewhere in the request
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from engine.safety.prompts.normal import normalise

FOLDER = Path(__file__).with_name("rules")
BESIDE, NEAR = 0, 4  # so many other words may stand between two steps

Lists = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Step:
    terms: frozenset[str]
    gap: int  # other words that may stand before it


@dataclass(frozen=True, slots=True)
class Rule:
    """All of its `parts` are found in a request; of each part, one of its sequences of steps."""

    policy: str
    line: str
    parts: tuple[tuple[tuple[Step, ...], ...], ...]


def rules(policy: str, lists: Lists) -> list[Rule]:
    """The rules of a file that is named after the policy."""
    return [rule(policy, line, lists) for line in lines(FOLDER / f"{policy}.txt")]


def rule(policy: str, line: str, lists: Lists) -> Rule:
    parts = [tuple(_orders(part, lists)) for part in line.split(" & ")]
    return Rule(policy, line, tuple(parts))


def lists() -> dict[str, frozenset[str]]:
    """The lists of words.txt by name: lines of `name: word word ...`, some with the same name."""
    found: dict[str, frozenset[str]] = {}
    for line in lines(FOLDER / "words.txt"):
        name, _, terms = line.partition(": ")
        found[name] = found.get(name, frozenset()) | frozenset(map(term, terms.split()))
    return found


def lines(file: Path) -> Iterator[str]:
    """Those of a file that say something: no blank ones and no comments."""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.strip()


def term(text: str) -> str:
    """A word of a rule as texts are compared. Raises ValueError if nothing is left of it."""
    bare = normalise(text.strip("*")).text
    if not re.fullmatch(r"[^\W_]+", bare):
        raise ValueError(f"“{text}” is no word for a rule")
    return "*" * text.startswith("*") + bare + "*" * text.endswith("*")


def _orders(part: str, lists: Lists) -> Iterator[tuple[Step, ...]]:
    """The sequences that a part stands for; with `~`, those of either order."""
    sides = part.split(" ~ ")
    for order in dict.fromkeys((tuple(sides), tuple(reversed(sides)))):
        yield from _sequences(" .. ".join(order), lists)


def _sequences(side: str, lists: Lists) -> Iterator[tuple[Step, ...]]:
    """One for each way to choose among the phrases; single words are chosen among in one step."""
    choices = [list(_phrases(words, lists)) for words in side.split(" .. ")]
    for chosen in product(*choices):
        yield tuple(
            Step(terms, NEAR if number and not place else BESIDE)
            for number, phrase in enumerate(chosen)
            for place, terms in enumerate(phrase)
        )


def _phrases(words: str, lists: Lists) -> Iterator[list[frozenset[str]]]:
    single: frozenset[str] = frozenset()
    for phrase in words.split("|"):
        terms = [_terms(word, lists) for word in phrase.split()]
        if len(terms) == 1:
            single |= terms[0]
        else:
            yield terms
    if single:
        yield [single]


def _terms(word: str, lists: Lists) -> frozenset[str]:
    """Raises KeyError for a list that words.txt does not have."""
    return lists[word.strip("{}")] if word.startswith("{") else frozenset([term(word)])
