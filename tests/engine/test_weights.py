from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine import Settings
from engine.errors import UnknownModel, WeightsBroken, WeightsMissing
from engine.weights import find

UNET = "decoder/unet/diffusion_pytorch_model.safetensors"


def named(*models: str, data: Path = Path("data")) -> Settings:
    return Settings(models=models, data=data)


def test_missing_weights_say_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing) as raised:
        find(named("2.2", data=tmp_path))
    assert str(raised.value).endswith("Get them with: python -m engine.hub 2.2")
    assert str(tmp_path) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["", "9.9", "=folder", "name="])
def test_a_name_that_is_none_lists_what_there_is(name: str) -> None:
    with pytest.raises(UnknownModel, match="mini"):
        find(named(name))


@pytest.mark.parametrize("keep", [0, 7, 100, -1])
def test_a_file_cut_short_is_named(tiny_model: Path, tmp_path: Path, keep: int) -> None:
    copy = Path(shutil.copytree(tiny_model, tmp_path / "copy"))
    (copy / UNET).write_bytes((copy / UNET).read_bytes()[:keep])
    with pytest.raises(WeightsBroken, match="unet"):
        find(named(f"mine={copy}"))


def test_a_page_saved_instead_of_weights_is_named(tiny_model: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_model, tmp_path / "copy"))
    (copy / UNET).write_text("<html>not found</html>")
    with pytest.raises(WeightsBroken):
        find(named(f"mine={copy}"))


def test_pickled_weights_are_never_read(tiny_model: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_model, tmp_path / "copy"))
    (copy / UNET).rename(copy / "decoder/unet/diffusion_pytorch_model.bin")
    with pytest.raises(WeightsMissing):
        find(named(f"mine={copy}"))


def test_a_folder_of_ones_own_is_served(tiny_model: Path) -> None:
    (weights,) = find(named(f"mine={tiny_model}"))
    assert (weights.card.name, weights.folder) == ("mine", tiny_model)
