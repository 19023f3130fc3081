"""The decoder UNet predicts what diffusers' UNet2DConditionModel predicts, with less work a step.

fp32 on a CPU unless said otherwise.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from engine.kandinsky.unet import DecoderUNet
from engine.weights import MINI

pytestmark = pytest.mark.slow

EXACT = 1e-4  # of the largest number that diffusers predicts
K22 = {  # K22_UNET with a twelfth of its channels
    "act_fn": "silu",
    "addition_embed_type": "image",
    "attention_head_dim": 16,
    "block_out_channels": (32, 64, 96, 128),
    "cross_attention_dim": 24,
    "encoder_hid_dim": 40,
    "encoder_hid_dim_type": "image_proj",
    "in_channels": 4,
    "out_channels": 8,
    "down_block_types": ("ResnetDownsampleBlock2D",) + ("SimpleCrossAttnDownBlock2D",) * 3,
    "mid_block_type": "UNetMidBlock2DSimpleCrossAttn",
    "up_block_types": ("SimpleCrossAttnUpBlock2D",) * 3 + ("ResnetUpsampleBlock2D",),
    "layers_per_block": 3,
    "resnet_time_scale_shift": "scale_shift",
    "sample_size": 8,
}
INPAINT = K22 | {"in_channels": 9}
K21 = K22 | {"addition_embed_type": "text_image", "encoder_hid_dim_type": "text_image_proj"}


@dataclass
class Inputs:
    """What one step takes, N rows, each at its own time and of its own condition."""

    x: Tensor
    times: Tensor
    image: Tensor
    text: tuple[Tensor, ...]  # of 2.1: embeddings (N, X), hidden states (N, T, H)

    @classmethod
    def drawn(
        cls, plain: UNet2DConditionModel, rows: int, height: int, width: int, tokens: int = 5
    ) -> Inputs:
        generator = torch.Generator().manual_seed(1)

        def random(*shape: int) -> Tensor:
            return torch.randn(rows, *shape, generator=generator).to(plain.dtype)

        config = plain.config
        with_text = config.addition_embed_type == "text_image"
        wide, hidden = config.cross_attention_dim, config.encoder_hid_dim
        return cls(
            x=random(config.in_channels, height, width),
            times=torch.tensor([999, 0, 458, 42, 1])[:rows],
            image=random(wide if with_text else hidden),
            text=(random(wide), random(tokens, hidden)) if with_text else (),
        )

    def predicted(self, plain: UNet2DConditionModel) -> Tensor:
        embeds, hidden = self.text or (None, None)
        condition = {"image_embeds": self.image, "text_embeds": embeds}
        found: Tensor = plain(self.x, self.times, hidden, added_cond_kwargs=condition).sample
        return found

    def given(self, unet: DecoderUNet) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What the unet's forward takes."""
        return self.x, self.times, *unet.embed(self.image, *self.text)

    def after(self, unet: DecoderUNet) -> Tensor:
        found: Tensor = unet(*self.given(unet))
        return found


