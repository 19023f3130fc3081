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
from engine.families import CONTROLNET, FAMILIES, K22, Family, family_of, mini_card, own_card
from engine.settings import Settings

MINI = Path(__file__).parent / "mini" / "weights"

_OWN = (
    "Put the folders of a Kandinsky 2.1 or 2.2 (prior/, decoder/) or of a 3 (unet/, text_encoder/,"
    " movq/) there, or change KANDINSKY_MODELS."
)
_DEPTH = (
    "Put a depth model of transformers there (config.json, preprocessor_config.json and"
    " safetensors), or change KANDINSKY_DEPTH_MODEL."
)
_KNOWN = "mini, 2.1, 2.2, 3, name=folder"


@dataclass(frozen=True, slots=True)
class Weights:
    """A model's card, its generation, and the folder of its weights."""

    card: ModelCard
    folder: Path
    family: Family = K22
    numbers: int = 0  # parameters that stay loaded; counted once the files were checked


def find(settings: Settings) -> list[Weights]:
    """The models that `settings.models` names, in that order, checked on disk.

    Raises UnknownModel for a name that is none, WeightsMissing where a part is not there, and
    WeightsBroken where a file is cut short or not what it should be.
    """
    if not settings.models:
        raise UnknownModel(name="", known=_KNOWN)
    if settings.depth_model is not None:
        _check(settings.depth_model, "depth", _DEPTH)
    return [_found(name, settings) for name in settings.models]


def _found(name: str, settings: Settings) -> Weights:
    weights, advice = _named(name, settings.data)
    check(weights, advice)
    numbers = _numbers(weights)
    width = 2 if settings.dtype in ("bfloat16", "float16") else 4
    card = replace(
        weights.card,
        memory=round(numbers * width / 1e9, 2),
        depth_of=weights.card.depth and settings.depth_model is not None,
    )
    return replace(weights, card=card, numbers=numbers)


def _named(name: str, data: Path) -> tuple[Weights, str]:
    if name == "mini":
        return Weights(mini_card(), MINI), _OWN
    if name in FAMILIES:
        family, folder = FAMILIES[name], data / "models" / name
        card = family.card_of(name, f"Kandinsky {name}", folder)
        return Weights(card, folder, family), f"Get them with: python -m engine.hub {name}"
    own, equals, place = name.partition("=")
    if not equals or not own or not place:
        raise UnknownModel(name=name, known=_KNOWN)
    folder = Path(place).expanduser()
    family = family_of(folder)
    return Weights(own_card(family, own, folder), folder, family), _OWN


def check(weights: Weights, advice: str = _OWN) -> None:
    """See that each part has its configuration and whole safetensors files."""
    extra = (weights.family.inpainter, CONTROLNET)
    parts = [part for part in extra if (weights.folder / part).is_dir()]
    for part in (*weights.family.parts, *parts):
        _check(weights.folder / part, weights.card.name, advice)


def _check(folder: Path, name: str, advice: str) -> None:
    files = sorted(folder.glob("*.safetensors"))
    if not (folder / "config.json").is_file() or not files:
        raise WeightsMissing(model=name, folder=folder, advice=advice)
    for file in files:
        if not _whole(file):
            raise WeightsBroken(file=file, model=name)


def _loaded(folder: Path) -> list[Path]:
    """The files that are read of a part: where it has them twice, not those of 16 bits."""
    files = sorted(folder.glob("*.safetensors"))
    return [file for file in files if ".fp16" not in file.name] or files


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


def _numbers(weights: Weights) -> int:
    """The parameters of all parts but the vision encoder, which most requests do not need."""
    return sum(
        math.prod(entry["shape"])
        for part in weights.family.parts
        if part != weights.family.vision
        for file in _loaded(weights.folder / part)
        for entry in _header(file)[1].values()
    )
