"""The decoder UNet and its inpainting continuation, on cached latents and embeddings.

DDPM with a learned variance (Improved DDPM, 2102.09672): the mean by the squared error of the
noise, weighted by min-SNR (2303.09556); the variance by the variational bound.
"""

from __future__ import annotations

import math
import random
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from engine.mini import parts
from engine.mini.training import cache
from engine.mini.training.loop import Budget, train
from engine.mini.training.masks import random_mask

BATCH = 32
DROPPED = 0.12  # embeddings replaced by that of the zero picture, for guidance
JITTER = 0.15  # of each embedding's deviation: what the prior's embeddings are off by
SNR_CAP = 5.0


def run(folder: Path, nothing: Tensor, budget: Budget) -> UNet2DConditionModel:
    """Train the decoder; `nothing` (1, E) is the embedding of the all-zero picture."""
    return _train("decoder", parts.decoder(), folder, nothing, budget, inpaint=False)


def run_inpaint(
    folder: Path, nothing: Tensor, decoder: UNet2DConditionModel, budget: Budget
) -> UNet2DConditionModel:
    """Continue the decoder with nine channels: noise, kept latents, and where they are kept."""
    module = parts.decoder(in_channels=9)
    state = decoder.state_dict()
    wide = module.conv_in.weight.data.clone().zero_()
    wide[:, :4] = state["conv_in.weight"]
    module.load_state_dict({**state, "conv_in.weight": wide})
    return _train("inpaint", module, folder, nothing, budget, inpaint=True)


def _train(
    name: str,
    module: UNet2DConditionModel,
    folder: Path,
    nothing: Tensor,
    budget: Budget,
    inpaint: bool,
) -> UNet2DConditionModel:
    embeddings = cache.read(folder, "embeddings").float()
    latents = cache.read(folder, "latents").float()
    centre, scale = cache.latent_range(latents)
    latents = (latents - centre[:, None, None]) / scale[:, None, None]
    count = min(len(embeddings), len(latents))
    deviation = embeddings.std(dim=0)
    variance = float(latents.var())
    betas = torch.linspace(0.00085, 0.012, 1000, device=budget.device)
    alphas = (1 - betas).cumprod(dim=0)
    rng = random.Random(random.randrange(1 << 30))

    def step(unet: UNet2DConditionModel, index: int, progress: float) -> dict[str, Tensor]:
        picked = torch.randint(0, count, (BATCH,))
        clean = latents[picked].to(budget.device)
        given = embeddings[picked] + JITTER * torch.rand(BATCH, 1) * deviation * torch.randn(
            BATCH, parts.EMBEDDING
        )
        given = torch.where(torch.rand(BATCH, 1) < DROPPED, nothing, given).to(budget.device)
        when = torch.randint(0, 1000, (BATCH,), device=budget.device)
        alpha = alphas[when][:, None, None, None]
        noise = torch.randn_like(clean)
        noisy = alpha.sqrt() * clean + (1 - alpha).sqrt() * noise
        inputs = noisy
        if inpaint:
            kept = torch.stack([random_mask(rng, parts.LATENT) for _ in range(BATCH)])
            kept = kept.to(budget.device)
            inputs = torch.cat([noisy, clean * kept, kept], dim=1)
        with torch.autocast(budget.device.type, torch.bfloat16):
            out = unet(inputs, when, None, added_cond_kwargs={"image_embeds": given}).sample
        predicted, spread = out.float().chunk(2, dim=1)
        snr = variance * alpha / (1 - alpha)
        weight = snr.clamp(max=SNR_CAP) / snr
        error = weight * (predicted - noise).square()
        bound = _bound(clean, noisy, predicted.detach(), spread, when, betas, alphas)
        return {"loss": error.mean() + 1e-3 * bound, "error": error.mean(), "bound": bound}

    return train(name, module, step, lambda u, i: {}, budget)


def _bound(
    clean: Tensor,
    noisy: Tensor,
    predicted: Tensor,
    spread: Tensor,
    when: Tensor,
    betas: Tensor,
    alphas: Tensor,
) -> Tensor:
    """KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)) in bits a number; 2102.09672, equation 15."""

    def at(values: Tensor) -> Tensor:
        return values[when][:, None, None, None]

    before = torch.cat([alphas.new_ones(1), alphas[:-1]])
    posterior = betas * (1 - before) / (1 - alphas)
    posterior[0] = posterior[1]
    low, high = at(posterior.log()), at(betas.log())
    part = (spread + 1) / 2
    log_variance = part * high + (1 - part) * low
    by_clean = at(betas * before.sqrt() / (1 - alphas))
    guess = (noisy - (1 - at(alphas)).sqrt() * predicted) / at(alphas).sqrt()
    apart = by_clean * (clean - guess)
    divergence = 0.5 * (
        log_variance - low - 1 + (low - log_variance).exp() + apart.square() * (-log_variance).exp()
    )
    return divergence.mean() / math.log(2)
