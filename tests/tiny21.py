"""A real Kandinsky 2.1 of random weights, small enough for fast tests. Its pictures are noise."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import torch
from diffusers import PriorTransformer, UnCLIPScheduler, UNet2DConditionModel, VQModel
from diffusers.pipelines.kandinsky.text_encoder import MCLIPConfig, MultilingualCLIP
from torch import nn
from transformers import (
    CLIPImageProcessorPil,
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    XLMRobertaTokenizer,
)

from engine.mini import parts
from engine.mini.training import clip

WIDTH = 16  # of embeddings, of pictures and of texts
HIDDEN = 24  # of the multilingual encoder's states
TOKENS = 77
VIEW = 16  # pixels; the side of what the vision encoder sees
LETTERS = (
    string.ascii_letters + string.digits + string.punctuation + "абвгдежзийклмнопрстуфхцчшщъыьэюя"
)

# The published files, word for word: what is not in them is left to each scheduler's own defaults.
SCHEDULER = {
    "_class_name": "DDIMScheduler",
    "_diffusers_version": "0.17.0.dev0",
    "num_train_timesteps": 1000,
    "beta_schedule": "linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "prediction_type": "epsilon",
    "thresholding": False,
}
DDPM_SCHEDULER = {
    "_class_name": "DDPMScheduler",
    "_diffusers_version": "0.18.0.dev0",
    "beta_end": 0.012,
    "beta_schedule": "linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "clip_sample_range": 2.0,
    "dynamic_thresholding_ratio": 0.995,
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "sample_max_value": 2.0,
    "thresholding": True,
    "trained_betas": None,
    "variance_type": "learned_range",
}


def make(folder: Path) -> Path:
    """Write the model into `folder` in the layout of the published 2.1 repositories."""
    torch.manual_seed(0)
    _make_prior(folder / "prior")
    decoder, inpainter = folder / "decoder", folder / "decoder-inpaint"
    tokenizer().save_pretrained(decoder / "tokenizer")
    multilingual().save_pretrained(decoder / "text_encoder")
    unet().save_pretrained(decoder / "unet")
    movq().save_pretrained(decoder / "movq")
    _write(SCHEDULER, decoder / "scheduler")
    _write(DDPM_SCHEDULER, decoder / "ddpm_scheduler")
    unet(in_channels=9).save_pretrained(inpainter / "unet")
    _write(SCHEDULER, inpainter / "scheduler")
    return folder


def _make_prior(folder: Path) -> None:
    vocabulary = len(clip.train_tokenizer(folder / "tokenizer", captions=200, merges=50))
    CLIPTextModelWithProjection(
        CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=WIDTH,
            intermediate_size=32,
            projection_dim=WIDTH,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=parts.TOKENS,
            bos_token_id=vocabulary - 2,
            eos_token_id=vocabulary - 1,
            pad_token_id=vocabulary - 1,
        )
    ).save_pretrained(folder / "text_encoder")
    CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=WIDTH,
            intermediate_size=32,
            projection_dim=WIDTH,
            num_hidden_layers=1,
            num_attention_heads=2,
            image_size=VIEW,
            patch_size=8,
        )
    ).save_pretrained(folder / "image_encoder")
    CLIPImageProcessorPil(size={"shortest_edge": VIEW}, crop_size=VIEW).save_pretrained(
        folder / "image_processor"
    )
    prior().save_pretrained(folder / "prior")
    UnCLIPScheduler(**parts.PRIOR_SCHEDULER).save_pretrained(folder / "scheduler")


def prior() -> PriorTransformer:
    """Its embeddings are spread out; those of a new one are all zero."""
    network = PriorTransformer(
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=1,
        embedding_dim=WIDTH,
        num_embeddings=parts.TOKENS,
        additional_embeddings=4,
    )
    nn.init.normal_(network.clip_mean)
    nn.init.ones_(network.clip_std)
    return network


def tokenizer() -> XLMRobertaTokenizer:
    """Of single letters, so that a prompt's length is plain to see."""
    special = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    letters = [("▁", -2.0), *((letter, -3.0) for letter in LETTERS)]
    return XLMRobertaTokenizer([*special, *letters, ("<mask>", 0.0)])


def multilingual() -> MultilingualCLIP:
    """Loud enough for its words to be heard among so few numbers."""
    network = MultilingualCLIP(
        MCLIPConfig(
            transformerDimSize=HIDDEN,
            imageDimSize=WIDTH,
            vocab_size=len(tokenizer()),
            hidden_size=HIDDEN,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=2 + TOKENS,
            type_vocab_size=1,
            initializer_range=0.5,
        )
    )
    nn.init.normal_(network.LinearTransformation.weight, std=0.5)
    return network


def unet(**changes: Any) -> UNet2DConditionModel:
    fields: dict[str, Any] = dict(
        act_fn="silu",
        addition_embed_type="text_image",
        attention_head_dim=8,
        block_out_channels=(32, 32),
        cross_attention_dim=WIDTH,
        encoder_hid_dim=HIDDEN,
        encoder_hid_dim_type="text_image_proj",
        in_channels=4,
        out_channels=8,
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        layers_per_block=1,
        resnet_time_scale_shift="scale_shift",
        sample_size=8,
    )
    return UNet2DConditionModel(**(fields | changes))


def movq() -> VQModel:
    """Its norms hardly look at the latents: a random UNet's are large, and would blind it."""
    network = VQModel(
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        num_vq_embeddings=8,
        block_out_channels=(32, 32, 32, 32),
        vq_embed_dim=4,
        layers_per_block=1,
        norm_type="spatial",
    )
    for name, weight in network.named_parameters():
        if ".conv_y." in name or ".conv_b." in name:
            weight.data = weight.data * 0.02 if name.endswith("weight") else torch.ones_like(weight)
    return network


def _write(scheduler: dict[str, Any], folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "scheduler_config.json").write_text(json.dumps(scheduler, indent=2))
