from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from engine.texts import Texts
from web.moderation.marks import Piece, asked, pieces, plain, sources

PLACES = some.integers(-5, 60)
FINDINGS = some.lists(
    some.fixed_dictionaries({"start": PLACES, "end": PLACES, "policy": some.just("gore")})
)


def at(start: int, end: int, policy: str = "gore", field: str = "prompt") -> dict[str, Any]:
    return {"start": start, "end": end, "policy": policy, "field": field}


def test_what_was_found_is_cut_out() -> None:
    found = pieces("blood on snow", [at(0, 5)])
    assert found == [Piece("blood", "gore"), Piece(" on snow")]


def test_where_findings_overlap_the_first_one_counts() -> None:
    found = pieces("abcdef", [at(2, 5, "hate"), at(0, 3)])
    assert found == [Piece("abc", "gore"), Piece("de", "hate"), Piece("f")]


def test_a_finding_without_a_place_marks_nothing() -> None:
    assert pieces("a fox", [at(0, 0), at(3, 99), at(4, 2)]) == [Piece("a fox")]


@given(some.text(max_size=50), FINDINGS)
def test_no_letter_is_lost(text: str, findings: list[dict[str, Any]]) -> None:
    assert "".join(piece.text for piece in pieces(text, findings)) == text


def test_each_text_has_its_own_findings() -> None:
    request = {
        "prompt": "",
        "negative_prompt": "blur",
        "parts": [{"words": "a fox", "picture": None}, {"words": "", "picture": {"sha256": "a"}}],
    }
    found = asked(request, [at(2, 5, field="parts.0")], Texts("en"))
    assert found == [
        ("Part 1 of the mix", [Piece("a "), Piece("fox", "gore")]),
        ("Negative prompt", [Piece("blur")]),
    ]
    assert plain(request) == "a fox"
    assert sources(request) == ["a"]
