from __future__ import annotations

import random
from string import ascii_lowercase

import pytest

from engine.safety.prompts.clauses import MOST, WINDOW, Clause, clauses
from engine.safety.prompts.words import likely

RNG = random.Random(0)


def nonsense(words: int, between: str = " ") -> str:
    return between.join("".join(RNG.choices(ascii_lowercase, k=4)) for _ in range(words))


LARGE = {
    "one expands": ["\ufdfa" * (990 + number) for number in range(8)],
    "no sentences": [nonsense(200) for _ in range(8)],
    "short sentences": [nonsense(160, ". ") for _ in range(8)],
    "one long": [nonsense(3000), "a fox"],
    "letters": ["; ".join(RNG.choices(ascii_lowercase, k=300)) for _ in range(8)],
}


def different(found: list[list[Clause]]) -> set[str]:
    return {clause.text for some in found for clause in some}


@pytest.mark.parametrize("name", LARGE)
def test_a_request_has_few_clauses_and_every_word_is_in_them(name: str) -> None:
    found = clauses(LARGE[name])
    assert len(different(found)) <= MOST
    for text, (whole, *parts) in zip(LARGE[name], found, strict=True):
        assert (whole.start, whole.end) == (0, len(text))
        for _, start, end in likely(text) if parts else ():
            assert any(part.start <= start and end <= part.end for part in parts)


def test_longer_texts_have_longer_parts_and_no_more() -> None:
    found = clauses([nonsense(1000)])
    assert MOST // 2 < len(different(found)) <= MOST


def test_a_text_that_is_not_very_long_has_short_parts() -> None:
    (some,) = clauses([nonsense(100)])
    assert {len(part.text.split()) for part in some[1:]} == {WINDOW}


def test_what_is_said_again_and_again_counts_once() -> None:
    found = clauses(["a cat on a mat " * 70] * 8)
    assert len(different(found)) == 2
    assert {len(part.text.split()) for some in found for part in some[1:]} == {WINDOW}


def test_no_words_have_no_clauses() -> None:
    assert clauses([]) == []
    assert clauses(["", " ... "]) == [[], []]
