from __future__ import annotations

import pytest
from pydantic import ValidationError

from engine import ModelCard, TextToImage
from engine.cards import resolve
from engine.errors import (
    EmptyPrompt,
    OutOfRange,
    PromptTooLong,
    UnknownModel,
    UnknownStyle,
    UnreadableText,
    UserError,
)

CARD = ModelCard(
    name="mini",
    title="Mini",
    modes=("text_to_image",),
    sizes=((128, 128),),
    side_limit=(64, 256),
    count_limit=4,
    steps=25,
    guidance=3.0,
    prior_steps=10,
    prior_guidance=2.0,
    samplers=("ddpm",),
)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"prompt": ""}, EmptyPrompt),
        ({"prompt": " \n\t "}, EmptyPrompt),
        ({"prompt": "x" * 100_000}, PromptTooLong),
        ({"prompt": "a fox\x00"}, UnreadableText),
        ({"prompt": "a fox \ud800"}, UnreadableText),
        ({"prompt": "a fox", "negative_prompt": "y" * 1001}, PromptTooLong),
        ({"prompt": "a fox", "count": 0}, OutOfRange),
        ({"prompt": "a fox", "count": 99}, OutOfRange),
        ({"prompt": "a fox", "seed": -1}, OutOfRange),
        ({"prompt": "a fox", "seed": 2**32}, OutOfRange),
        ({"prompt": "a fox", "steps": 0}, OutOfRange),
        ({"prompt": "a fox", "guidance": float("nan")}, OutOfRange),
        ({"prompt": "a fox", "width": 63}, OutOfRange),
        ({"prompt": "a fox", "style": "no such"}, UnknownStyle),
    ],
)
def test_bad_input_is_a_clear_sentence(fields: dict[str, object], error: type[UserError]) -> None:
    with pytest.raises(error) as raised:
        TextToImage.model_validate(fields)
    assert str(raised.value).endswith((".", "!"))
    assert "{" not in str(raised.value)


def test_words_of_any_script_are_kept() -> None:
    prompt = "лиса 🦊 on «blue» עברית <b>&amp;</b> ‮ '; DROP TABLE jobs; --"
    assert TextToImage(prompt=f"  {prompt}\n").prompt == prompt


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError):
        TextToImage.model_validate({"prompt": "a fox", "colour": "blue"})


def test_a_request_survives_json() -> None:
    request = TextToImage(prompt="лиса", seed=7, count=2, guidance=2.5)
    assert TextToImage.model_validate_json(request.model_dump_json()) == request


def test_resolving_fills_in_the_models_defaults_and_a_seed() -> None:
    request = resolve(TextToImage(prompt="a fox", steps=5), [CARD])
    assert request.model_dump() | {"seed": 0} == {
        "mode": "text_to_image",
        "prompt": "a fox",
        "negative_prompt": "",
        "negative_decoder_prompt": "",
        "width": 128,
        "height": 128,
        "count": 1,
        "seed": 0,
        "steps": 5,
        "guidance": 3.0,
        "prior_steps": 10,
        "prior_guidance": 2.0,
        "sampler": "ddpm",
        "style": None,
        "model": "mini",
        "depth": None,
        "depth_of": None,
    }
    seeds = {resolve(TextToImage(prompt="a fox"), [CARD]).seed for _ in range(5)}
    assert len(seeds) == 5


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"model": "3000"}, UnknownModel),
        ({"count": 5}, OutOfRange),
        ({"width": 512}, OutOfRange),
    ],
)
def test_what_a_model_lacks_is_refused(fields: dict[str, object], error: type[UserError]) -> None:
    with pytest.raises(error):
        resolve(TextToImage.model_validate({"prompt": "a fox"} | fields), [CARD])
