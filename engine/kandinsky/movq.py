"""MoVQ's decoder for inference (2209.09002): VQModel.decode's pixels in about half the time.

Spatial norms work out their gains and shifts at the latents' size and spread them by broadcasting;
an upsampling and its convolution are one transposed convolution of 4/9 of the FLOPs; feature maps
lie channels last, as oneDNN computes them. Encoding and training stay with diffusers.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from diffusers import VQModel
from diffusers.models.attention_processor import Attention, SpatialNorm
from diffusers.models.autoencoders.vae import Decoder
from diffusers.models.resnet import ResnetBlockCondNorm2D
from diffusers.models.upsampling import Upsample2D
from torch import Tensor, nn

KNOWN = {
    "norm_type": ("spatial",),
    "act_fn": ("silu", "swish"),
    "mid_block_add_attention": (True,),
    "lookup_from_codebook": (False,),
}


class MoVQDecoder(nn.Module):
    """The decoder half of a VQModel, for inference; it shares the model's convolutions.

    Source: diffusers' `Decoder` in models/autoencoders/vae.py. Raises ValueError for a model that
    is not laid out as Kandinsky's MoVQ.
    """

    @torch.no_grad()
    def __init__(self, model: VQModel) -> None:
        super().__init__()
        _check(model)
        decoder = model.decoder
        self.post_quant_conv = model.post_quant_conv
        self.conv_in = decoder.conv_in
        self.layers = nn.ModuleList(_layers(decoder))
        self.norm_out = _SpatialNorm(decoder.conv_norm_out, 2 ** (len(decoder.up_blocks) - 1))
        self.conv_out = decoder.conv_out
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, latents: Tensor) -> Tensor:
        """Latents (N, 4, h, w) to pixels (N, 3, 8h, 8w), about -1 to 1, channels last in memory."""
        latents = latents.contiguous(memory_format=torch.channels_last)
        cells = latents.permute(0, 2, 3, 1)[:, :, None, :, None]
        x: Tensor = self.conv_in(self.post_quant_conv(latents))
        for layer in self.layers:
            x = layer(x, cells)
        pixels: Tensor = self.conv_out(F.silu(self.norm_out(x, cells), inplace=True))
        return pixels


def _check(model: VQModel) -> None:
    """Raise ValueError unless the model is laid out as Kandinsky's MoVQ.

    With spatial norms, VQModel itself refuses all up blocks but the two kinds known here.
    """
    for name, known in KNOWN.items():
        if model.config[name] not in known:
            raise ValueError(f"{name} must be {known[0]!r}, not {model.config[name]!r}")


def _layers(decoder: Decoder) -> Iterator[nn.Module]:
    """The middle and up blocks' layers in the order in which a feature map meets them."""
    first, last = decoder.mid_block.resnets
    yield _ResnetBlock(first, 1)
    yield _AttentionBlock(decoder.mid_block.attentions[0], 1)
    yield _ResnetBlock(last, 1)
    scale = 1
    for block in decoder.up_blocks:
        attentions = getattr(block, "attentions", [None] * len(block.resnets))
        for resnet, attention in zip(block.resnets, attentions, strict=True):
            yield _ResnetBlock(resnet, scale)
            if attention is not None:
                yield _AttentionBlock(attention, scale)
        if block.upsamplers is not None:
            yield _Upsample(block.upsamplers[0])
            scale *= 2


