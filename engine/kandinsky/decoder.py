"""The decoder UNet of Kandinsky 2.1 and 2.2 as the worker's network: from noise to latents."""

from __future__ import annotations

from copy import copy
from functools import cache
from pathlib import Path
from typing import Any

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from torch import Tensor

from engine.cards import filled
from engine.kandinsky.pictures import load
from engine.kandinsky.unet import DecoderUNet
from engine.requests import ImageToImage, Request, Sampler
from engine.runtime import samplers
from engine.runtime.cost import tflop
from engine.runtime.denoising import Denoiser, Denoising, Noise, Together
from engine.runtime.device import Device

Condition = tuple[Tensor, ...]  # (1, ...) each

SIDE = 8  # latents, where a row's work is counted
_LOW, _HIGH = (samplers.COLUMNS.index(name) for name in ("low", "high"))


class DecoderNetwork(Denoiser):
    """The UNet; a condition is a picture's embedding, and what of a picture stands beside x."""

    def __init__(self, device: Device, folder: Path) -> None:
        """`folder` holds `unet` and `scheduler`."""
        self._device = device
        unet: UNet2DConditionModel = load(UNet2DConditionModel, folder / "unet", device)
        self._schedule(folder / "scheduler")
        self._cost = _tflop(unet.config)
        self._together = Together(_columns)
        x, times, *embeds = (one.to(device.torch) for one in _example(unet.config, device.dtype))
        self._unet = DecoderUNet(unet)
        self._forward = device.traced(self._unet, x, times, *self._unet.embed(*embeds))

    def scheduled(self, folder: Path) -> DecoderNetwork:
        """The same UNet by another scheduler's configuration; the two share no passes."""
        other = copy(self)
        other._schedule(folder)
        return other

    def _schedule(self, folder: Path) -> None:
        self._scheduler = DDPMScheduler.from_pretrained(folder, local_files_only=True)
        self.threshold = samplers.Threshold.of(self._scheduler)
        self._table = cache(self._tabled)

    def stage(
        self,
        request: Request,
        noise: Noise,
        toward: Condition,
        away: Condition,
        start: Tensor | tuple[int, int],
        stays: Tensor | None = None,
        hint: Tensor | None = None,
        amounts: tuple[float, float] | None = None,
    ) -> Denoising:
        """The way from noise, or from latents with noise, to latents.

        `start` is the latent size (h, w), or the latents (1, 4, h, w) of a picture; with `stays`
        (1, 1, h, w) that picture is inpainted: 1 where it is kept. `hint` is of `hinted`. `amounts`
        of the picture's latents and of noise begin image to image, those of the sampler's first
        time if None.
        """
        h, w = start.shape[-2:] if isinstance(start, Tensor) else start
        guided = filled(request.guidance) > 1
        strength = filled(request.strength) if isinstance(request, ImageToImage) else 1.0
        sampler: Sampler = filled(request.sampler)
        table = self._table(sampler, filled(request.steps), strength)
        rows = 2 if guided else 1
        x = first = noise.draw((1, 4, h, w))
        beside: tuple[Tensor, ...] = () if hint is None else (hint,)
        kept = None
        if isinstance(start, Tensor) and stays is None:
            image, noisy = amounts or (table.image, table.noise)
            x = image * start + noisy * first
        elif isinstance(start, Tensor) and stays is not None:
            beside = (torch.cat([start * stays, stays], dim=1),)
            kept = stays.expand_as(start), start, first
        return Denoising(
            network=self,
            group=(self, h, w),
            rows=rows,
            cost=rows * self._cost * h * w,
            steps=len(table),
            table=table,
            numbers=table.guided(filled(request.guidance), self._device.torch),
            brief=False,
            x=x,
            drawn=noise.draw((table.draws, 1, 4, h, w)),
            toward=[(*toward, *beside)],
            away=[(*away, *beside)] if guided else None,
            kept=kept,
        )

    def condition(self, image_embeds: Tensor, *text: Tensor) -> Condition:
        """What the UNet is told of a picture to come: its embedding (1, E); 2.1 adds the text's
        embedding (1, X) and hidden states (1, T, H)."""
        dtype = self._device.dtype
        with self._device.timed():
            return self._unet.embed(image_embeds.to(dtype), *(one.to(dtype) for one in text))

    def hinted(self, picture: Tensor) -> Tensor:
        """What a hint (1, 3, 8h, 8w) in 0..1 is to the UNet: (1, 4, h, w)."""
        with self._device.timed():
            return self._unet.hinted(picture.to(self._device.torch, self._device.dtype))

    def predict(
        self, x: Tensor, times: Tensor, conditions: list[tuple[Tensor, ...]]
    ) -> tuple[Tensor, Tensor]:
        dtype = self._device.dtype
        added, spoken, *beside = self._together.of(conditions)
        if beside:
            x = torch.cat([x, *beside], dim=1)
        x = x.to(dtype)
        out = self._device.run(self._forward, x, times, added, spoken).float()
        return out[:, :4], out[:, 4:]

    def _tabled(self, sampler: Sampler, steps: int, strength: float) -> samplers.Table:
        table = samplers.decoder_table(self._scheduler, sampler, steps, strength)
        if self._scheduler.config.variance_type == "fixed_small":  # nothing for the UNet to choose
            table.rows[:, _HIGH] = table.rows[:, _LOW]
        return table


def _columns(conditions: list[Condition]) -> list[Tensor]:
    return [torch.cat(part) for part in zip(*conditions, strict=True)]


def _example(config: Any, dtype: torch.dtype) -> tuple[Tensor, ...]:
    """What a UNet takes: latents, times, and what `condition` takes; all zeros."""
    x = torch.zeros(2, config.in_channels, SIDE, SIDE, dtype=dtype)
    times = torch.zeros(2, dtype=torch.long)
    if config.addition_embed_type in ("image", "image_hint"):
        return x, times, torch.zeros(2, config.encoder_hid_dim, dtype=dtype)
    embedding = torch.zeros(2, config.cross_attention_dim, dtype=dtype)
    hidden = torch.zeros(2, 77, config.encoder_hid_dim, dtype=dtype)
    return x, times, embedding, embedding, hidden


def _tflop(config: Any) -> float:
    """TFLOP of a row for each of its latents; attention, which grows faster, is a small part."""
    with torch.device("meta"), torch.inference_mode():
        unet = DecoderUNet(UNet2DConditionModel.from_config(config))
        x, times, *embeds = _example(config, torch.float32)
        rows = len(x) * SIDE**2
        return tflop(unet, x, times, *unet.embed(*embeds)) / rows
