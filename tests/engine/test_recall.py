from __future__ import annotations

import json
import time
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from engine import (
    ImageToImage,
    Inpaint,
    Mix,
    Outpaint,
    Part,
    Request,
    Source,
    TextToImage,
    Variations,
    recall,
)
from engine.errors import NothingToRecall, OutOfRange, UnknownStyle, UnreadableText, UserError
from engine.requests import COUNT_LIMIT, PROMPT_LIMIT, SEED_LIMIT
from engine.styles import STYLES
from engine.texts import LANGUAGES, Texts
from storage.png import JSON, TEXT, TEXT_LIMIT, encode_png, infotext, texts

IMAGE = Image.new("RGB", (8, 6), (20, 90, 200))
HASH = "0123456789abcdef" * 4
FOX = TextToImage(prompt="a fox", seed=7).model_dump(mode="json", exclude={"depth", "depth_of"})

A1111 = """portrait of a knight, (silver armour:1.2), [blurry|sharp] background
second line <lora:detail:0.7>
Negative prompt: ugly, fat: no
deformed
Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, Seed: 965400086, \
Size: 512x768, Model hash: 45dee52b, Model: dream_v8, Denoising strength: 0.45, \
Hires upscale: 2, Lora hashes: "detail: 7c1b, other: 99", Version: v1.10.1"""

letters = st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\r\t")
hostile = st.sampled_from(
    [
        "Negative prompt: a cat",
        "a fox\nNegative prompt: a cat\nSteps: 1, Sampler: DDIM, CFG scale: 2, Seed: 3",
        "Steps: 1, Seed: 2, Size: 64x64",
        '"quoted", {"request": {}} \\n \\',
        "עברית ‮ abc \u200b\u200d \ufeff 👩‍🚀🏳️‍🌈 é",
        "a\u2028b\u0301 \r\n\tc",
    ]
)
words = (st.text(letters, max_size=PROMPT_LIMIT) | hostile).map(str.strip)
sources = st.builds(Source, sha256=st.text("0123456789abcdef", min_size=64, max_size=64))
weights = st.floats(-2, 2).filter(bool)
parts = st.builds(Part, words=words.filter(bool), weight=weights) | st.builds(
    Part, picture=sources, weight=weights
)
sizes = st.integers(64, 4096)
common: dict[str, st.SearchStrategy[Any]] = {
    "negative_prompt": words,
    "negative_decoder_prompt": words,
    "width": sizes,
    "height": sizes,
    "count": st.integers(1, COUNT_LIMIT),
    "seed": st.integers(0, SEED_LIMIT - COUNT_LIMIT),
    "steps": st.integers(1, 250),
    "guidance": st.floats(1, 20),
    "prior_steps": st.integers(2, 250),
    "prior_guidance": st.floats(1, 20),
    "sampler": st.sampled_from(["ddpm", "ddim", "dpm++"]),
    "style": st.none() | st.sampled_from(sorted(STYLES)),
    "model": st.sampled_from(["mini", "2.2", 'a "model", of mine: 3']),
}
places = st.integers(-4096, 4096)
asked = st.builds(TextToImage, prompt=words.filter(bool), **common)
any_request = st.one_of(
    asked,
    st.builds(ImageToImage, prompt=words, picture=sources, strength=st.floats(0.01, 1.0), **common),
    st.builds(Mix, prompt=words, parts=st.lists(parts, min_size=2, max_size=8), **common),
    st.builds(Variations, prompt=words, picture=sources, **common),
    st.builds(Inpaint, prompt=words, picture=sources, mask=sources, **common),
    st.builds(Outpaint, prompt=words, picture=sources, left=places, top=places, **common),
)


def png(**chunks: str) -> bytes:
    info, file = PngInfo(), BytesIO()
    for key, text in chunks.items():
        info.add_itxt(key, text)
    IMAGE.save(file, "PNG", pnginfo=info)
    return file.getvalue()


