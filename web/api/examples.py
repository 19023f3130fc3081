"""A request of each mode, for the documentation."""

from __future__ import annotations

from typing import Any

HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
MASK = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
ID = "3f2b8f0e-6c1d-4f64-9d53-0f2b8a7c5e11"

MODES: dict[str, dict[str, Any]] = {
    "text_to_image": {
        "summary": "Words to pictures",
        "value": {"mode": "text_to_image", "prompt": "a fox on a blue background", "count": 2},
    },
    "image_to_image": {
        "summary": "A picture changed after words",
        "value": {
            "mode": "image_to_image",
            "prompt": "in the snow",
            "picture": {"sha256": HASH},
            "strength": 0.4,
        },
    },
    "mix": {
        "summary": "A mix of pictures and words",
        "value": {
            "mode": "mix",
            "parts": [
                {"picture": {"id": ID}, "weight": 0.7},
                {"words": "made of glass", "weight": 0.3},
            ],
        },
    },
    "variations": {
        "summary": "Pictures like this one",
        "value": {"mode": "variations", "picture": {"id": ID}, "count": 4},
    },
    "inpaint": {
        "summary": "A part of a picture painted anew",
        "value": {
            "mode": "inpaint",
            "prompt": "a red hat",
            "picture": {"sha256": HASH},
            "mask": {"sha256": MASK},
        },
    },
    "outpaint": {
        "summary": "A picture extended",
        "value": {
            "mode": "outpaint",
            "picture": {"sha256": HASH},
            "left": -64,
            "top": 0,
            "width": 192,
            "height": 128,
        },
    },
}
