"""The mini model's parts: their sizes, how they are built, and where each stands on disk.

The layout is that of the published Kandinsky 2.2 repositories (`prior/`, `decoder/`,
`decoder-inpaint/`), so that the code which loads the real weights loads these.
"""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import PriorTransformer, UNet2DConditionModel, VQModel
from transformers import (
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

WEIGHTS = Path(__file__).parent / "weights"

EMBEDDING = 128  # width of text and image embeddings
TOKENS = 48  # of a prompt, start and end included
LATENT = 16  # latents are 4 x LATENT x LATENT
VIEW = 64  # pixels; the side of what the vision encoder sees

# DDPM of the 2.2 decoder; thresholding as in the published config.
DECODER_SCHEDULER = dict(
    num_train_timesteps=1000,
    beta_start=0.00085,
    beta_end=0.012,
    beta_schedule="linear",
    variance_type="learned_range",
    prediction_type="epsilon",
    clip_sample=False,
    thresholding=True,
    dynamic_thresholding_ratio=0.995,
    sample_max_value=2.0,
)
PRIOR_SCHEDULER = dict(
    num_train_timesteps=1000,
    variance_type="fixed_small_log",
    clip_sample=True,
    clip_sample_range=5.0,
    prediction_type="sample",
    beta_schedule="squaredcos_cap_v2",
)


def movq(channels: tuple[int, int, int, int] = (32, 32, 64, 128)) -> VQModel:
    """MoVQ (2209.09002): pictures of 3 x 8s x 8s to latents of 4 x s x s and back."""
    return VQModel(
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 3 + ("AttnDownEncoderBlock2D",),
        up_block_types=("AttnUpDecoderBlock2D",) + ("UpDecoderBlock2D",) * 3,
        num_vq_embeddings=4096,
        block_out_channels=channels,
        vq_embed_dim=4,
        layers_per_block=1,
        norm_type="spatial",
    )


def text_encoder(vocabulary: int, end: int, pad: int) -> CLIPTextModelWithProjection:
    return CLIPTextModelWithProjection(
        CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=EMBEDDING,
            intermediate_size=4 * EMBEDDING,
            projection_dim=EMBEDDING,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=TOKENS,
            hidden_act="gelu",
            bos_token_id=end - 1,
            eos_token_id=end,
            pad_token_id=pad,
        )
    )


def vision_encoder() -> CLIPVisionModelWithProjection:
    return CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=160,
            intermediate_size=640,
            projection_dim=EMBEDDING,
            num_hidden_layers=4,
            num_attention_heads=5,
            image_size=VIEW,
            patch_size=8,
            hidden_act="gelu",
        )
    )


def prior() -> PriorTransformer:
    return PriorTransformer(
        num_attention_heads=6,
        attention_head_dim=32,
        num_layers=3,
        embedding_dim=EMBEDDING,
        num_embeddings=TOKENS,
        additional_embeddings=4,
    )


def decoder(in_channels: int = 4) -> UNet2DConditionModel:
    """The decoder UNet; with `in_channels=9` the inpainting one (noise, masked latents, mask)."""
    return UNet2DConditionModel(
        act_fn="silu",
        addition_embed_type="image",
        addition_embed_type_num_heads=64,
        attention_head_dim=32,
        block_out_channels=(64, 128, 128),
        cross_attention_dim=64,
        encoder_hid_dim=EMBEDDING,
        encoder_hid_dim_type="image_proj",
        in_channels=in_channels,
        out_channels=8,
        down_block_types=("ResnetDownsampleBlock2D",) + ("SimpleCrossAttnDownBlock2D",) * 2,
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=("SimpleCrossAttnUpBlock2D",) * 2 + ("ResnetUpsampleBlock2D",),
        layers_per_block=1,
        resnet_time_scale_shift="scale_shift",
        sample_size=LATENT,
    )


def parameters(module: torch.nn.Module) -> int:
    return sum(weights.numel() for weights in module.parameters())
