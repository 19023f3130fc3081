from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine import canvas
from engine.canvas import Mask, Window, like_a_mask
from tests.engine.canvas import drawn

WIDE = np.pad(np.full((40, 40), 255, np.uint8), 10)


def test_a_brush_marks_what_it_covers_on_any_layer() -> None:
    layers = [Image.new("RGBA", (3, 1)), Image.new("LA", (3, 1))]
    layers[0].putpixel((0, 0), (0, 0, 0, 255))
    layers[0].putpixel((2, 0), (255, 255, 255, 31))
    layers[1].putpixel((1, 0), (0, 100))
    assert canvas.from_alpha(*layers).tolist() == [[255, 255, 0]]


def test_a_mask_file_is_rounded_at_half() -> None:
    shown = Image.fromarray(np.array([[0, 127, 128, 255]], np.uint8))
    for same in (shown, shown.convert("RGB"), shown.convert("P")):
        assert canvas.from_luminance(same).tolist() == [[0, 0, 255, 255]]
    assert canvas.from_luminance(shown, threshold=100).tolist() == [[0, 255, 255, 255]]


def test_a_mask_file_may_have_sixteen_bits() -> None:
    shown = Image.fromarray(np.array([[0, 30_000, 40_000, 65_535]], np.uint16))
    assert canvas.from_luminance(shown).tolist() == [[0, 0, 255, 255]]


def test_what_is_transparent_in_a_mask_file_is_kept() -> None:
    shown = Image.new("RGBA", (2, 1), (255, 255, 255, 255))
    shown.putpixel((1, 0), (255, 255, 255, 0))
    assert canvas.from_luminance(shown).tolist() == [[255, 0]]


@pytest.mark.parametrize(
    "layers",
    [[], [Image.new("RGB", (2, 2))], [Image.new("RGBA", (2, 2)), Image.new("RGBA", (3, 2))]],
)
def test_layers_without_alpha_or_of_differing_sizes_are_refused(layers: list[Image.Image]) -> None:
    with pytest.raises(ValueError, match="brush layers"):
        canvas.from_alpha(*layers)


@pytest.mark.parametrize(
    "mask",
    [
        np.zeros((2, 2)),
        np.zeros((2, 2, 1), np.uint8),
        np.zeros((0, 2), np.uint8),
        np.full((2, 2), 128, np.uint8),
        Image.new("RGB", (2, 2)),
    ],
)
def test_what_is_not_a_mask_is_refused(mask: Mask) -> None:
    with pytest.raises(ValueError, match="a mask"):
        canvas.invert(mask)


@given(drawn.masks)
def test_inverting_twice_changes_nothing(mask: Mask) -> None:
    assert np.array_equal(canvas.invert(canvas.invert(mask)), mask)
    assert np.array_equal(canvas.invert(Image.fromarray(mask)), 255 - mask)


@given(drawn.masks)
def test_the_bounds_hold_all_that_is_repainted_and_touch_it_on_each_side(mask: Mask) -> None:
    hole = canvas.bounds(mask)
    assert (hole is None) == (not mask.any())
    if hole:
        inside = mask[hole.slices]
        assert np.count_nonzero(inside) == np.count_nonzero(mask)
        assert all(edge.any() for edge in (inside[0], inside[-1], inside[:, 0], inside[:, -1]))


@given(drawn.sides, drawn.sides, st.integers(0, 39), st.integers(0, 39), st.integers(0, 50))
def test_a_pixel_grows_to_a_disc(width: int, height: int, left: int, top: int, pixels: int) -> None:
    left, top = left % width, top % height
    rows, columns = np.indices((height, width))
    disc = (rows - top) ** 2 + (columns - left) ** 2 <= pixels**2
    grown = canvas.grow(drawn.box(width, height, Window(left, top, 1, 1)), pixels)
    assert np.array_equal(grown > 0, disc)


@given(drawn.masks, drawn.seeds, st.integers(-12, 12), st.integers(0, 5))
def test_growing_is_monotone(mask: Mask, seed: int, pixels: int, more: int) -> None:
    part = mask & drawn.mask(mask.shape[1], mask.shape[0], seed)
    grown = canvas.grow(mask, pixels)
    assert (canvas.grow(part, pixels) <= grown).all()
    assert (grown <= canvas.grow(mask, pixels + more)).all()
    assert (grown >= mask).all() if pixels >= 0 else (grown <= mask).all()


@given(drawn.masks, st.integers(0, 12))
def test_shrinking_grows_what_is_kept(mask: Mask, pixels: int) -> None:
    kept = canvas.grow(canvas.invert(mask), pixels)
    assert np.array_equal(canvas.grow(mask, -pixels), canvas.invert(kept))


@given(drawn.masks, st.integers(0, 20))
def test_a_feathered_mask_is_nothing_where_kept_and_all_somewhere(mask: Mask, pixels: int) -> None:
    soft = canvas.feather(mask, pixels)
    assert (soft <= mask).all()
    assert soft.max() == mask.max()
    assert (soft[mask > 0] > 0).all()


@given(drawn.masks, st.integers(0, 20))
def test_a_feathered_mask_is_all_beyond_the_feather(mask: Mask, pixels: int) -> None:
    deep = canvas.grow(mask, -pixels - 1)
    assert (canvas.feather(mask, pixels) >= deep).all()


def test_a_feathered_edge_rises_inwards() -> None:
    edge = canvas.feather(WIDE, 8)[30, 9:20].astype(int)
    assert edge[0] == 0
    assert edge[9] == 255
    assert (np.diff(edge)[:9] > 0).all()


def test_a_thin_stroke_is_repainted_along_its_middle() -> None:
    soft = canvas.feather(drawn.box(60, 60, Window(10, 30, 40, 5)), 8)
    assert (soft[32, 12:48] == 255).all()
    assert (soft[30, 12:48] < 128).all()


def test_a_feather_does_not_fall_towards_the_picture_s_border() -> None:
    soft = canvas.feather(drawn.box(60, 60, Window(0, 0, 30, 60)), 8)
    assert (soft[:, :21] == 255).all()


def test_a_feather_is_not_negative() -> None:
    with pytest.raises(ValueError, match="feathered"):
        canvas.feather(WIDE, -1)


def test_a_mask_is_told_from_a_photograph() -> None:
    mask = Image.new("L", (64, 48), 0)
    mask.paste(255, (8, 8, 30, 30))
    assert like_a_mask(mask.convert("RGBA"))
    see_through = Image.new("RGBA", (64, 48), (200, 10, 30, 255))
    see_through.paste((0, 0, 0, 0), (8, 8, 30, 30))
    assert like_a_mask(see_through)
    shades = Image.linear_gradient("L").convert("RGBA")
    assert not like_a_mask(shades)
    assert not like_a_mask(Image.new("RGBA", (64, 48), (200, 10, 30, 255)))
