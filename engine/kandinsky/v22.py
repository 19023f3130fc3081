"""Kandinsky 2.2: text encoder, diffusion prior, decoder UNet and MoVQ (paper: 2310.03502).

The prior turns a caption into the embedding of a picture (UnCLIP, predicts the sample), the
decoder paints latents from that embedding (predicts noise, learned variance), MoVQ turns latents
into pixels. Every number drawn comes in the order in which diffusers draws it for one picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

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
from torch import Tensor, nn
from transformers import CLIPTextModelWithProjection, CLIPTokenizer, CLIPVisionModelWithProjection

from engine.cards import filled
from engine.errors import Overflowed
from engine.kandinsky.movq import MoVQDecoder
from engine.kandinsky.prior import Prefix, Prior
from engine.requests import Request, Sampler
from engine.runtime import samplers
from engine.runtime.caches import Cache, CacheStats
from engine.runtime.cost import tflop
from engine.runtime.denoising import Denoiser, Denoising, Noise
from engine.runtime.device import Device
from engine.runtime.stages import Stage, Way

SCALE = 8  # pixels a latent
ROUND = 64  # the decoder works at multiples of this many pixels
PREVIEW_SIDE = {"cpu": 8, "cuda": 32}  # latents; larger ones are shrunk before a preview
PRIOR_ROWS = 8  # of the prior that are worth a lane of the CPU
PIXEL_ROWS = 4  # of a batch that MoVQ's pass of one picture counts for

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


class Kandinsky22:
    """The networks of one 2.2 model on one device."""

    def __init__(self, folder: Path, device: Device, cache_limit: int) -> None:
        """`cache_limit` in bytes, for what was computed before; 0 turns the caches off."""
        self._device = device
        prior, decoder = folder / "prior", folder / "decoder"
        network: PriorTransformer = _load(PriorTransformer, prior / "prior", device)
        self._prior = PriorNetwork(
            device, network, UnCLIPScheduler.from_pretrained(prior / "scheduler", **_LOCAL)
        )
        self._reader = Reader(
            device,
            CLIPTokenizer.from_pretrained(prior / "tokenizer", **_LOCAL),
            _load(CLIPTextModelWithProjection, prior / "text_encoder", device),
            self._prior.prior,
            cache_limit // 2,
        )
        self.decoder = DecoderNetwork(
            device,
            _load(UNet2DConditionModel, decoder / "unet", device),
            DDPMScheduler.from_pretrained(decoder / "scheduler", **_LOCAL),
        )
        self._movq = MoVQ(device, _load(VQModel, decoder / "movq", device))
        self._embeddings: Cache[_Imagined] = Cache(cache_limit // 2, _Imagined.bytes)
        self.width = int(network.config.embedding_dim)
        self._nothing = self._embedding_of_nothing(prior / "image_encoder")

    def _embedding_of_nothing(self, folder: Path) -> Tensor:
        """The embedding (1, E) of the all-zero picture: the decoder's condition when unguided.

        It is a constant, so the vision encoder is let go at once.
        """
        vision = _load(CLIPVisionModelWithProjection, folder, self._device)
        side = vision.config.image_size
        zeros = torch.zeros(1, 3, side, side, device=self._device.torch, dtype=self._device.dtype)
        with torch.inference_mode():
            embedding: Tensor = vision(zeros).image_embeds
        return embedding

    def stats(self) -> dict[str, CacheStats]:
        """How the caches served so far, by name."""
        return {"prompts": self._reader.cache.stats(), "embeddings": self._embeddings.stats()}

    def forget(self) -> None:
        """Empty the caches, to make room."""
        self._reader.cache.clear()
        self._embeddings.clear()

    def paint(self, request: Request, index: int) -> Way[Pixels]:
        """Picture `index` of a resolved request: its pixels (H, W, 3)."""
        noise = Noise(filled(request.seed) + index, self._device)
        toward, away = yield from self.imagine(request, noise)
        latents = yield from self._decode(request, toward, away, noise)
        pixels = yield from self._movq.show(latents)
        return _cut(pixels, filled(request.width), filled(request.height))

    def imagine(self, request: Request, noise: Noise) -> Way[tuple[Tensor, Tensor]]:
        """The embeddings (1, E) to paint and to steer away from."""
        against = request.negative_decoder_prompt
        key = (
            *(request.prompt, request.negative_prompt, against),
            *(request.prior_steps, request.prior_guidance, noise.generator.initial_seed()),
        )
        found = self._embeddings.get(key)
        if found is None:
            prompts = [request.prompt] + ([against] if against else [])
            prefixes = yield from self._reader.read([*prompts, request.negative_prompt])
            guided = filled(request.prior_guidance) > 1
            stage = self._prior.stage(
                request,
                noise,
                toward=prefixes[:-1],
                away=prefixes[-1:] * len(prompts) if guided else None,
            )
            yield stage
            found = _Imagined(self._prior.prior.finish(stage.x), noise.generator.get_state())
            if found.embeddings.isfinite().all():
                self._embeddings.put(key, found)
        noise.generator.set_state(found.state)
        embeddings = found.embeddings
        return embeddings[:1], embeddings[1:] if against else self._nothing

    def _decode(self, request: Request, toward: Tensor, away: Tensor, noise: Noise) -> Way[Tensor]:
        """The latents (1, 4, h, w)."""
        stage = self.decoder.stage(request, noise, toward, away)
        yield stage
        return stage.x

    @torch.inference_mode()
    def preview(self, clean: Tensor) -> Image.Image:
        """A small picture of predicted clean latents (4, h, w)."""
        clean = clean[None].to(self._device.dtype)
        shrink = -(-max(clean.shape[-2:]) // PREVIEW_SIDE[self._device.torch.type])
        if shrink > 1:
            clean = F.avg_pool2d(clean, shrink, ceil_mode=True)
        return Image.fromarray(_pixels(self._movq.decode(clean))[0])


@dataclass(frozen=True, slots=True)
class _Imagined:
    """What the prior gave, (P, E), and the state of the picture's generator after it."""

    embeddings: Tensor
    state: Tensor

    def bytes(self) -> int:
        return self.embeddings.nbytes + self.state.nbytes


