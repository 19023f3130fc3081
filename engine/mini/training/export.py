"""Write the trained parts as the published 2.2 repositories are laid out, float16 safetensors."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from diffusers import (
    DDPMScheduler,
    KandinskyV22InpaintPipeline,
    KandinskyV22Pipeline,
    KandinskyV22PriorPipeline,
    PriorTransformer,
    UnCLIPScheduler,
    UNet2DConditionModel,
    VQModel,
)
from diffusers.models.attention_processor import SpatialNorm
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPImageProcessor, CLIPTokenizer

from engine.mini import parts
from engine.mini.eye import Eye
from engine.mini.training.clip import Clip


def save_prior(folder: Path, tokens: Path, clip: Clip, prior: PriorTransformer) -> None:
    """`tokens` is the folder that clip.train_tokenizer wrote."""
    side = parts.VIEW
    pipeline = KandinskyV22PriorPipeline(
        prior=prior.half(),
        image_encoder=clip.vision.half(),
        text_encoder=clip.text.half(),
        tokenizer=CLIPTokenizer.from_pretrained(tokens),
        scheduler=UnCLIPScheduler(**parts.PRIOR_SCHEDULER),
        image_processor=CLIPImageProcessor(
            size={"shortest_edge": side}, crop_size={"height": side, "width": side}
        ),
    )
    _fresh(folder / "prior")
    pipeline.save_pretrained(folder / "prior", safe_serialization=True)
    for file in ("vocab.json", "merges.txt"):  # as published; tokenizer.json holds the same
        shutil.copy(tokens / file, folder / "prior" / "tokenizer")
    clip.float()
    prior.float()


def save_decoder(folder: Path, unet: UNet2DConditionModel, movq: VQModel) -> None:
    """`movq` as `normalised` gave it."""
    pipeline = KandinskyV22Pipeline(
        unet=unet.half(), movq=movq.half(), scheduler=DDPMScheduler(**parts.DECODER_SCHEDULER)
    )
    _fresh(folder / "decoder")
    pipeline.save_pretrained(folder / "decoder", safe_serialization=True)
    unet.float()
    movq.float()


def save_inpaint(folder: Path, unet: UNet2DConditionModel, movq: VQModel) -> None:
    """The inpainting decoder uses the decoder's MoVQ: its folder is a link to that one."""
    pipeline = KandinskyV22InpaintPipeline(
        unet=unet.half(), movq=movq.half(), scheduler=DDPMScheduler(**parts.DECODER_SCHEDULER)
    )
    _fresh(folder / "decoder-inpaint")
    pipeline.save_pretrained(folder / "decoder-inpaint", safe_serialization=True)
    shutil.rmtree(folder / "decoder-inpaint" / "movq")
    (folder / "decoder-inpaint" / "movq").symlink_to(Path("..") / "decoder" / "movq")
    unet.float()
    movq.float()


def save_eye(folder: Path, eye: Eye) -> None:
    save_file(
        {key: value.half() for key, value in eye.state_dict().items()}, folder / "eye.safetensors"
    )


def _fresh(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


@torch.no_grad()
def normalised(movq: VQModel, centre: Tensor, scale: Tensor, latents: Tensor) -> VQModel:
    """Let MoVQ speak latents of (z - centre) / scale, by its 1x1 convolutions.

    Its codebook becomes the k-means of `latents` (N, 4, h, w), which are already normalised.
    """
    movq.quant_conv.weight.div_(scale[:, None, None, None])
    movq.quant_conv.bias.sub_(centre).div_(scale)
    takers = [movq.post_quant_conv]
    for part in movq.decoder.modules():
        if isinstance(part, SpatialNorm):
            takers += [part.conv_y, part.conv_b]
    for taker in takers:
        taker.bias.add_(taker.weight[:, :, 0, 0] @ centre)
        taker.weight.mul_(scale[None, :, None, None])
    movq.quantize.embedding.weight.copy_(_codebook(latents, movq.quantize.n_e))
    return movq


def _codebook(latents: Tensor, size: int, rounds: int = 4) -> Tensor:
    points = latents.float().permute(0, 2, 3, 1).reshape(-1, latents.shape[1])
    points = points[torch.randperm(len(points))[:60_000]]
    codes = points[:size].clone()
    for _ in range(rounds):
        nearest = torch.cat(
            [torch.cdist(some, codes).argmin(dim=1) for some in torch.split(points, 4096)]
        )
        sums = torch.zeros_like(codes).index_add_(0, nearest, points)
        counts = torch.bincount(nearest, minlength=size)[:, None]
        codes = torch.where(counts > 0, sums / counts.clamp(min=1), codes)
    return codes
