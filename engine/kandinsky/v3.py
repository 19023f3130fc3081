"""Kandinsky 3.0 and 3.1: T5 text encoder, UNet and MoVQ (papers: 2312.03511, 2410.21061).

The UNet paints latents straight from the text encoder's hidden states: there is no prior. 3.1 Flash
is the same UNet, distilled to four steps. Every number drawn comes in the order in which diffusers
draws it for one picture, or, where diffusers has nothing, the original code.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler, Kandinsky3UNet, VQModel
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor
from transformers import BitsAndBytesConfig, T5EncoderModel, T5Tokenizer

from engine import canvas
from engine.canvas import Mask, Window
from engine.cards import filled
from engine.kandinsky.pictures import NULL, SCALE, MoVQ, Pixels, cut, files_of_weights, load, read
from engine.kandinsky.v3unet import LATENT, UNet, Words, blank
from engine.requests import ImageToImage, Inpaint, Mode, Outpaint, Request, Sampler
from engine.runtime import samplers
from engine.runtime.caches import Cache
from engine.runtime.cost import tflop
from engine.runtime.denoising import Denoiser, Denoising, Noise, Together
from engine.runtime.device import Device
from engine.runtime.samplers import COLUMNS, Table
from engine.runtime.stages import Stage, Way
from engine.styles import styled

TOKENS = 128  # of a prompt, at most
PIECE = 16  # tokens: prompts that share a pass are filled up to a multiple of this
SIDE = 1024  # pixels that the model sees at most of a picture to be edited
GREY = (128, 128, 128)  # the hole as the inpainting UNet sees it: nearest to 0 of -1..1
FLASH = "flash.json"  # names the times of a folder's UNet, if they are fixed

TextDevice = Literal["same", "cpu", "8-bit"]


class Kandinsky3:
    """The networks of one 3.0 or 3.1 model on one device."""

    def __init__(
        self,
        folder: Path,
        device: Device,
        cache_limit: int,
        side_limit: int = SIDE,
        text_device: TextDevice = "same",
    ) -> None:
        """`cache_limit` in bytes, for what was computed before; 0 turns the caches off.

        `side_limit` in pixels is what the UNet sees at most of a picture to be edited. The text
        encoder, three times as large as the UNet, may stay on the CPU ("cpu"), or be loaded with
        8 bits a number, which is not exact and takes the package bitsandbytes.
        """
        self._device = device
        self._folder = folder
        self._side_limit = side_limit
        share = cache_limit // 4
        self._reader = Reader(device, folder, text_device, 3 * share)
        self._unet = UNetNetwork(device, folder / "unet", folder / "scheduler", times(folder))
        self._movq = MoVQ(device, load(VQModel, folder / "movq", device), share)
        self.modes = modes(folder)
        self.caches: dict[str, Cache[Any]] = {
            "texts": self._reader.texts,
            "words": self._reader.words,
            "latents": self._movq.cache,
        }

    @cached_property
    def _inpainter(self) -> UNetNetwork:
        """The UNet that sees what is kept, loaded on first use."""
        folder = self._folder / "inpaint"
        own = folder / "scheduler"
        scheduler = own if own.is_dir() else self._folder / "scheduler"
        return UNetNetwork(self._device, folder / "unet", scheduler)

    def preview(self, clean: Tensor) -> Image.Image:
        """A small picture of predicted clean latents (4, h, w)."""
        return self._movq.preview(clean)

    def paint(self, request: Request, index: int) -> Way[Pixels]:
        """Picture `index` of a resolved request: its pixels (H, W, 3)."""
        noise = Noise(filled(request.seed) + index, self._device)
        request = request.model_copy(update=styled(request)._asdict())
        match request:
            case Inpaint():
                hole = canvas.from_luminance(request.mask.picture("L"), threshold=1)
                return (yield from self._fill(request, request.picture.picture(), hole, noise))
            case Outpaint():
                frame = Window(request.left, request.top, *_size(request))
                picture, hole = canvas.place(request.picture.picture(), frame)
                return (yield from self._fill(request, picture, hole, noise))
        said = yield from self._reader.read(self._unet, request)
        start: Tensor | tuple[int, ...] = _latent_size(request)
        if isinstance(request, ImageToImage):
            picture = canvas.fit(request.picture.picture(), *_size(request))
            start = yield from self._movq.encode(canvas.pad(picture))
        stage = self._unet.stage(request, noise, said, start)
        yield stage
        return cut((yield from self._movq.show(stage.x)), *_size(request))

    def _fill(
        self, request: Request, picture: Image.Image, hole: Mask, noise: Noise
    ) -> Way[Pixels]:
        """Inpainting: the picture with its hole painted, at the size of the picture.

        The model works on the surroundings of the hole, at a size it can; the rest is kept.
        """
        said = yield from self._reader.read(self._inpainter, request)
        view = canvas.focus(hole, self._side_limit)
        seen = canvas.pad(view.cut(picture))
        mask = canvas.pad_mask(view.cut_mask(hole))
        seen.paste(GREY, mask=Image.fromarray(mask))
        latents = yield from self._movq.encode(seen)
        beside = torch.cat([_kept(mask).to(latents.device), latents], dim=1)
        stage = self._inpainter.stage(request, noise, said, latents.shape[-2:], beside)
        yield stage
        pixels = yield from self._movq.show(stage.x)
        painted = canvas.unpad(Image.fromarray(pixels), view.width, view.height)
        return np.asarray(view.put(picture, painted, hole))


def modes(folder: Path) -> tuple[Mode, ...]:
    """What a model in this folder can do."""
    made: tuple[Mode, ...] = ("text_to_image", "image_to_image")
    edited: tuple[Mode, ...] = ("inpaint", "outpaint")
    return made + edited if (folder / "inpaint" / "unet").is_dir() else made


def times(folder: Path) -> tuple[int, ...] | None:
    """The fixed times of a distilled model; None for one that takes any number of steps."""
    file = folder / FLASH
    return tuple(json.loads(file.read_text())["times"]) if file.is_file() else None


@dataclass(frozen=True, slots=True)
class Said:
    """What the UNet is to paint, and to steer away from if it is guided."""

    toward: Words
    away: Words | None = None


@dataclass(slots=True, eq=False, kw_only=True)
class Reading(Stage):
    unet: UNetNetwork
    texts: list[tuple[str, int]]  # each with the places it is pooled over
    words: list[Words]


class Reader:
    """Prompts to what a UNet needs of them: T5, then the UNet's own projections.

    In a batch, diffusers pools a prompt over the longest one's places, and so paints it otherwise
    than alone. Here it always has the places that it has alone: its tokens, and one more.
    """

    def __init__(
        self, device: Device, folder: Path, text_device: TextDevice, cache_limit: int
    ) -> None:
        self._device = device
        self._tokenizer = T5Tokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
        self._encoder = _text_encoder(folder / "text_encoder", device, text_device)
        self._cost = 2e-12 * TOKENS * sum(one.numel() for one in self._encoder.parameters())
        self.texts: Cache[Tensor] = Cache(cache_limit // 3, lambda hidden: hidden.nbytes)
        self.words: Cache[Words] = Cache(cache_limit * 2 // 3, Words.bytes)

    def read(self, unet: UNetNetwork, request: Request) -> Way[Said]:
        """The words of the prompt and, for a guided picture, of the negative prompt.

        As in diffusers, the negative prompt has the places of the prompt: a longer one is cut off
        there. No negative prompt is nothing said, not the words of "".
        """
        against = request.negative_prompt if unet.guided(request) else ""
        places = min(len(self._tokens([request.prompt]).input_ids[0]) + 1, TOKENS)
        texts = [(text, places) for text in (request.prompt, against)[: 2 if against else 1]]
        found = [self.words.get((unet, *text)) for text in texts]
        words = [one for one in found if one is not None]
        if len(words) < len(texts):
            words = yield from self._read(unet, texts)
        if not unet.guided(request):
            return Said(words[0])
        return Said(words[0], words[1] if against else unet.unsaid)

    def _read(self, unet: UNetNetwork, texts: list[tuple[str, int]]) -> Way[list[Words]]:
        stage = Reading(
            network=self, group=self, rows=1, cost=self._cost, unet=unet, texts=texts, words=[]
        )
        yield stage
        return stage.words

    @torch.inference_mode()
    def advance(self, stages: Sequence[Reading]) -> None:
        """Every text once, however many ask for it."""
        asked = dict.fromkeys((stage.unet, *text) for stage in stages for text in stage.texts)
        hidden = self._hidden(list(dict.fromkeys(text for _, text, _ in asked)))
        with self._device.timed():
            known = {
                (unet, text, places): unet.net.read(hidden[text][:places], places)
                for unet, text, places in asked
            }
        for key, words in known.items():
            self.words.put(key, words)
        for stage in stages:
            stage.words = [known[stage.unet, *text] for text in stage.texts]
            stage.step += 1

    def _hidden(self, texts: list[str]) -> dict[str, Tensor]:
        """The hidden states (T, E) of each text's own tokens."""
        found = {text: self.texts.get(text) for text in texts}
        known = {text: hidden for text, hidden in found.items() if hidden is not None}
        unread = [text for text in texts if text not in known]
        # the last bits depend on what else is encoded
        batches = [[text] for text in unread] if self._device.deterministic else [unread]
        for batch in filter(None, batches):
            for text, hidden in zip(batch, self._encode(batch), strict=True):
                self.texts.put(text, hidden)
                known[text] = hidden
        return known

    def _encode(self, texts: list[str]) -> list[Tensor]:
        tokens = self._tokens(texts, return_tensors="pt").to(self._encoder.device)
        with self._device.timed():
            hidden = self._encoder(tokens.input_ids, attention_mask=tokens.attention_mask)[0]
        hidden = hidden.to(self._device.torch, self._device.dtype)
        masks = tokens.attention_mask.bool().to(self._device.torch)
        return [row[mask] for row, mask in zip(hidden, masks, strict=True)]

    def _tokens(self, texts: list[str], **options: Any) -> Any:
        """Filled up to the longest only: the encoder masks what fills up, so it changes nothing."""
        return self._tokenizer(texts, max_length=TOKENS, truncation=True, padding=True, **options)


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """A row's words and, where it is inpainted, what is kept: mask and latents (1, 5, h, w)."""

    words: Words
    beside: Tensor | None = None


