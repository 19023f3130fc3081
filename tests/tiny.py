"""A real Kandinsky 2.2 of random weights, small enough for fast tests. Its pictures are noise."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import (
    DDPMScheduler,
    PriorTransformer,
    UnCLIPScheduler,
    UNet2DConditionModel,
    VQModel,
)
from transformers import (
    CLIPImageProcessorPil,
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from engine.mini import parts
from engine.mini.training import clip

WIDTH = 16


def make(folder: Path) -> Path:
    """Write the model into `folder` in the layout of the published 2.2 repositories."""
    torch.manual_seed(0)
    prior, decoder = folder / "prior", folder / "decoder"
    tokenizer = clip.train_tokenizer(prior / "tokenizer", captions=200, merges=50)
    end = len(tokenizer) - 1
    CLIPTextModelWithProjection(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=32,
            projection_dim=WIDTH,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=parts.TOKENS,
            bos_token_id=end - 1,
            eos_token_id=end,
            pad_token_id=end,
        )
    ).save_pretrained(prior / "text_encoder")
    CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=WIDTH,
            intermediate_size=32,
            projection_dim=WIDTH,
            num_hidden_layers=1,
            num_attention_heads=2,
            image_size=16,
            patch_size=8,
        )
    ).save_pretrained(prior / "image_encoder")
    network = PriorTransformer(
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=1,
        embedding_dim=WIDTH,
        num_embeddings=parts.TOKENS,
        additional_embeddings=4,
    )
    torch.nn.init.ones_(network.clip_std)  # new, it is 0, and every prompt would mean the same
    network.save_pretrained(prior / "prior")
    UnCLIPScheduler(**parts.PRIOR_SCHEDULER).save_pretrained(prior / "scheduler")
    CLIPImageProcessorPil(size={"shortest_edge": 16}, crop_size=16).save_pretrained(
        prior / "image_processor"
    )
    _unet(4).save_pretrained(decoder / "unet")
    _unet(8, "image_hint").save_pretrained(folder / "decoder-controlnet" / "unet")
    DDPMScheduler(**parts.DECODER_SCHEDULER).save_pretrained(
        folder / "decoder-controlnet" / "scheduler"
    )
    _unet(9).save_pretrained(folder / "decoder-inpaint" / "unet")
    DDPMScheduler(**parts.DECODER_SCHEDULER).save_pretrained(
        folder / "decoder-inpaint" / "scheduler"
    )
    VQModel(
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
    ).save_pretrained(decoder / "movq")
    DDPMScheduler(**parts.DECODER_SCHEDULER).save_pretrained(decoder / "scheduler")
    return folder


def _unet(channels: int, embedding: str = "image") -> UNet2DConditionModel:
    return UNet2DConditionModel(
        act_fn="silu",
        addition_embed_type=embedding,
        attention_head_dim=8,
        block_out_channels=(32, 32),
        cross_attention_dim=16,
        encoder_hid_dim=WIDTH,
        encoder_hid_dim_type="image_proj",
        in_channels=channels,
        out_channels=8,
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        layers_per_block=1,
        resnet_time_scale_shift="scale_shift",
        sample_size=8,
    )