def ours(**fields: object) -> bytes:
    """A file whose JSON asks for a fox and `fields`."""
    made = {"request": FOX | fields, "seed": fields.get("seed", 7)}
    return png(**{JSON: json.dumps(made)})


def theirs(text: str) -> bytes:
    return png(**{TEXT: text})


def commented(comment: bytes, form: str) -> bytes:
    """A picture of another format with an EXIF comment."""
    exif, file = Image.Exif(), BytesIO()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    IMAGE.save(file, form, exif=exif.tobytes())
    return file.getvalue()


def stored(request: Request, index: int) -> bytes:
    """The file of picture `index` of a request, as the studio writes it."""
    assert request.seed is not None
    return encode_png(IMAGE, request.model_dump(mode="json"), request.seed + index)


@given(any_request, st.integers(0, COUNT_LIMIT - 1))
def test_a_picture_of_any_mode_is_asked_for_again(request_: Request, index: int) -> None:
    assert request_.seed is not None
    seed = request_.seed + index
    recalled = recall(stored(request_, index))
    assert recalled.request == request_.model_copy(update={"count": 1, "seed": seed})
    assert type(recalled.request) is type(request_)
    assert (recalled.seed, recalled.ignored) == (seed, {})


@given(asked)
def test_the_text_alone_says_all_of_a_text_to_image(request_: TextToImage) -> None:
    assert request_.seed is not None
    recalled = recall(theirs(infotext(request_.model_dump(mode="json"), request_.seed)))
    assert lowered(recalled.request) == lowered(request_.model_copy(update={"count": 1}))
    assert recalled.ignored == {}


def lowered(request: Request) -> Request:
    """The request without the one difference that its text may make."""
    words = {
        name: getattr(request, name).replace("Negative prompt:", "negative prompt:")
        for name in ("prompt", "negative_prompt")
    }
    return request.model_copy(update=words)


def test_a_path_or_what_a_file_says_will_do(tmp_path: Path) -> None:
    path = tmp_path / "fox.png"
    path.write_bytes(ours())
    with Image.open(path) as opened:
        assert recall(texts(opened)) == recall(path) == recall(path.read_bytes())
    with pytest.raises(FileNotFoundError):
        recall(tmp_path / "none.png")


def test_pixels_are_not_needed() -> None:
    file = stored(TextToImage(prompt="a fox", seed=7), 0)
    assert recall(file[: file.index(b"IDAT")] + b"IDAT").seed == 7


def test_pictures_come_by_their_hash_alone() -> None:
    brought = {"sha256": HASH, "file": "not the file of that hash"}
    request = recall(ours(mode="variations", picture=brought)).request
    assert request.sources()[0].sha256 == HASH
    assert request.sources()[0].file == b""


def test_the_text_of_other_tools_is_understood_as_far_as_it_goes() -> None:
    recalled = recall(theirs(A1111))
    assert recalled.request == TextToImage(
        prompt="portrait of a knight, (silver armour:1.2), [blurry|sharp] background\n"
        "second line <lora:detail:0.7>",
        negative_prompt="ugly, fat: no\ndeformed",
        steps=20,
        sampler="dpm++",
        guidance=7.5,
        seed=965400086,
        width=512,
        height=768,
    )
    assert recalled.ignored == {
        "Schedule type": "Karras",
        "Model hash": "45dee52b",
        "Model": "dream_v8",
        "Denoising strength": "0.45",
        "Hires upscale": "2",
        "Lora hashes": "detail: 7c1b, other: 99",
    }


def test_what_our_models_cannot_do_is_left_out() -> None:
    settings = "Steps: 400, Sampler: Euler a, CFG scale: 30, Seed: 18446744073709551615, Size: 8x8"
    recalled = recall(theirs(f"a fox\n{settings}, Style: no such"))
    assert recalled.request == TextToImage(prompt="a fox")
    assert list(recalled.ignored) == [
        *("Steps", "Sampler", "CFG scale", "Seed", "Size"),
        "Style",
    ]
    assert recalled.seed is None


