from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.safety.prompts.normal import MOST, normalise

TEXTS = st.text(max_size=60) | st.text("nude голяй\u0306\u0301\u200b\u00ad🅽ＮΝо0 .-", max_size=60)


@given(TEXTS)
def test_doing_it_again_changes_nothing(text: str) -> None:
    once = normalise(text).text
    assert normalise(once).text == once


@given(TEXTS)
def test_every_character_has_a_place_in_the_text_as_typed(text: str) -> None:
    normal = normalise(text)
    assert len(normal.places) == len(normal.text)
    assert all(0 <= start < end <= len(text) for start, end in normal.places)
    assert list(normal.places) == sorted(normal.places)


@given(st.text("abcxyzабвэюя 0189.,!", max_size=40))
def test_what_is_plain_stays_in_its_place(text: str) -> None:
    normal = normalise(text)
    assert normal.text == text
    assert normal.places == tuple((place, place + 1) for place in range(len(text)))


@pytest.mark.parametrize(
    "typed",
    ["Nüdé", "ｎｕｄｅ", "𝓷𝓾𝓭𝓮", "n\u200bu\u00add\u2060e", "🅽🆄🅳🅴", "ⓝⓤⓓⓔ", "ηυdе", "n̵u̵d̵e̵"],
)
def test_letters_that_look_otherwise_are_the_same(typed: str) -> None:
    assert normalise(typed).text.replace("е", "e") == "nude"


def test_letters_that_russian_tells_apart_stay_apart() -> None:
    assert normalise("Ёжик, Йод, и\u0306").text == "ежик, йод, й"


def test_the_place_of_a_word_holds_its_marks() -> None:
    typed = "a n\u0301u\u0308d\u200be fox"
    normal = normalise(typed)
    start = normal.text.index("nude")
    begins, ends = normal.place(start, start + 4)
    assert typed[begins:ends] == "n\u0301u\u0308d\u200be"


def test_little_comes_of_a_character_that_is_a_sentence() -> None:
    typed = "\ufdfa" * 50 + "nude"
    normal = normalise(typed)
    assert len(normal.text) <= 50 * MOST + 4
    start = normal.text.index("nude")
    assert normal.place(start, start + 4) == (50, 54)
    assert normal.place(0, MOST) == (0, 1)
