from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from engine import flags
from engine.cards import resolve
from engine.errors import BadFlag, FlagNotHere, UnknownFlag, UserError
from engine.families import K3, K22, mini_card
from engine.flags import Worded
from engine.preferences import ASPECTS, Preferences
from engine.requests import (
    COUNT_LIMIT,
    SEED_LIMIT,
    ImageToImage,
    Inpaint,
    Mix,
    Outpaint,
    Part,
    Request,
    TextToImage,
    Variations,
)
from engine.sources import Source
from engine.styles import STYLES
from engine.texts import LANGUAGES, Texts

CARDS = [mini_card(), *(one.card_of(one.name, one.name, Path("nowhere")) for one in (K22, K3))]
PICTURE = Source.of(Image.new("RGB", (90, 80)))

letters = st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\t")
words = (
    st.text(letters, max_size=40)
    | st.text(st.sampled_from('-—–\\" “”«»=ab7\n'), max_size=40)
    | st.sampled_from(["--seed 7", "a \\--no b", "x --no-decoder", "—ar 3:2", '"a"', '"a', "= b"])
)
guidances = st.floats(1, 20)
requests = st.builds(
    TextToImage,
    prompt=words.map(str.strip).filter(bool),
    negative_prompt=words,
    negative_decoder_prompt=words,
    width=st.none() | st.integers(64, 256),
    height=st.none() | st.integers(64, 256),
    count=st.integers(1, 4),
    seed=st.none() | st.integers(0, SEED_LIMIT - COUNT_LIMIT),
    steps=st.none() | st.integers(1, 250),
    guidance=st.none() | guidances,
    prior_steps=st.none() | st.integers(2, 250),
    prior_guidance=st.none() | guidances,
    sampler=st.sampled_from([None, "ddpm", "ddim", "dpm++"]),
    style=st.sampled_from([None, *STYLES]),
    model=st.sampled_from([None, "mini", "2.2", "3"]),
)
preferred = st.builds(
    Preferences,
    model=st.sampled_from([None, "mini", "2.2", "3"]),
    aspect=st.sampled_from(ASPECTS),
    count=st.integers(1, 4),
    style=st.sampled_from([None, "anime"]),
    quality=st.sampled_from(["draft", "standard", "fine"]),
    negative_prompt=st.sampled_from(["", "text"]),
)


def made(text: str, preferences: Preferences) -> Request:
    """The whole request of a text, as a front end asks for it."""
    worded = flags.read(text)
    asked = TextToImage(prompt=worded.words, **worded.fields_of(TextToImage))
    if worded.aspect:
        preferences = preferences.model_copy(update={"aspect": worded.aspect})
    return resolve(preferences.apply(asked, CARDS), CARDS)


@pytest.mark.parametrize(
    ("text", "expected", "fields"),
    [
        ("a fox --seed 7", "a fox", {"seed": 7}),
        ("--seed=7 a fox", "a fox", {"seed": 7}),
        ("a fox --Seed 7 on a hill", "a fox on a hill", {"seed": 7}),
        ("a fox\n--seed 7\non a hill", "a fox\non a hill", {"seed": 7}),
        ("a fox —seed 7 –n 2", "a fox", {"seed": 7, "count": 2}),
        ("a fox --seed 7, --steps 9;", "a fox", {"seed": 7, "steps": 9}),
        ("a fox --seed 1 --seed 2", "a fox", {"seed": 2}),
        ("a fox --size 768x512", "a fox", {"width": 768, "height": 512}),
        ("лиса --size 768Х512", "лиса", {"width": 768, "height": 512}),
        ("a fox --prior_steps 9", "a fox", {"prior_steps": 9}),
        ("лиса --cfg 4,5", "лиса", {"guidance": 4.5}),
        ("a fox --sampler DDIM", "a fox", {"sampler": "ddim"}),
        ('a fox --style "Oil painting"', "a fox", {"style": "oil-painting"}),
        ("лиса --style «anime» и кот", "лиса и кот", {"style": "anime"}),
        ("a fox --style none", "a fox", {"style": None}),
        ('a fox --model "my \\"own\\" one"', "a fox", {"model": 'my "own" one'}),
        ("a fox --no hands, text --n 2", "a fox", {"negative_prompt": "hands, text", "count": 2}),
        ("a fox --no “hands, text” at sea", "a fox at sea", {"negative_prompt": "hands, text"}),
        ('a fox --no ""', "a fox", {"negative_prompt": ""}),
        ("a fox --no-decoder=noise", "a fox", {"negative_decoder_prompt": "noise"}),
        ("a \\--seed 7", "a --seed 7", {}),
    ],
)
def test_flags_are_read_and_the_rest_are_words(
    text: str, expected: str, fields: dict[str, Any]
) -> None:
    assert flags.read(text) == Worded(expected, fields)


def test_an_aspect_is_not_a_field() -> None:
    assert flags.read("a fox --ar 3:2") == Worded("a fox", {}, "3:2")


