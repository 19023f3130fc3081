"""Pictures as Telegram takes them: what is shown may be smaller than what is kept."""

from __future__ import annotations

import asyncio
from io import BytesIO

from aiogram.types import BufferedInputFile
from PIL import Image

from storage.records import PictureRecord

MB = 2**20
PHOTO_LIMIT = 9 * MB  # bytes; Telegram's own limit is 10 MB
SIDES_LIMIT = 10_000  # pixels of width and height together
RATIO_LIMIT = 20
FILE_LIMIT = 49 * MB  # bytes of a document; Telegram's own limit is 50 MB
PREVIEW_SIDE = 320  # pixels at least, so that a chat shows it no smaller than a result


def showable(record: PictureRecord) -> bool:
    """Whether Telegram can show it as a photo at all."""
    sides = record.width, record.height
    return max(sides) <= RATIO_LIMIT * min(sides)


async def photo(content: bytes, record: PictureRecord, limit: int) -> BufferedInputFile:
    """The picture to look at, in `limit` bytes: its own file where that will do, else a JPEG."""
    if len(content) <= limit and record.width + record.height <= SIDES_LIMIT:
        return original(content, record)
    smaller = await asyncio.to_thread(_jpeg, content, limit)
    return BufferedInputFile(smaller, f"kandinsky-{record.seed}.jpg")


def original(content: bytes, record: PictureRecord) -> BufferedInputFile:
    """The picture's own file, with all that it says about itself."""
    return BufferedInputFile(content, f"kandinsky-{record.seed}.png")


async def preview(picture: Image.Image) -> BufferedInputFile:
    """What an unfinished picture looks like."""
    return BufferedInputFile(await asyncio.to_thread(_enlarged, picture), "preview.jpg")


def _enlarged(picture: Image.Image) -> bytes:
    times = max(1, -(-PREVIEW_SIDE // max(picture.size)))
    size = picture.width * times, picture.height * times
    return _encoded(picture.resize(size, Image.Resampling.BICUBIC))


def _jpeg(content: bytes, limit: int) -> bytes:
    """As large as it can be; like its original, it says that it was made by AI."""
    with Image.open(BytesIO(content), formats=["PNG"]) as picture:
        says = picture.info.get("xmp", b"")
        shown = picture.convert("RGB")
    shown.thumbnail((SIDES_LIMIT // 2, SIDES_LIMIT // 2))
    while len(file := _encoded(shown, says)) > limit:  # noise, which nothing makes small
        shown = shown.resize((shown.width * 3 // 4, shown.height * 3 // 4))
    return file


def _encoded(picture: Image.Image, xmp: bytes = b"") -> bytes:
    file = BytesIO()
    picture.save(file, "JPEG", quality=90, xmp=xmp)
    return file.getvalue()
