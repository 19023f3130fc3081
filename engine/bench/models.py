"""Which model is measured, where its weights are, and on which device."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from engine import weights
from engine.bench import full
from engine.bench.machine import cores
from engine.bench.options import Options
from engine.cards import ModelCard
from engine.settings import Settings
from engine.weights import Weights


@dataclass(frozen=True, slots=True)
class Model:
    """The engine's settings and what they come to; the card is that of the measured requests."""

    settings: Settings
    weights: Weights
    card: ModelCard
    device: torch.device
    dtype: torch.dtype

    @property
    def title(self) -> str:
        (width, height), card = self.card.sizes[0], self.card
        return f"{card.title}, {width}x{height}, {card.steps} steps"


def find(options: Options) -> Model:
    """Make the settings; write the random weights where they are asked for and missing.

    Raises what `weights.find` raises.
    """
    device = torch.device(options.device if options.device != "auto" else _best_device())
    dtype = options.dtype
    if dtype == "auto":
        dtype = "float32" if device.type == "cpu" else "bfloat16"
    base = Settings()
    settings = base.model_copy(
        update={
            "models": (_name(options, base, device),),
            "device": str(device),
            "dtype": dtype,
            "threads": base.threads or cores(),  # said, as plain diffusers may take another number
            "queue_limit": 4096,
        }
    )
    (found,) = weights.find(settings)
    card = _small(found.card) if options.trial else found.card
    return Model(settings, found, card, device, getattr(torch, dtype))


def _small(card: ModelCard) -> ModelCard:
    return replace(card, steps=4, prior_steps=3, sizes=((64, 64),), side_limit=(64, 128))


def _name(options: Options, settings: Settings, device: torch.device) -> str:
    if options.folder is not None:
        return f"own={options.folder}"
    if options.model == "mini":
        return "mini"
    return f"full-2.2={full.make(settings.data / 'bench' / 'full-2.2', device)}"


def _best_device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"
