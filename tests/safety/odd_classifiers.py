"""Functions as an operator may name them in KANDINSKY_CLASSIFIERS, good and bad."""

from __future__ import annotations

import sys
from threading import Event

from PIL import Image, ImageStat

goes_on = Event()  # what hangs ends once it is set

NO_FUNCTION = None


def redness(picture: Image.Image) -> dict[str, float]:
    """As if blood were all that is red."""
    red, green, blue = ImageStat.Stat(picture).mean
    return {"gore": max(0.0, red - max(green, blue)) / 255, "hate": 0.1}


def raises(picture: Image.Image) -> dict[str, float]:
    raise ValueError("no model today")


def exits(picture: Image.Image) -> dict[str, float]:
    sys.exit(1)


def hangs(picture: Image.Image) -> dict[str, float]:
    goes_on.wait()
    return {}


def hangs_at_red(picture: Image.Image) -> dict[str, float]:
    if redness(picture)["gore"] > 0.5:
        goes_on.wait()
    return {}
