from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from PIL import Image

from deploy import style_pictures
from engine import ImageToImage, Inpaint, Mix, Outpaint, Part, Source, TextToImage, Variations
from engine.requests import PROMPT_LIMIT, Request
from engine.styles import STYLES, Style, styled, title
from engine.texts import Texts

PICTURE = Source(sha256="0" * 64)
PIXELS = STYLES["pixel-art"]


def test_there_are_the_sixteen_styles_by_name() -> None:
    assert len(STYLES) == 16
    assert all(name == style.name for name, style in STYLES.items())
    for name in STYLES:
        assert name.isascii()
        assert name == name.lower().replace(" ", "-")


@pytest.mark.parametrize("style", STYLES.values(), ids=list(STYLES))
def test_each_title_is_told_in_each_language(style: Style) -> None:
    russian = title(style, Texts("ru"))
    assert any("а" <= letter <= "я" for letter in russian.lower())
    assert title(style, Texts("en")) == style.title


def test_no_style_says_what_another_says() -> None:
    for one, other in combinations(STYLES.values(), 2):
        assert one.title != other.title
        assert one.negative != other.negative
        assert not set(one.words.split(", ")) & set(other.words.split(", ")), (one, other)
    russian = Texts("ru")
    assert len({title(style, russian) for style in STYLES.values()}) == 16


@pytest.mark.parametrize("style", STYLES.values(), ids=list(STYLES))
def test_no_style_takes_more_than_its_share_of_the_prompt(style: Style) -> None:
    assert max(len(style.words), len(style.negative)) < PROMPT_LIMIT / 10
    assert style.words.isascii()
    assert not set(style.words.split(", ")) & set(style.negative.split(", "))


def test_no_style_leaves_the_words_as_they_are() -> None:
    request = TextToImage(prompt="a fox", negative_prompt="blur", negative_decoder_prompt="grey")
    assert styled(request) == ("a fox", "blur", "grey")


def test_a_style_follows_the_persons_own_words() -> None:
    request = TextToImage(
        prompt="лиса",
        negative_prompt="blur",
        negative_decoder_prompt="grey",
        style="pixel-art",
    )
    assert styled(request) == (
        f"лиса, {PIXELS.words}",
        f"blur, {PIXELS.negative}",
        f"grey, {PIXELS.negative}",
    )
    assert (request.prompt, request.negative_prompt) == ("лиса", "blur")


def test_an_empty_decoder_negative_stays_empty() -> None:
    words = styled(TextToImage(prompt="a fox", style="pixel-art"))
    assert words.negative_prompt == PIXELS.negative
    assert words.negative_decoder_prompt == ""


@pytest.mark.parametrize(
    "request_",
    [
        ImageToImage(picture=PICTURE, style="pixel-art"),
        Inpaint(picture=PICTURE, mask=PICTURE, style="pixel-art"),
        Outpaint(picture=PICTURE, left=-64, top=0, style="pixel-art"),
    ],
    ids=lambda request: request.mode,
)
def test_without_words_the_style_is_all_the_words(request_: Request) -> None:
    assert styled(request_) == (PIXELS.words, PIXELS.negative, "")


@pytest.mark.parametrize(
    "request_",
    [
        Variations(picture=PICTURE, style="pixel-art", negative_prompt="blur"),
        Mix(parts=(Part(words="a"), Part(words="b")), style="pixel-art", negative_prompt="blur"),
    ],
    ids=lambda request: request.mode,
)
def test_where_the_prompt_is_not_used_nothing_is_added(request_: Request) -> None:
    assert styled(request_) == ("", "blur", "")


def test_the_script_makes_a_small_picture_of_each_style(tiny_model: Path, tmp_path: Path) -> None:
    given = ["--model", f"tiny={tiny_model}", "--steps", "2", "--side", "32"]
    assert style_pictures.main([str(tmp_path), *given]) == 0
    assert {file.stem for file in tmp_path.iterdir()} == {"none", *STYLES}
    with Image.open(tmp_path / "khokhloma.webp") as picture:
        assert max(picture.size) == 32


def test_the_script_says_in_a_line_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert style_pictures.main([str(tmp_path / "out"), "--model", "no such"]) == 1
    assert "no such" in capsys.readouterr().err
