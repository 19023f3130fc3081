from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from storage.png import encode_png, read_parameters

IMAGE = Image.new("RGB", (8, 6), (20, 90, 200))
REQUEST = {
    "prompt": "a fox",
    "negative_prompt": "",
    "width": 8,
    "height": 6,
    "steps": 25,
    "sampler": "ddpm",
    "guidance": 4.0,
    "model": "mini",
    "seed": 7,
}


@given(prompt=st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_parameters_come_back(prompt: str) -> None:
    request = REQUEST | {"prompt": prompt}
    read = read_parameters(encode_png(IMAGE, request, seed=9))
    assert (read.request, read.seed) == (request, 9)
    assert read.text.startswith(prompt)


def test_the_pixels_are_kept() -> None:
    with Image.open(BytesIO(encode_png(IMAGE, REQUEST, 7))) as image:
        assert image.mode == "RGB"
        assert image.tobytes() == IMAGE.tobytes()


def test_other_tools_can_read_the_parameters() -> None:
    text = read_parameters(encode_png(IMAGE, REQUEST | {"negative_prompt": "blur"}, 9)).text
    assert text == (
        "a fox\nNegative prompt: blur\n"
        "Steps: 25, Sampler: ddpm, CFG scale: 4.0, Seed: 9, Size: 8x6, Model: mini"
    )


def test_one_picture_is_one_file() -> None:
    assert encode_png(IMAGE, REQUEST, 7) == encode_png(IMAGE, REQUEST, 7)


def plain_png() -> bytes:
    file = BytesIO()
    IMAGE.save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    "file",
    [b"", b"GIF89a", plain_png(), encode_png(IMAGE, REQUEST, 7)[:60]],
    ids=["empty", "gif", "no chunks", "cut off"],
)
def test_a_file_without_parameters_is_refused(file: bytes) -> None:
    with pytest.raises(ValueError, match="no Kandinsky parameters"):
        read_parameters(file)
