"""The generations of Kandinsky: what a folder of each holds, where it is from, what it serves."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from engine.cards import ModelCard
from engine.requests import Mode, Sampler

Name = Literal["2.1", "2.2", "3"]

WORDS: tuple[Mode, ...] = ("text_to_image", "image_to_image")
MEANINGS: tuple[Mode, ...] = ("mix", "variations")  # of what has image embeddings
CONTROLNET = "decoder-controlnet/unet"  # of 2.2: the UNet that follows depth
EDITS: tuple[Mode, ...] = ("inpaint", "outpaint")  # where an inpainting UNet is at hand

_SIZES_22 = ((512, 512), (768, 768), (1024, 1024), (1024, 576), (576, 1024), (768, 512), (512, 768))
_SIZES_21 = ((512, 512), (768, 768), (768, 448), (448, 768), (768, 512), (512, 768))
_SIZES_3 = ((1024, 1024), (1024, 576), (576, 1024), (1152, 768), (768, 1152))
_ANCESTRAL: tuple[Sampler, ...] = ("ddpm", "ddim", "dpm++")


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository of the Hugging Face hub, and what of it the studio reads."""

    hub_id: str
    place: str  # the folder of the model that it fills; "." is the model's own
    networks: tuple[str, ...]  # its folders of weights, each with a config.json
    beside: tuple[str, ...]  # its other folders and files, where it has them
    optional: str = ""  # the name under which it may be left out; empty: the model needs it
    revision: str = "main"


@dataclass(frozen=True, slots=True)
class Family:
    """One generation. Of its parts the models keep all but `vision`."""

    name: Name
    repositories: tuple[Repository, ...]  # as published
    inpainter: str  # the folder of the UNet that edits need
    card: ModelCard  # with every mode that its kind may have
    vision: str = ""  # the part that is loaded when a picture is first looked at

    @property
    def parts(self) -> tuple[str, ...]:
        """The folders of the networks without which there is no model."""
        return tuple(
            str(PurePosixPath(repository.place, network))
            for repository in self.repositories
            if not repository.optional
            for network in repository.networks
        )

    def card_of(self, name: str, title: str, folder: Path) -> ModelCard:
        """The card of a model of this generation, with the modes that its folder has."""
        able = (folder / self.inpainter).is_dir()
        modes = tuple(mode for mode in self.card.modes if able or mode not in EDITS)
        depth = self.name == "2.2" and (folder / CONTROLNET).is_dir()
        return replace(
            _distilled(self.card, folder), name=name, title=title, modes=modes, depth=depth
        )


_CARD = ModelCard(
    name="",
    title="",
    modes=WORDS + MEANINGS + EDITS,
    sizes=_SIZES_22,
    side_limit=(64, 1536),
    count_limit=4,
    steps=50,
    guidance=4.0,
    prior_steps=25,
    prior_guidance=4.0,
    samplers=_ANCESTRAL,
    licence="Apache-2.0",
)
_PRIOR = ("prior", "text_encoder", "image_encoder"), ("tokenizer", "image_processor", "scheduler")
K21 = Family(
    name="2.1",
    repositories=(
        Repository("kandinsky-community/kandinsky-2-1-prior", "prior", *_PRIOR),
        Repository(
            "kandinsky-community/kandinsky-2-1",
            "decoder",
            ("unet", "movq", "text_encoder"),
            ("tokenizer", "scheduler", "ddpm_scheduler"),
        ),
        Repository(
            "kandinsky-community/kandinsky-2-1-inpaint",
            "decoder-inpaint",
            ("unet",),
            ("scheduler",),
            optional="inpaint",
        ),
    ),
    inpainter="decoder-inpaint/unet",
    card=replace(_CARD, sizes=_SIZES_21, side_limit=(64, 1024), samplers=("ddim", "ddpm", "dpm++")),
    vision="prior/image_encoder",
)
K22 = Family(
    name="2.2",
    repositories=(
        Repository("kandinsky-community/kandinsky-2-2-prior", "prior", *_PRIOR),
        Repository(
            "kandinsky-community/kandinsky-2-2-decoder",
            "decoder",
            ("unet", "movq"),
            ("scheduler",),
        ),
        Repository(
            "kandinsky-community/kandinsky-2-2-decoder-inpaint",
            "decoder-inpaint",
            ("unet",),
            ("scheduler",),
            optional="inpaint",
        ),
        Repository(
            "kandinsky-community/kandinsky-2-2-controlnet-depth",
            "decoder-controlnet",
            ("unet",),
            ("scheduler",),
            optional="depth",
        ),
    ),
    inpainter="decoder-inpaint/unet",
    card=_CARD,
    vision="prior/image_encoder",
)
K3 = Family(
    name="3",
    repositories=(
        Repository(
            "kandinsky-community/kandinsky-3",
            ".",
            ("unet", "text_encoder", "movq"),
            ("tokenizer", "scheduler", "inpaint/unet", "inpaint/scheduler", "flash.json"),
        ),
    ),
    inpainter="inpaint/unet",
    card=replace(
        _CARD,
        modes=WORDS + EDITS,
        sizes=_SIZES_3,
        side_limit=(64, 1536),
        steps=25,
        guidance=3.0,
        prior_steps=0,
        prior_guidance=0.0,
    ),
)
FAMILIES: dict[str, Family] = {family.name: family for family in (K21, K22, K3)}


def mini_card(name: str = "mini", title: str = "Kandinsky mini") -> ModelCard:
    """What a model of mini's size serves."""
    return replace(
        _CARD,
        name=name,
        title=title,
        sizes=((128, 128),),
        side_limit=(64, 256),
        count_limit=8,
        steps=25,
        guidance=3.0,
        prior_steps=4,  # more steps only add noise to so small a prior: judged, 25 draw 16% worse
        prior_guidance=2.0,
    )


def family_of(folder: Path) -> Family:
    """Which generation a folder holds, by its layout and its UNet; 2.2 where nothing tells."""
    if (folder / "unet").is_dir():
        return K3
    config = _config(folder / "decoder/unet")
    return K21 if config.get("addition_embed_type") == "text_image" else K22


def own_card(family: Family, name: str, folder: Path) -> ModelCard:
    """A model of one's own; a 2.2 whose UNet is made for small latents is like mini."""
    side = 8 * int(_config(folder / "decoder/unet").get("sample_size", 64))
    card = family.card_of(name, name, folder)
    if family is K22 and side < 512:
        card = replace(mini_card(name, name), modes=card.modes, depth=card.depth)
    return replace(card, licence="")


def _distilled(card: ModelCard, folder: Path) -> ModelCard:
    """3.1 Flash has its own few steps, and no guidance."""
    flash = _config(folder, "flash.json")
    if not flash:
        return card
    return replace(card, steps=len(flash["times"]), guidance=1.0, samplers=("ddpm",))


def _config(folder: Path, name: str = "config.json") -> dict[str, Any]:
    try:
        found = json.loads((folder / name).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
