from __future__ import annotations

import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir, extract_from_file
from babel.messages.pofile import read_po

from engine import errors
from engine.errors import OutOfRange, PromptTooLong, UserError
from engine.texts import LANGUAGES, Texts

ROOT = Path(__file__).parents[2]
FOLDERS = ("bot", "engine", "web")
KEYWORDS: dict[str, tuple[int, ...] | None] = {
    "say": None,
    "_say": None,
    "plural": (1, 2),
    "count": (1, 2),
}
ERRORS = [kind for kind in vars(errors).values() if isinstance(kind, type)]
SENTENCES = [kind.text for kind in ERRORS if issubclass(kind, UserError) and kind is not UserError]


def used() -> set[str]:
    """Every English sentence that people may read: errors, and those of the front ends."""
    keys = set(SENTENCES)
    for folder in FOLDERS:
        found = extract_from_dir(
            ROOT / folder,
            method_map=[("**.py", "python"), ("**.html", "jinja2")],
            keywords=KEYWORDS,
            directory_filter=lambda folder: not folder.endswith("bench"),  # it speaks English
        )
        keys |= {key if isinstance(key, str) else key[0] for _, _, key, _, _ in found}
    return keys


def translated() -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """English and Russian forms of each entry without a context."""
    with (ROOT / "engine/locales/ru.po").open("rb") as file:
        for entry in read_po(file, locale="ru", abort_invalid=True):
            if entry.id and entry.context is None:
                assert not entry.fuzzy, entry.id
                yield tuple(_forms(entry.id)), tuple(_forms(entry.string))


def _forms(text: str | tuple[str, ...] | list[str] | None) -> list[str]:
    return [text] if isinstance(text, str) else list(text or [])


def _fields(text: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field}


def test_every_sentence_is_in_the_russian_catalogue_and_no_other() -> None:
    assert {english[0] for english, _ in translated()} == used()


def test_translations_keep_the_fields() -> None:
    for english, russian in translated():
        for form in russian:
            assert form, english
            assert _fields(form) == _fields(english[-1]), english


def test_extraction_sees_code_and_templates() -> None:
    assert {"Draw", "Step {index} of {total}", OutOfRange.text} <= used()
    page = extract_from_file("python", ROOT / "web/page.py", keywords=KEYWORDS)
    assert "Draw" in [key for _, key, _, _ in page]


def test_russian_has_three_plural_forms() -> None:
    count = Texts("ru").count
    one, many = (
        "In the queue: {n} request is before yours.",
        "In the queue: {n} requests are before yours.",
    )
    said = [count(one, many, n) for n in (1, 2, 5, 11, 21, 1000)]
    assert [text.split("перед вами ")[1] for text in said] == [
        "1 запрос.",
        "2 запроса.",
        "5 запросов.",
        "11 запросов.",
        "21 запрос.",
        "1\xa0000 запросов.",
    ]
    assert Texts("en").count(one, many, 1) == "In the queue: 1 request is before yours."


def test_errors_are_told_in_each_language() -> None:
    error = PromptTooLong(length=100_000, limit=1000)
    assert Texts("en").error(error) == (
        "The text is 100,000 characters long; 1,000 is the most. Please shorten it."
    )
    assert "100\xa0000" in Texts("ru").error(error)


def test_names_of_fields_are_translated_inside_errors() -> None:
    error = OutOfRange(name="count", low=1, high=10, value=99)
    assert "«Сколько картинок»" in Texts("ru").error(error)
    assert "“count”" in Texts("en").error(error)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_stored_error_reads_like_the_error_itself(language: str) -> None:
    error = OutOfRange(name="steps", low=1, high=250, value=0)
    texts = Texts(language)
    assert texts.error_record("OutOfRange", error.values) == texts.error(error)


@pytest.mark.parametrize("key", [None, "", "Nonsense", "annotations", "ClassVar"])
def test_an_unknown_stored_error_is_a_fault_of_the_studio(key: str | None) -> None:
    assert Texts("en").error_record(key, {"name": "x"}) == errors.WentWrong.text


def test_values_are_never_read_as_fields() -> None:
    said = Texts("en").say("Seed {seed}", seed="{0.__class__} {seed}")
    assert said == "Seed {0.__class__} {seed}"


def test_there_are_only_two_languages() -> None:
    with pytest.raises(ValueError, match="no catalogue"):
        Texts("../ru")
