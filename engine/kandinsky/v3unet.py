"""The UNet of Kandinsky 3 for inference (paper: 2312.03511): what a prompt decides is read once.

It is diffusers' Kandinsky3UNet. What the pooling makes of a prompt, and its keys and values in all
cross-attentions, are the prompt's `Words`; what a time decides is a table; one matrix tells all
norms both. The text encoder and the samplers are not here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import Kandinsky3UNet
from diffusers.models.attention_processor import Attention
from diffusers.models.unets.unet_kandinsky3 import (
    Kandinsky3AttentionBlock,
    Kandinsky3Block,
    Kandinsky3ConditionalGroupNorm,
    Kandinsky3DownSampleBlock,
    Kandinsky3ResNetBlock,
    Kandinsky3UpSampleBlock,
)
from torch import Tensor, nn

LATENT = 4  # channels
TIMES = 1000  # steps of the training schedule
UNSEEN = -10000.0  # added to a score, as in diffusers: its weight is then exactly zero

_Places = dict[nn.Module, int]  # of each norm among the norms, each cross-attention among these


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """What the UNet needs of a prompt of T tokens.

    pooled: (1, D), added to the time's embedding.
    spoken: (1, T, K), the tokens' keys and values in all cross-attentions, side by side.
    """

    pooled: Tensor
    spoken: Tensor

    def bytes(self) -> int:
        return self.pooled.nbytes + self.spoken.nbytes

    @staticmethod
    def stack(parts: Sequence[Words], tokens: int) -> tuple[Tensor, Tensor, Tensor]:
        """N prompts filled up to T = `tokens`, as `UNet.forward` takes them.

        The last of the three is the mask (N, T): 0 for a token, -10000 for what fills up.
        """
        pooled = torch.cat([part.pooled for part in parts])
        mask = pooled.new_full((len(parts), tokens), UNSEEN)
        for row, part in zip(mask, parts, strict=True):
            row[: part.spoken.shape[1]] = 0
        spoken = [F.pad(part.spoken, (0, 0, 0, tokens - part.spoken.shape[1])) for part in parts]
        return pooled, torch.cat(spoken), mask


class UNet(nn.Module):
    """`read` a prompt once, then call for each step, under `torch.inference_mode()`.

    The network's weights are taken over in their dtype and on their device: let the network go
    afterwards.
    """

    down: Sequence[_Level]
    up: Sequence[_Level]

    @torch.no_grad()
    def __init__(self, network: Kandinsky3UNet, null: Tensor | None = None) -> None:
        """`null` (C,), which checkpoints of the original format have, stands for no prompt.

        With it, what fills up a prompt is zero after the projection, as in the original code; in
        diffusers it is zero before, and so is no prompt.
        """
        super().__init__()
        norms = [
            one for one in network.modules() if isinstance(one, Kandinsky3ConditionalGroupNorm)
        ]
        crosses = list(_crosses(network))
        places: _Places = {norm: place for place, norm in enumerate(norms)}
        places |= {cross: place for place, cross in enumerate(crosses)}
        self.down = nn.ModuleList(_Level(block, places) for block in network.down_blocks)  # type: ignore[assignment]
        self.up = nn.ModuleList(_Level(block, places) for block in network.up_blocks)  # type: ignore[assignment]
        self.conv_in = network.conv_in
        self.out = nn.Sequential(network.conv_norm_out, nn.SiLU(), network.conv_out)
        self.times = nn.Buffer(_all_times(network))
        self.changes = _all_changes(norms)
        self.changed = [norm.context_mlp[1].out_features // 2 for norm in norms]
        self.projection = network.encoder_hid_proj
        self.pooling = _Pooling(network.add_time_condition.attention)
        self.words = _side_by_side([part for one in crosses for part in (one.to_k, one.to_v)])
        self.spoken = [2 * cross.inner_dim for cross in crosses]
        normal = self.projection.projection_norm
        zeros = torch.zeros_like(normal.bias)[None]
        self.filler = nn.Buffer(normal(zeros) if null is None else zeros)
        self.nothing = nn.Buffer(self.filler if null is None else null.to(zeros).view_as(zeros))
        self.requires_grad_(False)

    def read(self, hidden: Tensor, places: int) -> Words:
        """The words of a prompt from the hidden states (T, E) of its own tokens.

        It is pooled over `places`, T or more: diffusers takes the mean over what fills up, too.
        """
        return self._words(self.projection(hidden), places)

    def unsaid(self) -> Words:
        """The words of no prompt: diffusers' zeros with nothing to look at, however many."""
        return self._words(self.nothing, 1)

    def _words(self, tokens: Tensor, places: int) -> Words:
        """Projected tokens (T, C)."""
        filled = torch.cat([tokens, self.filler.expand(places - len(tokens), -1)])
        return Words(self.pooling(filled.mean(dim=0), tokens), self.words(tokens)[None])

    def forward(
        self, x: Tensor, times: Tensor, pooled: Tensor, spoken: Tensor, mask: Tensor
    ) -> Tensor:
        """The noise (N, 4, h, w) in x (N, C, h, w) at times (N,), each its own.

        Times are int64 in 0..999; the rest is of `Words.stack`. h and w are multiples of 2 to the
        power of the downsamplings. N, h, w and T may change after torch.jit.trace.
        """
        scales, shifts = self.changes(F.silu(F.embedding(times, self.times) + pooled)).chunk(2, 1)
        told = _Told(
            (scales + 1)[:, :, None, None].split(self.changed, dim=1),
            shifts[:, :, None, None].split(self.changed, dim=1),
            torch.split_with_sizes(spoken, self.spoken, dim=-1),
            mask[:, None, None],
        )
        x = self.conv_in(x)
        skips: list[Tensor] = []
        for level in self.down:
            x = level(x, told)
            skips.append(x)
        skips.pop()  # the way up starts from it
        for level in self.up:
            if level is not self.up[0]:
                x = torch.cat([x, skips.pop()], dim=1)
            x = level(x, told)
        found: Tensor = self.out(x)
        return found


