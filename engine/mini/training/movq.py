"""MoVQ: trained on crops around the things first, then on whole pictures."""

from __future__ import annotations

import random
from types import MethodType

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import VQModel
from diffusers.models.attention_processor import SpatialNorm
from torch import Tensor, nn

from engine.mini import scenes
from engine.mini.training.loop import Budget, train

CROP = 64
CROPS_UNTIL = 0.6  # of the time
LATENT_NOISE = 0.05
BATCH_CROPS, BATCH_WHOLE = 8, 3


def run(module: VQModel, budget: Budget, name: str = "movq", frozen: bool = False) -> VQModel:
    """Train the module; with `frozen`, only its decoder, so that cached latents stay true."""
    if frozen:
        module.encoder.requires_grad_(False)
        module.quant_conv.requires_grad_(False)
    module.quantize.requires_grad_(False)
    hoist_spatial_norm(module)
    rng = random.Random(torch.initial_seed() + random.randrange(1 << 30))
    held = held_out_pictures(48)

    def step(vq: VQModel, index: int, progress: float) -> dict[str, Tensor]:
        crops = progress < CROPS_UNTIL and not frozen
        x = batch(rng, BATCH_CROPS if crops else BATCH_WHOLE, crops).to(budget.device)
        with torch.autocast(budget.device.type, torch.bfloat16):
            z = vq.encode(x).latents
            noisy = z + LATENT_NOISE * torch.randn_like(z)
            y = vq.decode(noisy, force_not_quantize=True).sample
        return {"loss": loss(y.float(), x) + 1e-3 * z.float().square().mean()}

    def report(vq: VQModel, index: int) -> dict[str, float]:
        return {"psnr": psnr(vq, held.to(budget.device))}

    return train(name, module, step, report, budget)


def loss(y: Tensor, x: Tensor) -> Tensor:
    """L1 at three scales, L1 of the edges, and the square error that PSNR counts."""
    total = (y - x).abs().mean() + 2 * (y - x).square().mean()
    for axis in (-1, -2):
        total = total + 0.5 * (y.diff(dim=axis) - x.diff(dim=axis)).abs().mean()
    for scale in (2, 4):
        total = total + 0.5 * (F.avg_pool2d(y, scale) - F.avg_pool2d(x, scale)).abs().mean()
    return total


def batch(rng: random.Random, size: int, crops: bool) -> Tensor:
    """(size, 3, H, W) in [-1, 1]; H and W are CROP for crops around the thing, else SIDE."""
    pictures = []
    for _ in range(size):
        picture = scenes.draw(scenes.sample(rng))
        if crops:
            left, top = (rng.randint(0, scenes.SIDE - CROP) for _ in range(2))
            picture = picture.crop((left, top, left + CROP, top + CROP))
        pictures.append(scenes.pixels(picture))
    return torch.from_numpy(np.stack(pictures))


def held_out_pictures(count: int) -> Tensor:
    rng = random.Random(7)
    drawn = [scenes.draw(scenes.sample(rng, held_out=True)) for _ in range(count)]
    return torch.from_numpy(np.stack([scenes.pixels(picture) for picture in drawn]))


@torch.no_grad()
def psnr(vq: VQModel, pictures: Tensor) -> float:
    """The mean PSNR in dB of the pictures' round trip, as 8-bit pictures."""
    found = []
    for x in torch.split(pictures, 8):
        y = vq.decode(vq.encode(x).latents, force_not_quantize=True).sample
        y = ((y.clamp(-1, 1) + 1) * 127.5).round() / 255
        error = (y - (x + 1) / 2).square().mean(dim=(1, 2, 3))
        found.append(-10 * error.log10())
    return float(torch.cat(found).mean())


def hoist_spatial_norm(module: nn.Module) -> None:
    """Do SpatialNorm's 1x1 convolutions before its nearest upsampling: same result, less work."""

    def forward(self: SpatialNorm, f: Tensor, zq: Tensor) -> Tensor:
        scale = F.interpolate(self.conv_y(zq), size=f.shape[-2:])
        shift = F.interpolate(self.conv_b(zq), size=f.shape[-2:])
        normed: Tensor = self.norm_layer(f)
        return normed * scale + shift

    for part in module.modules():
        if isinstance(part, SpatialNorm):
            part.forward = MethodType(forward, part)
