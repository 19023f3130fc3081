"""The words of a request, compared with the rules of the house."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from engine.safety.prompts import grammar
from engine.safety.prompts.finding import Finding
from engine.safety.prompts.grammar import Rule, Step
from engine.safety.prompts.words import LONG, Reading, Word, words

POLICIES = ("minors", "sexual", "gore", "hate", "selfharm", "illegal")
INNOCENT, ART = "innocent", "art"  # files of what is allowed, the second not where minors are


@dataclass(frozen=True, slots=True)
class _Hit:
    """A term that a word stands for."""

    first: int
    last: int
    start: int
    end: int


_Hits = dict[str, list[_Hit]]  # by term


class Stems:
    """Rules by policy, and what is allowed by INNOCENT and ART. Safe to share between threads."""

    def __init__(
        self, rules: Mapping[str, Sequence[Rule]], allowed: Mapping[str, Sequence[Rule]]
    ) -> None:
        self._rules, self._allowed = rules, allowed
        every = [*rules.values(), *allowed.values()]
        self._terms = _Terms(_terms(rule for some in every for rule in some))

    def findings(self, texts: Sequence[str]) -> list[tuple[Finding, ...]]:
        """What the rules find in each of a request's texts; a rule of several parts may find them
        in different ones."""
        found: list[list[Finding]] = [[] for _ in texts]
        hits = [self._terms.hits(words(text)) for text in texts]
        innocent = [self._left(some, INNOCENT) for some in hits]
        strict = [self._left(some, ART) for some in innocent]
        for policy, rules in self._rules.items():
            said = innocent if policy == "minors" else strict
            for rule in rules:
                for text, start, end in _places(rule, said):
                    found[text].append(Finding(policy, rule.line, start, end, 1.0))
        return [tuple(_shortened(some)) for some in found]

    def _left(self, hits: _Hits, name: str) -> _Hits:
        """Without the words that stand in something allowed."""
        covered: set[int] = set()
        for rule in self._allowed.get(name, ()):
            for chain in _chains(rule.parts[0], hits):
                covered.update(place for hit in chain for place in range(hit.first, hit.last))
        if not covered:
            return hits
        left = {
            term: [hit for hit in some if covered.isdisjoint(range(hit.first, hit.last))]
            for term, some in hits.items()
        }
        return {term: some for term, some in left.items() if some}


@cache
def stems() -> Stems:
    """Those of the house."""
    lists = grammar.lists()
    return Stems(
        {policy: grammar.rules(policy, lists) for policy in POLICIES},
        {name: grammar.rules(name, lists) for name in (INNOCENT, ART)},
    )


def _places(rule: Rule, texts: Sequence[_Hits]) -> Iterator[tuple[int, int, int]]:
    """Where a rule's parts stand: text, start, end. Nothing unless all of them do."""
    found: list[tuple[int, int, int]] = []
    for part in rule.parts:
        some = [
            (text, min(hit.start for hit in chain), max(hit.end for hit in chain))
            for text, hits in enumerate(texts)
            for chain in _chains(part, hits)
        ]
        if not some:
            return
        found += some
    yield from dict.fromkeys(found)


def _chains(part: Collection[tuple[Step, ...]], hits: _Hits) -> Iterator[tuple[_Hit, ...]]:
    for steps in part:
        for hit in _of(steps[0], hits):
            yield from _followed((hit,), steps[1:], hits)


def _followed(
    chain: tuple[_Hit, ...], steps: tuple[Step, ...], hits: _Hits
) -> Iterator[tuple[_Hit, ...]]:
    if not steps:
        yield chain
        return
    for hit in _of(steps[0], hits):
        if 0 <= hit.first - chain[-1].last <= steps[0].gap:
            yield from _followed((*chain, hit), steps[1:], hits)
            return  # the nearest will do


def _of(step: Step, hits: _Hits) -> Iterator[_Hit]:
    for term in step.terms & hits.keys():
        yield from hits[term]


def _shortened(findings: list[Finding]) -> Iterator[Finding]:
    """One finding for a place and policy: the widest of those that lie within each other."""
    kept: list[Finding] = []
    for one in sorted(findings, key=lambda one: one.start - one.end):
        if not any(
            other.policy == one.policy and other.start <= one.start and one.end <= other.end
            for other in kept
        ):
            kept.append(one)
    yield from sorted(kept, key=lambda one: one.start)


def _terms(rules: Iterable[Rule]) -> set[str]:
    return {
        term
        for rule in rules
        for part in rule.parts
        for steps in part
        for step in steps
        for term in step.terms
    }


class _Terms:
    """All terms of the rules, laid out for finding those that a word stands for."""

    def __init__(self, terms: Iterable[str]) -> None:
        self._exact: dict[str, str] = {}
        self._begin: dict[str, str] = {}
        self._other: list[tuple[str, str, bool]] = []  # term, letters, whether they end the word
        self._long: list[tuple[str, str]] = []
        for term in terms:
            bare = term.strip("*")
            if term.startswith("*"):
                self._other.append((term, bare, not term.endswith("*")))
            elif term.endswith("*"):
                self._begin[bare] = term
            else:
                self._exact[bare] = term
            if len(bare) >= LONG:
                self._long.append((term, bare))
        self._longest = max(map(len, self._begin), default=0)

    def hits(self, words: Iterable[Word]) -> _Hits:
        found: dict[str, set[_Hit]] = defaultdict(set)
        for word in words:
            for reading in word.readings:
                for term in self._of(reading, word.loose):
                    found[term].add(_Hit(word.first, word.last, word.start, word.end))
        return {term: sorted(some, key=_order) for term, some in found.items()}

    def _of(self, reading: Reading, loose: bool) -> Iterator[str]:
        text, least = reading.text, reading.least
        if len(text) >= least and (term := self._exact.get(text)):
            yield term
        for length in range(max(least, 2), min(len(text), self._longest) + 1):
            if term := self._begin.get(text[:length]):
                yield term
        for term, bare, ends in self._other:
            if len(bare) >= least and (text.endswith(bare) if ends else bare in text):
                yield term
        if loose:
            yield from (term for term, bare in self._long if bare in text)


def _order(hit: _Hit) -> tuple[int, int]:
    return hit.first, hit.last
