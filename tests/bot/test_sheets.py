from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from bot.sheets import EMPTY, GAP, Tile, named, numbered
from engine.styles import STYLES, picture, title
from engine.texts import LANGUAGES, Texts


def webp(colour: str, size: tuple[int, int] = (64, 64)) -> bytes:
    file = BytesIO()
    Image.new("RGB", size, colour).save(file, "WEBP", lossless=True)
    return file.getvalue()


def opened(sheet: bytes) -> Image.Image:
    with Image.open(BytesIO(sheet), formats=["JPEG"]) as image:
        return image.convert("RGB")


def near(image: Image.Image, place: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    pixel = image.getpixel(place)
    assert isinstance(pixel, tuple)
    return all(abs(one - other) < 12 for one, other in zip(pixel, colour, strict=True))


def test_pictures_lie_in_rows() -> None:
    sheet = opened(numbered([webp("red")] * 4 + [webp("blue")], columns=3, side=100))
    assert sheet.size == (3 * 100 + 4 * GAP, 2 * 100 + 3 * GAP)
    assert near(sheet, (58, 70), (255, 0, 0))
    assert near(sheet, (GAP + 100 + GAP + 50, GAP + 100 + GAP + 70), (0, 0, 255))


def test_a_single_picture_makes_a_narrow_sheet() -> None:
    assert opened(numbered([webp("red")], side=100)).size == (100 + 2 * GAP, 100 + 2 * GAP)


def test_a_number_is_drawn_on_each() -> None:
    sheet = opened(numbered([webp("red")] * 2, side=100))
    first, second = (sheet.crop((x, GAP, x + 50, GAP + 50)) for x in (GAP, GAP + 100 + GAP))
    assert first.tobytes() != second.tobytes()


def test_a_wide_picture_is_shown_whole() -> None:
    sheet = opened(numbered([webp("red", (200, 50))], side=100))
    assert near(sheet, (58, 58), (255, 0, 0))
    assert near(sheet, (90, 20), (232, 232, 236))


def test_a_lost_picture_leaves_its_place_empty() -> None:
    sheet = opened(numbered([None, webp("red")], side=100))
    assert EMPTY == "#e8e8ec"
    assert near(sheet, (58, 80), (232, 232, 236))
    assert near(sheet, (166, 80), (255, 0, 0))


def test_names_are_below_the_pictures_and_no_wider() -> None:
    short = opened(named([Tile(webp("red"), "a")], side=100))
    long = opened(named([Tile(webp("red"), "a very long name of a style")], side=100))
    assert short.size == long.size
    assert short.height > 100 + 2 * GAP
    for y in range(100 + 2 * GAP, long.height):
        assert near(long, (1, y), (255, 255, 255))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_style_has_a_picture_and_its_name_has_letters(language: str) -> None:
    """Letters that the font lacks all look the same."""
    texts = Texts(language)
    for style in STYLES.values():
        content = picture(style)
        assert content is not None
        with Image.open(BytesIO(content), formats=["WEBP"]) as image:
            assert max(image.size) <= 160
    letters = set("".join(title(style, texts) for style in STYLES.values())) - {" "}
    unknown = named([Tile(None, "\N{SNOWMAN}")])
    assert unknown not in [named([Tile(None, letter)]) for letter in sorted(letters)]


def test_the_pictures_of_styles_are_small_together() -> None:
    assert sum(len(picture(style) or b"") for style in STYLES.values()) < 150_000
