"""Pictures fit into Telegram, and look as they are."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import pytest
from aiogram.types import BufferedInputFile
from PIL import Image, ImageChops

from bot.pictures import PHOTO_LIMIT, PREVIEW_SIDE, SIDES_LIMIT, photo, preview, showable
from storage.png import encode_png
from storage.records import PictureRecord, Review

RECORD = PictureRecord(
    "id", "job", 1, 0, 7, "hash", 64, 64, "image/png", 1, False, Review.NONE, datetime.now(UTC)
)


def png(image: Image.Image) -> tuple[bytes, PictureRecord]:
    file = BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue(), replace(RECORD, width=image.width, height=image.height)


def opened(content: bytes) -> Image.Image:
    with Image.open(BytesIO(content)) as image:
        image.load()
        return image


async def test_what_fits_goes_as_it_is() -> None:
    content, record = png(Image.new("RGB", (64, 64), "red"))
    sent = await photo(content, record, PHOTO_LIMIT)
    assert (sent.data, sent.filename) == (content, "kandinsky-7.png")


async def test_a_jpeg_says_too_that_it_was_made_by_ai() -> None:
    image = Image.effect_noise((256, 256), 90).convert("RGB")
    content = encode_png(image, {}, 7, source_type="https://example.test/made-by-ai")
    sent = await photo(content, RECORD, len(content) // 2)
    assert isinstance(sent, BufferedInputFile)
    with Image.open(BytesIO(sent.data)) as smaller:
        assert smaller.format == "JPEG"
        assert b"https://example.test/made-by-ai" in smaller.info["xmp"]


async def test_what_is_too_heavy_becomes_a_jpeg_that_looks_the_same() -> None:
    image = Image.radial_gradient("L").resize((512, 512)).convert("RGB")
    content, record = png(image)
    sent = await photo(content, record, len(content) - 1)
    jpeg = opened(sent.data)
    assert (sent.filename, jpeg.format, jpeg.size) == ("kandinsky-7.jpg", "JPEG", (512, 512))
    difference = ImageChops.difference(jpeg, image).getextrema()
    assert max(high for _, high in difference) < 16  # type: ignore[misc]


async def test_the_worst_picture_fits() -> None:
    """16 megapixels of noise, which nothing makes small."""
    image = Image.frombytes("RGB", (4096, 4096), random.Random(0).randbytes(3 * 4096 * 4096))
    content, record = png(image)
    sent = await photo(content, record, PHOTO_LIMIT)
    assert len(sent.data) <= PHOTO_LIMIT


async def test_what_is_too_long_becomes_shorter() -> None:
    content, record = png(Image.new("RGB", (9900, 500), "red"))
    sent = opened((await photo(content, record, PHOTO_LIMIT)).data)
    assert sum(sent.size) <= SIDES_LIMIT
    assert showable(record)
    assert not showable(replace(record, width=9901, height=495))


@pytest.mark.parametrize("size", [(8, 8), (64, 48), (320, 320), (1000, 100), (1, 40)])
async def test_a_preview_is_large_enough_to_see(size: tuple[int, int]) -> None:
    shown = opened((await preview(Image.new("RGB", size, "red"))).data)
    assert max(shown.size) >= min(PREVIEW_SIDE, max(size) * PREVIEW_SIDE)
    assert shown.width * size[1] == shown.height * size[0]
