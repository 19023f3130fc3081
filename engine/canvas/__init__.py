"""Geometry of masks, windows and paste-back for edits of pictures. No model, no torch.

An edit goes: make a mask (`masks`, `strokes`) or a window (`windows`), choose what of the picture
the model sees (`focus`), bring that to a working size (`pad`), paint, and put the result back
(`unpad`, `Focus.put`). What a person did wrong (an empty mask, say) is for the caller to tell, but
for `painted`, which alone can know; wrong shapes and types raise ValueError here.
"""

from __future__ import annotations

from engine.canvas.arrays import Mask
from engine.canvas.blending import match_colour, paste
from engine.canvas.focus import Focus, focus
from engine.canvas.latents import latent_mask
from engine.canvas.masks import (
    bounds,
    feather,
    from_alpha,
    from_luminance,
    grow,
    invert,
    like_a_mask,
)
from engine.canvas.strokes import painted
from engine.canvas.windows import (
    Fill,
    Window,
    cut,
    extend,
    fit,
    pad,
    pad_mask,
    place,
    rounded,
    to_aspect,
    unpad,
    working_window,
)

__all__ = [
    "Fill",
    "Focus",
    "Mask",
    "Window",
    "bounds",
    "cut",
    "extend",
    "feather",
    "fit",
    "focus",
    "from_alpha",
    "from_luminance",
    "grow",
    "invert",
    "latent_mask",
    "like_a_mask",
    "match_colour",
    "pad",
    "pad_mask",
    "painted",
    "paste",
    "place",
    "rounded",
    "to_aspect",
    "unpad",
    "working_window",
]