def blank(config: Any) -> Kandinsky3UNet:
    """diffusers' network on "meta": without weights, and with 4 outputs.

    diffusers itself gives one of 9 inputs, which inpaints, 9 outputs as well.
    """
    with torch.device("meta"):
        network = Kandinsky3UNet.from_config(config)
        network.conv_out = nn.Conv2d(network.conv_out.in_channels, LATENT, 3, padding=1)
    return network


@dataclass(frozen=True, slots=True)
class _Told:
    """What time and prompt tell each norm (N, C, 1, 1) and each cross-attention (N, T, 2C)."""

    gains: Sequence[Tensor]
    shifts: Sequence[Tensor]
    words: Sequence[Tensor]
    mask: Tensor  # (N, 1, 1, T)


def _norms(network: Kandinsky3UNet) -> Iterator[Kandinsky3ConditionalGroupNorm]:
    return (one for one in network.modules() if isinstance(one, Kandinsky3ConditionalGroupNorm))


def _crosses(network: Kandinsky3UNet) -> Iterator[Attention]:
    """The cross-attentions, in the order in which a feature map meets them."""
    for block in [*network.down_blocks, *network.up_blocks]:
        if block.context_dim is not None:
            yield from (one.attention for one in block.attentions[1:])


def _all_times(network: Kandinsky3UNet) -> Tensor:
    """The embeddings (1000, D) of all times."""
    weight = network.time_embedding.linear_1.weight
    times = network.time_proj(torch.arange(TIMES, device=weight.device))
    found: Tensor = network.time_embedding(times.to(weight.dtype))
    return found


def _all_changes(norms: Sequence[Kandinsky3ConditionalGroupNorm]) -> nn.Linear:
    """From a time and prompt (D) to the scales of all norms, then the shifts of all."""
    halves = [norm.context_mlp[1].weight.chunk(2) for norm in norms]
    biases = [norm.context_mlp[1].bias.chunk(2) for norm in norms]
    made = _linear(torch.cat([part for parts in zip(*halves, strict=True) for part in parts]))
    made.bias = nn.Parameter(torch.cat([p for parts in zip(*biases, strict=True) for p in parts]))
    return made


def _side_by_side(parts: Sequence[nn.Linear]) -> nn.Linear:
    """Linear layers without biases as one."""
    return _linear(torch.cat([part.weight for part in parts]))


def _linear(weight: Tensor) -> nn.Linear:
    made = nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="meta")
    made.weight = nn.Parameter(weight)
    return made


class _Pooling(nn.Module):
    """diffusers' Kandinsky3AttentionPooling, of one prompt: its mean looks at its tokens."""

    def __init__(self, attention: Attention) -> None:
        super().__init__()
        self.heads = attention.heads
        self.query, self.out = attention.to_q, attention.to_out[0]
        self.words = _side_by_side([attention.to_k, attention.to_v])

    def forward(self, mean: Tensor, tokens: Tensor) -> Tensor:
        """(C,) and (T, C) to (1, D)."""
        query = self.query(mean).view(self.heads, 1, -1)
        keys, values = _keys_and_values(self.words(tokens), self.heads)
        seen = F.scaled_dot_product_attention(query, keys, values)
        found: Tensor = self.out(seen.view(1, -1))
        return found


