from __future__ import annotations

import tomllib
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from storage.png import (
    JSON,
    TEXT,
    TEXT_LIMIT,
    VERSION,
    encode_png,
    infotext,
    read_parameters,
    texts,
)

IMAGE = Image.new("RGB", (8, 6), (20, 90, 200))
REQUEST: dict[str, Any] = {
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
HASH = "0123456789abcdef" * 4
LAST = "Steps: 25, Sampler: DDPM, CFG scale: 4.0, Seed: 9, Size: 8x6, Model: mini"
OURS = f"Version: Kandinsky Studio {VERSION}"


def chunks(file: bytes) -> dict[bytes, bytes]:
    """The chunks of a PNG file by kind and key: `tEXt parameters` and so on."""
    found, place = {}, 8
    while place < len(file):
        length = int.from_bytes(file[place : place + 4])
        content = file[place + 8 : place + 8 + length]
        found[file[place + 4 : place + 8] + b" " + content.split(b"\0")[0]] = content
        place += length + 12
    return found


@given(prompt=st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_parameters_come_back(prompt: str) -> None:
    request = REQUEST | {"prompt": prompt}
    read = read_parameters(encode_png(IMAGE, request, seed=9))
    assert (read.request, read.seed) == (request, 9)
    assert prompt in read.text or "Negative prompt:" in prompt


def test_the_pixels_are_kept() -> None:
    with Image.open(BytesIO(encode_png(IMAGE, REQUEST, 7))) as image:
        assert image.mode == "RGB"
        assert image.tobytes() == IMAGE.tobytes()


def test_other_tools_can_read_the_parameters() -> None:
    text = read_parameters(encode_png(IMAGE, REQUEST | {"negative_prompt": "blur"}, 9)).text
    assert text == f"a fox\nNegative prompt: blur\n{LAST}, {OURS}"


def test_settings_of_ours_follow_those_of_other_tools() -> None:
    more = {
        "sampler": "dpm++",
        "style": "pixel-art",
        "prior_steps": 10,
        "prior_guidance": 2.5,
        "negative_decoder_prompt": 'dull, "grey"\nand: flat',
    }
    assert infotext(REQUEST | more, 9) == (
        f"a fox\n{LAST.replace('DDPM', 'DPM++ 2M')}, Style: pixel-art, "
        "Prior steps: 10, Prior CFG scale: 2.5, "
        rf'Negative decoder prompt: "dull, \"grey\"\nand: flat", {OURS}'
    )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"mode": "image_to_image", "picture": {"sha256": HASH}, "strength": 0.3},
            "Denoising strength: 0.3, Mode: image to image, Picture: 0123456789ab",
        ),
        (
            {"mode": "inpaint", "picture": {"sha256": HASH}, "mask": {"sha256": HASH[::-1]}},
            "Mode: inpaint, Picture: 0123456789ab, Mask: fedcba987654",
        ),
        (
            {"mode": "outpaint", "picture": {"sha256": HASH}, "left": -64, "top": 0},
            "Mode: outpaint, Picture: 0123456789ab, Left: -64, Top: 0",
        ),
        (
            {
                "mode": "mix",
                "parts": [
                    {"words": "a cat: grey", "picture": None, "weight": 0.5},
                    {"words": "", "picture": {"sha256": HASH}, "weight": -1.0},
                ],
            },
            'Mode: mix, Part 1: "a cat: grey", Part 1 weight: 0.5, '
            "Part 2: picture 0123456789ab, Part 2 weight: -1.0",
        ),
    ],
    ids=lambda value: value["mode"] if isinstance(value, dict) else "",
)
def test_each_mode_says_what_it_worked_on(fields: dict[str, Any], said: str) -> None:
    assert infotext(REQUEST | fields, 9) == f"a fox\n{LAST}, {said}, {OURS}"


def test_without_words_the_settings_are_the_only_line() -> None:
    assert infotext(REQUEST | {"prompt": ""}, 9) == f"{LAST}, {OURS}"


def test_no_line_of_the_words_begins_the_negative_prompt() -> None:
    hostile = REQUEST | {
        "prompt": "Negative prompt: a\n Negative prompt: b",
        "negative_prompt": "c",
    }
    assert infotext(hostile, 9).split("\n")[:-1] == [
        "negative prompt: a",
        " negative prompt: b",
        "Negative prompt: c",
    ]


def test_text_that_is_not_ascii_says_its_encoding() -> None:
    found = chunks(encode_png(IMAGE, REQUEST | {"prompt": "лиса 🦊 café"}, 9))
    assert "лиса 🦊 café".encode() in found[b"iTXt parameters"]
    assert "лиса 🦊 café".encode() in found[b"iTXt kandinsky"]
    assert {b"tEXt parameters", b"tEXt kandinsky"} <= set(chunks(encode_png(IMAGE, REQUEST, 9)))


def test_long_chunks_are_not_read() -> None:
    info, file = PngInfo(), BytesIO()
    info.add_text(TEXT, "x" * TEXT_LIMIT)
    info.add_text(JSON, "x" * (TEXT_LIMIT + 1), zip=True)
    IMAGE.save(file, "PNG", pnginfo=info)
    with Image.open(file) as image:
        assert list(texts(image)) == [TEXT]


def test_one_picture_is_one_file() -> None:
    assert encode_png(IMAGE, REQUEST, 7) == encode_png(IMAGE, REQUEST, 7)


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["version"] == VERSION


def png(**given: str) -> bytes:
    info, file = PngInfo(), BytesIO()
    for key, text in given.items():
        info.add_text(key, text)
    IMAGE.save(file, "PNG", pnginfo=info)
    return file.getvalue()


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"GIF89a",
        png(),
        encode_png(IMAGE, REQUEST, 7)[:60],
        png(kandinsky="not JSON", parameters=""),
        png(kandinsky="[" * 50_000, parameters=""),
        png(kandinsky="[]", parameters=""),
    ],
    ids=["empty", "gif", "no chunks", "cut off", "no JSON", "deep", "a list"],
)
def test_a_file_without_parameters_is_refused(file: bytes) -> None:
    with pytest.raises(ValueError, match="no Kandinsky parameters"):
        read_parameters(file)
