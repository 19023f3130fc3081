from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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
)
from engine.cards import resolve
from engine.errors import (
    EmptyMask,
    MaskOfAnotherSize,
    OutOfRange,
    PictureTooSmall,
    SourceMissing,
    UnreadablePicture,
    WindowInside,
)
from engine.families import K3, mini_card
from engine.requests import read

MINI = mini_card()


def picture(width: int, height: int) -> Source:
    return Source.of(Image.new("RGB", (width, height), "red"))


def mask(width: int, height: int, value: int = 255) -> Source:
    return Source.of(Image.fromarray(np.full((height, width), value, np.uint8)))


def size(request: Request) -> tuple[int | None, int | None]:
    whole = resolve(request, [MINI])
    return whole.width, whole.height


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: ImageToImage(picture=picture(10, 100)), PictureTooSmall),
        (lambda: ImageToImage(picture=Source(sha256="0" * 64)), SourceMissing),
        (lambda: ImageToImage(picture=Source.of_file(b"no picture")), UnreadablePicture),
        (lambda: Inpaint(picture=picture(90, 90), mask=mask(90, 90, 0)), EmptyMask),
        (lambda: Inpaint(picture=picture(90, 90), mask=mask(80, 90)), MaskOfAnotherSize),
        (lambda: Inpaint(picture=picture(5000, 64), mask=mask(5000, 64)), OutOfRange),
        (lambda: Outpaint(picture=picture(90, 90), left=0, top=0), WindowInside),
        (
            lambda: Outpaint(picture=picture(90, 90), left=9, top=9, width=64, height=64),
            WindowInside,
        ),
        (lambda: TextToImage(prompt="a fox", width=512), OutOfRange),
    ],
)
def test_what_cannot_be_worked_on_is_told(
    make: Callable[[], Request], error: type[Exception]
) -> None:
    with pytest.raises(error):
        resolve(make(), [MINI])


def test_a_file_cut_short_is_told_when_it_is_decoded() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (90, 90, 3), dtype=np.uint8)
    file = Source.of(Image.fromarray(noise)).file
    with pytest.raises(UnreadablePicture):
        Source.of_file(file[: len(file) // 2]).picture()


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (TextToImage(prompt="a fox"), (128, 128)),
        (ImageToImage(picture=picture(100, 80)), (100, 80)),
        (ImageToImage(picture=picture(1000, 500)), (256, 128)),
        (ImageToImage(picture=picture(100, 80), width=64, height=70), (64, 70)),
        (Inpaint(picture=picture(1000, 700), mask=mask(1000, 700)), (1000, 700)),
        (Outpaint(picture=picture(400, 300), left=-9, top=0), (400, 300)),
        (Outpaint(picture=picture(400, 300), left=-9, top=0, width=500), (500, 300)),
        (Variations(picture=picture(90, 80)), (128, 128)),
    ],
)
def test_the_size_is_the_pictures_own_where_that_suits(
    request_: Request, expected: tuple[int, int]
) -> None:
    assert size(request_) == expected


def test_a_resolved_request_is_read_again_from_its_json() -> None:
    requests = [
        TextToImage(prompt="a fox"),
        Mix(parts=(Part(words="a fox"), Part(picture=picture(64, 64), weight=-1))),
        Outpaint(picture=picture(90, 80), left=-9, top=0),
    ]
    for request in requests:
        whole = resolve(request, [MINI])
        again = read(whole.model_dump(mode="json"))
        assert again == whole
        files = {source.sha256: source.file for source in whole.sources()}
        assert [one.file for one in again.sources()] == [b""] * len(files)
        assert [one.file for one in again.with_files(files).sources()] == list(files.values())


def test_a_model_without_a_prior_has_no_prior_steps() -> None:
    card = K3.card_of("3", "Kandinsky 3", Path("nowhere"))
    whole = resolve(TextToImage(prompt="a fox", prior_steps=5), [card])
    assert whole.prior_steps is None
    assert read(whole.model_dump(mode="json")) == whole
