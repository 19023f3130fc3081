"""What is made of a picture's pixels: colours, alpha, orientation, depth, masks."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import pytest
import pytest_asyncio
from PIL import Image, ImageOps

from engine.errors import NotAPicture, PictureBroken
from engine.intake import Intake
from tests.hostile.files import chunk, header, opened, png, saved, scene, sound, turned, with_exif
from tests.hostile.profiles import linear_grey, red_inks, srgb, swapped

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def intake() -> AsyncIterator[Intake]:
    async with Intake.open(1) as intake:
        yield intake


async def pixels(intake: Intake, file: bytes) -> Image.Image:
    return opened((await intake.take(file)).file)


def colour(picture: Image.Image) -> tuple[int, ...]:
    found = picture.getpixel((0, 0))
    assert isinstance(found, tuple)
    return found


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
async def test_pixels_are_kept(intake: Intake, mode: str) -> None:
    picture = scene(mode)
    for form in ("PNG", "WEBP"):
        clean = await pixels(intake, saved(picture, form, lossless=True, exact=True))
        assert clean.mode == mode
        assert clean.tobytes() == picture.tobytes()


async def test_the_same_pixels_are_the_same_source(intake: Intake) -> None:
    picture = scene().quantize(40).convert("RGB")
    alike = [
        saved(picture, "PNG"),
        saved(picture, "PNG", compress_level=0, dpi=(72, 72), icc_profile=b"none"),
        saved(picture.convert("RGBA"), "PNG"),
        saved(picture.quantize(40), "PNG"),
        saved(picture, "WEBP", lossless=True),
        saved(picture.transpose(Image.Transpose.ROTATE_90), "PNG", exif=b"Exif\0\0" + turned(6)),
    ]
    first, *others = [await intake.take(file) for file in alike]
    assert all(other.sha256 == first.sha256 for other in others)
    assert await intake.take(first.file) == first


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
async def test_a_picture_is_upright(intake: Intake, form: str, orientation: int) -> None:
    file = with_exif(form, turned(orientation))
    upright = ImageOps.exif_transpose(opened(file))
    assert (await pixels(intake, file)).tobytes() == upright.tobytes()
    assert upright.size == ((80, 96) if orientation > 4 else (96, 80))


async def test_a_profile_changes_the_colours(intake: Intake) -> None:
    for form in ("PNG", "JPEG", "WEBP"):
        red = saved(Image.new("RGB", (64, 64), (254, 0, 0)), form, icc_profile=swapped())
        assert near(colour(await pixels(intake, red)), (0, 0, 254))
    grey = saved(Image.new("L", (64, 64), 128), "PNG", icc_profile=linear_grey())
    assert near(colour(await pixels(intake, grey)), (188, 188, 188))  # of sRGB, at 128/255 of light
    cyan = saved(Image.new("CMYK", (64, 64), (255, 0, 0, 0)), "JPEG", icc_profile=red_inks())
    assert near(colour(await pixels(intake, cyan)), (255, 0, 0), by=9)


async def test_a_profile_leaves_alpha_alone(intake: Intake) -> None:
    clear = Image.new("RGBA", (64, 64), (254, 0, 0, 77))
    clean = await pixels(intake, saved(clear, "PNG", icc_profile=swapped()))
    assert near(colour(clean), (0, 0, 254, 77))


async def test_a_profile_of_the_usual_colours_changes_nothing(intake: Intake) -> None:
    clean = await pixels(intake, saved(scene(), "PNG", icc_profile=srgb()))
    changes = zip(clean.tobytes(), scene().tobytes(), strict=True)
    assert max(abs(after - before) for after, before in changes) <= 1


@pytest.mark.parametrize("content", [b"nonsense", srgb()[:300], red_inks(), linear_grey()])
async def test_a_profile_that_does_not_fit_is_ignored(intake: Intake, content: bytes) -> None:
    assert await intake.take(saved(scene(), "PNG", icc_profile=content)) == await intake.take(
        saved(scene(), "PNG")
    )


def near(found: tuple[int, ...], wanted: tuple[int, ...], by: int = 2) -> bool:
    return all(abs(one - other) <= by for one, other in zip(found, wanted, strict=True))


def one_pixel(depth: int, kind: int, pixel: bytes, *before: bytes) -> bytes:
    """A PNG file of that depth and type of colour."""
    return png(header(1, 1, depth, kind), *before, chunk(b"IDAT", zlib.compress(b"\0" + pixel)))


@pytest.mark.parametrize(
    ("file", "found"),
    [
        (one_pixel(16, 0, b"\x80\x80"), (128, 128, 128)),
        (one_pixel(16, 0, b"\xff\xff"), (255, 255, 255)),
        (one_pixel(16, 0, b"\x01\x01"), (1, 1, 1)),
        (one_pixel(16, 0, b"\x80\x80", chunk(b"tRNS", b"\x80\x80")), (128, 128, 128, 0)),
        (one_pixel(16, 0, b"\x80\x80", chunk(b"tRNS", b"\x80\x81")), (128, 128, 128)),
        (one_pixel(16, 2, b"\x80\x80\x40\x40\x20\x20"), (128, 64, 32)),
        (one_pixel(16, 2, b"\x80\x81" * 3, chunk(b"tRNS", b"\x80\x81" * 3)), (128, 128, 128, 0)),
        (one_pixel(16, 4, b"\x80\x80\x40\x40"), (128, 128, 128, 64)),
        (one_pixel(16, 6, b"\x80\x80\x40\x40\x20\x20\x10\x10"), (128, 64, 32, 16)),
        (one_pixel(8, 0, b"\x40"), (64, 64, 64)),
        (one_pixel(8, 0, b"\x40", chunk(b"tRNS", b"\0\x40")), (64, 64, 64, 0)),
        (one_pixel(8, 2, b"\1\2\3", chunk(b"tRNS", b"\0\1\0\2\0\3")), (1, 2, 3, 0)),
        (one_pixel(8, 4, b"\x40\xff"), (64, 64, 64)),
        (one_pixel(4, 0, b"\x80"), (136, 136, 136)),
        (one_pixel(1, 0, b"\x80"), (255, 255, 255)),
        (one_pixel(1, 0, b"\x80", chunk(b"tRNS", b"\0\1")), (255, 255, 255, 0)),
        (one_pixel(8, 3, b"\1", chunk(b"PLTE", b"\1\2\3\4\5\6")), (4, 5, 6)),
        (
            one_pixel(8, 3, b"\1", chunk(b"PLTE", b"\1\2\3\4\5\6"), chunk(b"tRNS", b"\x09\x63")),
            (4, 5, 6, 99),
        ),
    ],
)
async def test_every_kind_of_png_is_understood(
    intake: Intake, file: bytes, found: tuple[int, ...]
) -> None:
    assert colour(await pixels(intake, file)) == found


async def test_a_jpeg_of_inks_looks_as_pillow_shows_it(intake: Intake) -> None:
    file = sound("jpeg cmyk")
    assert (await pixels(intake, file)).tobytes() == opened(file).convert("RGB").tobytes()


async def test_missing_lines_are_not_another_picture(intake: Intake) -> None:
    """Of what a child opened before, nothing is left to be seen."""
    await intake.take(saved(Image.new("RGB", (512, 512), "white"), "PNG"))
    rows = (b"\0" + b"\x40" * 1536) * 10
    file = png(header(512, 512), chunk(b"IDAT", zlib.compress(rows)))
    with suppress(PictureBroken):
        assert set((await pixels(intake, file)).tobytes()) <= {0, 0x40}


# Masks


async def mask(intake: Intake, picture: Image.Image, form: str = "PNG") -> list[int]:
    source = await intake.take_mask(saved(picture, form))
    clean = opened(source.file)
    assert clean.mode == "L"
    assert clean.size == picture.size
    return list(clean.tobytes())


def row(mode: str, *colours: Sequence[int]) -> Image.Image:
    return Image.frombytes(mode, (len(colours), 1), b"".join(bytes(one) for one in colours))


async def test_what_is_bright_is_repainted(intake: Intake) -> None:
    assert await mask(intake, row("L", [0], [127], [128], [255])) == [0, 0, 255, 255]
    assert await mask(intake, row("L", [0], [255]).convert("1")) == [0, 255]
    assert await mask(intake, row("RGB", [0, 0, 255], [255, 255, 0])) == [0, 255]


async def test_what_is_clear_is_repainted(intake: Intake) -> None:
    white = [(255, 255, 255, alpha) for alpha in (0, 127, 128, 255)]
    assert await mask(intake, row("RGBA", *white)) == [255, 255, 0, 0]
    assert await mask(intake, row("LA", [0, 0], [0, 255])) == [255, 0]


async def test_alpha_that_is_nowhere_clear_says_nothing(intake: Intake) -> None:
    opaque = row("RGBA", [0, 0, 0, 255], [255, 255, 255, 255])
    assert await mask(intake, opaque) == [0, 255]


async def test_a_mask_has_no_traces_of_compression(intake: Intake) -> None:
    drawn = Image.new("L", (64, 64))
    drawn.paste(255, (13, 17, 41, 50))
    assert await mask(intake, drawn, "JPEG") == list(drawn.tobytes())


async def test_a_mask_is_turned_with_its_picture(intake: Intake) -> None:
    drawn = row("L", [0], [255]).resize((96, 80), Image.Resampling.NEAREST)
    turned_right = drawn.transpose(Image.Transpose.ROTATE_270)
    for form in ("PNG", "JPEG", "WEBP"):
        source = await intake.take_mask(with_exif(form, turned(6), drawn.convert("RGB")))
        assert opened(source.file).tobytes() == turned_right.tobytes()


async def test_a_mask_is_refused_as_a_picture_is(intake: Intake) -> None:
    for file, error in ((b"GIF89a", NotAPicture), (sound("png")[:99], PictureBroken)):
        with pytest.raises(error):
            await intake.take_mask(file)