@pytest.mark.parametrize(
    ("name", "sampler"),
    [
        ("DDIM", "ddim"),
        ("DDPM", "ddpm"),
        ("DPM++ 2M", "dpm++"),
        ("DPM++ 2M Karras", "dpm++"),
        ("DPM++ 2M SDE", None),
        ("UniPC", None),
    ],
)
def test_samplers_are_those_of_ours_that_do_the_same(name: str, sampler: str | None) -> None:
    assert recall(theirs(f"a fox\nSteps: 9, Sampler: {name}")).request.sampler == sampler


def test_lines_after_the_settings_do_not_hide_them() -> None:
    recalled = recall(theirs("a fox\nSteps: 9, Seed: 5\nTemplate: a {fox|cat}"))
    assert (recalled.request.steps, recalled.seed) == (9, 5)
    assert recalled.request.prompt == "a fox"


def test_a_prompt_that_is_too_long_is_cut_and_the_rest_told() -> None:
    recalled = recall(theirs(f"{'x' * 1003}\nNegative prompt: {'y' * 1002}\nSteps: 9"))
    assert recalled.request.prompt == "x" * 1000
    assert recalled.request.negative_prompt == "y" * 1000
    assert recalled.ignored == {"Prompt": "xxx", "Negative prompt": "yy"}


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "PNG"])
@pytest.mark.parametrize(
    "comment",
    [
        b"UNICODE\0" + "лиса 🦊\nSteps: 9, Seed: 5".encode("utf-16-be"),
        b"UNICODE\0" + "лиса 🦊\nSteps: 9, Seed: 5".encode("utf-16-le"),
        b"ASCII\0\0\0" + "лиса 🦊\nSteps: 9, Seed: 5".encode(),
        "лиса 🦊\nSteps: 9, Seed: 5".encode(),
    ],
    ids=["big end first", "little end first", "ascii", "bare"],
)
def test_a_comment_of_other_formats_is_read(form: str, comment: bytes) -> None:
    recalled = recall(commented(comment, form))
    assert recalled.request == TextToImage(prompt="лиса 🦊", steps=9, seed=5)


def test_json_that_is_not_ours_leaves_the_text() -> None:
    text = "a fox\nSteps: 9, Seed: 5"
    assert recall(png(**{JSON: '{"request": 1}', TEXT: text})).request.steps == 9
    assert recall(png(**{JSON: "x" * (TEXT_LIMIT + 1), TEXT: text})).request.steps == 9


@pytest.mark.parametrize(
    ("file", "error"),
    [
        (ours(steps=100_000), OutOfRange),
        (ours(seed=-1), OutOfRange),
        (ours(guidance=float("nan")), OutOfRange),
        (ours(guidance=float("inf")), OutOfRange),
        (ours(style="no such"), UnknownStyle),
        (ours(prompt="a fox\0"), UnreadableText),
        (ours(prompt="\ud800"), UnreadableText),
    ],
)
def test_settings_are_checked_as_in_any_request(file: bytes, error: type[UserError]) -> None:
    with pytest.raises(error) as raised:
        recall(file)
    for language in LANGUAGES:
        assert Texts(language).error(raised.value)


def broken(kind: bytes, content: bytes) -> bytes:
    """A PNG file whose first chunk after the header is this one."""
    file = png()
    chunk = kind + content
    return file[:33] + len(content).to_bytes(4) + chunk + zlib.crc32(chunk).to_bytes(4) + file[33:]


def huge() -> bytes:
    """A PNG file that says it is 60000 pixels wide and high."""
    header = b"IHDR" + (60_000).to_bytes(4) * 2 + b"\x08\x02\0\0\0"
    file = ours()
    return file[:12] + header + zlib.crc32(header).to_bytes(4) + file[33:]


