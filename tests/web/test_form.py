from __future__ import annotations

from typing import Any

import pytest

from engine.errors import EmptyPrompt, OutOfRange, PromptTooLong, UnreadableText, UserError
from engine.requests import TextToImage
from tests.twin import CARD
from web import form


def values(**given: object) -> list[Any]:
    return list((form.defaults(CARD) | {"prompt": "a fox"} | given).values())


def test_defaults_are_in_the_order_of_the_fields() -> None:
    assert tuple(form.defaults(CARD)) == form.FIELDS


def test_an_untouched_form_is_the_models_defaults_with_no_seed() -> None:
    request = form.read(values())
    assert (request.prompt, request.width, request.height) == ("a fox", 64, 64)
    assert (request.seed, request.model) == (None, "twin")


def test_a_seed_is_typed_as_words() -> None:
    assert form.read(values(seed=" 42 ")).seed == 42


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"prompt": ""}, EmptyPrompt),
        ({"prompt": None}, EmptyPrompt),
        ({"prompt": "fox" * 40_000}, PromptTooLong),
        ({"prompt": "fox\0"}, UnreadableText),
        ({"prompt": ["fox"]}, UnreadableText),
        ({"count": 0}, OutOfRange),
        ({"count": 99}, OutOfRange),
        ({"count": "many"}, OutOfRange),
        ({"count": {"a": 1}}, OutOfRange),
        ({"seed": "-1"}, OutOfRange),
        ({"seed": "1.5"}, OutOfRange),
        ({"seed": "a fox"}, OutOfRange),
        ({"steps": 1e9}, OutOfRange),
        ({"guidance": float("nan")}, OutOfRange),
        ({"size": "9x9"}, OutOfRange),
        ({"size": "wide"}, OutOfRange),
        ({"model": 7}, UnreadableText),
    ],
)
def test_what_cannot_be_drawn_is_said(given: dict[str, object], error: type[UserError]) -> None:
    with pytest.raises(error):
        form.read(values(**given))


def test_a_form_of_another_length_is_refused() -> None:
    with pytest.raises(UnreadableText):
        form.read(["a fox"])


def test_a_stored_request_fills_the_form_that_makes_it_again() -> None:
    made = TextToImage(
        prompt="лиса", negative_prompt="снег", seed=7, steps=9, guidance=2.5, width=64, height=64
    )
    again = form.read(list(form.filled(made.model_dump(), CARD).values()))
    assert again.model_dump(exclude_none=True) == made.model_dump(exclude_none=True) | {
        "model": "twin",
        "prior_steps": CARD.prior_steps,
        "prior_guidance": CARD.prior_guidance,
    }


def test_a_size_that_is_no_longer_offered_becomes_the_default() -> None:
    assert form.filled({"width": 999, "height": 9}, CARD)["size"] == "64x64"
