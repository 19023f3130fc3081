from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.canvas import Mask
from engine.canvas.regions import Region, areas, filled, labels
from tests.engine.canvas import drawn


def region(*rows: str) -> Region:
    return np.array([[letter == "#" for letter in row] for row in rows])


def reached(region: Region, corners: bool) -> Region:
    """All that the first pixel of the region connects with, found step by step."""
    rows, columns = np.indices(region.shape)
    start = np.argmax(region)
    found: Region = (rows * region.shape[1] + columns == start) & region
    while True:
        wide = np.pad(found, 1)
        grown = wide.copy()
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                if corners or not (down and right):
                    grown |= np.roll(wide, (down, right), (0, 1))
        before, found = found, grown[1:-1, 1:-1] & region
        if np.array_equal(before, found):
            return found


@given(drawn.masks, st.booleans())
def test_a_part_is_what_connects(mask: Mask, corners: bool) -> None:
    left = mask > 0
    parts = labels(left, corners=corners)
    assert np.array_equal(parts > 0, left)
    for _ in range(int(parts.max())):
        part = reached(left, corners)
        (number,) = np.unique(parts[part])
        assert np.array_equal(parts == number, part)
        left = left & ~part
    assert not left.any()


@given(drawn.masks)
def test_areas_are_counted(mask: Mask) -> None:
    counted = areas(labels(mask > 0, corners=True))
    assert counted.sum() == mask.size
    assert counted[1:].sum() == np.count_nonzero(mask)


def test_corners_connect_if_asked() -> None:
    diagonal = region("#.", ".#")
    assert labels(diagonal, corners=True).tolist() == [[1, 0], [0, 1]]
    assert labels(diagonal, corners=False).max() == 2


@pytest.mark.parametrize(
    ("drawn_", "whole"),
    [
        (["####", "#..#", "####"], ["####", "####", "####"]),
        ([".##.", "#..#", ".##."], [".##.", "####", ".##."]),  # corners hold
        (["####", "#..#", "##.#"], ["####", "#..#", "##.#"]),  # reaches the border
        (["#####", "#...#", "#.#.#", "#...#", "#####"], ["#####"] * 5),
        ([".."], [".."]),
    ],
)
def test_only_what_is_enclosed_is_filled(drawn_: list[str], whole: list[str]) -> None:
    assert np.array_equal(filled(region(*drawn_)), region(*whole))


def test_winding_ways_are_one_part() -> None:
    snake = np.zeros((400, 400), bool)
    snake[::2] = True
    snake[1::4, -1] = snake[3::4, 0] = True
    assert labels(snake, corners=False).max() == 1