def plain(form: str) -> bytes:
    file = BytesIO()
    IMAGE.save(file, form)
    return file.getvalue()


HOSTILE = {
    "empty": b"",
    "text": b"Steps: 20, Sampler: DDIM, CFG scale: 7",
    "gif": plain("GIF"),
    "no chunks": png(),
    "no comment": plain("JPEG"),
    "a photo's comment": commented(b"ASCII\0\0\0taken on holiday", "JPEG"),
    "a broken comment": commented(b"UNICODE\0\xd8", "JPEG"),
    "cut off": ours()[:50],
    "another's JSON": png(**{JSON: '{"workflow": []}'}),
    "a list": png(**{JSON: "[]"}),
    "a number": png(**{JSON: "1"}),
    "deep": png(**{JSON: "[" * 90_000}),
    "deep inside": ours(parts=json.loads("[" * 400 + "]" * 400)),
    "long number": png(**{JSON: '{"seed": ' + "9" * 50_000 + "}"}),
    "no mode": png(**{JSON: '{"request": {"prompt": "a"}, "seed": 1}'}),
    "mode is a list": ours(mode=[]),
    "unknown mode": ours(mode="dream"),
    "unknown field": ours(command="rm"),
    "no seed": png(**{JSON: json.dumps({"request": FOX})}),
    "seed is text": png(**{JSON: json.dumps({"request": FOX, "seed": "x"})}),
    "prompt is a number": ours(prompt=1),
    "bad hash": ours(mode="variations", picture={"sha256": "../../etc/passwd"}),
    "too long": ours(prompt="x" * TEXT_LIMIT),
    "bomb in zTXt": broken(b"zTXt", b"kandinsky\0\0" + zlib.compress(b" " * 50_000_000)),
    "bomb in iTXt": broken(b"iTXt", b"kandinsky\0\1\0\0\0" + zlib.compress(b" " * 50_000_000)),
    "no such compression": broken(b"zTXt", b"kandinsky\0\7xyz"),
    "bad UTF-8": broken(b"iTXt", b"kandinsky\0\0\0\0\0\xff\xfe"),
    "bad EXIF": broken(b"eXIf", b"MM\0*\0\0\0\x08\xff\xff" + b"\x87\x69\0\x04\xff" * 20),
    "huge": huge(),
    "only settings": theirs("Steps: 20, Sampler: DDIM, CFG scale: 7"),
    "only a prompt": theirs("a fox"),
    "only a negative": theirs("Negative prompt: a\nSteps: 20, Sampler: DDIM, CFG scale: 7"),
}


@pytest.mark.parametrize("file", HOSTILE.values(), ids=list(HOSTILE))
def test_a_file_without_settings_says_so(file: bytes) -> None:
    with pytest.raises(NothingToRecall):
        recall(file)


def test_silence_carries_nothing() -> None:
    with pytest.raises(NothingToRecall):
        recall({})


@pytest.mark.parametrize(
    "settings",
    ["a" * 90_000, "a: " * 30_000, 'a:"' * 30_000, "a" + " " * 90_000, 'aa: "' + "\\" * 90_000],
)
def test_long_settings_take_no_long_time(settings: str) -> None:
    started = time.monotonic()
    recalled = recall(theirs(f"a fox\nSteps: 9, {settings}"))
    assert recalled.request.steps == 9
    assert len(recalled.ignored) < 200
    assert time.monotonic() - started < 2


@given(st.binary(max_size=200), st.integers(0, 300))
def test_damaged_files_never_raise_anything_else(noise: bytes, place: int) -> None:
    file = bytearray(ours())
    file[place : place + len(noise)] = noise
    with suppress(UserError):
        recall(bytes(file))


@given(st.text(st.characters(codec="utf-8")))
def test_any_text_is_recalled_or_refused(text: str) -> None:
    with suppress(UserError):
        recall(theirs(f"{text}\nSteps: {text}"))
