from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.errors import EmptyPrompt, OutOfRange, PromptTooLong, UnreadableText, UserError
from engine.requests import Inpaint, TextToImage
from tests.twin import CARD
from web import form

WIDE = replace(CARD, sizes=((64, 64), (96, 64)))


def values(**given: object) -> list[Any]:
    return list((form.defaults(CARD) | {"prompt": "a fox"} | given).values())


def test_defaults_are_in_the_order_of_the_fields() -> None:
    assert tuple(form.defaults(CARD)) == form.FIELDS


def test_blank_fields_are_left_out() -> None:
    named = form.named(values(seed="", negative_prompt=None))
    assert named["prompt"] == "a fox"
    assert not {"seed", "negative_prompt", "width", "style"} & set(named)


def test_a_form_of_another_length_is_refused() -> None:
    with pytest.raises(UnreadableText):
        form.named(["a fox"])


@pytest.mark.parametrize("name", form.TEXTS)
@pytest.mark.parametrize("value", [True, 7, ["a fox"], {"a": "fox"}])
def test_what_is_no_text_is_refused(name: str, value: object) -> None:
    with pytest.raises(UnreadableText):
        form.named(values(**{name: value}))


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"prompt": ""}, EmptyPrompt),
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
        ({"width": "9"}, OutOfRange),
        ({"width": "wide"}, OutOfRange),
        ({"model": 7}, UnreadableText),
    ],
)
def test_what_cannot_be_drawn_is_said(given: dict[str, object], error: type[UserError]) -> None:
    with pytest.raises(error):
        form.checked(TextToImage, {"prompt": "a fox"} | given)


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({"aspect": "3:2"}, {"width": 96, "height": 64}),
        ({"aspect": "3:2", "width": "80"}, {"width": "80"}),
        ({"aspect": "nonsense"}, {}),
        ({"aspect": ["3:2"]}, {}),
        ({}, {}),
    ],
)
def test_a_shape_is_a_size_of_the_model(fields: dict[str, Any], size: dict[str, Any]) -> None:
    assert form.shape(fields, [WIDE]) == size


def test_a_stored_request_fills_the_form_that_makes_it_again() -> None:
    made = TextToImage(
        prompt="лиса", negative_prompt="снег", seed=7, steps=9, guidance=2.5, width=96, height=64
    )
    filled = form.filled(made.model_dump(), WIDE)
    assert (filled["aspect"], filled["width"]) == ("3:2", "")
    named = form.named(list(filled.values()))
    wanted = ("prompt", "negative_prompt", "seed", "steps", "guidance")
    again = {name: named[name] for name in wanted} | form.shape(named, [WIDE])
    assert form.checked(TextToImage, again) == made


def test_a_size_that_is_no_shape_of_the_model_is_kept() -> None:
    filled = form.filled({"width": 999, "height": 9}, CARD)
    assert (filled["width"], filled["height"], filled["aspect"]) == ("999", "9", "1:1")


def test_words_of_an_edit_go_to_the_editor() -> None:
    mode = Inpaint.model_fields["mode"].default
    filled = form.filled({"mode": mode, "prompt": "a hat"}, CARD)
    assert (filled["prompt"], filled["edit_prompt"]) == ("", "a hat")
