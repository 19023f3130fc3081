"""Classifiers as an operator could add, which do what a test wants: `package.module:function`."""

from __future__ import annotations

import threading

from PIL import Image

released = threading.Event()  # lets those that hang go on


def fails(picture: Image.Image) -> dict[str, float]:
    raise RuntimeError("the checker is down")


def hangs(picture: Image.Image) -> dict[str, float]:
    released.wait(60)
    return {}


def by_colour(picture: Image.Image) -> dict[str, float]:
    """Blood is red: how much of the first pixel is, says how sure it is."""
    red, *_ = picture.convert("RGB").getpixel((0, 0))  # type: ignore[misc]
    return {"gore": red / 255}
