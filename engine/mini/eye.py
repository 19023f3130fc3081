"""What the judge sees with: a small network that names the thing in a picture.

It was trained on drawn scenes only, never on generated pictures, and shares nothing with the
mini model. A thing is named by the nearest of all things' mean features.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

from engine.mini.things import COLOURS, THINGS

FILE = Path(__file__).parent / "weights" / "eye.safetensors"
SIDE = 64
FEATURES = 96
_BORDER = 4  # pixels of the frame whose colour is the background's


class Eye(nn.Module):
    """(N, 3, SIDE, SIDE) in [-1, 1] to features (N, FEATURES) of length 1."""

    means: Tensor

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 32, 64, 96, 128)
        blocks: list[nn.Module] = []
        for before, after in pairwise(widths):
            blocks += [
                nn.Conv2d(before, after, 3, stride=2, padding=1),
                nn.GroupNorm(8, after),
                nn.SiLU(),
                nn.Conv2d(after, after, 3, padding=1),
                nn.GroupNorm(8, after),
                nn.SiLU(),
            ]
        self.blocks = nn.Sequential(*blocks)
        self.features = nn.Linear(widths[-1] * 2, FEATURES)
        self.register_buffer("means", torch.zeros(len(THINGS), FEATURES))

    def forward(self, x: Tensor) -> Tensor:
        seen = self.blocks(x)
        pooled = torch.cat([seen.mean(dim=(2, 3)), seen.amax(dim=(2, 3))], dim=1)
        return F.normalize(self.features(pooled), dim=1)


def prepare(picture: Image.Image) -> Tensor:
    small = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    pixels = np.asarray(small, dtype=np.float32).transpose(2, 0, 1)
    return torch.from_numpy(pixels / 127.5 - 1)


@lru_cache(maxsize=1)
def load(file: Path = FILE) -> Eye:
    eye = Eye()
    eye.load_state_dict({key: value.float() for key, value in load_file(file).items()})
    return eye.eval().requires_grad_(False)


def things_in(pictures: list[Image.Image], eye: Eye | None = None) -> list[int]:
    """The index in THINGS of what each picture shows."""
    eye = eye or load()
    with torch.inference_mode():
        seen = eye(torch.stack([prepare(picture) for picture in pictures]))
        found: list[int] = (seen @ eye.means.T).argmax(dim=1).tolist()
        return found


def background_of(picture: Image.Image) -> int:
    """The index in COLOURS of the colour nearest to the median of the picture's frame."""
    pixels = np.asarray(picture.convert("RGB"), dtype=np.float32)
    inside = np.zeros(pixels.shape[:2], dtype=bool)
    inside[_BORDER:-_BORDER, _BORDER:-_BORDER] = True
    middle = np.median(pixels[~inside], axis=0)
    apart = [np.square(middle - np.array(colour.rgb)).sum() for colour in COLOURS]
    return int(np.argmin(apart))