@pytest.mark.parametrize(
    "text",
    [
        "a fox -- in the snow",
        "a fox - red - runs",
        "a fox --7",
        "a fox — red — runs",
        "a fox—red",
        "the years 1990—2000, well--known",
        "—Привет, —сказала лиса",
        "a fox ---seed 7",
        "a fox -seed 7",
        "  a fox \n",
        "-- ",
    ],
)
def test_punctuation_is_words(text: str) -> None:
    assert flags.read(text) == Worded(text)


@pytest.mark.parametrize(
    ("text", "example"),
    [
        ("a fox --seed", "--seed 7"),
        ("a fox --seed --steps 9", "--seed 7"),
        ("a fox --seed seven", "--seed 7"),
        ("a fox --n 1.5", "--count 2"),
        ("a fox --ar 4:3", "--ar 16:9"),
        ("a fox --size 768", "--size 768x512"),
        ("a fox --sampler euler", "--sampler ddim"),
        ("a fox --no", "--no hands"),
        ("a fox --seed " + "9" * 5000, "--seed 7"),
    ],
)
def test_what_is_not_understood_is_told_with_an_example(text: str, example: str) -> None:
    with pytest.raises(BadFlag) as raised:
        flags.read(text)
    for language in LANGUAGES:
        said = Texts(language).error(raised.value)
        assert example in said
        assert len(said) < 400


@pytest.mark.parametrize("text", ["a fox --sed 7", "лиса --шаги 9", "a fox —stile anime"])
def test_an_unknown_flag_is_told_with_the_known_ones(text: str) -> None:
    with pytest.raises(UnknownFlag, match="--seed, --ar"):
        flags.read(text)


@given(st.text(letters).filter(lambda text: not set(text) & set("-—–\\")))
def test_words_without_dashes_are_words_to_the_letter(text: str) -> None:
    assert flags.read(text) == Worded(text)


@given(words | st.text())
@example('--no "')
@example("--seed=—ar")
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(UserError):
        flags.read(text)


@pytest.mark.parametrize(
    "text", ["--no «", "--no ", "\\", "—a", "--seed 7 ", '--model "a\\" ', "--no \\", " ", '"']
)
def test_long_texts_take_no_long_time(text: str) -> None:
    started = time.monotonic()
    with suppress(UserError):
        flags.read(text * 20_000)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("text", "kind", "flag"),
    [
        ("a fox --strength 0.4", TextToImage, "--strength"),
        ("a fox --size 64x64", Inpaint, "--size"),
        ("a fox --ar 3:2", Outpaint, "--ar"),
        ("a fox --ar 3:2", ImageToImage, "--ar"),
    ],
)
def test_a_flag_of_no_use_is_told(text: str, kind: type[Request], flag: str) -> None:
    with pytest.raises(FlagNotHere, match=flag):
        flags.read(text).fields_of(kind)


@given(requests, preferred)
def test_what_is_written_makes_the_same_again(
    request_: TextToImage, preferences: Preferences
) -> None:
    request_ = request_.model_copy(update={"seed": request_.seed or 0})
    whole = resolve(request_, CARDS)
    assert made(flags.write(whole, CARDS, preferences), preferences) == whole
    assert made(flags.write(request_, CARDS, preferences), preferences) == whole


@given(requests, st.integers(0, SEED_LIMIT))
def test_one_picture_of_several_is_made_alone(request_: TextToImage, seed: int) -> None:
    whole = resolve(request_, CARDS)
    again = made(flags.write(whole, CARDS, seed=seed), Preferences())
    assert again == whole.model_copy(update={"seed": seed, "count": 1})


def test_only_what_differs_is_written() -> None:
    whole = resolve(TextToImage(prompt="a fox", seed=7), CARDS)
    assert flags.write(whole, CARDS) == "a fox --seed 7"
    large = resolve(
        TextToImage(
            prompt="a fox",
            seed=7,
            model="2.2",
            width=768,
            height=512,
            guidance=5.5,
            style="anime",
            negative_prompt="hands, text",
        ),
        CARDS,
    )
    assert flags.write(large, CARDS) == (
        "a fox --model 2.2 --ar 3:2 --seed 7 --style anime --guidance 5.5 --no hands, text"
    )
    assert "--model" not in flags.write(large, CARDS[1:2])


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (ImageToImage(picture=PICTURE, prompt="a fox", strength=0.5), "a fox --strength 0.5"),
        (ImageToImage(picture=PICTURE, width=64, height=80), "--size 64x80"),
        (Inpaint(picture=PICTURE, mask=PICTURE, steps=9), "--steps 9"),
        (Outpaint(picture=PICTURE, left=-9, top=0, width=99, height=80, seed=1), "--seed 1"),
        (Variations(picture=PICTURE, seed=1, width=192, height=128), "--ar 3:2 --seed 1"),
        (Mix(parts=(Part(words="a"), Part(picture=PICTURE)), count=2), "--count 2"),
    ],
)
def test_other_modes_are_written_as_far_as_words_go(request_: Request, text: str) -> None:
    assert flags.write(request_, CARDS) == text