@dataclass(slots=True, eq=False, kw_only=True)
class Reading(Stage):
    prompts: list[str]
    prefixes: list[Prefix]


class Reader:
    """Prompts to what the prior needs of them; the text encoder and the prior's first tokens."""

    def __init__(
        self,
        device: Device,
        tokenizer: CLIPTokenizer,
        encoder: CLIPTextModelWithProjection,
        prior: Prior,
        cache_limit: int,
    ) -> None:
        self._device, self._tokenizer, self._encoder, self._prior = (
            device,
            tokenizer,
            encoder,
            prior,
        )
        self.cache: Cache[Prefix] = Cache(cache_limit, lambda prefix: prefix.bytes)
        weights = sum(one.numel() for net in (encoder, prior) for one in net.parameters())
        self._cost = 2e-12 * weights * tokenizer.model_max_length
        with torch.inference_mode():
            self._empty = self._read([""])[""]

    def read(self, prompts: list[str]) -> Way[list[Prefix]]:
        """One prefix a prompt."""
        stage = Reading(
            network=self, group=self, rows=1, cost=self._cost, prompts=prompts, prefixes=[]
        )
        yield stage
        return stage.prefixes

    def advance(self, stages: Sequence[Reading]) -> None:
        """Every prompt once, however many ask for it."""
        asked = dict.fromkeys(prompt for stage in stages for prompt in stage.prompts if prompt)
        found = {prompt: self.cache.get(prompt) for prompt in asked}
        known = {prompt: prefix for prompt, prefix in found.items() if prefix is not None}
        unread = [prompt for prompt in asked if prompt not in known]
        if self._device.deterministic:  # the last bits depend on what else is read
            new = {prompt: self._read([prompt])[prompt] for prompt in unread}
        else:
            new = self._read(unread)
        for prompt, prefix in new.items():
            self.cache.put(prompt, prefix)
        known |= new | {"": self._empty}
        for stage in stages:
            stage.prefixes = [known[prompt] for prompt in stage.prompts]
            stage.step += 1

    def _read(self, prompts: list[str]) -> dict[str, Prefix]:
        if not prompts:
            return {}
        made = self._tokenizer(
            prompts,
            padding="max_length",
            max_length=self._tokenizer.model_max_length,
            truncation=True,
            return_tensors="pt",
        ).to(self._device.torch)
        with self._device.timed():
            output = self._encoder(made.input_ids)
            prefix = self._prior.read(
                output.text_embeds, output.last_hidden_state, made.attention_mask.bool()
            )
        return dict(zip(prompts, prefix, strict=True))