class UNetNetwork(Denoiser):
    """The UNet; with 9 input channels it inpaints, with fixed times it is 3.1 Flash."""

    def __init__(
        self,
        device: Device,
        folder: Path,
        scheduler: Path,
        times: tuple[int, ...] | None = None,
    ) -> None:
        self._device = device
        self._times = times
        network = _network(folder, device)
        self._scheduler = DDPMScheduler.from_pretrained(scheduler, local_files_only=True)
        self.threshold = None if times else samplers.Threshold.of(self._scheduler)
        self.net = UNet(network, _null(folder))
        with torch.inference_mode():
            self.unsaid = self.net.unsaid()
            example = (one.to(device.torch) for one in _example(self.net, 2, 8))
            self._forward = device.traced(self.net, *example)
        self._table = cache(self._tabled)
        self._cost = _tflop(network.config)
        self._together = Together(self._stack)

    def guided(self, request: Request) -> bool:
        return self._times is None and filled(request.guidance) > 1

    def stage(
        self,
        request: Request,
        noise: Noise,
        said: Said,
        start: Tensor | tuple[int, ...],
        beside: Tensor | None = None,
    ) -> Denoising:
        """The way from noise, or from a picture's latents (1, 4, h, w) with noise, to latents.

        `start` is these latents, or the size (h, w) of noise.
        """
        h, w = start.shape[-2:] if isinstance(start, Tensor) else start
        table = self._table(*self._asked(request))
        x = noise.draw((1, LATENT, h, w))
        if isinstance(start, Tensor):
            x = table.image * start + table.noise * x
        elif self._times:
            # the original starts from noise as if that were a picture
            x = table.image * x + table.noise * noise.draw((1, LATENT, h, w))
        rows = 1 if said.away is None else 2
        return Denoising(
            network=self,
            group=(self, h, w),
            rows=rows,
            cost=rows * h * w * self._cost,
            steps=len(table),
            table=table,
            numbers=table.guided(filled(request.guidance) + 1, self._device.torch),
            brief=False,
            x=x,
            drawn=noise.draw((table.draws, 1, LATENT, h, w)),
            toward=[Condition(said.toward, beside)],
            away=[Condition(said.away, beside)] if said.away else None,
        )

    def predict(self, x: Tensor, times: Tensor, conditions: list[Condition]) -> tuple[Tensor, None]:
        pooled, spoken, mask, *beside = self._together.of(conditions)
        x = torch.cat([x.to(self._device.dtype), *beside], dim=1)
        return self._device.run(self._forward, x, times, pooled, spoken, mask).float(), None

    def _stack(self, conditions: list[Condition]) -> tuple[Tensor, ...]:
        words = [one.words for one in conditions]
        longest = max(one.spoken.shape[1] for one in words)
        tokens = TOKENS if self._device.deterministic else -(-longest // PIECE) * PIECE
        kept = [one.beside for one in conditions if one.beside is not None]
        beside = (torch.cat(kept).to(self._device.dtype),) if kept else ()
        return *Words.stack(words, tokens), *beside

    def _asked(self, request: Request) -> tuple[Sampler, int, float]:
        strength = filled(request.strength) if isinstance(request, ImageToImage) else 1.0
        return filled(request.sampler), filled(request.steps), strength

    def _tabled(self, sampler: Sampler, steps: int, strength: float) -> Table:
        if self._times:
            return flash_table(self._scheduler, self._times, strength)
        return samplers.decoder_table(self._scheduler, sampler, steps, strength)


def flash_table(scheduler: DDPMScheduler, times: Sequence[int], strength: float = 1.0) -> Table:
    """The sampler of 3.1 Flash: at each time, the end x0 is predicted anew and noise put on it.

    Source: `p_sample_loop` with `gan` in kandinsky3/model/diffusion.py of ai-forever/Kandinsky-3.
    x0 is not clipped there. With a `strength` below 1 only that share of the times is left.
    """
    start = len(times) - max(1, int(len(times) * strength))
    now = scheduler.alphas_cumprod[list(times[start:])]
    ahead = torch.cat([now[1:], torch.ones(1)])
    columns = {
        "time": torch.tensor(times[start:]).float(),
        "guidance": torch.ones_like(now),
        "clean_by_x": 1 / now.sqrt(),
        "clean_by_out": -((1 - now) / now).sqrt(),
        "clip": torch.full_like(now, torch.inf),
        "by_clean": ahead.sqrt(),
        "low": (1 - ahead).clamp(min=1e-20).log(),
        "draws": (ahead < 1).float(),
    }
    rows = [columns.get(name, torch.zeros_like(now)) for name in COLUMNS]
    amounts = float(now[0].sqrt()), float((1 - now[0]).sqrt())
    return Table(torch.stack(rows, dim=1), len(now) - 1, *amounts)


def _text_encoder(folder: Path, device: Device, text_device: TextDevice) -> T5EncoderModel:
    if text_device == "same":
        return load(T5EncoderModel, folder, device)
    options: dict[str, Any] = {"dtype": device.dtype}
    if text_device == "8-bit":
        if importlib.util.find_spec("bitsandbytes") is None:
            raise ModuleNotFoundError(
                "a text encoder of 8 bits takes the package bitsandbytes: install it,"
                " or let the encoder stay on the CPU (text_device 'cpu')"
            )
        options["quantization_config"] = BitsAndBytesConfig(load_in_8bit=True)
        options["device_map"] = {"": device.torch}
    return read(T5EncoderModel, folder, **options).eval().requires_grad_(False)


def _network(folder: Path, device: Device) -> Kandinsky3UNet:
    """Raises ValueError for weights that do not fit the configuration."""
    network = blank(json.loads((folder / "config.json").read_text()))
    weights = {
        name: one.to(device.dtype)
        for file in files_of_weights(folder)
        for name, one in load_file(file).items()
    }
    try:
        network.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        raise ValueError(f"the weights in {folder} do not fit its config.json") from error
    return device.place(network)


def _null(folder: Path) -> Tensor | None:
    file = folder / NULL
    return load_file(file)["null_embedding"] if file.is_file() else None


def _example(net: UNet, rows: int, side: int) -> tuple[Tensor, ...]:
    """What a UNet takes, all zeros."""
    dtype = net.conv_in.weight.dtype
    return (
        torch.zeros(rows, net.conv_in.in_channels, side, side, dtype=dtype),
        torch.zeros(rows, dtype=torch.long),
        torch.zeros(rows, net.times.shape[1], dtype=dtype),
        torch.zeros(rows, PIECE, sum(net.spoken), dtype=dtype),
        torch.zeros(rows, PIECE, dtype=dtype),
    )


def _tflop(config: Any) -> float:
    """TFLOP of a row for each of its latents; attention, which grows faster, is a small part."""
    side = 64
    net = UNet(blank(config))
    with torch.device("meta"):
        return tflop(net, *_example(net, 1, side)) / side**2


def _kept(mask: Mask) -> Tensor:
    """A mask (H, W) as the UNet sees it, (1, 1, h, w): 1 where all pixels of a latent are kept.

    The original looks at one pixel in 64, and so misses thin strokes; for masks on the latents'
    grid this is the same.
    """
    hole = torch.from_numpy(mask > 0).float()[None, None]
    return 1 - F.max_pool2d(hole, SCALE)


def _size(request: Request) -> tuple[int, int]:
    """(width, height) in pixels."""
    return filled(request.width), filled(request.height)


def _latent_size(request: Request) -> tuple[int, int]:
    """(h, w) of what is worked on for the asked size."""
    width, height = (canvas.rounded(side) // SCALE for side in _size(request))
    return height, width
