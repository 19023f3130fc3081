"""PNG files that carry how they were made, so that a picture can be made again from its file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, cast

from PIL import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo

TEXT = "parameters"  # the chunk that Automatic1111's UI writes and most tools show
JSON = "kandinsky"  # ours: exact


@dataclass(frozen=True, slots=True)
class Parameters:
    """How a picture was made: the resolved request of its job, and its own seed."""

    request: dict[str, Any]
    seed: int
    text: str


def encode_png(image: Image.Image, request: Mapping[str, Any], seed: int) -> bytes:
    """The picture as a PNG file with its parameters; `seed` is this picture's own."""
    info = PngInfo()
    info.add_text(TEXT, _sentence(request, seed))
    info.add_text(JSON, json.dumps({"request": request, "seed": seed}, ensure_ascii=False))
    file = BytesIO()
    image.save(file, "PNG", pnginfo=info)
    return file.getvalue()


def read_parameters(file: bytes) -> Parameters:
    """What `encode_png` wrote. Raises ValueError if the file is no PNG or carries nothing."""
    try:
        with Image.open(BytesIO(file), formats=["PNG"]) as image:
            chunks = dict(cast(PngImageFile, image).text)
        made = json.loads(chunks[JSON])
        return Parameters(request=made["request"], seed=made["seed"], text=chunks[TEXT])
    except (OSError, SyntaxError, KeyError, TypeError) as error:
        raise ValueError("The file carries no Kandinsky parameters") from error


def _sentence(request: Mapping[str, Any], seed: int) -> str:
    """The parameters in the form of Automatic1111's `infotext`."""
    settings = {
        "Steps": request.get("steps"),
        "Sampler": request.get("sampler"),
        "CFG scale": request.get("guidance"),
        "Seed": seed,
        "Size": f"{request.get('width')}x{request.get('height')}",
        "Model": request.get("model"),
    }
    lines = [str(request.get("prompt", ""))]
    if negative := request.get("negative_prompt"):
        lines.append(f"Negative prompt: {negative}")
    lines.append(", ".join(f"{name}: {value}" for name, value in settings.items()))
    return "\n".join(lines)
