from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.safety.prompts.words import likely, words


def readings(text: str) -> set[str]:
    return {reading.text for word in words(text) for reading in word.readings}


def plain(text: str) -> str:
    return " ".join(word for word, _, _ in likely(text))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("n u d e", "nude"),
        ("a n u d e", "nude"),
        ("a  n u d e  fox", "nude"),
        ("n.u.d.e", "nude"),
        ("n-u-d-e", "nude"),
        ("na.ked", "naked"),
        ("n_aked", "naked"),
        ("nuuude", "nude"),
        ("n4k3d", "naked"),
        ("n@ked", "naked"),
        ("$ex", "sex"),
        ("k1ll", "kill"),
        ("nаkеd", "naked"),
        ("н.у.д", "нуд"),
        ("г о л ы й", "голый"),
        ("г0л@я", "голая"),
        ("с3кс", "секс"),
        ("гoлaя", "голая"),
        ("CEKC", "секс"),
        ("гоооолая", "голая"),
    ],
)
def test_a_hidden_word_is_read(typed: str, meant: str) -> None:
    assert meant in readings(typed)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("N u d e  w0man", "nude woman"),
        ("г.о.л.а.я девушка", "голая девушка"),
        ("35mm photo, 4k", "35mm photo 4k"),
        ("ice-cream!", "icecream"),
        ("soooo cute", "so cute"),
        ("Группа туpистов у мoря", "группа туристов у моря"),
        ("good book", "good book"),
    ],
)
def test_the_most_likely_reading(typed: str, said: str) -> None:
    assert plain(typed) == said


@given(st.text(max_size=60) | st.text("nu de 0@$.-_гола", max_size=60))
def test_words_stand_within_the_text(text: str) -> None:
    for word in words(text):
        assert 0 <= word.start < word.end <= len(text)
        assert 0 <= word.first < word.last
    for _, start, end in likely(text):
        assert 0 <= start < end <= len(text)


@given(st.lists(st.text("abcdefghklmnoprst", min_size=4, max_size=9), min_size=1, max_size=6))
def test_spelling_words_does_not_change_what_they_say(some: list[str]) -> None:
    once = plain(" ".join(some))
    assert plain("  ".join(" ".join(word) for word in some)) == once
    assert plain(" ".join(".".join(word) for word in some)) == once
    assert plain(once) == once


def test_a_guess_counts_only_for_longer_words() -> None:
    (word,) = words("Good")
    assert {(one.text, one.least) for one in word.readings} == {("good", 0), ("god", 5)}


def test_the_letters_of_a_word_spelt_are_no_words() -> None:
    (word,) = words("s.w.o.r.d")[:1]
    assert [one.text for one in word.readings] == ["sword"]
