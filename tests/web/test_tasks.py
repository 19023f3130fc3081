"""What stands before the visitor becomes requests; whatever the browser tells is untrusted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from PIL import Image

from engine.errors import (
    EmptyMask,
    NotFound,
    OutOfRange,
    PictureMissing,
    ShapeAlready,
    TooFewParts,
    UnreadableText,
    UserError,
)
from engine.requests import ImageToImage, Inpaint, Mix, Outpaint, Request, TextToImage
from engine.sources import Source
from engine.studio import Studio
from storage.records import Account
from tests.twin import CARD
from web import form, tasks

pytestmark = pytest.mark.slow

FIELDS = form.named(list((form.defaults(CARD) | {"prompt": "лиса"}).values()))
RED = Source.of(Image.new("RGB", (64, 64), "red"))
BLUE = Source.of(Image.new("RGB", (64, 64), "blue"))
MASK = Source.of(Image.new("L", (64, 64), 255))


@pytest.fixture
async def ann(studio: Studio) -> Account:
    account = await studio.account("web", "ann", "ru")
    for source in (RED, BLUE, MASK):
        await studio.uploads.keep(source, account)
    return account


async def asked(studio: Studio, ann: Account, told: dict[str, Any], **fields: Any) -> list[Request]:
    task = tasks.read(json.dumps(told))
    return list(await tasks.requests(task, FIELDS | fields, studio, ann))


async def test_words(studio: Studio, ann: Account) -> None:
    (request,) = await asked(studio, ann, {"tab": "create"}, style="anime", count=2)
    assert isinstance(request, TextToImage)
    assert (request.prompt, request.style, request.count) == ("лиса", "anime", 2)


async def test_words_and_a_picture_to_start_from(studio: Studio, ann: Account) -> None:
    told = {"tab": "create", "picture": RED.sha256}
    (request,) = await asked(studio, ann, told, strength=0.7)
    assert isinstance(request, ImageToImage)
    assert (request.picture, request.prompt, request.strength) == (RED, "лиса", 0.7)


async def test_a_mix_is_of_its_parts(studio: Studio, ann: Account) -> None:
    parts: list[dict[str, Any]] = [
        {"sha256": RED.sha256, "weight": 1},
        {"words": "снег", "weight": 3},
        {"words": " "},
    ]
    told = {"tab": "mix", "parts": parts, "normalise": True}
    (request,) = await asked(studio, ann, told)
    assert isinstance(request, Mix)
    assert [part.weight for part in request.parts] == [0.25, 0.75]
    assert [part.words for part in request.parts] == ["", "снег"]
    told["normalise"] = False
    (request,) = await asked(studio, ann, told | {"parts": parts[:1] + [parts[1] | {"weight": 2}]})
    assert isinstance(request, Mix)
    assert [part.weight for part in request.parts] == [1, 2]


async def test_a_sweep_goes_from_one_part_to_the_other(studio: Studio, ann: Account) -> None:
    parts = [{"sha256": RED.sha256}, {"sha256": BLUE.sha256}]
    mixes = await asked(studio, ann, {"tab": "mix", "parts": parts, "sweep": True})
    weights = [[part.weight for part in mix.parts] for mix in mixes if isinstance(mix, Mix)]
    assert weights == [[1, 0], [0.75, 0.25], [0.5, 0.5], [0.25, 0.75], [0, 1]]


async def test_a_part_is_painted_anew(studio: Studio, ann: Account) -> None:
    told = {"tab": "edit", "kind": "fill", "picture": RED.sha256, "mask": MASK.sha256}
    (request,) = await asked(studio, ann, told, edit_prompt="шляпа")
    assert isinstance(request, Inpaint)
    assert (request.picture, request.mask, request.prompt) == (RED, MASK, "шляпа")


async def test_without_words_a_style_means_nothing(studio: Studio, ann: Account) -> None:
    told = {"tab": "edit", "kind": "fill", "picture": RED.sha256, "mask": MASK.sha256}
    (request,) = await asked(studio, ann, told, style="anime")
    assert (request.prompt, request.style) == ("", None)


@pytest.mark.parametrize(
    ("told", "place"),
    [
        ({"margins": {"left": 32, "bottom": 8}}, (-32, 0, 96, 72)),
        ({"aspect": "2:3"}, (0, -16, 64, 96)),
    ],
)
async def test_a_picture_is_extended(
    studio: Studio, ann: Account, told: dict[str, Any], place: tuple[int, ...]
) -> None:
    told |= {"tab": "edit", "kind": "extend", "picture": RED.sha256}
    (request,) = await asked(studio, ann, told)
    assert isinstance(request, Outpaint)
    assert (request.left, request.top, request.width, request.height) == place


@pytest.mark.parametrize(
    ("told", "error"),
    [
        (None, UnreadableText),
        (7, UnreadableText),
        ("", UnreadableText),
        ("{}", UnreadableText),
        ('{"tab": "settings"}', UnreadableText),
        ('{"tab": "create", "picture": "../etc/passwd"}', UnreadableText),
        ('{"tab": "mix", "parts": [{"words": "a", "weight": "much"}]}', OutOfRange),
        ('{"tab": "edit", "kind": "sing"}', UnreadableText),
        ('{"tab": "edit", "failed": true}', PictureMissing),
    ],
)
def test_what_is_no_task_is_said(told: object, error: type[UserError]) -> None:
    with pytest.raises(error):
        tasks.read(told)


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ({"tab": "mix"}, TooFewParts),
        ({"tab": "mix", "parts": [{"words": "a"}, {"words": "b", "weight": 9}]}, OutOfRange),
        ({"tab": "edit"}, PictureMissing),
        ({"tab": "edit", "picture": RED.sha256}, EmptyMask),
        ({"tab": "edit", "kind": "extend", "picture": RED.sha256, "aspect": "1:1"}, ShapeAlready),
        ({"tab": "create", "picture": "0" * 64}, NotFound),
    ],
)
async def test_what_cannot_be_made_is_said(
    studio: Studio, ann: Account, told: dict[str, Any], error: type[UserError]
) -> None:
    with pytest.raises(error):
        await asked(studio, ann, told)


async def test_nobody_works_on_anothers_picture(studio: Studio, ann: Account) -> None:
    bob = await studio.account("web", "bob", "en")
    with pytest.raises(NotFound):
        await asked(studio, bob, {"tab": "edit", "kind": "change", "picture": RED.sha256})
