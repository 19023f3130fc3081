"""Pictures of how training goes: what the decoder paints from the embeddings of held-out scenes."""

from __future__ import annotations

import random
from pathlib import Path

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel, VQModel
from PIL import Image
from torch import Tensor
from transformers import CLIPVisionModelWithProjection

from engine.mini import parts, scenes
from engine.mini.training.clip import views


@torch.no_grad()
def held_out_embeddings(vision: CLIPVisionModelWithProjection, count: int) -> Tensor:
    rng = random.Random(17)
    drawn = [scenes.sample(rng, held_out=True) for _ in range(count)]
    found: Tensor = vision(views(drawn)).image_embeds
    return found


@torch.no_grad()
def paint(
    unet: UNet2DConditionModel,
    movq: VQModel,
    embeddings: Tensor,
    nothing: Tensor,
    steps: int = 20,
    guidance: float = 3.0,
) -> list[Image.Image]:
    """The decoder's pictures for the embeddings (N, E); `movq` as export.normalised gave it."""
    device = next(unet.parameters()).device
    scheduler = DDPMScheduler(**parts.DECODER_SCHEDULER)
    scheduler.set_timesteps(steps)
    generator = torch.Generator().manual_seed(0)
    count = len(embeddings)
    x = torch.randn(count, 4, parts.LATENT, parts.LATENT, generator=generator).to(device)
    condition = torch.cat([nothing.expand(count, -1), embeddings]).to(device)
    for time in scheduler.timesteps:
        added = {"image_embeds": condition}
        out = unet(torch.cat([x, x]), time, None, added_cond_kwargs=added).sample
        noise, spread = out.split(4, dim=1)
        without, toward = noise.chunk(2)
        noise = without + guidance * (toward - without)
        out = torch.cat([noise, spread.chunk(2)[1]], dim=1)
        x = scheduler.step(out, time, x, generator=generator).prev_sample
    y = movq.to(device).decode(x, force_not_quantize=True).sample
    pixels = ((y.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    return [Image.fromarray(one) for one in pixels]


def grid(pictures: list[Image.Image], columns: int, file: Path) -> None:
    width, height = pictures[0].size
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * width, rows * height), "white")
    for index, picture in enumerate(pictures):
        sheet.paste(picture, (index % columns * width, index // columns * height))
    sheet.save(file)