class _SpatialNorm(nn.Module):
    """diffusers' SpatialNorm of a feature map `scale` times as large as the latents z.

    It is norm(x) * conv_y(z) + conv_b(z), both z upsampled. The 1x1 convolutions commute with
    that: here they are one linear layer at z's size, with the norm's own affine part folded in.
    """

    def __init__(self, norm: SpatialNorm, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.groups, self.eps = norm.norm_layer.num_groups, norm.norm_layer.eps
        y, b = norm.conv_y, norm.conv_b
        self.weight = nn.Buffer(_folded(norm.norm_layer, y.weight.flatten(1), b.weight.flatten(1)))
        self.bias = nn.Buffer(_folded(norm.norm_layer, y.bias[:, None], b.bias[:, None]).flatten())

    def forward(self, x: Tensor, cells: Tensor) -> Tensor:
        """A new tensor for x (N, C, s*h, s*w), given the latents as cells (N, h, 1, w, 1, 4)."""
        n, h, _, w, _, _ = cells.shape
        gain, shift = F.linear(cells, self.weight, self.bias).chunk(2, dim=-1)
        # not F.group_norm, whose check of the size is Python and would not go into a trace
        x = torch.group_norm(x, self.groups, eps=self.eps)
        pixels = x.permute(0, 2, 3, 1).view(n, h, self.scale, w, self.scale, -1)
        pixels.mul_(gain).add_(shift)
        return x


def _folded(norm: nn.GroupNorm, y: Tensor, b: Tensor) -> Tensor:
    """Rows (C, k) of y and b to rows (2C, k): (x * weight + bias) * y + b as x * first + second."""
    weight, bias = norm.weight.float()[:, None], norm.bias.float()[:, None]
    return torch.cat([weight * y, bias * y + b]).to(y.dtype)


class _ResnetBlock(nn.Module):
    """diffusers' ResnetBlockCondNorm2D on a feature map `scale` times as large as the latents."""

    def __init__(self, block: ResnetBlockCondNorm2D, scale: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = _SpatialNorm(block.norm1, scale), block.conv1
        self.norm2, self.conv2 = _SpatialNorm(block.norm2, scale), block.conv2
        self.shortcut = block.conv_shortcut or nn.Identity()

    def forward(self, x: Tensor, cells: Tensor) -> Tensor:
        hidden: Tensor = self.conv1(F.silu(self.norm1(x, cells), inplace=True))
        hidden = self.conv2(F.silu(self.norm2(hidden, cells), inplace=True))
        return hidden.add_(self.shortcut(x))


class _AttentionBlock(nn.Module):
    """diffusers' Attention: one head over all places of a feature map, and a residual."""

    def __init__(self, attention: Attention, scale: int) -> None:
        super().__init__()
        self.norm = _SpatialNorm(attention.spatial_norm, scale)
        parts = (attention.to_q, attention.to_k, attention.to_v)
        self.weight = nn.Buffer(torch.cat([part.weight for part in parts]))
        self.bias = nn.Buffer(torch.cat([part.bias for part in parts]))
        self.out = attention.to_out[0]

    def forward(self, x: Tensor, cells: Tensor) -> Tensor:
        n, c, h, w = x.shape
        places = self.norm(x, cells).permute(0, 2, 3, 1).reshape(n, 1, h * w, c)
        query, key, value = F.linear(places, self.weight, self.bias).chunk(3, dim=-1)
        seen: Tensor = self.out(F.scaled_dot_product_attention(query, key, value))
        return seen.view(n, h, w, c).permute(0, 3, 1, 2).add_(x)


class _Upsample(nn.Module):
    """Nearest upsampling by 2 and a 3x3 convolution as one transposed convolution of stride 2.

    A 3x3 kernel over pixels that come in equal squares of 2x2 is a 4x4 kernel over the squares'
    pixels: its weights are the sums over each 2x2 window of the 3x3 ones. Of these 16, each pixel
    of the result meets 4 instead of 9.
    """

    def __init__(self, upsample: Upsample2D) -> None:
        super().__init__()
        conv = upsample.conv
        turned = F.pad(conv.weight.float().flip(2, 3).transpose(0, 1), (1, 1, 1, 1))
        sums = F.avg_pool2d(turned, kernel_size=2, stride=1, divisor_override=1)
        self.weight, self.bias = nn.Buffer(sums.to(conv.weight.dtype)), conv.bias

    def forward(self, x: Tensor, _cells: Tensor) -> Tensor:
        return F.conv_transpose2d(x, self.weight, self.bias, stride=2, padding=1)
