"""Kandinsky 2.1: prior, multilingual text encoder, decoder UNet and MoVQ (paper: 2310.03502).

As in 2.2, the prior turns a caption into the embedding of a picture; but here the decoder is told
the caption itself, too, through a multilingual CLIP (XLM-R). Where there are no words it is told
the empty text, as users of diffusers do. Every number drawn comes in the order in which diffusers
draws it for one picture.

The negative prompt guides inside the prior. The decoder steers away from its own negative prompt:
from the text, and from what the prior makes of it; without one, from the empty text and picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from diffusers import PriorTransformer, UnCLIPScheduler, VQModel
from diffusers.pipelines.kandinsky.text_encoder import MultilingualCLIP
from PIL import Image
from torch import Tensor, nn
from transformers import CLIPTextModelWithProjection, CLIPTokenizer, XLMRobertaTokenizer

from engine import canvas
from engine.canvas import Mask, Window
from engine.cards import filled
from engine.kandinsky.decoder import Condition, DecoderNetwork
from engine.kandinsky.pictures import SCALE, MoVQ, Pixels, cut, load
from engine.kandinsky.prior import Prefix, Prior, PriorNetwork
from engine.kandinsky.vision import Vision
from engine.requests import ImageToImage, Inpaint, Mix, Outpaint, Request, Sampler, Variations
from engine.runtime.caches import Cache
from engine.runtime.denoising import Noise
from engine.runtime.device import Device
from engine.runtime.stages import Stage, Way
from engine.styles import styled

TOKENS = 77  # of a prompt that the decoder is told
TIMES = 1000  # steps of the training schedule

Value = TypeVar("Value")


class Kandinsky21:
    """The networks of one 2.1 model on one device."""

    def __init__(self, folder: Path, device: Device, cache_limit: int, side_limit: int) -> None:
        """`folder` holds the published repositories: 2-1-prior as `prior`, 2-1 as `decoder`, and
        of 2-1-inpaint `unet` and `scheduler` in `decoder-inpaint`.

        `cache_limit` in bytes, for what was computed before; 0 turns the caches off. `side_limit`
        in pixels is what the decoder sees at most of a picture to be edited.
        """
        self._device = device
        self._folder = folder
        self._side_limit = side_limit
        prior, decoder = folder / "prior", folder / "decoder"
        share = cache_limit // 5
        network: PriorTransformer = load(PriorTransformer, prior / "prior", device)
        self._prior = PriorNetwork(
            device, network, UnCLIPScheduler.from_pretrained(prior / "scheduler", **_LOCAL)
        )
        self._prefixes = Reader(
            device, Clip(device, prior, self._prior.prior), Cache(share, lambda one: one.bytes)
        )
        self.words = Reader(device, Multilingual(device, decoder), Cache(share, Said.bytes))
        self.decoders = self._by_sampler(decoder)
        self._movq = MoVQ(device, load(VQModel, decoder / "movq", device), share)
        self._vision = Vision(device, prior, share)
        self._nothing = self._vision.nothing()
        self._embeddings: Cache[_Imagined] = Cache(share, _Imagined.bytes)
        self.caches: dict[str, Cache[Any]] = {
            "prompts": self._prefixes.cache,
            "words": self.words.cache,
            "embeddings": self._embeddings,
            "pictures": self._vision.cache,
            "latents": self._movq.cache,
        }

    @cached_property
    def _inpainters(self) -> dict[Sampler, DecoderNetwork]:
        """The decoder that sees what is kept, loaded on first use."""
        return self._by_sampler(self._folder / "decoder-inpaint")

    def _by_sampler(self, folder: Path) -> dict[Sampler, DecoderNetwork]:
        """A decoder for each sampler; one UNet for all.

        Its `scheduler` is made for DDIM. For DDPM the model was published with a second one that
        knows the variance which the UNet learned, and clips; without that, DDPM does neither.
        """
        network = DecoderNetwork(self._device, folder)
        own = self._folder / "decoder" / "ddpm_scheduler"
        ancestral = network.scheduled(own) if own.is_dir() else network
        return {"ddim": network, "dpm++": network, "ddpm": ancestral}

    def preview(self, clean: Tensor) -> Image.Image:
        """A small picture of predicted clean latents (4, h, w)."""
        return self._movq.preview(clean)

    def paint(self, request: Request, index: int) -> Way[Pixels]:
        """Picture `index` of a resolved request: its pixels (H, W, 3)."""
        request = request.model_copy(update=styled(request)._asdict())
        noise = Noise(filled(request.seed) + index, self._device)
        told = yield from self.tell(request, noise)
        match request:
            case ImageToImage():
                return (yield from self._change(request, told, noise))
            case Inpaint():
                picture, mask = request.picture.picture(), request.mask.picture("L")
                hole = canvas.from_luminance(mask, threshold=1)
                return (yield from self._fill(request, picture, hole, told, noise))
            case Outpaint():
                frame = Window(request.left, request.top, *_size(request))
                picture, hole = canvas.place(request.picture.picture(), frame)
                return (yield from self._fill(request, picture, hole, told, noise))
        stage = told.network.stage(request, noise, told.toward, told.away, _latent_size(request))
        yield stage
        return cut((yield from self._movq.show(stage.x)), *_size(request))

    def tell(self, request: Request, noise: Noise) -> Way[Told]:
        """The request's decoder, and its two conditions: pictures first, then the texts."""
        image_embeds = yield from self.meaning(request, noise)
        prompt = "" if isinstance(request, Mix | Variations) else request.prompt
        words = yield from self.words.read([prompt, request.negative_decoder_prompt])
        inpaints = isinstance(request, Inpaint | Outpaint)
        network = (self._inpainters if inpaints else self.decoders)[filled(request.sampler)]
        toward, away = (
            network.condition(seen, said.embedding, said.hidden)
            for seen, said in zip(image_embeds, words, strict=True)
        )
        return Told(network, toward, away)

    def meaning(self, request: Request, noise: Noise) -> Way[tuple[Tensor, Tensor]]:
        """The embeddings (1, E) of pictures to paint and to steer away from."""
        match request:
            case Mix():
                return (yield from self._mixed(request, noise))
            case Variations():
                seen = yield from self._vision.see(request.picture.picture())
            case ImageToImage() | Inpaint() | Outpaint() if not request.prompt:
                seen = yield from self._vision.see(request.picture.picture())
            case _:
                return (yield from self._imagine(request, noise))
        return seen, (yield from self._against(request, noise))

    def _imagine(self, request: Request, noise: Noise) -> Way[tuple[Tensor, Tensor]]:
        """What the prompt and the decoder's negative prompt stand for."""
        against = request.negative_decoder_prompt
        prompts = [request.prompt] + ([against] if against else [])
        found = yield from self._imagined(request, noise, prompts)
        return found[:1], found[1:] if against else self._nothing

    def _against(self, request: Request, noise: Noise) -> Way[Tensor]:
        """What the decoder's negative prompt stands for; nothing, without one."""
        if not request.negative_decoder_prompt:
            return self._nothing
        return (yield from self._imagined(request, noise, [request.negative_decoder_prompt]))

    def _mixed(self, request: Mix, noise: Noise) -> Way[tuple[Tensor, Tensor]]:
        """The weighted sum of the parts, as the prior pipeline's `interpolate` makes it.

        There each text takes the negative prompt with it into the prior, and the decoder's
        negative prompt passes through the prior last, if only to draw its numbers. Where only the
        prior has a negative prompt, `interpolate` gives it to the decoder, too; here it does not.
        """
        beside = [request.negative_prompt] if request.negative_prompt else []
        total = torch.zeros_like(self._nothing)
        for part in request.parts:
            if part.picture is not None:
                found = yield from self._vision.see(part.picture.picture())
            else:
                found = yield from self._imagined(request, noise, [part.words, *beside])
            total = total + part.weight * found[:1]
        against = request.negative_decoder_prompt
        away = yield from self._imagined(request, noise, [against, *beside])
        return total, away[:1] if against else self._nothing

    def _imagined(self, request: Request, noise: Noise, prompts: list[str]) -> Way[Tensor]:
        """The prior's embeddings (P, E) of these prompts, from the cache if they are there."""
        settings = request.negative_prompt, request.prior_steps, request.prior_guidance
        key = (*prompts, settings, noise.place())
        found = self._embeddings.get(key)
        if found is None:
            prefixes = yield from self._prefixes.read([*prompts, request.negative_prompt])
            guided = filled(request.prior_guidance) > 1
            away = prefixes[-1:] * len(prompts) if guided else None
            stage = self._prior.stage(request, noise, prefixes[:-1], away)
            yield stage
            found = _Imagined(self._prior.prior.finish(stage.x), noise.generator.get_state())
            if found.embeddings.isfinite().all():
                self._embeddings.put(key, found)
        noise.generator.set_state(found.state)
        return found.embeddings

    def _change(self, request: ImageToImage, told: Told, noise: Noise) -> Way[Pixels]:
        """Image to image: from the picture's latents with noise, the last part of the steps."""
        picture = canvas.fit(request.picture.picture(), *_size(request))
        latents = yield from self._movq.encode(canvas.pad(picture))
        stage = told.network.stage(
            *(request, noise, told.toward, told.away, latents),
            amounts=_amounts(filled(request.strength)),
        )
        yield stage
        return cut((yield from self._movq.show(stage.x)), *_size(request))

    def _fill(
        self, request: Request, picture: Image.Image, hole: Mask, told: Told, noise: Noise
    ) -> Way[Pixels]:
        """Inpainting: the picture with its hole painted, at the size of the picture.

        The model works on the surroundings of the hole, at a size it can; the rest is kept.
        """
        view = canvas.focus(hole, self._side_limit)
        seen, missing = canvas.pad(view.cut(picture)), canvas.pad_mask(view.cut_mask(hole))
        pixels = yield from self.repaint(request, seen, missing, told, noise)
        painted = canvas.unpad(Image.fromarray(pixels), view.width, view.height)
        return np.asarray(view.put(picture, painted, hole))

    def repaint(
        self, request: Request, picture: Image.Image, hole: Mask, told: Told, noise: Noise
    ) -> Way[Pixels]:
        """What the inpainting decoder makes of a picture whose sides are multiples of 64.

        Unlike 2.2's, it is only shown what is kept, and paints the whole picture.
        """
        latents = yield from self._movq.encode(picture)
        mask = canvas.latent_mask(hole, *latents.shape[-2:])
        stays = torch.from_numpy(mask)[None, None].to(latents)
        stage = told.network.stage(request, noise, told.toward, told.away, latents, stays)
        stage.kept = None
        yield stage
        return (yield from self._movq.show(stage.x))


