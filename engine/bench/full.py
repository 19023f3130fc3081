"""A Kandinsky 2.2 of the published sizes with random weights, for a GPU without the real ones.

It costs what the real model costs, to the last operation; its pictures are noise.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    DDPMScheduler,
    PriorTransformer,
    UnCLIPScheduler,
    UNet2DConditionModel,
    VQModel,
)
from transformers import (
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from engine.bench.progress import say
from engine.mini import parts
from engine.weights import MINI

TOKENS = 77
VOCABULARY = 49408
GRAIN = 64  # channels are multiples of it: a group norm has 32 groups, and one number has no norm


def make(folder: Path, device: torch.device, *, shrink: int = 1) -> Path:
    """Write the model into `folder` in the 2.2 layout (bfloat16, 10 GB) unless it is there.

    The numbers are drawn on `device`. `shrink` divides widths and depths, for tests.
    """
    if folder.exists():
        return folder
    say(f"writing a 2.2 with random weights into {folder}, once")
    unfinished = folder.with_name(folder.name + ".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    torch.manual_seed(0)
    prior, decoder = unfinished / "prior", unfinished / "decoder"
    end = _tokenizer(prior / "tokenizer")
    for place, network in networks(end, shrink).items():
        with device:
            made = network()
        made.to(torch.bfloat16).save_pretrained(unfinished / place)
    UnCLIPScheduler(**parts.PRIOR_SCHEDULER).save_pretrained(prior / "scheduler")
    DDPMScheduler(**parts.DECODER_SCHEDULER).save_pretrained(decoder / "scheduler")
    return unfinished.rename(folder)


def networks(end: int, shrink: int = 1) -> dict[str, Callable[[], Any]]:
    """How each is made, by its place in the folder; `end` is the number of the end token."""
    return {
        "prior/text_encoder": partial(_text_encoder, end, shrink),
        "prior/image_encoder": partial(_image_encoder, shrink),
        "prior/prior": partial(_prior, shrink),
        "decoder/unet": partial(_unet, shrink),
        "decoder/movq": partial(_movq, shrink),
    }


def _tokenizer(folder: Path) -> int:
    """The mini model's, for prompts of the full length; returns the number of its end token."""
    tokenizer = CLIPTokenizer.from_pretrained(MINI / "prior" / "tokenizer", local_files_only=True)
    tokenizer.model_max_length = TOKENS
    tokenizer.save_pretrained(folder)
    return int(tokenizer.eos_token_id)


def _heads(shrink: int) -> int:
    return max(1, 20 // shrink)


def _embedding(shrink: int) -> int:
    """Width of text and image embeddings and of the text encoder's states: 1280."""
    return 64 * _heads(shrink)


def _channels(shrink: int, *full: int) -> tuple[int, ...]:
    return tuple(max(1, channels // shrink // GRAIN) * GRAIN for channels in full)


def _text_encoder(end: int, shrink: int) -> CLIPTextModelWithProjection:
    """CLIP ViT-bigG's, 695 million parameters."""
    width = _embedding(shrink)
    return CLIPTextModelWithProjection(
        CLIPTextConfig(
            vocab_size=VOCABULARY,
            hidden_size=width,
            intermediate_size=4 * width,
            projection_dim=width,
            num_hidden_layers=max(1, 32 // shrink),
            num_attention_heads=_heads(shrink),
            max_position_embeddings=TOKENS,
            hidden_act="gelu",
            bos_token_id=end - 1,
            eos_token_id=end,
            pad_token_id=end,
        )
    )


def _image_encoder(shrink: int) -> CLIPVisionModelWithProjection:
    """CLIP ViT-bigG's, 1.84 billion parameters."""
    heads = max(1, 16 // shrink)
    return CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=104 * heads,
            intermediate_size=512 * heads,
            projection_dim=_embedding(shrink),
            num_hidden_layers=max(1, 48 // shrink),
            num_attention_heads=heads,
            patch_size=14,
            image_size=224,
            hidden_act="gelu",
        )
    )


def _prior(shrink: int) -> PriorTransformer:
    """1,026,225,920 parameters."""
    prior = PriorTransformer(
        num_attention_heads=max(1, 32 // shrink),
        attention_head_dim=64,
        num_layers=max(1, 20 // shrink),
        embedding_dim=_embedding(shrink),
        num_embeddings=TOKENS,
        additional_embeddings=4,
    )
    torch.nn.init.zeros_(prior.clip_mean)
    torch.nn.init.ones_(prior.clip_std)
    return prior


def _unet(shrink: int) -> UNet2DConditionModel:
    """1,253,057,288 parameters."""
    return UNet2DConditionModel(
        act_fn="silu",
        addition_embed_type="image",
        addition_embed_type_num_heads=64,
        attention_head_dim=64,
        block_out_channels=_channels(shrink, 384, 768, 1152, 1536),
        cross_attention_dim=_channels(shrink, 768)[0],
        encoder_hid_dim=_embedding(shrink),
        encoder_hid_dim_type="image_proj",
        in_channels=4,
        out_channels=8,
        down_block_types=("ResnetDownsampleBlock2D",) + ("SimpleCrossAttnDownBlock2D",) * 3,
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=("SimpleCrossAttnUpBlock2D",) * 3 + ("ResnetUpsampleBlock2D",),
        layers_per_block=max(1, 3 // shrink),
        resnet_time_scale_shift="scale_shift",
        sample_size=64,
    )


def _movq(shrink: int) -> VQModel:
    """67,832,495 parameters."""
    return VQModel(
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 3 + ("AttnDownEncoderBlock2D",),
        up_block_types=("AttnUpDecoderBlock2D",) + ("UpDecoderBlock2D",) * 3,
        num_vq_embeddings=16384,
        block_out_channels=_channels(shrink, 128, 256, 256, 512),
        vq_embed_dim=4,
        layers_per_block=max(1, 2 // shrink),
        norm_type="spatial",
    )
