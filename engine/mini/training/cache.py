"""What the prior and the decoders learn from, computed once: embeddings and latents of scenes.

Scene `i` is drawn from seed `i`, so a cache of tensors needs no list of scenes beside it.
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch
from diffusers import VQModel
from torch import Tensor
from transformers import CLIPVisionModelWithProjection

from engine.mini import scenes
from engine.mini.scenes import Scene
from engine.mini.training.clip import views

SHARD = 2048  # scenes a file


def scene(index: int) -> Scene:
    return scenes.sample(random.Random(index))


@torch.no_grad()
def fill(
    folder: Path,
    name: str,
    encoder: VQModel | CLIPVisionModelWithProjection,
    count: int,
    start: int = 0,
) -> None:
    """Write shards `start` to `count` // SHARD of "embeddings" or "latents"; skips those there."""
    folder.mkdir(parents=True, exist_ok=True)
    device = next(encoder.parameters()).device
    for shard in range(start, count // SHARD):
        file = folder / f"{name}-{shard:04}.pt"
        if file.exists():
            continue
        found = []
        for first in range(shard * SHARD, (shard + 1) * SHARD, 32):
            drawn = [scene(index) for index in range(first, first + 32)]
            if name == "embeddings":
                found.append(encoder(views(drawn).to(device)).image_embeds.cpu())
            else:
                x = np.stack([scenes.pixels(scenes.draw(one)) for one in drawn])
                found.append(encoder.encode(torch.from_numpy(x).to(device)).latents.cpu())
        torch.save(torch.cat(found).half(), file.with_suffix(".tmp"))
        file.with_suffix(".tmp").replace(file)


def read(folder: Path, name: str) -> Tensor:
    """All shards so far, in order and without gaps, as float16."""
    found = []
    for shard in range(len(list(folder.glob(f"{name}-*.pt")))):
        file = folder / f"{name}-{shard:04}.pt"
        if not file.exists():
            break
        found.append(torch.load(file, weights_only=True))
    if not found:
        raise FileNotFoundError(f"no {name} in {folder}: train what makes them first")
    return torch.cat(found)


def latent_range(latents: Tensor) -> tuple[Tensor, Tensor]:
    """Per channel, the centre and the scale that put 99.9% of the latents within [-1, 1].

    The published scheduler divides a predicted sample by its 99.5th percentile when that is
    above 1 (dynamic thresholding, 2205.11487): latents of this range are left alone by it.
    """
    flat = latents[:4096].float().transpose(0, 1).flatten(1)
    centre = flat.mean(dim=1)
    away = (flat - centre[:, None]).abs()
    scale = torch.stack([channel.kthvalue(int(0.999 * channel.numel())).values for channel in away])
    return centre, scale