class _Level(nn.Module):
    """A down or up block: pairs of resnets with a cross-attention amid, and a self-attention."""

    layers: Sequence[nn.Module]

    def __init__(
        self, block: Kandinsky3DownSampleBlock | Kandinsky3UpSampleBlock, places: _Places
    ) -> None:
        super().__init__()
        layers = list(_pairs(block, places))
        if block.self_attention:
            first = isinstance(block, Kandinsky3DownSampleBlock)
            layers.insert(0 if first else len(layers), _AttentionBlock(block.attentions[0], places))
        self.layers = nn.ModuleList(layers)  # type: ignore[assignment]

    def forward(self, x: Tensor, told: _Told) -> Tensor:
        for layer in self.layers:
            x = layer(x, told)
        return x


def _pairs(
    block: Kandinsky3DownSampleBlock | Kandinsky3UpSampleBlock, places: _Places
) -> Iterator[nn.Module]:
    for first, cross, last in zip(
        block.resnets_in, block.attentions[1:], block.resnets_out, strict=True
    ):
        yield _Resnet(first, places)
        if block.context_dim is not None:
            yield _AttentionBlock(cross, places)
        yield _Resnet(last, places)


class _Norm(nn.Module):
    """A group norm whose gains and shifts time and prompt decide."""

    def __init__(self, norm: Kandinsky3ConditionalGroupNorm, places: _Places) -> None:
        super().__init__()
        self.groups, self.eps = norm.norm.num_groups, norm.norm.eps
        self.place = places[norm]

    def forward(self, x: Tensor, told: _Told) -> Tensor:
        # not F.group_norm, whose check of the size is Python and would not go into a trace
        x = torch.group_norm(x, self.groups, eps=self.eps)
        return torch.addcmul(told.shifts[self.place], x, told.gains[self.place])


class _Block(nn.Module):
    """diffusers' Kandinsky3Block: a norm and a convolution, at half or twice the size for some."""

    def __init__(self, block: Kandinsky3Block, places: _Places) -> None:
        super().__init__()
        self.norm = _Norm(block.group_norm, places)
        self.layers = nn.Sequential(block.up_sample, block.projection, block.down_sample)

    def forward(self, x: Tensor, told: _Told) -> Tensor:
        found: Tensor = self.layers(F.silu(self.norm(x, told), inplace=True))
        return found


class _Resnet(nn.Module):
    """diffusers' Kandinsky3ResNetBlock."""

    def __init__(self, resnet: Kandinsky3ResNetBlock, places: _Places) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_Block(block, places) for block in resnet.resnet_blocks)
        self.shortcut = nn.Sequential(
            resnet.shortcut_up_sample, resnet.shortcut_projection, resnet.shortcut_down_sample
        )

    def forward(self, x: Tensor, told: _Told) -> Tensor:
        hidden = x
        for block in self.blocks:
            hidden = block(hidden, told)
        found: Tensor = hidden + self.shortcut(x)
        return found


class _AttentionBlock(nn.Module):
    """diffusers' Kandinsky3AttentionBlock, over the prompt or over the feature map's own places."""

    def __init__(self, block: Kandinsky3AttentionBlock, places: _Places) -> None:
        super().__init__()
        attention = block.attention
        self.heads = attention.heads
        self.place = places.get(attention)
        self.norm_in, self.norm_out = _Norm(block.in_norm, places), _Norm(block.out_norm, places)
        self.query, self.out = attention.to_q, attention.to_out[0]
        self.own = None
        if self.place is None:
            self.own = _side_by_side([attention.to_k, attention.to_v])
        self.feed = block.feed_forward

    def forward(self, x: Tensor, told: _Told) -> Tensor:
        """(N, C, h, w) to as much."""
        spots = self.norm_in(x, told).flatten(2).mT
        if self.own is not None:
            words, mask = self.own(spots), None
        else:
            words, mask = told.words[self.place or 0], told.mask
        query = torch.unflatten(self.query(spots), -1, (self.heads, -1)).transpose(1, 2)
        keys, values = _keys_and_values(words, self.heads)
        seen = F.scaled_dot_product_attention(query, keys, values, attn_mask=mask)
        x = x + self.out(seen.transpose(1, 2).flatten(2)).mT.reshape(x.shape)
        found: Tensor = x + self.feed(self.norm_out(x, told))
        return found


def _keys_and_values(words: Tensor, heads: int) -> tuple[Tensor, Tensor]:
    """(..., T, 2C) to both as (..., heads, T, d)."""
    keys, values = torch.unflatten(words, -1, (2, heads, -1)).movedim(-3, 0).transpose(-3, -2)
    return keys, values
