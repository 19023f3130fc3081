"""Which models the settings name, where their weights are, and whether these can be read.

Only safetensors are ever read: a model file must not be able to run code.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine.cards import ModelCard
from engine.errors import UnknownModel, WeightsBroken, WeightsMissing
from engine.requests import Mode
from engine.settings import Settings

MINI = Path(__file__).parent / "mini" / "weights"

# What a folder of the 2.2 layout must hold for text to image.
PARTS_22 = (
    "prior/prior",
    "prior/text_encoder",
    "prior/image_encoder",
    "decoder/unet",
    "decoder/movq",
)
_HUB_22 = (
    "Get them with: hf download kandinsky-community/kandinsky-2-2-prior --local-dir {folder}/prior"
    " and: hf download kandinsky-community/kandinsky-2-2-decoder --local-dir {folder}/decoder"
)
_OWN = "Put the folders prior/ and decoder/ of a Kandinsky 2.2 there, or change KANDINSKY_MODELS."

MODES_22: tuple[Mode, ...] = (
    "text_to_image",
    "image_to_image",
    "mix",
    "variations",
    "inpaint",
    "outpaint",
)
_SIZES_22 = ((512, 512), (768, 768), (1024, 1024), (1024, 576), (576, 1024), (768, 512), (512, 768))


@dataclass(frozen=True, slots=True)
class Weights:
    """A model's card and the folder of its weights, in the layout of the 2.2 repositories."""

    card: ModelCard
    folder: Path

    numbers: int = 0  # parameters that stay loaded; counted once the files were checked


def find(settings: Settings) -> list[Weights]:
    """The models that `settings.models` names, in that order, checked on disk.

    Raises UnknownModel for a name that is none, WeightsMissing where a part is not there, and
    WeightsBroken where a file is cut short or not what it should be.
    """
    found = [_named(name, settings.data) for name in settings.models]
    for weights, advice in found:
        check(weights, advice)
    if not found:
        raise UnknownModel(name="", known="mini, 2.2, name=folder")
    return [replace(weights, numbers=_numbers(weights.folder)) for weights, _ in found]


def _named(name: str, data: Path) -> tuple[Weights, str]:
    if name == "mini":
        return Weights(mini_card(), MINI), _OWN
    if name == "2.2":
        folder = data / "models" / "2.2"
        return Weights(_full_card("2.2", "Kandinsky 2.2"), folder), _HUB_22.format(folder=folder)
    own, equals, folder_name = name.partition("=")
    if not equals or not own or not folder_name:
        raise UnknownModel(name=name, known="mini, 2.2, name=folder")
    folder = Path(folder_name).expanduser()
    return Weights(_own_card(own, folder), folder), _OWN


def check(weights: Weights, advice: str = _OWN) -> None:
    """See that each part has its configuration and whole safetensors files."""
    name = weights.card.name
    for part in PARTS_22:
        folder = weights.folder / part
        files = sorted(folder.glob("*.safetensors"))
        if not (folder / "config.json").is_file() or not files:
            raise WeightsMissing(model=name, folder=folder, advice=advice)
        for file in files:
            if not _whole(file):
                raise WeightsBroken(file=file, model=name)


def _whole(file: Path) -> bool:
    """Whether the file is as long as its header says."""
    try:
        length, header = _header(file)
        ends = [entry["data_offsets"][1] for entry in header.values()]
        return file.stat().st_size == length + int(max(ends))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _header(file: Path) -> tuple[int, dict[str, Any]]:
    """A safetensors file's header and its length: 8 bytes that say how long, then JSON by name."""
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= 100_000_000:
            raise ValueError("this is no safetensors header")
        header = json.loads(stream.read(length))
    header.pop("__metadata__", None)
    return 8 + length, header


def _numbers(folder: Path) -> int:
    """The parameters of all parts but the vision encoder, which is let go after its constant."""
    return sum(
        math.prod(entry["shape"])
        for part in PARTS_22
        if part != "prior/image_encoder"
        for file in (folder / part).glob("*.safetensors")
        for entry in _header(file)[1].values()
    )


def mini_card(name: str = "mini", title: str = "Kandinsky mini") -> ModelCard:
    """What a model of mini's size serves."""
    return ModelCard(
        name=name,
        title=title,
        modes=MODES_22,
        sizes=((128, 128),),
        side_limit=(64, 256),
        count_limit=8,
        steps=25,
        guidance=3.0,
        prior_steps=4,  # more steps only add noise to so small a prior: judged, 25 draw 16% worse
        prior_guidance=2.0,
        samplers=("ddpm", "ddim", "dpm++"),
    )


def _full_card(name: str, title: str) -> ModelCard:
    return ModelCard(
        name=name,
        title=title,
        modes=MODES_22,
        sizes=_SIZES_22,
        side_limit=(64, 1536),
        count_limit=4,
        steps=50,
        guidance=4.0,
        prior_steps=25,
        prior_guidance=4.0,
        samplers=("ddpm", "ddim", "dpm++"),
    )


def _own_card(name: str, folder: Path) -> ModelCard:
    """A model of one's own: the mini card where its UNet is made for small latents."""
    try:
        side = 8 * int(json.loads((folder / "decoder/unet/config.json").read_text())["sample_size"])
    except (OSError, ValueError, KeyError, TypeError):
        side = 512
    return mini_card(name, name) if side < 512 else _full_card(name, name)
