"""Plain diffusers on the mini model's weights: what the engine's pictures are compared with."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    KandinskyV22CombinedPipeline,
    KandinskyV22Img2ImgPipeline,
    KandinskyV22InpaintPipeline,
    KandinskyV22Pipeline,
    KandinskyV22PriorPipeline,
)
from PIL import Image

from engine import ImageToImage, Inpaint, Mix, Request, TextToImage, Variations
from engine.weights import MINI

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.int16]]

torch.set_num_threads(1)


class Plain:
    """The pipelines of 2.2, as their users call them. Sizes are multiples of 64 here.

    The generator begins anew with `seed`, or that of the request.
    """

    def __init__(self) -> None:
        self.prior = _loaded(KandinskyV22PriorPipeline, "prior")
        self.decoder = _loaded(KandinskyV22Pipeline, "decoder")
        self.inpainter = _loaded(KandinskyV22InpaintPipeline, "decoder-inpaint")
        parts = self.decoder.components
        self.changer = _quiet(KandinskyV22Img2ImgPipeline(**parts))
        priors = {f"prior_{name}": part for name, part in self.prior.components.items()}
        self.combined = _quiet(KandinskyV22CombinedPipeline(**parts, **priors))

    def text_to_image(self, request: TextToImage, seed: int | None = None) -> Pixels:
        """Of any size, cut from the middle; the two negatives are the same."""
        assert request.negative_prompt == request.negative_decoder_prompt
        assert request.width
        assert request.height
        self.combined.decoder_pipe.scheduler = _scheduler(request.sampler)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # the pipeline's own callback_steps
            image = self.combined(
                request.prompt,
                negative_prompt=request.negative_prompt or None,
                prior_num_inference_steps=request.prior_steps,
                prior_guidance_scale=request.prior_guidance,
                generator=_generator(request, seed),
                **_decoding(request),
            ).images[0]
        left, top = (image.width - request.width) // 2, (image.height - request.height) // 2
        return pixels(image.crop((left, top, left + request.width, top + request.height)))

    def image_to_image(self, request: ImageToImage) -> Pixels:
        """diffusers takes the height for the width, so it is told them the wrong way round."""
        generator = _generator(request)
        toward, away = self._imagine(request, generator)
        width, height = request.picture.size
        return self._decode(
            self.changer,
            request,
            toward,
            away,
            generator,
            image=request.picture.picture(),
            strength=request.strength,
            width=height,
            height=width,
        )

    def variations(self, request: Variations) -> Pixels:
        with torch.no_grad():
            toward = self._see(request.picture.picture())
            away = self.prior.get_zero_embed()
        return self._decode(self.decoder, request, toward, away, _generator(request))

    def mix(self, request: Mix) -> Pixels:
        generator = _generator(request)
        found = self.prior.interpolate(
            [part.picture.picture() if part.picture else part.words for part in request.parts],
            [part.weight for part in request.parts],
            num_inference_steps=request.prior_steps,
            guidance_scale=request.prior_guidance,
            negative_prior_prompt=request.negative_prompt or None,
            negative_prompt=request.negative_decoder_prompt,
            generator=generator,
        )
        toward, away = found.image_embeds, found.negative_image_embeds
        return self._decode(self.decoder, request, toward, away, generator)

    def inpaint(self, request: Inpaint) -> Pixels:
        generator = _generator(request)
        toward, away = self._imagine(request, generator)
        width, height = request.picture.size
        return self._decode(
            self.inpainter,
            request,
            toward,
            away,
            generator,
            image=request.picture.picture(),
            mask_image=request.mask.picture("L"),
            width=width,
            height=height,
        )

    def _imagine(self, request: Request, generator: torch.Generator) -> tuple[Any, Any]:
        found = self.prior(
            request.prompt,
            num_inference_steps=request.prior_steps,
            guidance_scale=request.prior_guidance,
            generator=generator,
        )
        return found.image_embeds, found.negative_image_embeds

    def _see(self, picture: Image.Image) -> Any:
        taken = self.prior.image_processor(picture, return_tensors="pt").pixel_values
        return self.prior.image_encoder(taken).image_embeds

    def _decode(
        self,
        pipeline: Any,
        request: Request,
        toward: Any,
        away: Any,
        generator: torch.Generator,
        **fields: object,
    ) -> Pixels:
        pipeline.scheduler = _scheduler(request.sampler)
        made = pipeline(
            image_embeds=toward,
            negative_image_embeds=away,
            generator=generator,
            **(_decoding(request) | fields),
        )
        return pixels(made.images[0])


def pixels(image: Image.Image) -> Pixels:
    return np.asarray(image, dtype=np.int16)


def _loaded(kind: Any, folder: str) -> Any:
    return _quiet(kind.from_pretrained(MINI / folder, dtype=torch.float32))


def _quiet(pipeline: Any) -> Any:
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _generator(request: Request, seed: int | None = None) -> torch.Generator:
    return torch.Generator("cpu").manual_seed((request.seed or 0) if seed is None else seed)


def _decoding(request: Request) -> dict[str, Any]:
    return dict(
        num_inference_steps=request.steps,
        guidance_scale=request.guidance,
        width=request.width,
        height=request.height,
    )


def _scheduler(sampler: str | None) -> object:
    """As a user of diffusers swaps it; without the learned variance, on which others stumble."""
    config = DDPMScheduler.from_pretrained(MINI / "decoder" / "scheduler").config
    fixed = {name: value for name, value in config.items() if name != "variance_type"}
    if sampler == "ddim":
        return DDIMScheduler.from_config(fixed)
    if sampler == "dpm++":
        return DPMSolverMultistepScheduler.from_config(fixed)
    return DDPMScheduler.from_config(config)
