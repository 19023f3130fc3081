"""Kandinsky 2.2: text encoder, diffusion prior, decoder UNet and MoVQ (paper: 2310.03502).

The prior turns a caption into the embedding of a picture (UnCLIP, predicts the sample), the
decoder paints latents from that embedding (predicts noise, learned variance), MoVQ turns latents
into pixels. Every number drawn comes in the order in which diffusers draws it for one picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import (
    DDPMScheduler,
    PriorTransformer,
    UnCLIPScheduler,
    UNet2DConditionModel,
    VQModel,
)
from PIL import Image
from torch import Tensor
from transformers import CLIPTextModelWithProjection, CLIPTokenizer, CLIPVisionModelWithProjection

from engine.cards import filled
from engine.requests import Request, Sampler
from engine.runtime import samplers

SCALE = 8  # pixels a latent
ROUND = 64  # the decoder works at multiples of this many pixels
PREVIEW_SIDE = {"cpu": 16, "cuda": 32}  # latents; larger ones are shrunk before a preview


@dataclass(frozen=True, slots=True)
class Painting:
    """A request after `index` of `total` steps; `clean` is the predicted end, (N, 4, h, w)."""

    index: int
    total: int
    clean: Tensor | None = None


class Kandinsky22:
    """The networks of one 2.2 model on one device."""

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype) -> None:
        self.device, self.dtype = device, dtype
        prior, decoder = folder / "prior", folder / "decoder"
        self.tokenizer = CLIPTokenizer.from_pretrained(prior / "tokenizer", local_files_only=True)
        self.text_encoder = self._load(CLIPTextModelWithProjection, prior / "text_encoder")
        self.prior = self._load(PriorTransformer, prior / "prior")
        self.unet = self._load(UNet2DConditionModel, decoder / "unet")
        self.movq = self._load(VQModel, decoder / "movq")
        self.prior_scheduler = UnCLIPScheduler.from_pretrained(
            prior / "scheduler", local_files_only=True
        )
        self.scheduler = DDPMScheduler.from_pretrained(decoder / "scheduler", local_files_only=True)
        self.nothing = self._embedding_of_nothing(prior / "image_encoder")

    def _load(self, kind: type, folder: Path):  # type: ignore[no-untyped-def]
        """One network in evaluation mode; safetensors only, never from the network."""
        network = kind.from_pretrained(  # type: ignore[attr-defined]
            folder, dtype=self.dtype, use_safetensors=True, local_files_only=True
        )
        return network.to(self.device).eval().requires_grad_(False)

    def _embedding_of_nothing(self, folder: Path) -> Tensor:
        """The embedding (1, E) of the all-zero picture: the decoder's condition when unguided.

        It is a constant, so the vision encoder is let go at once.
        """
        vision = self._load(CLIPVisionModelWithProjection, folder)
        side = vision.config.image_size
        zeros = torch.zeros(1, 3, side, side, device=self.device, dtype=self.dtype)
        with torch.inference_mode():
            embedding: Tensor = vision(zeros).image_embeds
        return embedding

    def paint(self, request: Request) -> Iterator[Painting | list[Image.Image]]:
        """Paint a resolved request: a Painting after each step, at last the pictures (RGB).

        To stop, do not ask for the next.
        """
        seed = filled(request.seed)
        generators = [
            torch.Generator("cpu").manual_seed(seed + index) for index in range(request.count)
        ]
        prior_steps = filled(request.prior_steps)
        total = prior_steps + filled(request.steps)
        embeds, latents = (self.nothing, self.nothing), self.nothing
        for index, embeds in enumerate(self._imagine(request, generators), 1):  # noqa: B007
            yield Painting(index, total)
        for index, step in enumerate(self._decode(request, embeds, generators), 1):
            latents, clean = step
            yield Painting(prior_steps + index, total, clean)
        yield self.pictures(latents, filled(request.width), filled(request.height))

    @torch.inference_mode()
    def _imagine(
        self, request: Request, generators: list[torch.Generator]
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """The prior: after each step, the embeddings (N, E) to paint and to steer away from."""
        against = request.negative_decoder_prompt
        guidance = filled(request.prior_guidance)
        prompts = [request.prompt] + ([against] if against else [])
        guided = guidance > 1
        embeds, hidden, mask = self._read(prompts, request.count)
        if guided:
            negative = self._read([request.negative_prompt], len(embeds))
            embeds = torch.cat([negative[0], embeds])
            hidden = torch.cat([negative[1], hidden])
            mask = torch.cat([negative[2], mask])
        width = self.prior.config.embedding_dim
        rows = len(prompts)
        table = samplers.prior_table(self.prior_scheduler, filled(request.prior_steps))
        bounds = samplers.Bounds.of(self.prior_scheduler)
        latents = self._noise((rows, width), generators)  # (N, rows, E), a picture's rows at once
        for index, time in enumerate(table.times):
            x = latents.transpose(0, 1).reshape(-1, width)  # prompts first, as in the embeddings
            found = self.prior(
                torch.cat([x, x]) if guided else x,
                timestep=time,
                proj_embedding=embeds,
                encoder_hidden_states=hidden,
                attention_mask=mask,
            ).predicted_image_embedding
            if guided:
                away, toward = found.chunk(2)
                found = away + guidance * (toward - away)
            found = found.reshape(rows, request.count, width).transpose(0, 1)
            drawn = self._noise((rows, width), generators) if table.draws(index) else latents
            numbers = table.rows[index].to(self.device).expand(request.count, -1)
            latents, _ = samplers.step(numbers, latents, found, None, latents, drawn, bounds)
            ready = latents * self.prior.clip_std + self.prior.clip_mean
            nothing = self.nothing.expand(request.count, -1)
            yield ready[:, 0], ready[:, 1] if against else nothing

    def _read(self, prompts: list[str], count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Text embeddings (P*count, E), hidden states (P*count, T, H), mask (P*count, T)."""
        made = self.tokenizer(
            prompts,
            padding="max_length",
            max_length=self.tokenizer.model_max_length,
            truncation=True,
            return_tensors="pt",
        )
        output = self.text_encoder(made.input_ids.to(self.device))
        mask = made.attention_mask.bool().to(self.device)
        found = (output.text_embeds, output.last_hidden_state, mask)
        embeds, hidden, mask = (part.repeat_interleave(count, dim=0) for part in found)
        return embeds, hidden, mask

    @torch.inference_mode()
    def _decode(
        self,
        request: Request,
        embeds: tuple[Tensor, Tensor],
        generators: list[torch.Generator],
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """The decoder: after each step, the latents and what they would become, (N, 4, h, w)."""
        guidance = filled(request.guidance)
        guided = guidance > 1
        toward, away = embeds
        condition = torch.cat([away, toward]) if guided else toward
        height, width = filled(request.height), filled(request.width)
        shape = (4, _rounded(height) // SCALE, _rounded(width) // SCALE)
        sampler: Sampler = filled(request.sampler)
        table = samplers.decoder_table(self.scheduler, sampler, filled(request.steps))
        bounds = samplers.bounds_of(self.scheduler, sampler)
        latents = clean = self._noise(shape, generators)
        for index, time in enumerate(table.times):
            out = self.unet(
                torch.cat([latents, latents]) if guided else latents,
                time,
                encoder_hidden_states=None,
                added_cond_kwargs={"image_embeds": condition.to(self.dtype)},
                return_dict=False,
            )[0]
            noise, spread = torch.split(out, 4, dim=1)
            if guided:
                without, noise = noise.chunk(2)
                noise = without + guidance * (noise - without)
                spread = spread.chunk(2)[1]
            drawn = self._noise(shape, generators) if table.draws(index) else latents
            numbers = table.rows[index].to(self.device).expand(request.count, -1)
            latents, clean = samplers.step(numbers, latents, noise, spread, clean, drawn, bounds)
            yield latents, clean

    def _noise(self, shape: tuple[int, ...], generators: list[torch.Generator]) -> Tensor:
        """(N, *shape) of standard normal numbers, each picture's from its own CPU generator."""
        drawn = [torch.randn(shape, generator=one, dtype=self.dtype) for one in generators]
        return torch.stack(drawn).to(self.device)

    @torch.inference_mode()
    def pictures(self, latents: Tensor, width: int, height: int) -> list[Image.Image]:
        """Latents (N, 4, h, w) to N pictures, cut from the middle to width x height pixels."""
        decoded = self.movq.decode(latents, force_not_quantize=True).sample
        top, left = (decoded.shape[2] - height) // 2, (decoded.shape[3] - width) // 2
        decoded = decoded[:, :, top : top + height, left : left + width]
        return _images(decoded)

    @torch.inference_mode()
    def preview(self, clean: Tensor) -> Image.Image:
        """A small picture of the first sample's predicted clean latents (N, 4, h, w)."""
        first = clean[:1].to(self.dtype)
        most = PREVIEW_SIDE[self.device.type]
        shrink = -(-max(first.shape[-2:]) // most)
        if shrink > 1:
            first = F.avg_pool2d(first, shrink, ceil_mode=True)
        return _images(self.movq.decode(first, force_not_quantize=True).sample)[0]


def _images(decoded: Tensor) -> list[Image.Image]:
    pixels = (decoded * 0.5 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).float().cpu().numpy()
    return [Image.fromarray(one) for one in (pixels * 255).round().astype(np.uint8)]


def _rounded(side: int) -> int:
    return -(-side // ROUND) * ROUND