@dataclass(frozen=True, slots=True)
class Told:
    """A decoder that was told what to paint and what to steer away from."""

    network: DecoderNetwork
    toward: Condition
    away: Condition


@dataclass(frozen=True, slots=True)
class _Imagined:
    """What the prior gave, (P, E), and the state of the picture's generator after it."""

    embeddings: Tensor
    state: Tensor

    def bytes(self) -> int:
        return self.embeddings.nbytes + self.state.nbytes


class TextEncoder(Protocol[Value]):
    """What a network makes of prompts, one value each."""

    cost: float  # TFLOP of a prompt

    def read(self, prompts: list[str]) -> list[Value]: ...


class Clip:
    """The prior's text encoder with the first tokens of the prior."""

    def __init__(self, device: Device, folder: Path, prior: Prior) -> None:
        """`folder` holds `tokenizer` and `text_encoder`."""
        self._device, self._prior = device, prior
        self._tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer", **_LOCAL)
        self._encoder = load(CLIPTextModelWithProjection, folder / "text_encoder", device)
        tokens = self._tokenizer.model_max_length
        self.cost = _tflop_of_weights(tokens, self._encoder, prior)

    def read(self, prompts: list[str]) -> list[Prefix]:
        made = _tokens(self._tokenizer, prompts, self._tokenizer.model_max_length)
        made = made.to(self._device.torch)
        output = self._encoder(made.input_ids)
        return list(
            self._prior.read(
                output.text_embeds, output.last_hidden_state, made.attention_mask.bool()
            )
        )


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What the decoder is told of a prompt: its embedding (1, X) and hidden states (1, T, H).

    Those of padding count, as the decoder is given no mask.
    """

    embedding: Tensor
    hidden: Tensor

    def bytes(self) -> int:
        return self.embedding.nbytes + self.hidden.nbytes


class Multilingual:
    """The decoder's text encoder."""

    def __init__(self, device: Device, folder: Path) -> None:
        """`folder` holds `tokenizer` and `text_encoder`."""
        self._device = device
        self._tokenizer = XLMRobertaTokenizer.from_pretrained(folder / "tokenizer", **_LOCAL)
        self._encoder = load(MultilingualCLIP, folder / "text_encoder", device)
        self.cost = _tflop_of_weights(TOKENS, self._encoder.transformer.encoder)

    def read(self, prompts: list[str]) -> list[Said]:
        made = _tokens(self._tokenizer, prompts, TOKENS).to(self._device.torch)
        found = self._encoder(made.input_ids, made.attention_mask)
        return [Said(*(part[i : i + 1].clone() for part in found)) for i in range(len(prompts))]


