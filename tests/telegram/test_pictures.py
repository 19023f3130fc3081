from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from tests.telegram import Refused
from tests.telegram.bots import picture
from tests.telegram.pictures import measured, recompressed


def test_a_photo_is_a_jpeg_of_at_most_1280_in_several_sizes() -> None:
    sizes = recompressed(picture(2000, 1000))
    assert [(size.width, size.height) for size in sizes] == [
        (90, 45),
        (320, 160),
        (800, 400),
        (1280, 640),
    ]
    image = Image.open(BytesIO(sizes[-1].jpeg))
    assert (image.format, image.size) == ("JPEG", (1280, 640))


def test_a_small_photo_stays_as_large_as_it_is() -> None:
    assert [(size.width, size.height) for size in recompressed(picture(64, 48))] == [(64, 48)]


def test_metadata_is_gone_and_the_orientation_applied() -> None:
    file, exif = BytesIO(), Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "secret"
    Image.new("RGB", (64, 48)).save(file, "JPEG", exif=exif, comment=b"secret")
    (size,) = recompressed(file.getvalue())
    assert (size.width, size.height) == (48, 64)
    assert b"secret" not in size.jpeg


def test_transparency_becomes_white() -> None:
    file = BytesIO()
    Image.new("RGBA", (64, 48), (0, 0, 0, 0)).save(file, "PNG")
    (size,) = recompressed(file.getvalue())
    assert Image.open(BytesIO(size.jpeg)).getpixel((9, 9)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"no picture", "Bad Request: IMAGE_PROCESS_FAILED"),
        (picture(2100, 100), "Bad Request: PHOTO_INVALID_DIMENSIONS"),
        (picture(9000, 1001), "Bad Request: PHOTO_INVALID_DIMENSIONS"),
        (
            bytes(10_485_761),
            "Bad Request: file of size 10485761 bytes is too big for a photo; "
            "the maximum size is 10485760 bytes",
        ),
    ],
)
def test_what_is_no_photo_is_refused(content: bytes, error: str) -> None:
    for check in (recompressed, measured):
        with pytest.raises(Refused) as refused:
            check(content)
        assert refused.value.description == error


def test_half_a_picture_is_refused() -> None:
    with pytest.raises(Refused, match="IMAGE_PROCESS_FAILED"):
        recompressed(picture(640, 480)[:-60])
