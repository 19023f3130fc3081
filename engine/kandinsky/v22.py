"""Kandinsky 2.2: text encoder, diffusion prior, decoder UNet and MoVQ (paper: 2310.03502).

The prior turns a caption into the embedding of a picture (UnCLIP, predicts the sample), the
decoder paints latents from that embedding (predicts noise, learned variance), MoVQ turns latents
into pixels. Every number drawn comes in the order in which diffusers draws it for one picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    PriorTransformer,
    UnCLIPScheduler,
    VQModel,
)
from PIL import Image
from torch import Tensor
from transformers import CLIPTextModelWithProjection, CLIPTokenizer

from engine import canvas
from engine.canvas import Mask, Window
from engine.cards import filled
from engine.kandinsky.decoder import DecoderNetwork
from engine.kandinsky.depth import DepthEstimator
from engine.kandinsky.pictures import SCALE, MoVQ, Pixels, cut, load
from engine.kandinsky.prior import Prefix, Prior, PriorNetwork
from engine.kandinsky.vision import Vision
from engine.requests import (
    DepthGuided,
    ImageToImage,
    Inpaint,
    Mix,
    Outpaint,
    Request,
    Variations,
)
from engine.runtime.caches import Cache
from engine.runtime.denoising import Noise
from engine.runtime.device import Device
from engine.runtime.stages import Stage, Way
from engine.styles import styled


class Kandinsky22:
    """The networks of one 2.2 model on one device."""

    def __init__(
        self,
        folder: Path,
        device: Device,
        cache_limit: int,
        side_limit: int,
        depth_model: Path | None = None,
    ) -> None:
        """`cache_limit` in bytes, for what was computed before; 0 turns the caches off.

        `side_limit` in pixels is what the decoder sees at most of a picture to be edited.
        `depth_model` is the folder of a model that estimates depth, where one is at hand.
        """
        self._device = device
        self._folder = folder
        self._side_limit = side_limit
        prior, decoder = folder / "prior", folder / "decoder"
        share = cache_limit // 5
        network: PriorTransformer = load(PriorTransformer, prior / "prior", device)
        self.width = int(network.config.embedding_dim)
        self._prior = PriorNetwork(
            device, network, UnCLIPScheduler.from_pretrained(prior / "scheduler", **_LOCAL)
        )
        self._reader = Reader(
            device,
            CLIPTokenizer.from_pretrained(prior / "tokenizer", **_LOCAL),
            load(CLIPTextModelWithProjection, prior / "text_encoder", device),
            self._prior.prior,
            share,
        )
        self.decoder = DecoderNetwork(device, decoder)
        self._movq = MoVQ(device, load(VQModel, decoder / "movq", device), share)
        self._vision = Vision(device, prior, share)
        self._estimator = DepthEstimator(device, depth_model or folder, share)
        self._nothing = self._vision.nothing()
        self._embeddings: Cache[_Imagined] = Cache(share, _Imagined.bytes)
        self.caches: dict[str, Cache[Any]] = {
            "prompts": self._reader.cache,
            "embeddings": self._embeddings,
            "pictures": self._vision.cache,
            "latents": self._movq.cache,
            "depths": self._estimator.cache,
        }

    @cached_property
    def _inpainter(self) -> DecoderNetwork:
        """The decoder that sees what is kept, loaded on first use."""
        return DecoderNetwork(self._device, self._folder / "decoder-inpaint")

    @cached_property
    def _follower(self) -> DecoderNetwork:
        """The decoder that follows a depth map (ControlNet), loaded on first use."""
        return DecoderNetwork(self._device, self._folder / "decoder-controlnet")

    def preview(self, clean: Tensor) -> Image.Image:
        """A small picture of predicted clean latents (4, h, w)."""
        return self._movq.preview(clean)

    def paint(self, request: Request, index: int) -> Way[Pixels]:
        """Picture `index` of a resolved request: its pixels (H, W, 3)."""
        noise = Noise(filled(request.seed) + index, self._device)
        toward, away = yield from self.meaning(request, noise)
        match request:
            case ImageToImage():
                return (yield from self._change(request, toward, away, noise))
            case Inpaint():
                picture, mask = request.picture.picture(), request.mask.picture("L")
                hole = canvas.from_luminance(mask, threshold=1)
                return (yield from self._fill(request, picture, hole, toward, away, noise))
            case Outpaint():
                size = filled(request.width), filled(request.height)
                frame = Window(request.left, request.top, *size)
                picture, hole = canvas.place(request.picture.picture(), frame)
                return (yield from self._fill(request, picture, hole, toward, away, noise))
        latents = yield from self._decode(request, noise, toward, away, _latent_size(request))
        return cut((yield from self._movq.show(latents)), *_size(request))

    def meaning(self, request: Request, noise: Noise) -> Way[tuple[Tensor, Tensor]]:
        """The embeddings (1, E) to paint and to steer away from."""
        match request:
            case Mix():
                return (yield from self._mixed(request, noise))
            case Variations():
                seen = yield from self._vision.see(request.picture.picture())
            case ImageToImage() | Inpaint() | Outpaint() if not styled(request).prompt:
                seen = yield from self._vision.see(request.picture.picture())
            case _:
                return (yield from self.imagine(request, noise))
        return seen, (yield from self._against(request, noise))

    def imagine(self, request: Request, noise: Noise) -> Way[tuple[Tensor, Tensor]]:
        """What the prompt and the decoder's negative prompt stand for."""
        prompt, negative, against = styled(request)
        prompts = [prompt] + ([against] if against else [])
        found = yield from self._imagined(request, noise, prompts, negative)
        return found[:1], found[1:] if against else self._nothing

    def _against(self, request: Request, noise: Noise) -> Way[Tensor]:
        """What the decoder's negative prompt stands for; nothing, without one."""
        _, negative, against = styled(request)
        if not against:
            return self._nothing
        return (yield from self._imagined(request, noise, [against], negative))

    def _mixed(self, request: Mix, noise: Noise) -> Way[tuple[Tensor, Tensor]]:
        """The weighted sum of the parts, as the prior pipeline's `interpolate` makes it.

        There each text takes the negative prompt with it into the prior, and the decoder's
        negative prompt passes through the prior last, if only to draw its numbers.
        """
        _, negative, against = styled(request)
        beside = [negative] if negative else []
        total = torch.zeros_like(self._nothing)
        for part in request.parts:
            if part.picture is not None:
                found = yield from self._vision.see(part.picture.picture())
            else:
                found = yield from self._imagined(request, noise, [part.words, *beside], negative)
            total = total + part.weight * found[:1]
        away = yield from self._imagined(request, noise, [against, *beside], negative)
        return total, away[:1] if against else self._nothing

    def _imagined(
        self, request: Request, noise: Noise, prompts: list[str], negative: str
    ) -> Way[Tensor]:
        """The prior's embeddings (P, E) of these prompts, from the cache if they are there."""
        settings = negative, request.prior_steps, request.prior_guidance
        key = (*prompts, settings, noise.place())
        found = self._embeddings.get(key)
        if found is None:
            prefixes = yield from self._reader.read([*prompts, negative])
            guided = filled(request.prior_guidance) > 1
            away = prefixes[-1:] * len(prompts) if guided else None
            stage = self._prior.stage(request, noise, prefixes[:-1], away)
            yield stage
            found = _Imagined(self._prior.prior.finish(stage.x), noise.generator.get_state())
            if found.embeddings.isfinite().all():
                self._embeddings.put(key, found)
        noise.generator.set_state(found.state)
        return found.embeddings

    def _decode(
        self,
        request: Request,
        noise: Noise,
        toward: Tensor,
        away: Tensor,
        start: Tensor | tuple[int, int],
    ) -> Way[Tensor]:
        """The latents; `start` is their size, or those (1, 4, h, w) to begin from."""
        decoder, hint = self.decoder, None
        if isinstance(request, DepthGuided) and request.scene:
            decoder = self._follower
            hint = decoder.hinted((yield from self._depth(request)))
        told = decoder.condition(toward), decoder.condition(away)
        stage = decoder.stage(request, noise, *told, start, hint=hint)
        yield stage
        return stage.x

    def _depth(self, request: DepthGuided) -> Way[Tensor]:
        """The depth map to follow, (1, 3, H, W) in 0..1, at the size that is worked on."""
        if request.depth is not None:
            depth = request.depth.picture("L")
        else:
            depth = yield from self._estimator.see(filled(request.depth_of).picture())
        depth = canvas.pad(canvas.fit(depth.convert("RGB"), *_size(request)))
        return torch.from_numpy(np.array(depth)).permute(2, 0, 1)[None].float() / 255

    def _change(
        self, request: ImageToImage, toward: Tensor, away: Tensor, noise: Noise
    ) -> Way[Pixels]:
        """Image to image: from the picture's latents with noise, the last part of the steps."""
        picture = canvas.fit(request.picture.picture(), *_size(request))
        latents = yield from self._movq.encode(canvas.pad(picture))
        latents = yield from self._decode(request, noise, toward, away, latents)
        return cut((yield from self._movq.show(latents)), *_size(request))

    def _fill(
        self,
        request: Request,
        picture: Image.Image,
        hole: Mask,
        toward: Tensor,
        away: Tensor,
        noise: Noise,
    ) -> Way[Pixels]:
        """Inpainting: the picture with its hole painted, at the size of the picture.

        The model works on the surroundings of the hole, at a size it can; the rest is kept.
        """
        view = canvas.focus(hole, self._side_limit)
        seen, missing = canvas.pad(view.cut(picture)), canvas.pad_mask(view.cut_mask(hole))
        pixels = yield from self.repaint(request, seen, missing, toward, away, noise)
        painted = canvas.unpad(Image.fromarray(pixels), view.width, view.height)
        return np.asarray(view.put(picture, painted, hole))

    def repaint(
        self,
        request: Request,
        picture: Image.Image,
        hole: Mask,
        toward: Tensor,
        away: Tensor,
        noise: Noise,
    ) -> Way[Pixels]:
        """What the inpainting decoder makes of a picture whose sides are multiples of 64.

        As in diffusers, the kept side has been through MoVQ, and is no longer quite as it was.
        """
        latents = yield from self._movq.encode(picture)
        mask = canvas.latent_mask(hole, *latents.shape[-2:])
        stays = torch.from_numpy(mask)[None, None].to(latents)
        told = self._inpainter.condition(toward), self._inpainter.condition(away)
        stage = self._inpainter.stage(request, noise, *told, latents, stays)
        yield stage
        latents = stays * latents + (1 - stays) * stage.x
        return (yield from self._movq.show(latents))


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


_LOCAL = {"local_files_only": True}


def _size(request: Request) -> tuple[int, int]:
    """(width, height) in pixels."""
    return filled(request.width), filled(request.height)


def _latent_size(request: Request) -> tuple[int, int]:
    """(h, w) of what is worked on for the asked size."""
    width, height = (canvas.rounded(side) // SCALE for side in _size(request))
    return height, width
