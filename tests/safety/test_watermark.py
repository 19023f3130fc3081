from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from engine.safety.watermark import embed, read
from tests.engine.canvas.photos import clouds, shapes
from tests.safety.drawn import Change, saved

pytest.importorskip("imwatermark", reason="the package is optional")
pytestmark = pytest.mark.slow

TEXT = "KNDS"
SIDE = 512


def jpeg(quality: int) -> Change:
    return lambda image: Image.open(BytesIO(saved(image, "JPEG", quality=quality)))


def resized_and_back(share: float) -> Change:
    side = int(SIDE * share)
    return lambda image: image.resize((side, side)).resize((SIDE, SIDE))


@pytest.fixture(scope="module")
def photographs() -> list[Image.Image]:
    clouded = [clouds((SIDE, SIDE), seed) for seed in range(4)]
    return [*clouded, *(shapes((SIDE, SIDE), seed) for seed in range(4))]


@pytest.fixture(scope="module")
def marked(photographs: list[Image.Image]) -> list[Image.Image]:
    return [embed(one, TEXT) for one in photographs]


def likeness(one: Image.Image, other: Image.Image) -> float:
    """Peak signal to noise, in dB."""
    error = np.asarray(one, np.float64) - np.asarray(other)
    return float(10 * np.log10(255**2 / np.mean(error**2)))


def test_nobody_sees_it(photographs: list[Image.Image], marked: list[Image.Image]) -> None:
    for before, after in zip(photographs, marked, strict=True):
        assert (after.size, after.mode) == (before.size, "RGB")
        assert likeness(before, after) > 35


def test_it_is_read(photographs: list[Image.Image], marked: list[Image.Image]) -> None:
    assert [read(one) for one in marked] == [TEXT] * 8
    assert [read(one) for one in photographs] == [""] * 8


@pytest.mark.parametrize(
    "change",
    [jpeg(90), jpeg(85), jpeg(75), resized_and_back(0.5), resized_and_back(0.75)],
    ids=["JPEG 90", "JPEG 85", "JPEG 75", "half and back", "three quarters and back"],
)
def test_it_survives(marked: list[Image.Image], change: Change) -> None:
    assert [read(change(one)) for one in marked] == [TEXT] * 8


def test_a_picture_in_another_size_has_lost_it(marked: list[Image.Image]) -> None:
    assert {read(one.resize((400, 400))) for one in marked} == {""}


@pytest.mark.parametrize("size", [(64, 64), (255, 255), (1023, 64)])
def test_a_small_picture_stays_as_it_is(size: tuple[int, int]) -> None:
    picture = clouds(size, 1)
    assert embed(picture, TEXT).tobytes() == picture.tobytes()
    assert read(picture) == ""


@pytest.mark.parametrize("size", [(256, 256), (257, 303), (1024, 64), (64, 1030)])
def test_sizes_need_not_be_round(size: tuple[int, int]) -> None:
    picture = embed(clouds(size, 1), TEXT)
    assert (picture.size, read(picture)) == (size, TEXT)


@pytest.mark.parametrize("text", ["", "KND", "KNDSK", "КНДС"])
def test_a_text_has_four_letters(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        embed(clouds((256, 256), 1), text)