class PriorNetwork(Denoiser):
    """The diffusion prior; a condition is the prefix of a prompt."""

    def __init__(
        self, device: Device, network: PriorTransformer, scheduler: UnCLIPScheduler
    ) -> None:
        self._device = device
        self._width = network.config.embedding_dim
        self._cost = 2e-12 * 3 * sum(one.numel() for one in network.parameters())
        self.prior = Prior(network)
        self._table = cache(lambda steps: samplers.prior_table(scheduler, steps))
        with torch.inference_mode():
            nobody = torch.zeros(2, self._width, device=device.torch, dtype=device.dtype)
            tokens = network.config.num_embeddings
            hidden = nobody.new_zeros(2, tokens, self._width)
            mask = torch.ones(2, tokens, dtype=torch.bool, device=device.torch)
            prefix = self.prior.read(nobody, hidden, mask)
            times = torch.zeros(2, dtype=torch.long, device=device.torch)
            self._forward = device.traced(
                self.prior, nobody, times, prefix.keys, prefix.values, prefix.mask
            )
        self._stacked: tuple[list[Prefix], Prefix] = ([], prefix)

    def stage(
        self, request: Request, noise: Noise, toward: list[Prefix], away: list[Prefix] | None
    ) -> Denoising:
        table = self._table(filled(request.prior_steps))
        rows = len(toward) * (1 if away is None else 2)
        return Denoising(
            network=self,
            group=self,
            rows=rows,
            cost=rows * self._cost,
            steps=len(table),
            numbers=table.guided(filled(request.prior_guidance), self._device.torch),
            x=noise.draw((len(toward), self._width)),
            drawn=noise.draw((table.draws, len(toward), self._width)),
            toward=toward,
            away=away,
        )

    def predict(self, x: Tensor, times: Tensor, conditions: list[Prefix]) -> tuple[Tensor, None]:
        known, prefix = self._stacked
        if len(known) != len(conditions) or any(map(_differ, known, conditions)):
            prefix = Prefix.stack(conditions)
            self._stacked = conditions, prefix
        out = self._device.run(
            self._forward,
            *(x.to(self._device.dtype), times, prefix.keys, prefix.values, prefix.mask),
            least=PRIOR_ROWS,
        )
        return out.float(), None


class DecoderNetwork(Denoiser):
    """The UNet; a condition is the embedding (1, E) of a picture."""

    def __init__(
        self, device: Device, unet: UNet2DConditionModel, scheduler: DDPMScheduler
    ) -> None:
        self._device = device
        self._config = unet.config
        self.threshold = samplers.Threshold.of(scheduler)
        self._table = cache(
            lambda sampler, steps: samplers.decoder_table(scheduler, sampler, steps)
        )
        example = (one.to(device.torch) for one in _example(unet.config, 2, 8, 8, device.dtype))
        self._forward = device.traced(_Conditioned(unet), *example)
        self._cost = cache(self._count)

    def stage(self, request: Request, noise: Noise, toward: Tensor, away: Tensor) -> Denoising:
        guided = filled(request.guidance) > 1
        h, w = (_rounded(filled(side)) // SCALE for side in (request.height, request.width))
        sampler: Sampler = filled(request.sampler)
        table = self._table(sampler, filled(request.steps))
        rows = 2 if guided else 1
        return Denoising(
            network=self,
            group=(self, h, w),
            rows=rows,
            cost=rows * self._cost(h, w),
            steps=len(table),
            numbers=table.guided(filled(request.guidance), self._device.torch),
            brief=False,
            x=noise.draw((1, 4, h, w)),
            drawn=noise.draw((table.draws, 1, 4, h, w)),
            toward=[toward],
            away=[away] if guided else None,
        )

    def predict(self, x: Tensor, times: Tensor, conditions: list[Tensor]) -> tuple[Tensor, Tensor]:
        dtype = self._device.dtype
        embeddings = torch.cat(conditions).to(dtype)
        out = self._device.run(self._forward, x.to(dtype), times, embeddings).float()
        return out[:, :4], out[:, 4:]

    def _count(self, h: int, w: int) -> float:
        """TFLOP of one row."""
        with torch.device("meta"):
            unet = _Conditioned(UNet2DConditionModel.from_config(self._config)).eval()
            return tflop(unet, *_example(self._config, 1, h, w))


class _Conditioned(nn.Module):
    """The UNet as a function of tensors alone."""

    def __init__(self, unet: UNet2DConditionModel) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, x: Tensor, times: Tensor, embeddings: Tensor) -> Tensor:
        """(R, 4, h, w), (R,) and (R, E) to (R, 8, h, w)."""
        out: Tensor = self.unet(
            x,
            times,
            encoder_hidden_states=None,
            added_cond_kwargs={"image_embeds": embeddings},
            return_dict=False,
        )[0]
        return out


