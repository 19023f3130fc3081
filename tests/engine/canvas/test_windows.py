from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from engine import canvas
from engine.canvas import Fill, Mask, Window
from tests.engine.canvas import drawn

sizes = st.tuples(st.integers(64, 1024), st.integers(64, 1024))


@given(drawn.sides, drawn.sides, drawn.seeds, drawn.windows, st.sampled_from(Fill))
def test_a_placed_picture_is_cut_back_unchanged(
    width: int, height: int, seed: int, window: Window, fill: Fill
) -> None:
    picture = drawn.picture(width, height, seed)
    shown, mask = canvas.place(picture, window, fill)
    assert shown.size == window.size == mask.shape[::-1]
    overlap = window.overlap(width, height)
    if overlap is None:
        assert (mask == 255).all()
        return
    there = overlap.moved(-window.left, -window.top)
    assert canvas.cut(shown, there) == canvas.cut(picture, overlap)
    assert np.array_equal(255 - mask, drawn.box(*window.size, there))


def test_the_empty_part_draws_the_border_out() -> None:
    picture = drawn.picture(8, 8, seed=1)
    shown, _ = canvas.place(picture, Window(-5, 3, 20, 20))
    assert shown.getpixel((0, 0)) == picture.getpixel((0, 3))
    assert shown.getpixel((19, 2)) == picture.getpixel((7, 5))
    assert shown.getpixel((6, 19)) == picture.getpixel((1, 7))


def test_the_empty_part_may_be_blurred_or_grey() -> None:
    picture, window = drawn.picture(64, 64, seed=1), Window(0, 0, 128, 64)
    spread = [
        float(drawn.pixels(canvas.place(picture, window, fill)[0])[:, 80:].std())
        for fill in (Fill.EDGE, Fill.BLUR, Fill.GREY)
    ]
    assert spread[0] > 60 > 20 > spread[1] > spread[2] == 0


def test_margins_extend_or_cut() -> None:
    assert canvas.extend((100, 50), left=10, bottom=20) == Window(-10, 0, 110, 70)
    assert canvas.extend((100, 50), right=-40) == Window(0, 0, 60, 50)
    with pytest.raises(ValueError, match="at least 1 x 1"):
        canvas.extend((100, 50), right=-100)


@given(sizes, st.integers(1, 21), st.integers(1, 21))
def test_an_aspect_is_met_by_extending_one_side(
    size: tuple[int, int], wide: int, high: int
) -> None:
    window = canvas.to_aspect(size, wide, high)
    assert window.overlap(*size) == Window(0, 0, *size)
    assert window.width == size[0] or window.height == size[1]
    assert 0 <= window.width * high - window.height * wide < high or (
        0 <= window.height * wide - window.width * high < wide
    )


def test_an_anchor_says_where_the_picture_stays() -> None:
    assert canvas.to_aspect((100, 100), 2, 1) == Window(-50, 0, 200, 100)
    assert canvas.to_aspect((100, 100), 2, 1, anchor=(0, 0)) == Window(0, 0, 200, 100)
    assert canvas.to_aspect((100, 100), 1, 2, anchor=(0, 1)) == Window(0, -100, 100, 200)
    for wide, anchor in ((0, (0.5, 0.5)), (1, (0.5, 1.5))):
        with pytest.raises(ValueError, match="aspect"):
            canvas.to_aspect((100, 100), wide, 1, anchor)


def test_only_what_is_on_the_picture_is_cut() -> None:
    picture = drawn.picture(10, 10, seed=1)
    for window in (Window(-1, 0, 5, 5), Window(6, 6, 5, 5), Window(20, 0, 5, 5)):
        with pytest.raises(ValueError, match="not wholly on a picture"):
            canvas.cut(picture, window)
    with pytest.raises(ValueError, match="off the picture"):
        _ = Window(-1, 0, 5, 5).slices
    with pytest.raises(ValueError, match="is off a picture"):
        Window(20, 0, 5, 5).clipped(10, 10)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P"])
def test_only_rgb_pictures_are_placed(mode: str) -> None:
    with pytest.raises(ValueError, match="a picture is RGB"):
        canvas.place(Image.new(mode, (64, 64)), Window(-5, 0, 64, 64))


def test_sides_are_rounded_up_to_multiples_of_64() -> None:
    sides = (1, 63, 64, 65, 720, 1024)
    assert [canvas.rounded(side) for side in sides] == [64, 64, 64, 128, 768, 1024]
    with pytest.raises(ValueError, match="at least 1 pixel"):
        canvas.rounded(0)


@settings(max_examples=25, deadline=None)
@given(sizes, drawn.seeds)
def test_a_picture_comes_back_from_its_working_size(size: tuple[int, int], seed: int) -> None:
    picture = drawn.picture(*size, seed)
    padded = canvas.pad(picture)
    assert padded.size == tuple(canvas.rounded(side) for side in size)
    assert canvas.unpad(padded, *size) == picture


def test_the_working_size_is_cut_from_the_middle_as_new_pictures_are() -> None:
    assert canvas.working_window(100, 90) == Window(-14, -19, 128, 128)


def test_only_a_picture_of_the_working_size_is_unpadded() -> None:
    with pytest.raises(ValueError, match="is worked on at"):
        canvas.unpad(drawn.picture(64, 64, seed=1), 100, 64)


@given(drawn.masks)
def test_a_padded_mask_repaints_the_same(mask: Mask) -> None:
    height, width = mask.shape
    padded = canvas.pad_mask(mask)
    window = canvas.working_window(width, height)
    assert padded.shape == (window.height, window.width)
    there = Window(-window.left, -window.top, width, height)
    assert np.array_equal(padded[there.slices], mask)


def test_a_hole_at_the_border_stays_open_when_padded() -> None:
    padded = canvas.pad_mask(drawn.box(100, 100, Window(50, 0, 50, 100)))
    assert (padded[:, 64:] == 255).all()
    assert not padded[:, :64].any()


@settings(max_examples=25, deadline=None)
@given(sizes, sizes, drawn.seeds)
def test_a_picture_is_fitted_to_the_size_asked_for(
    size: tuple[int, int], asked: tuple[int, int], seed: int
) -> None:
    assert canvas.fit(Image.new("RGB", size), *asked).size == asked


def test_fitting_changes_nothing_it_need_not() -> None:
    picture = drawn.picture(90, 60, seed=1)
    assert canvas.fit(picture, 90, 60) == picture
    assert canvas.fit(picture, 180, 120) == picture.resize((180, 120), Image.Resampling.BICUBIC)
