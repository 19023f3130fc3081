from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from engine import canvas
from engine.canvas import Mask, Window
from tests.engine.canvas import drawn

HOLE = drawn.box(320, 240, Window(60, 60, 180, 120))
TINT = (14.0, -10.0, -12.0)


def sky(noise: float, seed: int) -> NDArray[np.float64]:
    """Smooth colours under a little noise, (240, 320, 3) of 0..255."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:240, 0:320] / 320
    smooth = np.stack([110 + 70 * rows + 20 * columns, 150 + 40 * rows, 205 - 30 * rows], axis=2)
    noisy: NDArray[np.float64] = smooth + rng.normal(size=smooth.shape) * noise
    return noisy


def shown(values: NDArray[np.float64]) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def repainted(tint: tuple[float, ...], reach: int = 6) -> Image.Image:
    """The sky as a model gives it back: its own noise, and another tint in the hole and, as its
    latents have it, a little around."""
    spread = Image.fromarray(canvas.grow(HOLE, reach)).filter(ImageFilter.BoxBlur(2))
    return shown(sky(4, seed=2) + np.asarray(spread)[..., None] / 255 * np.array(tint))


def mean(picture: Image.Image, window: Window) -> NDArray[np.float64]:
    found: NDArray[np.float64] = drawn.pixels(picture)[window.slices].mean(axis=(0, 1))
    return found


@given(drawn.masks, drawn.seeds, st.integers(0, 12))
def test_kept_pixels_are_bit_identical(mask: Mask, seed: int, feather: int) -> None:
    size = mask.shape[1], mask.shape[0]
    original, painted = drawn.picture(*size, seed), drawn.picture(*size, seed + 1)
    result = canvas.paste(original, canvas.match_colour(original, painted, mask), mask, feather)
    assert result.size == size
    assert np.array_equal(drawn.pixels(result)[mask == 0], drawn.pixels(original)[mask == 0])


@given(drawn.masks, drawn.seeds, st.integers(0, 12))
def test_away_from_the_seam_the_painted_picture_shows(mask: Mask, seed: int, feather: int) -> None:
    size = mask.shape[1], mask.shape[0]
    original, painted = drawn.picture(*size, seed), drawn.picture(*size, seed + 1)
    result = drawn.pixels(canvas.paste(original, painted, mask, feather))
    deep = canvas.grow(mask, -feather - 1) > 0
    assert np.array_equal(result[deep], drawn.pixels(painted)[deep])
    both = np.stack([drawn.pixels(original), drawn.pixels(painted)])
    assert (result >= both.min(axis=0)).all()
    assert (result <= both.max(axis=0)).all()


def test_kept_pixels_outlast_ten_edits() -> None:
    original = drawn.picture(320, 240, seed=1)
    result = original
    for seed in range(10):
        result = canvas.paste(result, drawn.picture(320, 240, seed), HOLE)
    assert np.array_equal(drawn.pixels(result)[HOLE == 0], drawn.pixels(original)[HOLE == 0])


def test_a_seam_is_a_slope() -> None:
    result = canvas.paste(
        Image.new("RGB", (320, 240)), Image.new("RGB", (320, 240), "white"), HOLE, feather=8
    )
    slope = drawn.pixels(result)[120, 59:69, 0].astype(int)
    assert slope[0] == 0
    assert slope[9] == 255
    assert 0 < np.diff(slope).min() <= np.diff(slope).max() < 60


def test_what_was_given_is_left_as_it_was() -> None:
    original, painted = drawn.picture(320, 240, seed=1), repainted(TINT)
    copies = original.copy(), painted.copy()
    canvas.paste(original, canvas.match_colour(original, painted, HOLE), HOLE)
    assert (original, painted) == copies


def test_a_tint_goes_at_the_seam() -> None:
    original, painted = shown(sky(3, seed=1)), repainted(TINT)
    matched = canvas.match_colour(original, painted, HOLE)
    for inside in (Window(60, 70, 6, 100), Window(234, 70, 6, 100), Window(70, 60, 160, 6)):
        assert np.abs(mean(painted, inside) - mean(original, inside)).min() > 9
        assert np.abs(mean(matched, inside) - mean(original, inside)).max() < 2


def test_the_shift_fades_away_from_the_seam() -> None:
    original, painted = shown(sky(3, seed=1)), repainted(TINT)
    moved = drawn.pixels(canvas.match_colour(original, painted, HOLE, reach=40)).astype(int)
    moved = np.abs(moved - drawn.pixels(painted)).max(axis=2)
    across = moved[115:125, 60:150].mean(axis=0)
    assert (np.diff(across[::6]) <= 0).all()
    assert across[0] > 10
    assert not moved[canvas.grow(HOLE, -50) > 0].any()
    assert not moved[HOLE == 0].any()


def test_another_thing_at_the_seam_is_not_taken_for_a_tint() -> None:
    original, painted = shown(sky(3, seed=1)), repainted((90.0, -90.0, -90.0), reach=12)
    assert canvas.match_colour(original, painted, HOLE) == painted


def test_a_tint_is_found_beside_another_thing() -> None:
    original, painted = shown(sky(3, seed=1)), repainted(TINT)
    painted.paste((200, 30, 30), (40, 110, 100, 150))
    matched = canvas.match_colour(original, painted, HOLE)
    right = Window(234, 70, 6, 100)
    assert np.abs(mean(matched, right) - mean(original, right)).max() < 3


@pytest.mark.parametrize("value", [0, 255])
def test_without_a_seam_no_colour_changes(value: int) -> None:
    original, painted = shown(sky(3, seed=1)), repainted(TINT)
    mask = np.full((240, 320), value, np.uint8)
    assert canvas.match_colour(original, painted, mask) == painted


@settings(max_examples=40, deadline=None)
@given(drawn.masks, st.integers(-20, 20))
def test_a_plain_tint_goes_whatever_the_mask(mask: Mask, tint: int) -> None:
    size = mask.shape[1], mask.shape[0]
    original = Image.new("RGB", size, (100, 100, 100))
    painted = Image.new("RGB", size, (100 + tint, 100, 100 - tint))
    matched = canvas.match_colour(original, painted, mask, reach=1000)
    changed = (mask > 0) & bool((mask == 0).any())
    off = np.abs(drawn.pixels(matched).astype(int) - 100).max(axis=2)
    assert off[changed].max(initial=0) <= 1


def test_pictures_and_masks_have_one_size() -> None:
    picture, mask = drawn.picture(10, 10, seed=1), np.zeros((10, 11), np.uint8)
    for function in (canvas.paste, canvas.match_colour):
        with pytest.raises(ValueError, match="for a picture of"):
            function(picture, picture, mask)
