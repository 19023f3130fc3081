"""The generations of Kandinsky: what a folder of each holds, where it is from, what it serves."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
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
class Family:
    """One generation. `parts` are its folders; of these the models keep all but `vision`."""

    name: Name
    parts: tuple[str, ...]
    inpainter: str  # the folder of the UNet that edits need
    hub: str  # commands that get the published weights, for the folder {folder}
    card: ModelCard  # with every mode that its kind may have
    vision: str = ""  # the part that is loaded when a picture is first looked at

    def card_of(self, name: str, title: str, folder: Path) -> ModelCard:
        """The card of a model of this generation, with the modes that its folder has."""
        able = (folder / self.inpainter).is_dir()
        modes = tuple(mode for mode in self.card.modes if able or mode not in EDITS)
        depth = self.name == "2.2" and (folder / CONTROLNET).is_dir()
        return replace(
            _distilled(self.card, folder), name=name, title=title, modes=modes, depth=depth
        )


def _published(repositories: str) -> str:
    """`hf download` for each "repository folder", joined for a sentence."""
    pairs = (pair.split() for pair in repositories.split(","))
    return "Get them with: " + " and: ".join(
        f"hf download {repository} --exclude '*.bin' --local-dir {{folder}}{place}"
        for repository, place in pairs
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
)
K21 = Family(
    name="2.1",
    parts=(
        *("prior/prior", "prior/text_encoder", "prior/image_encoder"),
        *("decoder/unet", "decoder/movq", "decoder/text_encoder"),
    ),
    inpainter="decoder-inpaint/unet",
    hub=_published(
        "kandinsky-community/kandinsky-2-1-prior /prior,"
        "kandinsky-community/kandinsky-2-1 /decoder,"
        "kandinsky-community/kandinsky-2-1-inpaint /decoder-inpaint"
    ),
    card=replace(_CARD, sizes=_SIZES_21, side_limit=(64, 1024), samplers=("ddim", "ddpm", "dpm++")),
    vision="prior/image_encoder",
)
K22 = Family(
    name="2.2",
    parts=(
        *("prior/prior", "prior/text_encoder", "prior/image_encoder"),
        *("decoder/unet", "decoder/movq"),
    ),
    inpainter="decoder-inpaint/unet",
    hub=_published(
        "kandinsky-community/kandinsky-2-2-prior /prior,"
        "kandinsky-community/kandinsky-2-2-decoder /decoder,"
        "kandinsky-community/kandinsky-2-2-decoder-inpaint /decoder-inpaint"
    ),
    card=_CARD,
    vision="prior/image_encoder",
)
K3 = Family(
    name="3",
    parts=("unet", "text_encoder", "movq"),
    inpainter="inpaint/unet",
    hub=_published("kandinsky-community/kandinsky-3 /"),
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
        return replace(mini_card(name, name), modes=card.modes, depth=card.depth)
    return card


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
