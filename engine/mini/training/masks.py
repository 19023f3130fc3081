"""Random masks to learn inpainting with: brush strokes, boxes, windows past an edge."""

from __future__ import annotations

import math
import random

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

_FINE = 8  # masks are drawn at pixels, then taken down to latents


def random_mask(rng: random.Random, side: int) -> Tensor:
    """(1, side, side) float, 1 where the picture is kept and 0 where it is to be painted."""
    size = side * _FINE
    hole = Image.new("L", (size, size))
    kind = rng.random()
    if kind < 0.4:
        _brush(hole, rng)
    elif kind < 0.65:
        _box(hole, rng)
    elif kind < 0.92:
        _window(hole, rng)
    else:
        hole.paste(255, (0, 0, size, size))
    small = np.asarray(hole.resize((side, side), Image.Resampling.BOX))
    return torch.from_numpy((small == 0).astype(np.float32))[None]


def _brush(hole: Image.Image, rng: random.Random) -> None:
    size = hole.width
    pen = ImageDraw.Draw(hole)
    for _ in range(rng.randint(1, 4)):
        x, y, angle = rng.uniform(0, size), rng.uniform(0, size), rng.uniform(0, 2 * math.pi)
        width = rng.uniform(0.06, 0.2) * size
        for _ in range(rng.randint(3, 12)):
            pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)
            angle += rng.gauss(0, 0.6)
            x, y = x + math.cos(angle) * width * 0.7, y + math.sin(angle) * width * 0.7


def _box(hole: Image.Image, rng: random.Random) -> None:
    size = hole.width
    width, height = (rng.uniform(0.3, 0.95) * size for _ in range(2))
    left, top = rng.uniform(0, size - width), rng.uniform(0, size - height)
    draw = ImageDraw.Draw(hole)
    shape = draw.rectangle if rng.random() < 0.6 else draw.ellipse
    shape((left, top, left + width, top + height), fill=255)


def _window(hole: Image.Image, rng: random.Random) -> None:
    """Everything but one side or corner of the picture, as when a window is moved past its edge."""
    size = hole.width
    hole.paste(255, (0, 0, size, size))
    x, y = (rng.choice((-1, 0, 1)) * rng.uniform(0.2, 0.8) * size for _ in range(2))
    hole.paste(0, (round(x), round(y), round(x + size), round(y + size)))
