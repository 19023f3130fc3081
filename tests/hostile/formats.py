"""Files that are no PNG, JPEG or WebP, whatever they are called, and files that are too heavy."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import partial
from random import Random

from engine.errors import NotAPicture, PictureTooHeavy
from engine.intake import FILE_LIMIT
from tests.hostile.files import EITHER, PNG, Hostile, saved, scene, sound

FORMS = {  # that Pillow writes, and the mode that they take
    "RGB": "AVIF BMP DDS DIB EPS IM JPEG2000 PCX PDF PPM SGI TGA TIFF",
    "RGBA": "ICNS ICO",
    "L": "GIF",
    "1": "MSP XBM",
    "P": "BLP",
}
FOREIGN = {
    "nothing": b"",
    "a zero": b"\0",
    "words": "Нарисуй лису".encode(),
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "svg with entities": b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "aa"><!ENTITY b "&a;">]>',
    "html": b"<!DOCTYPE html><img src=x onerror=alert(1)>",
    "postscript": b"%!PS-Adobe-3.0\n(/etc/passwd) (r) file\n",
    "pdf": b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>\n",
    "imagemagick script": b"push graphic-context\nfill 'url(https://127.0.0.1/\"|ls \"-la)'\n",
    "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "video": b"\0\0\0\x18ftypisom\0\0\0\0isomavc1",
    "photoshop": b"8BPS\0\1\0\0\0\0\0\0\0\3\0\0\0\1\0\0\0\1\0\x08\0\3",
    "jpeg xl": b"\xff\x0a\xfa\x7f\1\x90\x08\x06\x01\0",
    "jpeg xl box": b"\0\0\0\x0cJXL \r\n\x87\n",
    "jpeg without its second mark": b"\xff\xd8\xfe",
    "big tiff": b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0",
    "windows metafile": b"\xd7\xcd\xc6\x9a\0\0",
    "zip": b"PK\3\4\x14\0\0\0\x08\0",
    "gzip": zlib.compress(b"a" * 99, wbits=31),
    "program": b"\x7fELF\2\1\1",
    "sound": b"RIFF\x24\0\0\0WAVEfmt ",
    "riff alone": b"RIFF\x04\0\0\0WEB",
    "mng": b"\x8aMNG\r\n\x1a\n",
    "jng": b"\x8bJNG\r\n\x1a\n",
    "png sent as text": b"\x89PNG\n\x1a\n",
    "png without its first bit": b"\x09PNG\r\n\x1a\n",
    "png after a space": b" " + PNG,
    "png after a mark": b"\xef\xbb\xbf" + PNG,
    "png as data": b"data:image/png;base64,iVBORw0KGgo=",
    "half a signature": PNG[:7],
    "gif and jpeg": b"GIF89a\xff\xd8\xff\xe0\0\x10JFIF",
    "pdf and jpeg": b"%PDF-1.4\n\xff\xd8\xff\xe0\0\x10JFIF",
    "bmp and png": b"BM" + PNG,
    "heavy nothing": bytes(FILE_LIMIT + 1),
}


def pictures() -> Iterator[Hostile]:
    for mode, forms in FORMS.items():
        for form in forms.split():
            yield Hostile(f"format {form}", partial(_written, form, mode), (NotAPicture,))
    for name, file in FOREIGN.items():
        yield Hostile(f"foreign {name}", partial(bytes, file), (NotAPicture,))
    for seed in range(10):
        yield Hostile(f"noise {seed}", partial(_noise, seed), (NotAPicture,))
    for name in ("png", "jpeg", "webp"):
        too_heavy = partial(_weighing, name, FILE_LIMIT + 1)
        yield Hostile(f"{name} that is too heavy", too_heavy, (PictureTooHeavy,))
        yield Hostile(f"{name} as heavy as can be", partial(_weighing, name, FILE_LIMIT), EITHER)


def _written(form: str, mode: str) -> bytes:
    return saved(scene().convert(mode), form)


def _noise(seed: int) -> bytes:
    return Random(seed).randbytes(10 ** (seed % 5))


def _weighing(name: str, length: int) -> bytes:
    return sound(name).ljust(length, b"\0")
