"""What is shipped: whole, small enough, laid out as published, and good (a quick judgement)."""

from __future__ import annotations

import pytest
from PIL import Image

from engine import Engine, Settings, TextToImage
from engine.mini import eye, judge, scenes
from engine.mini.things import COLOURS
from engine.weights import MINI

pytestmark = pytest.mark.slow


def test_the_weights_are_small() -> None:
    files = [file for file in MINI.rglob("*") if file.is_file()]
    own = {file.resolve() for file in files}
    assert sum(file.stat().st_size for file in own) <= 40_000_000
    assert max(file.stat().st_size for file in own) <= 15_000_000


def test_the_layout_is_the_published_one() -> None:
    for folder, names in {
        "prior": ("image_encoder", "image_processor", "prior", "scheduler", "text_encoder"),
        "decoder": ("movq", "scheduler", "unet"),
        "decoder-inpaint": ("movq", "scheduler", "unet"),
    }.items():
        assert (MINI / folder / "model_index.json").is_file()
        assert all((MINI / folder / name).is_dir() for name in names)
    assert (MINI / "prior/tokenizer/vocab.json").is_file()


def test_no_file_needs_pickle() -> None:
    assert not [file for file in MINI.rglob("*") if file.suffix in (".bin", ".pt", ".ckpt", ".pkl")]


@pytest.mark.parametrize(
    ("prompt", "seen"),
    [
        ("a fox on a blue background", ("fox", "blue")),
        ("лиса на синем фоне", ("fox", "blue")),
        ("A cat on a green background.", ("cat", "green")),
        ("Пингвин, жёлтый фон", ("penguin", "yellow")),
    ],
)
async def test_words_become_the_picture_they_mean(prompt: str, seen: tuple[str, str]) -> None:
    async with Engine.open(Settings(models=("mini",), threads=1)) as engine:
        (picture,) = await engine.submit(TextToImage(prompt=prompt, seed=1), "test")
    assert judge.look(picture.image) == seen


def test_the_judge_tells_background_colours_apart() -> None:
    for index, colour in enumerate(COLOURS):
        assert eye.background_of(Image.new("RGB", (128, 128), colour.rgb)) == index


def test_the_judge_asks_only_for_what_training_never_showed() -> None:
    assert len(scenes.HELD_OUT) == 100
    one = judge.Judged("en", 2, 3, 2, 3, Image.new("RGB", (8, 8)))
    two = judge.Judged("ru", 2, 3, 4, 3, Image.new("RGB", (8, 8)))
    assert judge.figures([one, two]) == {
        "thing": 50.0,
        "thing_en": 100.0,
        "thing_ru": 0.0,
        "background": 100.0,
    }
