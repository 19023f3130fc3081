"""The decoder's pixels are those of VQModel.decode, at every size, traced or not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import VQModel
from torch import Tensor

from engine.kandinsky.movq import MoVQDecoder
from engine.weights import MINI

pytestmark = pytest.mark.slow

EXACT = 1e-4  # of pixels between about -1 and 1, in fp32
K2 = {  # MOVQ_K2 with a quarter of its channels
    "latent_channels": 4,
    "vq_embed_dim": 4,
    "down_block_types": ("DownEncoderBlock2D",) * 3 + ("AttnDownEncoderBlock2D",),
    "up_block_types": ("AttnUpDecoderBlock2D",) + ("UpDecoderBlock2D",) * 3,
    "block_out_channels": (32, 64, 64, 128),
    "layers_per_block": 2,
    "num_vq_embeddings": 8,
    "norm_type": "spatial",
}
K3 = K2 | {"block_out_channels": (64, 128, 128, 256)}
ATTENTION_AT_TWO_SIZES = K2 | {
    "up_block_types": ("UpDecoderBlock2D", "AttnUpDecoderBlock2D") + ("UpDecoderBlock2D",) * 2
}


@pytest.fixture(scope="module")
def mini() -> VQModel:
    return VQModel.from_pretrained(MINI / "decoder/movq").eval()


@pytest.fixture(scope="module")
def k2() -> VQModel:
    return random_model(K2)


def random_model(config: dict[str, object]) -> VQModel:
    """Random weights, those of the group norms too, which would start as ones and zeros."""
    torch.manual_seed(0)
    model = VQModel(**config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm_layer" in name:
                parameter.normal_()
    return model


def random_latents(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@torch.inference_mode()
def difference(model: VQModel, latents: Tensor) -> float:
    """The largest difference of a pixel between the two ways to decode."""
    found = MoVQDecoder(model)(latents)
    expected = model.decode(latents, force_not_quantize=True).sample
    assert found.shape == expected.shape
    return float((found - expected).abs().max())


@pytest.mark.parametrize(("height", "width"), [(16, 16), (24, 8), (8, 24), (1, 1)])
def test_mini_is_decoded_as_diffusers_does(mini: VQModel, height: int, width: int) -> None:
    assert difference(mini, random_latents(1, 4, height, width)) < EXACT


@pytest.mark.parametrize("config", [K2, K3, ATTENTION_AT_TWO_SIZES], ids=["2", "3", "two sizes"])
@pytest.mark.parametrize(("height", "width"), [(4, 4), (5, 7), (9, 2)])
def test_each_layout_is_decoded_as_diffusers_does(
    config: dict[str, object], height: int, width: int
) -> None:
    assert difference(random_model(config), random_latents(2, 4, height, width)) < EXACT


def test_a_model_without_attention_while_upsampling(tiny_model: Path) -> None:
    model = VQModel.from_pretrained(tiny_model / "decoder/movq").eval()
    assert difference(model, random_latents(1, 4, 6, 3)) < EXACT


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@torch.inference_mode()
def test_half_precision_is_about_as_rough_as_in_diffusers(dtype: torch.dtype) -> None:
    model, latents = random_model(K2), random_latents(1, 4, 5, 7)
    exact = model.decode(latents, force_not_quantize=True).sample
    model, latents = model.to(dtype), latents.to(dtype)
    theirs = model.decode(latents, force_not_quantize=True).sample
    ours = MoVQDecoder(model)(latents)
    assert ours.dtype == dtype
    assert (ours - exact).square().mean() < 2 * (theirs - exact).square().mean()


@pytest.mark.filterwarnings("ignore:`torch.jit.trace:DeprecationWarning")
@torch.inference_mode()
def test_a_trace_holds_for_every_batch_and_size(k2: VQModel) -> None:
    decoder = MoVQDecoder(k2)
    traced = torch.jit.trace(decoder, random_latents(1, 4, 8, 8))  # type: ignore[no-untyped-call]
    latents = random_latents(3, 4, 5, 7)
    torch.testing.assert_close(traced(latents), decoder(latents))


@torch.inference_mode()
def test_latents_are_left_as_they_were(k2: VQModel) -> None:
    latents = random_latents(1, 4, 4, 4).to(memory_format=torch.channels_last)
    before = latents.clone()
    MoVQDecoder(k2)(latents)
    assert torch.equal(latents, before)


@pytest.mark.parametrize(
    "change",
    [
        {"norm_type": "group"},
        {"act_fn": "gelu"},
        {"mid_block_add_attention": False},
        {"lookup_from_codebook": True},
    ],
    ids=str,
)
def test_another_layout_is_refused(change: dict[str, object]) -> None:
    (name,) = change
    with pytest.raises(ValueError, match=name):
        MoVQDecoder(VQModel(**K2 | change))
