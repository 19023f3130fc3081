"""Between pictures and latents: MoVQ as the worker's network, for every generation of models."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import VQModel
from PIL import Image
from torch import Tensor, nn

from engine.errors import Overflowed
from engine.kandinsky.movq import MoVQDecoder
from engine.runtime.caches import Cache
from engine.runtime.cost import tflop
from engine.runtime.device import Device
from engine.runtime.stages import Stage, Way

SCALE = 8  # pixels a latent
ROWS = 4  # of a batch that one picture's pass counts for
NULL = "null_embedding.safetensors"  # beside a UNet of 3.1 that was converted
PREVIEW_SIDE = {"cpu": 8, "cuda": 32}  # latents; larger ones are shrunk before a preview

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


@dataclass(slots=True, eq=False, kw_only=True)
class Showing(Stage):
    latents: Tensor  # (1, 4, h, w)
    pixels: Pixels | None = None  # (8h, 8w, 3); none where a number was not finite


@dataclass(slots=True, eq=False, kw_only=True)
class Encoding(Stage):
    picture: Tensor  # (1, 3, H, W) in [-1, 1]
    latents: Tensor | None = None  # (1, 4, H/8, W/8)


class MoVQ:
    """Both ways; `cache_limit` in bytes, for the latents of pictures seen before."""

    def __init__(self, device: Device, model: VQModel, cache_limit: int) -> None:
        self._device = device
        self._encoder = Encoder(device, model)
        self.cache: Cache[Tensor] = Cache(cache_limit, lambda latents: latents.nbytes)
        example = torch.zeros(1, 4, 8, 8, device=device.torch, dtype=device.dtype)
        self._forward = device.traced(MoVQDecoder(model), example)
        self._cost = _tflop(model.config)

    def show(self, latents: Tensor) -> Way[Pixels]:
        """The pixels (8h, 8w, 3) of latents (1, 4, h, w). Raises Overflowed."""
        h, w = latents.shape[-2:]
        stage = Showing(
            network=self,
            group=(self, h, w),
            rows=ROWS,
            cost=self._cost * h * w,
            latents=latents,
        )
        yield stage
        if stage.pixels is None:
            raise Overflowed()
        return stage.pixels

    def encode(self, picture: Image.Image) -> Way[Tensor]:
        """The latents (1, 4, H/8, W/8), float32, of a picture whose sides are multiples of 8."""
        key = hashlib.sha256(picture.tobytes()).digest(), picture.size
        latents = self.cache.get(key)
        if latents is None:
            latents = yield from self._encoder.encode(picture)
            self.cache.put(key, latents)
        return latents

    def advance(self, stages: Sequence[Showing]) -> None:
        latents = torch.cat([stage.latents for stage in stages])
        decoded = self._decode(latents)
        finite = decoded.isfinite().flatten(1).all(dim=1).tolist()
        for stage, whole, pixels in zip(stages, finite, _pixels(decoded), strict=True):
            stage.pixels = pixels if whole else None
            stage.step += 1

    @torch.inference_mode()
    def preview(self, clean: Tensor) -> Image.Image:
        """A small picture of predicted clean latents (4, h, w)."""
        clean = clean[None]
        shrink = -(-max(clean.shape[-2:]) // PREVIEW_SIDE[self._device.torch.type])
        if shrink > 1:
            clean = F.avg_pool2d(clean, shrink, ceil_mode=True)
        return Image.fromarray(_pixels(self._decode(clean))[0])

    def _decode(self, latents: Tensor) -> Tensor:
        """(N, 4, h, w) to (N, 3, 8h, 8w) in [-1, 1]; on a CPU one by one: more do not pay."""
        return self._device.run(self._forward, latents.to(self._device.dtype), most=1)


class Encoder:
    """MoVQ's other half, as diffusers has it."""

    def __init__(self, device: Device, model: VQModel) -> None:
        self._device = device
        self._forward = _Encoder(model)

    def encode(self, picture: Image.Image) -> Way[Tensor]:
        pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float()
        stage = Encoding(
            network=self,
            group=(self, *picture.size),
            rows=ROWS,
            cost=1e-6 * picture.width * picture.height,  # much less than the steps that follow
            picture=pixels / 127.5 - 1,
        )
        yield stage
        if stage.latents is None:
            raise RuntimeError("the stage was not finished")
        return stage.latents

    def advance(self, stages: Sequence[Encoding]) -> None:
        pictures = torch.cat([stage.picture for stage in stages])
        pictures = pictures.to(self._device.torch, self._device.dtype)
        latents = self._device.run(self._forward, pictures, most=1).float()
        for index, stage in enumerate(stages):
            stage.latents = latents[index : index + 1].clone()  # may be kept for long
            stage.step += 1


class _Encoder(nn.Module):
    def __init__(self, model: VQModel) -> None:
        super().__init__()
        self.encoder, self.quant_conv = model.encoder, model.quant_conv

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, 3, H, W) in [-1, 1] to (N, 4, H/8, W/8)."""
        latents: Tensor = self.quant_conv(self.encoder(pictures))
        return latents


def cut(pixels: Pixels, width: int, height: int) -> Pixels:
    """The middle of a picture (H, W, 3), of the size that was asked for."""
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return np.ascontiguousarray(pixels[top : top + height, left : left + width])


def load(kind: Any, folder: Path, device: Device) -> Any:
    """One network of that class, ready on the device."""
    return device.place(read(kind, folder, dtype=device.dtype))


def read(kind: Any, folder: Path, **options: Any) -> Any:
    """One network of that class; safetensors only, from this disk only. Raises OSError."""
    variant = "fp16" if ".fp16" in files_of_weights(folder)[0].name else None
    return kind.from_pretrained(
        folder, variant=variant, use_safetensors=True, local_files_only=True, **options
    )


def files_of_weights(folder: Path) -> list[Path]:
    """The files of a network's weights: in full precision, else in half. Raises OSError."""
    files = [file for file in sorted(folder.glob("*.safetensors")) if file.name != NULL]
    if not files:
        raise FileNotFoundError(f"no safetensors in {folder}")
    return [file for file in files if ".fp16" not in file.name] or files


def _pixels(decoded: Tensor) -> Pixels:
    """(N, 3, H, W) in [-1, 1] to (N, H, W, 3) in 0..255."""
    pixels = ((decoded.float() * 0.5 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    found: Pixels = pixels.permute(0, 2, 3, 1).cpu().numpy()
    return found


def _tflop(config: Any) -> float:
    """TFLOP of a picture for each of its latents."""
    with torch.device("meta"):
        decoder = MoVQDecoder(VQModel.from_config(config))
        return tflop(decoder, torch.zeros(1, 4, 16, 16)) / 16**2
