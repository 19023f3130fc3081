"""A real Kandinsky 3 of random weights, small enough for fast tests. Its pictures are noise."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import torch
from diffusers import DDPMScheduler, Kandinsky3Pipeline, Kandinsky3UNet, VQModel
from safetensors.torch import save_file
from torch import nn
from transformers import T5Config, T5EncoderModel, T5Tokenizer

WIDTH = 16  # of the text encoder
UNET = dict(
    in_channels=4,
    time_embedding_dim=32,
    groups=2,
    attention_head_dim=8,
    layers_per_block=2,
    block_out_channels=(32, 64),
    cross_attention_dim=24,
    encoder_hid_dim=WIDTH,
)
SCHEDULER = dict(
    beta_schedule="squaredcos_cap_v2",
    thresholding=True,
    dynamic_thresholding_ratio=0.99,
    sample_max_value=100.0,
)
LETTERS = (
    string.ascii_letters + string.digits + string.punctuation + "абвгдежзийклмнопрстуфхцчшщъыьэюя"
)


def make(folder: Path) -> Path:
    """Write the model into `folder` in the layout of the published 3.0 repository."""
    torch.manual_seed(0)
    Kandinsky3Pipeline(
        tokenizer=tokenizer(),
        text_encoder=text_encoder(),
        unet=unet(),
        scheduler=DDPMScheduler(**SCHEDULER),
        movq=movq(),
    ).save_pretrained(folder)
    return folder


def make_inpainting(folder: Path) -> Path:
    """A model that inpaints, too. diffusers has no such UNet: it would give as many channels as
    it takes."""
    make(folder)
    network = unet(in_channels=9)
    network.conv_out = nn.Conv2d(network.conv_in.out_channels, 4, 3, padding=1)
    into = folder / "inpaint" / "unet"
    into.mkdir(parents=True)
    config = UNET | {"_class_name": "Kandinsky3UNet", "in_channels": 9}
    (into / "config.json").write_text(json.dumps(config))
    save_file(network.state_dict(), into / "diffusion_pytorch_model.safetensors")
    return folder


def unet(**changes: Any) -> Kandinsky3UNet:
    """Its norms are told something, unlike those of a new one: their last layers start at zero.

    Its pooling looks at some words more than at others. What it makes of noise is weak: else random
    weights blow up the rounding of numbers.
    """
    network = Kandinsky3UNet(**(UNET | changes))
    for name, weight in network.named_parameters():
        if "context_mlp" in name:
            nn.init.normal_(weight, std=0.1)
    network.add_time_condition.attention.to_q.weight.data *= 20
    network.conv_out.weight.data *= 0.3
    return network


def tokenizer() -> T5Tokenizer:
    """Of single letters, so that a prompt's length is plain to see."""
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    return T5Tokenizer([*special, *((letter, -3.0) for letter in LETTERS)], extra_ids=0)


def text_encoder() -> T5EncoderModel:
    return T5EncoderModel(
        T5Config(
            vocab_size=4 + len(LETTERS),
            d_model=WIDTH,
            d_kv=8,
            d_ff=32,
            num_layers=2,
            num_heads=2,
            feed_forward_proj="gated-gelu",
        )
    )


def movq() -> VQModel:
    return VQModel(
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 3 + ("AttnDownEncoderBlock2D",),
        up_block_types=("AttnUpDecoderBlock2D",) + ("UpDecoderBlock2D",) * 3,
        num_vq_embeddings=8,
        block_out_channels=(32, 32, 32, 32),
        vq_embed_dim=4,
        layers_per_block=1,
        norm_type="spatial",
    )
