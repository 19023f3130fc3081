from __future__ import annotations

import numpy as np
import pytest

from engine.canvas.tones import toned
from tests.engine.canvas import photos

SIZE = (320, 200)
PHOTO = photos.clouds(SIZE, seed=1)


@pytest.mark.parametrize(("light", "gain"), [(0, 1), (8, 1), (-8, 1.1), (6, 0.9), (12, 1.15)])
def test_tones_are_found_under_a_stroke(light: float, gain: float) -> None:
    marked, stroke = photos.brushed(PHOTO, photos.ring(SIZE, 2), 40, (255, 0, 0))
    after = photos.sent(marked, 80, light=light, gain=gain)
    off = np.abs(photos.levels(toned(PHOTO, after)) - photos.levels(after))
    assert off[~stroke].mean() < 4
    assert off[stroke].mean() > 40


def test_what_is_cut_off_does_not_count() -> None:
    bright = PHOTO.point(lambda level: min(255, level * 1.7))
    after = photos.sent(bright, 90, light=20)
    assert np.abs(photos.levels(toned(bright, after)) - photos.levels(after)).mean() < 3


def test_a_picture_of_one_tone_keeps_its_contrast() -> None:
    plain = PHOTO.point(lambda level: 100 + level // 64)
    assert np.ptp(photos.levels(toned(plain, plain.point(lambda level: level + 9)))) <= 4


def test_the_same_picture_stays() -> None:
    assert toned(PHOTO, PHOTO) == PHOTO
