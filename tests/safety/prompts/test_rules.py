from __future__ import annotations

import pytest

from engine.safety.prompts import grammar
from engine.safety.prompts.stems import POLICIES, Stems, stems


def policies(*texts: str) -> set[str]:
    return {one.policy for found in stems().findings(texts) for one in found}


def marked(text: str) -> list[tuple[str, str]]:
    (found,) = stems().findings([text])
    return [(one.policy, text[one.start : one.end]) for one in found]


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("an erotic scene", "sexual"),
        ("порно", "sexual"),
        ("a severed head", "gore"),
        ("отрубленная рука", "gore"),
        ("heil hitler", "hate"),
        ("свастика", "hate"),
        ("suicide", "selfharm"),
        ("режет вены", "selfharm"),
        ("how to make a bomb", "illegal"),
        ("поддельный паспорт", "illegal"),
    ],
)
def test_a_policy_is_found_by_its_words(text: str, policy: str) -> None:
    assert policies(text) == {policy}


@pytest.mark.parametrize(
    "text",
    [
        "a kid eats cake while a naked man sleeps",
        "naked, in the park, on a sunny day in May with trees and birds, a teen",
        "ребёнок спит, рядом голая женщина",
        "12 years old, nude",
        "15-летняя, порно",
    ],
)
def test_children_and_sex_in_one_request_are_under_minors(text: str) -> None:
    assert "minors" in policies(text)


def test_children_and_sex_are_found_in_different_texts_of_one_request() -> None:
    child, nude = stems().findings(["a child in a park", "nude"])
    assert [one.policy for one in child] == ["minors"]
    assert {one.policy for one in nude} == {"minors", "sexual"}
    assert policies("a child in a park", "a fox") == set()


@pytest.mark.parametrize(
    "text",
    [
        "nude colour lipstick",
        "Essex",
        "Scunthorpe",
        "a cocktail",
        "a bloody mary cocktail",
        "shiitake mushrooms",
        "Michelangelo's David sculpture",
        "nude statue in a museum",
        "killer whale",
        "a therapist and a rapper eat grapes",
        "a child, no nudity",
        "a child in a park",
        "застрахуй дом",
        "ребёнок",
        "хлебный мякиш",
        "девочка с мишкой",
        "голые деревья",
        "труппа театра",
        "команда судей",
        "канал в Венеции",
        "анализ крови",
        "профилактика суицида",
        "s-w-o-r-d and k-n-i-g-h-t",
        "к а н а л",
    ],
)
def test_innocent_words_are_let_pass(text: str) -> None:
    assert policies(text) == set()


@pytest.mark.parametrize(
    "text",
    ["naked woman with a red lipstick", "nude girl and a killer whale", "голая девушка у стены"],
)
def test_an_innocent_word_nearby_excuses_nothing(text: str) -> None:
    assert policies(text) == {"sexual"}


def test_art_does_not_excuse_nakedness_of_children() -> None:
    assert policies("naked child, marble statue") == {"minors"}


def test_the_words_are_marked_as_typed() -> None:
    assert marked("two n.ú.d.e foxes") == [("sexual", "n.ú.d.e")]
    assert marked("Г0Л@Я лиса") == [("sexual", "Г0Л@Я")]


def test_one_finding_for_words_within_each_other() -> None:
    assert marked("hardcore porn") == [("sexual", "porn")]


def test_a_rule_is_named_by_its_line() -> None:
    ((finding,),) = stems().findings(["a swastika"])
    assert finding.rule in (grammar.FOLDER / "hate.txt").read_text()
    assert finding.score == 1


@pytest.mark.parametrize(
    ("line", "text", "found"),
    [
        ("red fox", "a red fox", True),
        ("red fox", "a red big fox", False),
        ("red .. fox", "a red big old shy wild grey fox", False),
        ("red .. fox", "a red big old fox", True),
        ("red .. fox", "a fox is red", False),
        ("red ~ fox", "a fox is red", True),
        ("red & fox", "a fox, and far away from it, something else that is red", True),
        ("red|blue fox", "red", True),
        ("red|blue fox", "blue", False),
        ("fox*", "foxes", True),
        ("*fox", "firefox", True),
        ("*fox*", "firefoxes", True),
        ("fox", "foxes", False),
        ("red .. fox", "r.e.d f.a.t f.o.x", True),
    ],
)
def test_the_grammar_of_rules(line: str, text: str, found: bool) -> None:
    some = Stems({"sexual": [grammar.rule("sexual", line, {})]}, {})
    assert bool(some.findings([text])[0]) is found


def test_a_rule_without_letters_is_refused() -> None:
    with pytest.raises(ValueError, match="no word"):
        grammar.rule("sexual", "red .. *", {})


def test_a_list_that_is_not_there_is_refused() -> None:
    with pytest.raises(KeyError):
        grammar.rule("sexual", "{nothing}", {})


def test_every_policy_with_words_has_rules() -> None:
    lists = grammar.lists()
    assert all(grammar.rules(policy, lists) for policy in POLICIES)


@pytest.mark.parametrize(
    "text",
    [
        "close-up shot of a woman's face",
        "hand-cut paper, hand blown glass",
        "dark skinned woman, portrait of a head",
        "a cat jumping over a roof",
        "spice and hash browns recipe",
        "a white horse race",
        "a cowboy with a gun in his hand and a hat on his head",
        "кот прыгает по крышам",
        "рецепт с гранатом, щепотка соли",
        "открытая клетка, попугай",
        "ковбой, пистолет и виски",
    ],
)
def test_rules_are_not_too_wide(text: str) -> None:
    assert policies(text) == set()
