"""Plain diffusers on the mini model's weights: what the engine's pictures are compared with."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    KandinskyV22CombinedPipeline,
    KandinskyV22Pipeline,
    KandinskyV22PriorPipeline,
)
from PIL import Image

from engine.requests import Request
from engine.weights import MINI

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.int16]]


def pipeline() -> KandinskyV22CombinedPipeline:
    prior = KandinskyV22PriorPipeline.from_pretrained(MINI / "prior", dtype=torch.float32)
    decoder = KandinskyV22Pipeline.from_pretrained(MINI / "decoder", dtype=torch.float32)
    combined = KandinskyV22CombinedPipeline(
        **decoder.components,
        **{f"prior_{name}": part for name, part in prior.components.items()},
    )
    combined.set_progress_bar_config(disable=True)
    return combined


def paint(combined: KandinskyV22CombinedPipeline, request: Request, seed: int) -> Pixels:
    """The picture of a request whose two negatives are the same, cut to the asked size."""
    assert request.negative_prompt == request.negative_decoder_prompt
    assert request.width
    assert request.height
    combined.decoder_pipe.scheduler = _scheduler(request.sampler)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the pipeline's own callback_steps
        image = combined(
            request.prompt,
            negative_prompt=request.negative_prompt or None,
            num_inference_steps=request.steps,
            guidance_scale=request.guidance,
            prior_num_inference_steps=request.prior_steps,
            prior_guidance_scale=request.prior_guidance,
            width=request.width,
            height=request.height,
            generator=torch.Generator("cpu").manual_seed(seed),
        ).images[0]
    left, top = (image.width - request.width) // 2, (image.height - request.height) // 2
    return pixels(image.crop((left, top, left + request.width, top + request.height)))


def pixels(image: Image.Image) -> Pixels:
    return np.asarray(image, dtype=np.int16)


def _scheduler(sampler: str | None) -> object:
    """As a user of diffusers swaps it; without the learned variance, on which others stumble."""
    config = DDPMScheduler.from_pretrained(MINI / "decoder" / "scheduler").config
    fixed = {name: value for name, value in config.items() if name != "variance_type"}
    if sampler == "ddim":
        return DDIMScheduler.from_config(fixed)
    if sampler == "dpm++":
        return DPMSolverMultistepScheduler.from_config(fixed)
    return DDPMScheduler.from_config(config)
