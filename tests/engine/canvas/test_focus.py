from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from engine import canvas
from engine.canvas import Fill, Mask, Window
from tests.engine.canvas import drawn

small = st.integers(64, 300)
limits = st.integers(64, 400)


def paint(seen: Image.Image, seed: int) -> Image.Image:
    """A model that paints noise, at the working size alone."""
    padded = canvas.pad(seen)
    return canvas.unpad(drawn.picture(*padded.size, seed), *seen.size)


@settings(deadline=None)
@given(drawn.masks, limits, st.integers(0, 80))
def test_the_window_holds_the_hole_and_the_model_can_hold_the_window(
    mask: Mask, limit: int, context: int
) -> None:
    mask = np.kron(mask, np.ones((13, 13), np.uint8))
    hole = canvas.bounds(mask)
    if hole is None:
        return
    size = mask.shape[1], mask.shape[0]
    found = canvas.focus(mask, limit, context)
    window = found.window
    assert window.overlap(*size) == window
    for low, high in zip(hole.grown(context).clipped(*size).box[:2], window.box[:2], strict=True):
        assert low >= high
    for low, high in zip(hole.grown(context).clipped(*size).box[2:], window.box[2:], strict=True):
        assert low <= high
    assert max(canvas.rounded(found.width), canvas.rounded(found.height)) <= limit
    assert found.width <= window.width
    assert found.height <= window.height


def test_a_picture_that_the_model_can_hold_is_seen_whole() -> None:
    found = canvas.focus(drawn.box(500, 300, Window(0, 0, 500, 300)), limit=512)
    assert found == canvas.Focus(Window(0, 0, 500, 300), 500, 300)


def test_a_small_hole_in_a_huge_picture_is_seen_at_its_own_resolution() -> None:
    found = canvas.focus(drawn.box(4000, 3000, Window(2000, 10, 50, 50)), limit=1024)
    assert found == canvas.Focus(Window(1513, 0, 1024, 1024), 1024, 1024)


def test_a_hole_over_the_limit_is_seen_reduced_with_what_is_around_it() -> None:
    found = canvas.focus(drawn.box(4000, 3000, Window(1000, 1000, 1920, 500)), limit=1024)
    assert found == canvas.Focus(Window(936, 226, 2048, 2048), 1024, 1024)


@pytest.mark.parametrize(("hole", "limit", "context"), [(0, 64, 0), (255, 63, 0), (255, 64, -1)])
def test_nothing_to_focus_on_is_an_error(hole: int, limit: int, context: int) -> None:
    with pytest.raises(ValueError, match="no focus"):
        canvas.focus(np.full((99, 99), hole, np.uint8), limit, context)


@settings(deadline=None)
@given(small, small, drawn.seeds)
def test_a_reduced_mask_misses_no_pixel(width: int, height: int, seed: int) -> None:
    mask = drawn.mask(width, height, seed)
    if not mask.any():
        return
    found = canvas.focus(mask, limit=64)
    seen = found.cut_mask(mask)
    assert found.cut(Image.fromarray(mask)).size == seen.shape[::-1]
    rows, columns = np.nonzero(mask[found.window.slices])
    high, wide = found.window.height, found.window.width
    # The pixel of the reduced mask whose first pixel is the last not after this one.
    rows = ((rows + 1) * found.height - 1) // high
    columns = ((columns + 1) * found.width - 1) // wide
    assert seen[rows, columns].all()


@settings(max_examples=60, deadline=None)
@given(small, small, drawn.seeds, limits, st.integers(0, 12))
def test_kept_pixels_are_kept_however_a_picture_is_inpainted(
    width: int, height: int, seed: int, limit: int, feather: int
) -> None:
    original, mask = drawn.picture(width, height, seed), drawn.mask(width, height, seed)
    if not mask.any():
        return
    found = canvas.focus(mask, limit)
    painted = paint(found.cut(original), seed + 1)
    result = found.put(original, painted, mask, feather)
    assert result.size == original.size
    assert np.array_equal(drawn.pixels(result)[mask == 0], drawn.pixels(original)[mask == 0])


@settings(max_examples=40, deadline=None)
@given(small, small, drawn.seeds, drawn.windows, limits, st.sampled_from(Fill))
def test_kept_pixels_are_kept_however_a_picture_is_outpainted(
    width: int, height: int, seed: int, window: Window, limit: int, fill: Fill
) -> None:
    window = Window(window.left * 5, window.top * 5, 64 + window.width * 4, 64 + window.height * 4)
    original = drawn.picture(width, height, seed)
    shown, mask = canvas.place(original, window, fill)
    if not mask.any():
        return
    found = canvas.focus(mask, limit)
    result = found.put(shown, paint(found.cut(shown), seed + 1), mask)
    assert result.size == window.size
    overlap = window.overlap(width, height)
    if overlap:
        there = overlap.moved(-window.left, -window.top)
        assert canvas.cut(result, there) == canvas.cut(original, overlap)


@settings(max_examples=6, deadline=None)
@given(st.integers(64, 1024), st.integers(64, 1024), drawn.seeds)
def test_the_result_has_the_size_asked_for(width: int, height: int, seed: int) -> None:
    original = Image.new("RGB", (width, height))
    mask = drawn.box(width, height, Window(width // 3, height // 3, width // 2, height // 2))
    found = canvas.focus(mask, 512)
    assert found.put(original, paint(found.cut(original), seed), mask).size == (width, height)


def test_painting_what_was_there_changes_nothing() -> None:
    original = drawn.picture(200, 100, seed=1)
    mask = drawn.box(200, 100, Window(50, 20, 80, 60))
    found = canvas.focus(mask, 128, context=16)
    assert found.put(original, found.cut(original), mask) == original


def test_only_what_has_the_size_asked_for_is_put_back() -> None:
    original, mask = drawn.picture(200, 100, seed=1), drawn.box(200, 100, Window(0, 0, 9, 9))
    with pytest.raises(ValueError, match="was painted for"):
        canvas.focus(mask, 128).put(original, original, mask)
