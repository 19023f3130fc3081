"""The original Kandinsky 3.1 by its names: made of random weights, and what they mean.

So that a converted checkpoint can be compared with the original and none of the original is needed.
Sources: kandinsky3/model/unet.py, kandinsky3/model/nn.py and kandinsky3/movq.py of
ai-forever/Kandinsky-3.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from tests import tiny3

WIDTHS, TIME, CONTEXT, HIDDEN = (64, 64, 128, 128), 64, 64, tiny3.WIDTH
HEAD, GROUPS = 64, 32

State = dict[str, Tensor]
Shapes = Iterator[tuple[str, tuple[int, ...]]]


def unet_shapes(
    channels: int = 4,
    widths: tuple[int, ...] = WIDTHS,
    time: int = TIME,
    context: int = CONTEXT,
    layers: int = 2,
) -> Shapes:
    first = widths[0] // 2
    yield from linear("to_time_embed.1", first, time)
    yield from linear("to_time_embed.3", time, time)
    yield from attention("feature_pooling.attention", context, time, context)
    yield from conv("in_layer", channels, first, 3)
    sides = list(zip((first, *widths), widths, strict=False))
    for level, (narrow, wide) in enumerate(sides):
        name, last = f"down_samples.{level}", level == len(sides) - 1
        if level:
            yield from attention_block(f"{name}.self_attention_block", narrow, None, time)
        pairs = [(narrow, wide)] + [(wide, wide)] * (layers - 1)
        for place, (into, out) in enumerate(pairs):
            pair = f"{name}.resnet_attn_blocks.{place}"
            down = 2 if place == layers - 1 and not last else None
            yield from resnet(f"{pair}.0", into, out, time)
            if level:
                yield from attention_block(f"{pair}.1", out, context, time)
            yield from resnet(f"{pair}.2", out, out, time, down=down)
    for level, (narrow, wide) in enumerate(reversed(sides)):
        name, first_level = f"up_samples.{level}", level == 0
        joined = 0 if first_level else wide
        pairs = [(wide + joined, wide)] + [(wide, wide)] * (layers - 2) + [(wide, narrow)]
        for place, (into, out) in enumerate(pairs):
            pair = f"{name}.resnet_attn_blocks.{place}"
            up = 1 if place == 0 and not first_level else None
            yield from resnet(f"{pair}.0", into, into, time, up=up)
            if level < len(sides) - 1:
                yield from attention_block(f"{pair}.1", into, context, time)
            yield from resnet(f"{pair}.2", into, out, time)
        if level < len(sides) - 1:
            yield from attention_block(f"{name}.self_attention_block", narrow, None, time)
    yield from weight_and_bias("out_layer.0", (first,), first)
    yield from conv("out_layer.2", first, 4, 3)


def resnet(
    name: str, into: int, out: int, time: int, up: int | None = None, down: int | None = None
) -> Shapes:
    hidden = max(into, out) // 2
    sides = [(into, hidden, 1), (hidden, hidden, 3), (hidden, hidden, 3), (hidden, out, 1)]
    for place, (a, b, kernel) in enumerate(sides):
        block = f"{name}.resnet_blocks.{place}"
        yield from linear(f"{block}.group_norm.context_mlp.1", time, 2 * a)
        if place == up:
            yield from conv(f"{block}.up_sample", a, a, 2)
        yield from conv(f"{block}.projection", a, b, kernel)
        if place == down:
            yield from conv(f"{block}.down_sample", b, b, 2)
    if up is not None:
        yield from conv(f"{name}.shortcut_up_sample", into, into, 2)
    if into != out:
        yield from conv(f"{name}.shortcut_projection", into, out, 1)
    if down is not None:
        yield from conv(f"{name}.shortcut_down_sample", out, out, 2)


def attention_block(name: str, width: int, context: int | None, time: int) -> Shapes:
    yield from linear(f"{name}.in_norm.context_mlp.1", time, 2 * width)
    yield from attention(f"{name}.attention", width, width, context or width)
    yield from linear(f"{name}.out_norm.context_mlp.1", time, 2 * width)
    yield f"{name}.feed_forward.0.weight", (4 * width, width, 1, 1)
    yield f"{name}.feed_forward.2.weight", (width, 4 * width, 1, 1)


def attention(name: str, into: int, out: int, context: int) -> Shapes:
    yield f"{name}.to_query.weight", (out, into)
    yield f"{name}.to_key.weight", (out, context)
    yield f"{name}.to_value.weight", (out, context)
    yield f"{name}.output_layer.weight", (out, out)


def movq_shapes(width: int = 32, times: tuple[int, ...] = (1, 2), layers: int = 1) -> Shapes:
    widths = [width * n for n in times]
    last = len(times) - 1
    yield from conv("encoder.conv_in", 3, width, 3)
    for level, (into, out) in enumerate(zip([width, *widths], widths, strict=False)):
        for place in range(layers):
            yield from movq_resnet(
                f"encoder.down.{level}.block.{place}", out if place else into, out
            )
            if level == last:
                yield from movq_attention(f"encoder.down.{level}.attn.{place}", out)
        if level != last:
            yield from conv(f"encoder.down.{level}.downsample.conv", out, out, 3)
    yield from movq_middle("encoder", widths[-1])
    yield from conv("encoder.conv_out", widths[-1], 4, 3)
    yield from conv("quant_conv", 4, 4, 1)
    yield from conv("post_quant_conv", 4, 4, 1)
    yield from conv("decoder.conv_in", 4, widths[-1], 3)
    yield from movq_middle("decoder", widths[-1])
    into = widths[-1]
    for level, out in reversed(list(enumerate(widths))):
        for place in range(layers + 1):
            yield from movq_resnet(f"decoder.up.{level}.block.{place}", into, out)
            if level == last:
                yield from movq_attention(f"decoder.up.{level}.attn.{place}", out)
            into = out
        if level:
            yield from conv(f"decoder.up.{level}.upsample.conv", out, out, 3)
    yield from movq_norm("decoder.norm_out", width)
    yield from conv("decoder.conv_out", width, 3, 3)


def movq_middle(half: str, width: int) -> Shapes:
    yield from movq_resnet(f"{half}.mid.block_1", width, width)
    yield from movq_attention(f"{half}.mid.attn_1", width)
    yield from movq_resnet(f"{half}.mid.block_2", width, width)
    if half == "encoder":
        yield from movq_norm("encoder.norm_out", width)


def movq_resnet(name: str, into: int, out: int) -> Shapes:
    yield from movq_norm(f"{name}.norm1", into)
    yield from conv(f"{name}.conv1", into, out, 3)
    yield from movq_norm(f"{name}.norm2", out)
    yield from conv(f"{name}.conv2", out, out, 3)
    if into != out:
        yield from conv(f"{name}.nin_shortcut", into, out, 1)


def movq_attention(name: str, width: int) -> Shapes:
    yield from movq_norm(f"{name}.norm", width)
    for part in ("q", "k", "v", "proj_out"):
        yield from conv(f"{name}.{part}", width, width, 1)


def movq_norm(name: str, width: int) -> Shapes:
    yield from weight_and_bias(f"{name}.norm_layer", (width,), width)
    if name.startswith("decoder"):
        yield from conv(f"{name}.conv_y", 4, width, 1)
        yield from conv(f"{name}.conv_b", 4, width, 1)


def linear(name: str, into: int, out: int) -> Shapes:
    yield from weight_and_bias(name, (out, into), out)


def conv(name: str, into: int, out: int, kernel: int) -> Shapes:
    yield from weight_and_bias(name, (out, into, kernel, kernel), out)


def weight_and_bias(name: str, shape: tuple[int, ...], out: int) -> Shapes:
    yield f"{name}.weight", shape
    yield f"{name}.bias", (out,)


def projection_shapes(hidden: int = HIDDEN, context: int = CONTEXT) -> Shapes:
    yield "0.weight", (context, hidden)
    yield from weight_and_bias("1", (context,), context)


def checkpoint(shapes: Shapes, seed: int = 0) -> State:
    """Random weights, near 1 where they multiply each channel."""
    torch.manual_seed(seed)
    return {name: _random(shape, name) for name, shape in shapes}


def _random(shape: tuple[int, ...], name: str) -> Tensor:
    if len(shape) == 1:
        return torch.randn(shape) * 0.1 + name.endswith("weight")
    return torch.randn(shape) / math.sqrt(math.prod(shape[1:]))


def blank(shapes: Shapes) -> State:
    return {name: torch.empty(shape, device="meta") for name, shape in shapes}


def unet_forward(state: State, x: Tensor, times: Tensor, context: Tensor, mask: Tensor) -> Tensor:
    """The original UNet: context (N, T, C) is projected, mask (N, T) is bool."""
    net = Original(state)
    half = state["to_time_embed.1.weight"].shape[1] // 2
    waves = times[:, None] * torch.exp(torch.arange(half) * (-math.log(10000) / (half - 1)))
    told = torch.cat([waves.sin(), waves.cos()], dim=-1)
    told = net.linear("to_time_embed.3", F.silu(net.linear("to_time_embed.1", told)))
    mean = context.mean(dim=1, keepdim=True)
    told = told + net.attend("feature_pooling.attention", mean, context, mask)[:, 0]
    x = net.conv("in_layer", x)
    left = []
    levels = len({name.split(".")[1] for name in state if name.startswith("down_samples")})
    for level in range(levels):
        x = net.attention_block(f"down_samples.{level}.self_attention_block", x, told)
        x = net.pairs(f"down_samples.{level}", x, told, context, mask)
        left.append(x)
    left.pop()
    for level in range(levels):
        x = torch.cat([x, left.pop()], dim=1) if level else x
        x = net.pairs(f"up_samples.{level}", x, told, context, mask)
        x = net.attention_block(f"up_samples.{level}.self_attention_block", x, told)
    x = F.group_norm(x, GROUPS, state["out_layer.0.weight"], state["out_layer.0.bias"])
    found: Tensor = net.conv("out_layer.2", F.silu(x))
    return found


class Original:
    """The layers of the original UNet by name; those that are not there change nothing."""

    def __init__(self, state: State) -> None:
        self.state = state

    def has(self, name: str) -> bool:
        return any(one.startswith(f"{name}.") for one in self.state)

    def linear(self, name: str, x: Tensor) -> Tensor:
        return F.linear(x, self.state[f"{name}.weight"], self.state.get(f"{name}.bias"))

    def conv(self, name: str, x: Tensor) -> Tensor:
        if not self.has(name):
            return x
        weight, bias = self.state[f"{name}.weight"], self.state.get(f"{name}.bias")
        if name.endswith("up_sample"):
            return F.conv_transpose2d(x, weight, bias, stride=2)
        if name.endswith(("down_sample", "downsample.conv")):
            return F.conv2d(x, weight, bias, stride=2)
        return F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2)

    def norm(self, name: str, x: Tensor, told: Tensor) -> Tensor:
        both = self.linear(f"{name}.context_mlp.1", F.silu(told))[:, :, None, None]
        scale, shift = both.chunk(2, dim=1)
        return F.group_norm(x, GROUPS) * (scale + 1) + shift

    def pairs(self, name: str, x: Tensor, told: Tensor, context: Tensor, mask: Tensor) -> Tensor:
        place = 0
        while self.has(pair := f"{name}.resnet_attn_blocks.{place}"):
            x = self.resnet(f"{pair}.0", x, told)
            x = self.attention_block(f"{pair}.1", x, told, context, mask)
            x = self.resnet(f"{pair}.2", x, told)
            place += 1
        return x

    def resnet(self, name: str, x: Tensor, told: Tensor) -> Tensor:
        hidden = x
        for block in (f"{name}.resnet_blocks.{place}" for place in range(4)):
            hidden = F.silu(self.norm(f"{block}.group_norm", hidden, told))
            for part in ("up_sample", "projection", "down_sample"):
                hidden = self.conv(f"{block}.{part}", hidden)
        for part in ("up_sample", "projection", "down_sample"):
            x = self.conv(f"{name}.shortcut_{part}", x)
        return x + hidden

    def attention_block(
        self,
        name: str,
        x: Tensor,
        told: Tensor,
        context: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        if not self.has(name):
            return x
        places = self.norm(f"{name}.in_norm", x, told).flatten(2).transpose(1, 2)
        seen = self.attend(
            f"{name}.attention", places, places if context is None else context, mask
        )
        x = x + seen.transpose(1, 2).reshape(x.shape)
        wide = self.conv(f"{name}.feed_forward.0", self.norm(f"{name}.out_norm", x, told))
        return x + self.conv(f"{name}.feed_forward.2", F.silu(wide))

    def attend(self, name: str, x: Tensor, context: Tensor, mask: Tensor | None) -> Tensor:
        query, key, value = (
            torch.unflatten(self.linear(f"{name}.to_{part}", of), -1, (-1, HEAD)).transpose(1, 2)
            for part, of in (("query", x), ("key", context), ("value", context))
        )
        scores = query @ key.transpose(-1, -2) / HEAD**0.5
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None, None], -torch.inf)
        seen = (scores.softmax(dim=-1) @ value).transpose(1, 2).flatten(2)
        return self.linear(f"{name}.output_layer", seen)


class OriginalMoVQ(Original):
    """The layers of the original MoVQ by name. Its norms look at the latents, in the decoder."""

    def encode(self, x: Tensor) -> Tensor:
        x, level = self.conv("encoder.conv_in", x), 0
        while self.has(name := f"encoder.down.{level}"):
            x = self.blocks(name, x)
            if self.has(f"{name}.downsample"):
                weight, bias = (
                    self.state[f"{name}.downsample.conv.{one}"] for one in ("weight", "bias")
                )
                x = F.conv2d(F.pad(x, (0, 1, 0, 1)), weight, bias, stride=2)
            level += 1
        x = self.middle("encoder", x)
        x = self.conv("encoder.conv_out", F.silu(self.spatial("encoder.norm_out", x)))
        return self.conv("quant_conv", x)

    def decode(self, latents: Tensor) -> Tensor:
        self.latents = latents
        x = self.middle(
            "decoder", self.conv("decoder.conv_in", self.conv("post_quant_conv", latents))
        )
        for level in reversed(range(len({n.split(".")[2] for n in self.state if ".up." in n}))):
            x = self.blocks(f"decoder.up.{level}", x)
            if self.has(f"decoder.up.{level}.upsample"):
                x = F.interpolate(x, scale_factor=2.0, mode="nearest")
                x = self.conv(f"decoder.up.{level}.upsample.conv", x)
        return self.conv("decoder.conv_out", F.silu(self.spatial("decoder.norm_out", x)))

    def blocks(self, name: str, x: Tensor) -> Tensor:
        place = 0
        while self.has(f"{name}.block.{place}"):
            x = self.attention(f"{name}.attn.{place}", self.block(f"{name}.block.{place}", x))
            place += 1
        return x

    def middle(self, half: str, x: Tensor) -> Tensor:
        x = self.attention(f"{half}.mid.attn_1", self.block(f"{half}.mid.block_1", x))
        return self.block(f"{half}.mid.block_2", x)

    def block(self, name: str, x: Tensor) -> Tensor:
        hidden = self.conv(f"{name}.conv1", F.silu(self.spatial(f"{name}.norm1", x)))
        hidden = self.conv(f"{name}.conv2", F.silu(self.spatial(f"{name}.norm2", hidden)))
        return self.conv(f"{name}.nin_shortcut", x) + hidden

    def attention(self, name: str, x: Tensor) -> Tensor:
        if not self.has(name):
            return x
        normal = self.spatial(f"{name}.norm", x)
        q, k, v = (self.conv(f"{name}.{part}", normal).flatten(2) for part in "qkv")
        weights = (q.transpose(1, 2) @ k / q.shape[1] ** 0.5).softmax(dim=2)
        seen = (v @ weights.transpose(1, 2)).view(x.shape)
        return x + self.conv(f"{name}.proj_out", seen)

    def spatial(self, name: str, x: Tensor) -> Tensor:
        weight, bias = (self.state[f"{name}.norm_layer.{one}"] for one in ("weight", "bias"))
        x = F.group_norm(x, 32, weight, bias, eps=1e-6)
        if not self.has(f"{name}.conv_y"):
            return x
        latents = F.interpolate(self.latents, x.shape[-2:], mode="nearest")
        return x * self.conv(f"{name}.conv_y", latents) + self.conv(f"{name}.conv_b", latents)
