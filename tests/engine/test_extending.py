from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine.canvas import Window
from engine.cards import resolve
from engine.errors import NoRoomToExtend, ShapeAlready
from engine.extending import Side, beside, outpaint, to_aspect
from engine.families import mini_card
from engine.preferences import ASPECTS, Aspect
from engine.requests import SIZE_LIMIT
from engine.sources import Source

sides = st.integers(*SIZE_LIMIT)


@pytest.mark.parametrize(
    ("side", "window"),
    [
        ("left", Window(-256, 0, 768, 300)),
        ("right", Window(0, 0, 768, 300)),
        ("up", Window(0, -152, 512, 452)),
        ("down", Window(0, 0, 512, 452)),
        ("around", Window(-128, -72, 768, 444)),
    ],
)
def test_a_step_adds_half_of_a_side(side: Side, window: Window) -> None:
    assert beside((512, 300), side) == window


@given(sides, sides, st.sampled_from(["left", "right", "up", "down", "around"]))
def test_a_step_keeps_the_picture_and_the_limit(width: int, height: int, side: Side) -> None:
    try:
        window = beside((width, height), side)
    except NoRoomToExtend:
        assert max(width, height) > SIZE_LIMIT[1] - 16
        return
    assert window.overlap(width, height) == Window(0, 0, width, height)
    assert max(window.size) <= SIZE_LIMIT[1]
    assert window.size != (width, height)
    assert not any(margin % 8 for margin in (window.left, window.top, window.width - width))


def test_less_is_added_where_there_is_less_room() -> None:
    assert beside((4000, 64), "right") == Window(0, 0, 4096, 64)
    assert beside((4096, 64), "around") == Window(0, -16, 4096, 96)
    with pytest.raises(NoRoomToExtend):
        beside((4096, 64), "left")
    with pytest.raises(NoRoomToExtend):
        beside((5000, 5000), "around")


@given(sides, sides, st.sampled_from(ASPECTS))
def test_a_shape_has_the_picture_in_its_middle(width: int, height: int, aspect: Aspect) -> None:
    wide, high = map(int, aspect.split(":"))
    try:
        window = to_aspect((width, height), aspect)
    except ShapeAlready:
        assert width / height == pytest.approx(wide / high, rel=0.02)
        return
    except NoRoomToExtend:
        assert max(width / wide * high, height / high * wide) > SIZE_LIMIT[1] - 1
        return
    assert window.overlap(width, height) == Window(0, 0, width, height)
    assert abs(window.right - width + window.left) <= 1
    assert abs(window.width - window.height * wide / high) <= 2


def test_a_picture_in_that_shape_has_nothing_to_fill() -> None:
    with pytest.raises(ShapeAlready, match="16:9"):
        to_aspect((1024, 577), "16:9")


def test_a_frame_becomes_a_request() -> None:
    picture = Source.of(Image.new("RGB", (128, 96)))
    request = outpaint(picture, beside((128, 96), "left"), prompt="the sea", seed=7)
    whole = resolve(request, [mini_card()])
    assert (whole.width, whole.height, request.left, request.top) == (192, 96, -64, 0)
    assert (whole.prompt, whole.seed) == ("the sea", 7)
