"""Strokes as people paint them in a messenger. What comes back is compared with what was painted,
widened by the margin that the mask has on purpose."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from engine import canvas
from engine.canvas import Mask
from engine.canvas.regions import Region, filled
from engine.errors import EmptyMask, NotTheSamePicture
from tests.engine.canvas import photos
from tests.engine.canvas.photos import COLOURS, PHOTOS

pytestmark = pytest.mark.slow

SIZE = (960, 640)
WAYS = [(50, 4096), (70, 800), (80, 600), (87, 4096), (95, 800)]  # qualities and longest sides
TONES = [(0, 1), (6, 0.95), (-6, 1.05)]


def widened(stroke: Region) -> Region:
    mask = stroke.astype(np.uint8) * np.uint8(255)
    return canvas.grow(mask, max(1, round(max(stroke.shape) / 256))) > 0


def alike(mask: Mask, truth: Region) -> float:
    """Intersection over union."""
    return float(((mask > 0) & truth).sum() / ((mask > 0) | truth).sum())


def covered(mask: Mask, truth: Region) -> float:
    return float(((mask > 0) & truth).sum() / truth.sum())


@pytest.mark.parametrize("turn", [0, 1])
@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("kind", PHOTOS)
def test_a_stroke_is_found_wherever_it_went(kind: str, colour: str, turn: int) -> None:
    seed = 2 * list(COLOURS).index(colour) + 3 * list(PHOTOS).index(kind) + turn
    way = WAYS[seed % len(WAYS)]
    photo = PHOTOS[kind](SIZE, seed)
    marked, stroke = photos.brushed(photo, photos.line(SIZE, seed), 24, COLOURS[colour])
    light, gain = TONES[seed % len(TONES)]
    mask = canvas.painted(photo, photos.sent(marked, *way, light, gain))
    shown = stroke & (np.abs(photos.levels(marked) - photos.levels(photo)).max(axis=2) > 60)
    assert mask.shape == SIZE[::-1]
    assert set(np.unique(mask)) == {0, 255}
    assert covered(mask, shown) > 0.98
    if shown.sum() > 0.95 * stroke.sum():
        assert alike(mask, widened(stroke)) >= 0.8


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", PHOTOS)
def test_a_picture_that_only_went_to_and_fro_is_not_painted(
    kind: str, way: tuple[int, int]
) -> None:
    sizes = SIZE, (128, 128), (700, 1000)
    for seed, (size, tone) in enumerate(zip(sizes, TONES, strict=True)):
        photo = PHOTOS[kind](size, seed)
        with pytest.raises(EmptyMask):
            canvas.painted(photo, photos.sent(photo, *way, *tone))


@pytest.mark.parametrize("width", [4, 8, 60, 120])
def test_fine_and_broad_strokes_are_found(width: int) -> None:
    photo = photos.clouds(SIZE, 4)
    marked, stroke = photos.brushed(photo, photos.line(SIZE, 4), width, COLOURS["green"])
    mask = canvas.painted(photo, photos.sent(marked, 75, 800))
    assert covered(mask, stroke) > 0.98
    assert alike(mask, widened(stroke)) >= 0.8


@pytest.mark.parametrize("width", [9, 24, 48])
@pytest.mark.parametrize("colour", ["magenta", "cyan", "yellow"])
def test_neon_is_found_with_its_core(colour: str, width: int) -> None:
    photo = photos.clouds(SIZE, 5)
    line = photos.line(SIZE, 5)
    marked, stroke = photos.brushed(photo, line, width, COLOURS[colour], neon=True)
    mask = canvas.painted(photo, photos.sent(marked, 80, 800))
    reach = canvas.grow(stroke.astype(np.uint8) * np.uint8(255), width)
    assert covered(mask, stroke) > 0.98
    assert (mask <= reach).all()


@pytest.mark.parametrize("colour", ["red", "white", "black"])
@pytest.mark.parametrize("width", [6, 20])
def test_what_a_ring_encloses_belongs_to_it(width: int, colour: str) -> None:
    photo = photos.clouds(SIZE, 6)
    marked, stroke = photos.brushed(photo, photos.ring(SIZE, 6), width, COLOURS[colour])
    mask = canvas.painted(photo, photos.sent(marked, 75, 800))
    assert covered(mask, filled(stroke)) > 0.99
    assert alike(mask, widened(filled(stroke))) >= 0.9


def test_an_open_ring_encloses_nothing() -> None:
    photo = photos.clouds(SIZE, 6)
    marked, stroke = photos.brushed(photo, photos.ring(SIZE, 6, turn=0.85), 12, COLOURS["red"])
    mask = canvas.painted(photo, photos.sent(marked, 75))
    assert alike(mask, widened(stroke)) >= 0.8
    assert mask[SIZE[1] // 2, SIZE[0] // 2] == 0


def test_a_ring_that_a_finger_left_nearly_closed_is_closed() -> None:
    photo = photos.clouds(SIZE, 6)
    marked, _ = photos.brushed(photo, photos.ring(SIZE, 6, turn=0.98), 12, COLOURS["red"])
    mask = canvas.painted(photo, photos.sent(marked, 75))
    assert mask[SIZE[1] // 2, SIZE[0] // 2] == 255


def test_several_strokes_are_all_found() -> None:
    photo = marked = photos.grain(SIZE, 7)
    dots = [(x, y) for x in (100, 500, 900) for y in (80, 320, 560)]
    for x, y in dots:
        marked, _ = photos.brushed(marked, [(x, y), (x + 20, y)], 16, COLOURS["red"])
    mask = canvas.painted(photo, photos.sent(marked, 70, 800))
    assert all(mask[y, x] == 255 for x, y in dots)
    assert (mask > 0).mean() < 0.02


@pytest.mark.parametrize("longest", [800, 1280])
def test_a_small_picture_may_come_back_larger(longest: int) -> None:
    """A telephone enlarges what it shows."""
    photo = photos.shapes((128, 128), 8)
    marked, stroke = photos.brushed(photo, photos.line((128, 128), 8), 12, COLOURS["cyan"])
    large = marked.resize((longest, longest), Image.Resampling.BICUBIC)
    mask = canvas.painted(photo, photos.sent(large, 80))
    assert covered(mask, stroke) > 0.98
    assert alike(mask, widened(stroke)) >= 0.75


def test_half_of_a_picture_may_be_painted() -> None:
    photo = photos.clouds(SIZE, 9)
    marked, stroke = photos.brushed(photo, [(0, 150), (960, 150)], 300, COLOURS["yellow"])
    mask = canvas.painted(photo, photos.sent(marked, 75, light=5))
    assert alike(mask, widened(stroke)) >= 0.95


@pytest.mark.parametrize("kind", PHOTOS)
def test_another_picture_is_told(kind: str) -> None:
    photo = PHOTOS[kind](SIZE, 1)
    for other in set(PHOTOS) - {kind}:
        with pytest.raises(NotTheSamePicture):
            canvas.painted(photo, photos.sent(PHOTOS[other](SIZE, 2), 80))


@pytest.mark.parametrize("share", [0.05, 0.1])
def test_a_picture_cut_to_the_same_shape_is_told(share: float) -> None:
    photo = photos.clouds(SIZE, 1, rough=0.6)
    left, top = round(SIZE[0] * share), round(SIZE[1] * share)
    cut = photo.crop((left, top, *SIZE)).resize(SIZE, Image.Resampling.BICUBIC)
    with pytest.raises(NotTheSamePicture):
        canvas.painted(photo, photos.sent(cut, 80))


@pytest.mark.parametrize("size", [(960, 620), (640, 960), (128, 128)])
def test_another_shape_is_told(size: tuple[int, int]) -> None:
    photo = photos.clouds(SIZE, 1)
    with pytest.raises(NotTheSamePicture):
        canvas.painted(photo, photo.resize(size))


def test_what_is_not_rgb_is_refused() -> None:
    with pytest.raises(ValueError, match="RGB"):
        canvas.painted(Image.new("RGB", (9, 9)), Image.new("L", (9, 9)))
