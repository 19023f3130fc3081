"""Pictures to check and to mark, and what becomes of pictures on their way through the world."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from io import BytesIO

import numpy as np
from PIL import Image, ImageEnhance

from engine.mini import scenes
from tests.engine.canvas.photos import clouds, shapes

Change = Callable[[Image.Image], Image.Image]


def pictures(count: int = 360, seed: int = 0) -> Iterator[Image.Image]:
    """Clouds, shapes and scenes of the mini model, each different, of several sizes."""
    rng = random.Random(seed)
    for number in range(count // 3):
        size = rng.choice(((256, 256), (320, 200), (200, 320)))
        yield clouds(size, 1000 * seed + number)
        yield shapes(size, 1000 * seed + number)
        yield scenes.draw(scenes.sample(rng))


def png(image: Image.Image) -> bytes:
    return saved(image, "PNG")


def saved(image: Image.Image, kind: str, **options: int) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _recompressed(kind: str, quality: int) -> Change:
    def change(image: Image.Image) -> Image.Image:
        return Image.open(BytesIO(saved(image, kind, quality=quality))).convert("RGB")

    return change


def _resized(share: float) -> Change:
    return lambda image: image.resize((int(image.width * share), int(image.height * share)))


def _cropped(image: Image.Image) -> Image.Image:
    """3 % of each side, half of it at each end."""
    width, height = image.size
    return image.crop(
        (round(width * 0.015), round(height * 0.015), round(width * 0.985), round(height * 0.985))
    )


def _bright(factor: float) -> Change:
    return lambda image: ImageEnhance.Brightness(image).enhance(factor)


def _noisy(image: Image.Image) -> Image.Image:
    noise = np.random.default_rng(0).normal(0, 8, (image.height, image.width, 3))
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))


CHANGES: dict[str, Change] = {
    "JPEG 40": _recompressed("JPEG", 40),
    "WebP 50": _recompressed("WEBP", 50),
    "half as large": _resized(0.5),
    "twice as large": _resized(2),
    "3 % cropped": _cropped,
    "brighter": _bright(1.2),
    "darker": _bright(0.8),
    "noisy": _noisy,
}
