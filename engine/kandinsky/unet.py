"""The decoder UNet of Kandinsky 2.1 and 2.2 for inference: diffusers' noise with less work a step.

What a picture's condition alone decides is computed once, what a time alone decides is a table, and
one matrix tells all resnets the time. On a CPU, small networks convolve by Winograd's algorithm.
The samplers and training are not here.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from diffusers.models.embeddings import ImageHintTimeEmbedding
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn

TIMES = 1000  # steps of the training schedule
KNOWN: dict[str, set[object]] = {
    "act_fn": {"silu", "swish"},
    "addition_embed_type": {"image", "image_hint", "text_image"},
    "center_input_sample": {False},
    "class_embed_type": {None},
    "cross_attention_norm": {None},
    "down_block_types": {"ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"},
    "encoder_hid_dim_type": {"image_proj", "text_image_proj"},
    "mid_block_only_cross_attention": {None, False},
    "mid_block_scale_factor": {1},
    "mid_block_type": {"UNetMidBlock2DSimpleCrossAttn"},
    "num_class_embeds": {None},
    "only_cross_attention": {False},
    "resnet_out_scale_factor": {1},
    "resnet_skip_time_act": {False},
    "resnet_time_scale_shift": {"scale_shift"},
    "time_embedding_act_fn": {None},
    "up_block_types": {"ResnetUpsampleBlock2D", "SimpleCrossAttnUpBlock2D"},
}
# Winograd's F(4x4, 3x3) (1509.09308): what a tile, a kernel and their product are multiplied by.
TILE = [
    [4, 0, -5, 0, 1, 0],
    [0, -4, -4, 1, 1, 0],
    [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0],
    [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
]
KERNEL_24 = [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]
PRODUCT = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]


class DecoderUNet(nn.Module):
    """`embed` a picture's condition once, then call for each step, under `torch.inference_mode()`.

    The network's weights are taken over in their dtype and on their device, for good: let the
    network go afterwards.
    """

    layers: Sequence[_Layer]

    @torch.no_grad()
    def __init__(self, network: UNet2DConditionModel) -> None:
        """Raises ValueError for a network whose layout is not that of Kandinsky's decoder."""
        super().__init__()
        _check(network)
        parts = list(_parts(network))
        changes = [_change(part.resnet) for part in parts]
        words = [_words(part.attention) for part in parts if part.attention]
        self.change_sizes = [len(one) for one in changes]
        self.word_sizes = [2 * p.attention.inner_kv_dim if p.attention else 0 for p in parts]
        self.changes = _linear(torch.cat(changes), network.dtype)
        self.words = _linear(torch.cat(words), network.dtype)
        self.times = nn.Buffer(_all_times(network))
        self.add_embedding = network.add_embedding
        self.hint = getattr(network.add_embedding, "input_hint_block", None)
        self.encoder_hid_proj = network.encoder_hid_proj
        self.conv_in = network.conv_in
        self.layers = nn.ModuleList(map(_Layer, parts))  # type: ignore[assignment]
        self.norm_out = _Norm(network.conv_norm_out)
        self.conv_out = network.conv_out
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.requires_grad_(False)

    def embed(self, image_embeds: Tensor, *text: Tensor) -> tuple[Tensor, Tensor]:
        """`condition` of image embeddings (N, E); 2.1: and of text, (N, X) and hidden (N, T, H)."""
        added = self._added(image_embeds, *text[:1])
        tokens: Tensor = self.encoder_hid_proj(*text[1:], image_embeds)
        return self.condition(added, tokens)

    def hinted(self, picture: Tensor) -> Tensor:
        """ControlNet: what stands beside x, (N, 4, h, w), of hints (N, 3, 8h, 8w) in 0..1.

        Raises ValueError for a network that takes no hints.
        """
        if self.hint is None:
            raise ValueError("The UNet takes no hints")
        found: Tensor = self.hint(picture)
        return found

    def _added(self, image_embeds: Tensor, *text: Tensor) -> Tensor:
        if isinstance(self.add_embedding, ImageHintTimeEmbedding):  # its hint is `hinted`
            added: Tensor = self.add_embedding.image_norm(
                self.add_embedding.image_proj(image_embeds)
            )
        else:
            added = self.add_embedding(*text, image_embeds)
        return added

    def condition(self, added: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """What each step needs of a picture's condition: `forward`'s added and spoken, rows first.

        That is what is added to a time's embedding (N, D), as it came, and of the tokens (N, S, X)
        the keys and values in all attentions, side by side (N, S, K).
        """
        return added, self.words(tokens)

    def forward(self, x: Tensor, times: Tensor, added: Tensor, spoken: Tensor) -> Tensor:
        """The noise and its variance (N, 8, h, w) in x (N, C, h, w) at times (N,), each its own.

        Times are int64 in 0..999; added and spoken are those of `condition`. h and w divide by 2
        as often as the UNet does. N, h, w and S may change after torch.jit.trace.
        """
        told = self.changes(F.silu(F.embedding(times, self.times) + added))
        changes = torch.split_with_sizes(told, self.change_sizes, dim=-1)
        words = torch.split_with_sizes(spoken, self.word_sizes, dim=-1)
        x = self.conv_in(x.contiguous(memory_format=torch.channels_last))
        skips = [x]
        for layer, change, word in zip(self.layers, changes, words, strict=True):
            if layer.joins:
                x = torch.cat([x, skips.pop()], dim=1)
            x = layer(x, change, word)
            if layer.leaves:
                skips.append(x)
        found: Tensor = self.conv_out(F.silu(self.norm_out(x), inplace=True))
        return found


def _check(network: UNet2DConditionModel) -> None:
    for name, known in KNOWN.items():
        value = network.config[name]
        for one in value if isinstance(value, list | tuple) else [value]:
            if one not in known:
                raise ValueError(f"The UNet's {name} is {one!r}, not one of {known}")


class _Part(NamedTuple):
    """A resnet, and the attention after it."""

    resnet: ResnetBlock2D
    attention: Attention | None = None
    leaves: bool = False  # its result for the way up
    joins: bool = False  # first what was left on the way down


def _parts(network: UNet2DConditionModel) -> Iterator[_Part]:
    """In the order in which a feature map meets them."""
    for block in network.down_blocks:
        yield from _pairs(block, leaves=True)
        yield from (_Part(resnet, leaves=True) for resnet in block.downsamplers or ())
    yield from _pairs(network.mid_block)
    for block in network.up_blocks:
        yield from _pairs(block, joins=True)
        yield from (_Part(resnet) for resnet in block.upsamplers or ())


def _pairs(block: Any, leaves: bool = False, joins: bool = False) -> Iterator[_Part]:
    for resnet, attention in zip_longest(block.resnets, getattr(block, "attentions", ())):
        yield _Part(resnet, attention, leaves, joins)


def _all_times(network: UNet2DConditionModel) -> Tensor:
    """The embeddings (1000, D) of all times."""
    times = network.time_proj(torch.arange(TIMES, device=network.device))
    found: Tensor = network.time_embedding(times.to(network.dtype))
    return found


def _change(resnet: ResnetBlock2D) -> Tensor:
    """From a time's embedding to the gains and shifts of the second norm: a `_matrix` of 2C rows.

    It is norm(x) * (1 + scale) + shift; here the norm's own affine part is folded in.
    """
    weight, bias = resnet.norm2.weight.float()[:, None], resnet.norm2.bias.float()[:, None]
    scale, shift = _matrix(resnet.time_emb_proj).chunk(2)
    scale[:, -1] += 1
    return torch.cat([weight * scale, bias * scale + shift])


def _words(attention: Attention) -> Tensor:
    """From a token to its key and value: a `_matrix` of 2C rows."""
    return torch.cat([_matrix(attention.add_k_proj), _matrix(attention.add_v_proj)])


def _matrix(linear: nn.Linear) -> Tensor:
    """The weights in fp32, and the bias as one more column."""
    return torch.cat([linear.weight, linear.bias[:, None]], dim=1).float()


def _linear(matrix: Tensor, dtype: torch.dtype) -> nn.Linear:
    made = nn.Linear(matrix.shape[1] - 1, matrix.shape[0], device="meta")
    made.weight = nn.Parameter(matrix[:, :-1].to(dtype).contiguous())
    made.bias = nn.Parameter(matrix[:, -1].to(dtype).contiguous())
    return made


class _Layer(nn.Module):
    """A resnet, and an attention where the network has one."""

    def __init__(self, part: _Part) -> None:
        super().__init__()
        self.resnet = _Resnet(part.resnet)
        self.attention = _Attention(part.attention) if part.attention else None
        self.leaves, self.joins = part.leaves, part.joins

    def forward(self, x: Tensor, change: Tensor, words: Tensor) -> Tensor:
        """x (N, B, h, w) to (N, C, h', w'), by `_Resnet`'s change and `_Attention`'s words."""
        x = self.resnet(x, change)
        return x if self.attention is None else self.attention(x, words)


class _Resnet(nn.Module):
    """diffusers' ResnetBlock2D, whose second norm the time changes; some halve or double a side."""

    def __init__(self, resnet: ResnetBlock2D) -> None:
        super().__init__()
        self.norm1, self.norm2 = _Norm(resnet.norm1), _Norm(resnet.norm2)
        self.conv1 = (_after_upsampling if resnet.up else _convolution)(resnet.conv1)
        self.conv2 = _convolution(resnet.conv2)
        self.pool = nn.AvgPool2d(2) if resnet.down else nn.Identity()
        self.grow = nn.UpsamplingNearest2d(scale_factor=2) if resnet.up else nn.Identity()
        self.shortcut = resnet.conv_shortcut or nn.Identity()

    def forward(self, x: Tensor, change: Tensor) -> Tensor:
        """x (N, B, h, w), and the second norm's gains and shifts (N, 2C)."""
        hidden = F.silu(self.norm1(x), inplace=True)
        hidden = self.conv1(self.pool(hidden))
        hidden = F.silu(self.norm2(hidden, change), inplace=True)
        result: Tensor = self.conv2(hidden)
        return result.add_(self.shortcut(self.grow(self.pool(x))))


class _Attention(nn.Module):
    """diffusers' Attention with AttnAddedKVProcessor2_0: places look at tokens and one another."""

    def __init__(self, attention: Attention) -> None:
        super().__init__()
        self.norm, self.heads = _Norm(attention.group_norm), attention.heads
        parts = [_matrix(one) for one in (attention.to_q, attention.to_k, attention.to_v)]
        self.qkv = _linear(torch.cat(parts), attention.to_q.weight.dtype)
        self.out = attention.to_out[0]
        self.sizes = [self.out.in_features, 2 * self.out.in_features]

    def forward(self, x: Tensor, words: Tensor) -> Tensor:
        """x (N, C, h, w), and the tokens' keys and values (N, S, 2C)."""
        n, c, h, w = x.shape
        places = self.norm(x).permute(0, 2, 3, 1).reshape(n, h * w, c)
        query, seen = self.qkv(places).split(self.sizes, dim=-1)
        seen = torch.unflatten(torch.cat([words, seen], dim=1), -1, (2, self.heads, -1))
        key, value = seen.permute(2, 0, 3, 1, 4).unbind()
        query = torch.unflatten(query, -1, (self.heads, -1)).transpose(1, 2)
        found = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        result: Tensor = self.out(found)
        return result.view(n, h, w, c).permute(0, 3, 1, 2).add_(x)


class _Norm(nn.Module):
    """A group norm that may be told each row's gains and shifts."""

    def __init__(self, norm: nn.GroupNorm) -> None:
        super().__init__()
        self.groups, self.eps = norm.num_groups, norm.eps
        self.weight, self.bias = norm.weight, norm.bias

    def forward(self, x: Tensor, change: Tensor | None = None) -> Tensor:
        """A new tensor for x (N, C, h, w) and gains and shifts (N, 2C), the norm's own if None."""
        if change is None:
            gain, shift = self.weight[None], self.bias[None]
        else:
            gain, shift = change.chunk(2, dim=1)
        if x.is_cpu and x.dtype == torch.float32:
            found: Tensor = _normed(x, gain, shift, self.groups, self.eps)
            return found
        normal = torch.group_norm(x, self.groups, eps=self.eps)
        return torch.addcmul(shift[:, :, None, None], normal, gain[:, :, None, None])


def _after_upsampling(conv: nn.Conv2d) -> nn.ConvTranspose2d:
    """What nearest upsampling by 2 and then a 3x3 convolution do, with 4/9 of the FLOPs.

    A 3x3 kernel over pixels that come in equal squares of 2x2 is a 4x4 kernel over the squares'
    pixels: its weights are the sums over each 2x2 window of the 3x3 ones. Of these 16, each pixel
    of the result meets 4 instead of 9.
    """
    turned = F.pad(conv.weight.float().flip(2, 3).transpose(0, 1), (1, 1, 1, 1))
    sums = F.avg_pool2d(turned, kernel_size=2, stride=1, divisor_override=1)
    made = nn.ConvTranspose2d(conv.in_channels, conv.out_channels, 4, 2, 1, device="meta")
    made.weight, made.bias = nn.Parameter(sums.to(conv.weight.dtype)), conv.bias
    return made


def _convolution(conv: nn.Conv2d) -> nn.Module:
    """Winograd's where it may pay: on a CPU, for enough channels, within reasonable memory."""
    weight = conv.weight
    fits = weight.is_cpu and weight.dtype == torch.float32 and min(weight.shape[:2]) >= 64
    return _Winograd(conv) if fits and weight.shape[:2].numel() <= 2**16 else conv


class _Winograd(nn.Module):
    """A 3x3 convolution with a quarter of the multiplications, for five times the memory."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        kernel = conv.weight.new_tensor(KERNEL_24, dtype=torch.float64) / 24
        weight = torch.einsum("ya,xb,oiab->yxio", kernel, kernel, conv.weight.double()).float()
        self.plain, self.bias = conv.weight, conv.bias
        self.weight = nn.Buffer(weight.flatten(0, 1).contiguous())
        self.tile = nn.Buffer(conv.weight.new_tensor(TILE))
        self.product = nn.Buffer(conv.weight.new_tensor(PRODUCT))

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = _convolved(x, self.plain, self.bias, self.weight, self.tile, self.product)
        return found


with warnings.catch_warnings():  # scripts, since a trace would not choose by size
    warnings.simplefilter("ignore", DeprecationWarning)  # of torch.jit as a whole

    @torch.jit.script
    def _normed(x: Tensor, gain: Tensor, shift: Tensor, groups: int, eps: float) -> Tensor:
        """A group norm of (N, C, h, w) by gains and shifts (N or 1, C).

        It sums over places first. With channels last, torch's own takes up to five times as long.
        """
        n, c, h, w = x.shape
        if n * h * w < 64:
            x = torch.group_norm(x, groups, eps=eps)
            return torch.addcmul(shift[:, :, None, None], x, gain[:, :, None, None])
        sums = torch.stack([x.sum((2, 3)), (x * x).sum((2, 3))]).view(2, n, groups, -1)
        mean, square = sums.sum(-1, keepdim=True).mul_(groups / (c * h * w)).unbind()
        spread = torch.addcmul(square, mean, mean, value=-1).clamp_min_(0).add_(eps).rsqrt_()
        gain = gain.reshape(-1, groups, c // groups) * spread
        shift = torch.addcmul(shift.reshape(-1, groups, c // groups), mean, gain, value=-1)
        return torch.addcmul(shift.view(n, c, 1, 1), x, gain.view(n, c, 1, 1))

    @torch.jit.script
    def _convolved(
        x: Tensor, plain: Tensor, bias: Tensor, weight: Tensor, tile: Tensor, product: Tensor
    ) -> Tensor:
        """(N, B, h, w) to (N, C, h, w), by tiles of 6x6 that overlap by 2 unless they are few."""
        n, c, h, w = x.shape
        rows, columns = (h + 3) // 4, (w + 3) // 4
        if n * rows * columns < 8:
            return F.conv2d(x, plain, bias, padding=1)
        x = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 4 * columns - w + 1, 1, 4 * rows - h + 1))
        tiles = x.unfold(1, 6, 4).unfold(2, 6, 4).permute(4, 5, 0, 1, 2, 3)
        tiles = tile @ (tile @ tiles.reshape(6, -1)).view(6, 6, -1)
        tiles = tiles.view(36, -1, c) @ weight
        tiles[7] += bias  # as the product of places (1, 1), which counts once in all 4x4 results
        tiles = product @ (product @ tiles.view(6, -1)).view(4, 6, -1)
        x = tiles.view(4, 4, n, rows, columns, -1).permute(2, 3, 0, 4, 1, 5)
        pixels: Tensor = x.reshape(n, 4 * rows, 4 * columns, -1)[:, :h, :w]
        return pixels.permute(0, 3, 1, 2)