@pytest.fixture(autouse=True)
def _inference() -> Iterator[None]:
    """On one thread, as in a lane of the engine: so small networks are slower on more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.inference_mode():
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def mini() -> UNet2DConditionModel:
    return UNet2DConditionModel.from_pretrained(MINI / "decoder/unet").eval()


def random_network(config: dict[str, object]) -> UNet2DConditionModel:
    """Random weights, those of the norms too, which would start as ones and zeros."""
    torch.manual_seed(0)
    plain = UNet2DConditionModel(**config).eval()
    for name, parameter in plain.named_parameters():
        if "norm" in name:
            parameter += 0.3 * torch.randn(parameter.shape)
    return plain


def away(found: Tensor, expected: Tensor) -> float:
    """The largest difference, as a part of the largest number."""
    assert found.shape == expected.shape
    return ((found - expected).abs().max() / expected.abs().max()).item()


SIZES = pytest.mark.parametrize(
    ("rows", "height", "width"), [(1, 8, 8), (5, 16, 16), (2, 24, 8), (3, 8, 40)]
)


@SIZES
def test_a_step_is_that_of_diffusers(
    mini: UNet2DConditionModel, rows: int, height: int, width: int
) -> None:
    inputs = Inputs.drawn(mini, rows, height, width)
    expected = inputs.predicted(mini)
    assert away(inputs.after(DecoderUNet(mini)), expected) < EXACT


@SIZES
@pytest.mark.parametrize("config", [K22, INPAINT, K21], ids=["2.2", "inpainting", "2.1"])
def test_each_layout_predicts_as_diffusers_does(
    config: dict[str, object], rows: int, height: int, width: int
) -> None:
    plain = random_network(config)
    inputs = Inputs.drawn(plain, rows, height, width)
    expected = inputs.predicted(plain)
    assert away(inputs.after(DecoderUNet(plain)), expected) < EXACT


def test_a_network_of_two_levels(tiny_model: Path) -> None:
    plain = UNet2DConditionModel.from_pretrained(tiny_model / "decoder/unet").eval()
    inputs = Inputs.drawn(plain, 3, 6, 10)
    expected = inputs.predicted(plain)
    assert away(inputs.after(DecoderUNet(plain)), expected) < EXACT


@pytest.mark.parametrize(("rows", "height", "width"), [(1, 4, 4), (1, 12, 20), (4, 20, 12)])
def test_sides_that_tiles_do_not_fill(
    mini: UNet2DConditionModel, rows: int, height: int, width: int
) -> None:
    inputs = Inputs.drawn(mini, rows, height, width)
    expected = inputs.predicted(mini)
    assert away(inputs.after(DecoderUNet(mini)), expected) < EXACT


def test_every_time_is_known(mini: UNet2DConditionModel) -> None:
    unet = DecoderUNet(mini)
    times = torch.arange(1000)
    expected = mini.time_embedding(mini.time_proj(times))
    assert away(unet.times[times], expected) < EXACT


def test_conditions_computed_apart_make_up_a_batch(mini: UNet2DConditionModel) -> None:
    inputs = Inputs.drawn(mini, 3, 8, 8)
    expected = inputs.predicted(mini)
    unet = DecoderUNet(mini)
    added, spoken = zip(*(unet.embed(one[None]) for one in inputs.image), strict=True)
    found = unet(inputs.x, inputs.times, torch.cat(added), torch.cat(spoken))
    assert away(found, expected) < EXACT


@pytest.mark.parametrize("config", [K22, K21], ids=["2.2", "2.1"])
def test_a_trace_holds_for_every_batch_size_and_length(config: dict[str, object]) -> None:
    plain = random_network(config)
    example = Inputs.drawn(plain, 2, 8, 8)
    inputs = Inputs.drawn(plain, 5, 16, 24, tokens=9)
    expected = inputs.predicted(plain)
    unet = DecoderUNet(plain)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore", DeprecationWarning)  # of torch.jit as a whole
        traced = torch.jit.trace(unet, example.given(unet), check_trace=False)  # type: ignore[no-untyped-call]
    assert away(traced(*inputs.given(unet)), expected) < EXACT


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("config", [K22, K21], ids=["2.2", "2.1"])
def test_half_precision_is_about_as_rough_as_in_diffusers(
    config: dict[str, object], dtype: torch.dtype
) -> None:
    plain = random_network(config)
    exact = Inputs.drawn(plain, 3, 8, 16).predicted(plain)
    plain = plain.to(dtype)
    inputs = Inputs.drawn(plain, 3, 8, 16)
    theirs = inputs.predicted(plain)
    ours = inputs.after(DecoderUNet(plain))
    assert ours.dtype == dtype
    assert (ours - exact).square().mean() < 1.5 * (theirs - exact).square().mean()


def test_a_large_mean_does_not_blur_the_norms(mini: UNet2DConditionModel) -> None:
    inputs = Inputs.drawn(mini, 2, 8, 8)
    inputs.x = inputs.x + 1000
    expected = inputs.predicted(mini)
    assert away(inputs.after(DecoderUNet(mini)), expected) < EXACT


def test_the_same_inputs_give_the_same_bits_and_stay_as_they_were(
    mini: UNet2DConditionModel,
) -> None:
    inputs = Inputs.drawn(mini, 2, 16, 16)
    unet = DecoderUNet(mini)
    inputs.x = inputs.x.contiguous(memory_format=torch.channels_last)
    given = inputs.given(unet)
    before = [one.clone() for one in given]
    assert torch.equal(unet(*given), unet(*given))
    assert all(map(torch.equal, given, before))


def test_work_can_be_counted_without_weights() -> None:
    with torch.device("meta"):
        plain = UNet2DConditionModel(**K22)
        unet = DecoderUNet(plain)
        image, times = torch.zeros(2, 40), torch.zeros(2, dtype=torch.long)
        found = unet(torch.zeros(2, 4, 8, 16), times, *unet.embed(image))
    assert found.shape == (2, 8, 8, 16)


@pytest.mark.parametrize(
    "change",
    [
        {"act_fn": "gelu"},
        {"addition_embed_type": None},
        {"center_input_sample": True},
        {"class_embed_type": "timestep"},
        {"cross_attention_norm": "layer_norm"},
        {"down_block_types": ("DownBlock2D",) + ("SimpleCrossAttnDownBlock2D",) * 3},
        {"encoder_hid_dim_type": "text_proj"},
        {"mid_block_only_cross_attention": True},
        {"mid_block_scale_factor": 2},
        {"mid_block_type": "UNetMidBlock2D"},
        {"num_class_embeds": 3},
        {"only_cross_attention": True},
        {"resnet_out_scale_factor": 2},
        {"resnet_skip_time_act": True},
        {"resnet_time_scale_shift": "default"},
        {"time_embedding_act_fn": "silu"},
        {"up_block_types": ("SimpleCrossAttnUpBlock2D",) * 3 + ("UpBlock2D",)},
    ],
    ids=str,
)
def test_another_layout_is_refused(change: dict[str, object]) -> None:
    with torch.device("meta"):
        plain = UNet2DConditionModel(**K22 | change)
    with pytest.raises(ValueError, match=f"The UNet's {next(iter(change))} is"):
        DecoderUNet(plain)