@dataclass(slots=True, eq=False, kw_only=True)
class Reading(Stage):
    prompts: list[str]
    found: list[Any]


class Reader(Generic[Value]):
    """A text encoder as the worker's network; what it made of prompts is kept."""

    def __init__(self, device: Device, encoder: TextEncoder[Value], cache: Cache[Value]) -> None:
        self._device, self._encoder, self.cache = device, encoder, cache
        with torch.inference_mode():
            self._empty = self._read([""])[""]

    def read(self, prompts: list[str]) -> Way[list[Value]]:
        """One value a prompt."""
        stage = Reading(
            network=self, group=self, rows=1, cost=self._encoder.cost, prompts=prompts, found=[]
        )
        yield stage
        return stage.found

    def advance(self, stages: Sequence[Reading]) -> None:
        """Every prompt once, however many ask for it."""
        asked = dict.fromkeys(prompt for stage in stages for prompt in stage.prompts if prompt)
        found = {prompt: self.cache.get(prompt) for prompt in asked}
        known = {prompt: value for prompt, value in found.items() if value is not None}
        unread = [prompt for prompt in asked if prompt not in known]
        if self._device.deterministic:  # the last bits depend on what else is read
            new = {prompt: self._read([prompt])[prompt] for prompt in unread}
        else:
            new = self._read(unread)
        for prompt, value in new.items():
            self.cache.put(prompt, value)
        known |= new | {"": self._empty}
        for stage in stages:
            stage.found = [known[prompt] for prompt in stage.prompts]
            stage.step += 1

    def _read(self, prompts: list[str]) -> dict[str, Value]:
        if not prompts:
            return {}
        with self._device.timed():
            return dict(zip(prompts, self._encoder.read(prompts), strict=True))


_LOCAL = {"local_files_only": True}


def _tokens(tokenizer: Any, prompts: list[str], length: int) -> Any:
    return tokenizer(
        prompts, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
    )


def _tflop_of_weights(tokens: int, *networks: nn.Module) -> float:
    return 2e-12 * tokens * sum(one.numel() for net in networks for one in net.parameters())


def _amounts(strength: float) -> tuple[float, float]:
    """Of a picture's latents and of noise, to begin image to image with.

    KandinskyImg2ImgPipeline has this from the original code of 2.1: the schedule is another than
    the samplers', and the time is not that of the first step.
    """
    kept = (1 - torch.linspace(0.0001, 0.02, TIMES)).cumprod(0)[int(TIMES * strength) - 2]
    return float(kept.sqrt()), float((1 - kept).sqrt())


def _size(request: Request) -> tuple[int, int]:
    """(width, height) in pixels."""
    return filled(request.width), filled(request.height)


def _latent_size(request: Request) -> tuple[int, int]:
    """(h, w) of what is worked on for the asked size."""
    width, height = (canvas.rounded(side) // SCALE for side in _size(request))
    return height, width
