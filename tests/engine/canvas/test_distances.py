from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.canvas import Mask
from engine.canvas.distances import highest_within, squared_distance
from tests.engine.canvas import drawn


@given(drawn.masks, st.integers(1, 200))
def test_the_distance_is_that_to_the_nearest_pixel_cut_at_the_limit(mask: Mask, limit: int) -> None:
    limit = min(limit, sum(mask.shape))
    rows, columns = np.nonzero(mask)
    every_row, every_column = np.indices(mask.shape)
    expected = np.full(mask.shape, (limit + 1) ** 2)
    for row, column in zip(rows[:50], columns[:50], strict=True):
        away = (every_row - row) ** 2 + (every_column - column) ** 2
        expected = np.where(away <= limit**2, np.minimum(expected, away), expected)
    few = np.zeros(mask.shape, bool)
    few[rows[:50], columns[:50]] = True
    found = squared_distance(few, limit)
    assert np.array_equal(np.where(found <= limit**2, found, (limit + 1) ** 2), expected)
    assert found.max() <= (limit + 1) ** 2


@given(drawn.sides, drawn.sides, drawn.seeds, st.integers(0, 60))
def test_the_highest_is_that_of_the_square_around(
    width: int, height: int, seed: int, radius: int
) -> None:
    values = drawn.pixels(drawn.picture(width, height, seed))[..., 0]
    found = highest_within(values, radius)
    for row, column in ((0, 0), (height // 2, width // 2), (height - 1, width - 1)):
        around = np.s_[
            max(0, row - radius) : row + radius + 1, max(0, column - radius) : column + radius + 1
        ]
        assert found[row, column] == values[around].max()