def _example(
    config: Any, rows: int, h: int, w: int, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor, Tensor]:
    """What a conditioned UNet takes, all zeros."""
    return (
        torch.zeros(rows, config.in_channels, h, w, dtype=dtype),
        torch.zeros(rows, dtype=torch.long),
        torch.zeros(rows, config.encoder_hid_dim, dtype=dtype),
    )


@dataclass(slots=True, eq=False, kw_only=True)
class Showing(Stage):
    latents: Tensor  # (1, 4, h, w)
    pixels: Pixels | None = None  # (8h, 8w, 3); none where a number was not finite


class MoVQ:
    """Latents to pixels."""

    def __init__(self, device: Device, model: VQModel) -> None:
        self._device = device
        self._config = model.config
        decoder = MoVQDecoder(model)
        example = torch.zeros(1, 4, 8, 8, device=device.torch, dtype=device.dtype)
        self._forward = device.traced(decoder, example)
        self._cost = cache(self._count)

    def show(self, latents: Tensor) -> Way[Pixels]:
        """The pixels (8h, 8w, 3) of latents (1, 4, h, w). Raises Overflowed."""
        h, w = latents.shape[-2:]
        stage = Showing(
            network=self,
            group=(self, h, w),
            rows=PIXEL_ROWS,
            cost=self._cost(h, w),
            latents=latents,
        )
        yield stage
        if stage.pixels is None:
            raise Overflowed()
        return stage.pixels

    def advance(self, stages: Sequence[Showing]) -> None:
        latents = torch.cat([stage.latents for stage in stages])
        decoded = self.decode(latents.to(self._device.dtype))
        finite = decoded.isfinite().flatten(1).all(dim=1).tolist()
        for stage, whole, pixels in zip(stages, finite, _pixels(decoded), strict=True):
            stage.pixels = pixels if whole else None
            stage.step += 1

    def decode(self, latents: Tensor) -> Tensor:
        """(N, 4, h, w) to (N, 3, 8h, 8w) in [-1, 1]; on a CPU one by one: more do not pay."""
        return self._device.run(self._forward, latents, most=1)

    def _count(self, h: int, w: int) -> float:
        """TFLOP of one picture."""
        with torch.device("meta"):
            return tflop(MoVQDecoder(VQModel.from_config(self._config)), torch.zeros(1, 4, h, w))


_LOCAL = {"local_files_only": True}


def _load(kind: Any, folder: Path, device: Device) -> Any:
    """One network of that class, ready on the device; safetensors only, from this disk only."""
    network = kind.from_pretrained(folder, dtype=device.dtype, use_safetensors=True, **_LOCAL)
    return device.place(network)


def _pixels(decoded: Tensor) -> Pixels:
    """(N, 3, H, W) in [-1, 1] to (N, H, W, 3) in 0..255."""
    pixels = ((decoded.float() * 0.5 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    found: Pixels = pixels.permute(0, 2, 3, 1).cpu().numpy()
    return found


def _cut(pixels: Pixels, width: int, height: int) -> Pixels:
    """The middle of a picture (H, W, 3), of the size that was asked for."""
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return np.ascontiguousarray(pixels[top : top + height, left : left + width])


def _differ(one: object, other: object) -> bool:
    return one is not other


def _rounded(side: int) -> int:
    return -(-side // ROUND) * ROUND
