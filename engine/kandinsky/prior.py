"""The diffusion prior of Kandinsky 2.1 and 2.2 for inference: what a prompt fixes is read once.

It is diffusers' PriorTransformer, a causal transformer over [T text tokens, text embedding, time,
x_t, query] (paper: 2204.06125, section 2.2). Only the last three tokens change from step to step,
so the keys and values of those before are a prompt's `Prefix`. The sampler is not here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from diffusers import PriorTransformer, UnCLIPScheduler
from diffusers.models.attention import BasicTransformerBlock
from torch import Tensor, nn

from engine.cards import filled
from engine.requests import Request
from engine.runtime import samplers
from engine.runtime.denoising import Denoiser, Denoising, Noise, Together
from engine.runtime.device import Device

LEAST = 8  # rows that are worth a lane of the CPU
NEW = 3  # tokens that a step adds: time, x_t, query
TIMES = 1000  # steps of the training schedule
UNSEEN = -10000.0  # added to a score, as in diffusers: its weight is then exactly zero
LAYOUT = {
    "added_emb_type": "prd",
    "additional_embeddings": 1 + NEW,
    "embedding_proj_norm_type": None,
    "encoder_hid_proj_type": "linear",
    "norm_in_type": None,
}


@dataclass(frozen=True, slots=True, eq=False)
class Prefix:
    """What the prior remembers of N prompts, in L layers: text, text embedding, padding.

    keys, values: (N, heads, L, T + 1, d). Heads come before layers, so that a layer is a batch of
    N * heads matrices as it lies in memory.
    mask: (N, T + 1), added to the scores: 0, or -10000 for padding.
    """

    keys: Tensor
    values: Tensor
    mask: Tensor

    @classmethod
    def stack(cls, parts: Sequence[Prefix]) -> Prefix:
        """The prompts of all parts, in order."""
        return cls(
            torch.cat([part.keys for part in parts]),
            torch.cat([part.values for part in parts]),
            torch.cat([part.mask for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.mask)

    def __getitem__(self, index: int) -> Prefix:
        """One prompt (N = 1); a copy, so that keeping it does not keep the whole batch."""
        keys, values, mask = self.keys[index], self.values[index], self.mask[index]
        return Prefix(keys[None].clone(), values[None].clone(), mask[None].clone())

    def __iter__(self) -> Iterator[Prefix]:
        return (self[index] for index in range(len(self)))

    @property
    def bytes(self) -> int:
        return self.keys.nbytes + self.values.nbytes + self.mask.nbytes


class Prior(nn.Module):
    """`read` a prompt once, then call for each step, under `torch.inference_mode()`.

    The network's weights are taken over in their dtype: let the network go afterwards.
    """

    blocks: Sequence[_Block]

    @torch.no_grad()
    def __init__(self, network: PriorTransformer) -> None:
        """Raises ValueError for a network whose layout is not that of Kandinsky's prior."""
        super().__init__()
        for name, value in LAYOUT.items():
            if network.config[name] != value:
                raise ValueError(f"The prior's {name} is {network.config[name]!r}, not {value!r}")
        places = network.positional_embedding[0]
        time, x, query = places[-NEW:]
        self.text_in = network.encoder_hidden_states_proj
        self.embedding_in = network.embedding_proj
        self.x_in = _linear(network.proj_in.weight, network.proj_in.bias + x)
        self.blocks = nn.ModuleList(map(_Block, network.transformer_blocks))  # type: ignore[assignment]
        self.norm = network.norm_out
        self.out = network.proj_to_clip_embeddings
        self.places = nn.Buffer(places[:-NEW].clone())
        self.times = nn.Buffer(_all_times(network) + time)
        self.query = nn.Buffer(network.prd_embedding[0] + query)
        self.causal = nn.Buffer(_causal(NEW, places))
        self.clip_mean = nn.Buffer(network.clip_mean.detach())
        self.clip_std = nn.Buffer(network.clip_std.detach())
        self.requires_grad_(False)

    def read(self, embeds: Tensor, hidden: Tensor, mask: Tensor) -> Prefix:
        """Text embeddings (N, E), hidden states (N, T, E), mask (N, T), True for a token.

        The tokens after the longest prompt's last one are left out, and padding is put behind the
        text embedding instead: as a key it has no weight, and its own result is never asked for.
        """
        tokens = mask.shape[1]
        length = int((mask * torch.arange(1, tokens + 1, device=mask.device)).max())
        hidden, mask = hidden[:, :length], mask[:, :length]
        x = torch.cat([self.text_in(hidden), self.embedding_in(embeds)[:, None]], dim=1)
        x = x + torch.cat([self.places[:length], self.places[-1:]])
        padding = F.pad((1 - mask.to(x.dtype)) * UNSEEN, (0, 1))
        unseen = (padding[:, None] + _causal(length + 1, x))[:, None]
        keys, values = [], []
        for block in self.blocks:
            q, k, v = block.project(x).transpose(1, 3).unbind(2)
            keys.append(k)
            values.append(v)
            if block is not self.blocks[-1]:
                x = block.rest(x, F.scaled_dot_product_attention(q, k, v, attn_mask=unseen))
        missing = tokens - length
        return Prefix(
            F.pad(torch.stack(keys, dim=2), (0, 0, 0, missing)),
            F.pad(torch.stack(values, dim=2), (0, 0, 0, missing)),
            F.pad(padding, (0, missing), value=UNSEEN),
        )

    def forward(
        self, x: Tensor, times: Tensor, keys: Tensor, values: Tensor, mask: Tensor
    ) -> Tensor:
        """The image embeddings (N, E) predicted from x_t (N, E) at times (N,), each row its own.

        Times are int64 in 0..999; keys, values and mask are a Prefix's. N and T may change after
        torch.jit.trace.
        """
        x = self.x_in(x)
        tokens = [F.embedding(times, self.times), x, self.query.expand_as(x)]
        state = torch.stack(tokens, dim=1)
        mask = mask[:, None, None].expand(-1, keys.shape[1], -1, -1).flatten(0, 1)
        past = zip(keys.flatten(0, 1).unbind(1), values.flatten(0, 1).unbind(1), strict=True)
        for block, (key, value) in zip(self.blocks, past, strict=True):
            state = block(state, key, value, mask, self.causal, block is self.blocks[-1])
        found: Tensor = self.out(self.norm(state[:, -1]))
        return found

    def finish(self, x: Tensor) -> Tensor:
        """The image embeddings (N, E) that the sampled x (N, E) stand for."""
        return x * self.clip_std + self.clip_mean


class _Block(nn.Module):
    """One layer: self-attention, then a feed-forward network, each after a norm."""

    def __init__(self, block: BasicTransformerBlock) -> None:
        super().__init__()
        attention, feed = block.attn1, block.ff.net
        parts = [attention.to_q, attention.to_k, attention.to_v]
        self.heads, self.scale = attention.heads, attention.scale
        self.norm_in = block.norm1
        self.qkv = _linear(
            torch.cat([part.weight for part in parts]), torch.cat([part.bias for part in parts])
        )
        self.out = attention.to_out[0]
        self.norm_wide = block.norm3
        self.wide, self.narrow = feed[0].proj, feed[2]

    def forward(
        self, x: Tensor, keys: Tensor, values: Tensor, mask: Tensor, causal: Tensor, last: bool
    ) -> Tensor:
        """New tokens (N, 3, C) that look at keys and values (N * heads, S, d) and one another.

        mask: (N * heads, 1, S); causal: (3, 3). After the last layer only the query (N, 1, C).
        """
        q, k, v = self.project(x).permute(2, 0, 3, 1, 4).flatten(1, 2).unbind()
        if last:
            x, q, causal = x[:, -1:], q[:, -1:], causal[-1:]
        # The prefix is long: join the scores, not the keys.
        before = torch.baddbmm(mask, q, keys.mT, alpha=self.scale)
        among = torch.baddbmm(causal, q, k.mT, alpha=self.scale)
        weights = torch.cat([before, among], dim=-1).softmax(dim=-1)
        found = torch.bmm(weights[..., :-NEW], values)
        found = torch.baddbmm(found, weights[..., -NEW:], v)
        return self.rest(x, torch.unflatten(found, 0, (-1, self.heads)))

    def project(self, x: Tensor) -> Tensor:
        """(N, S, C) to queries, keys and values (N, S, 3, heads, d)."""
        return torch.unflatten(self.qkv(self.norm_in(x)), -1, (3, self.heads, -1))

    def rest(self, x: Tensor, found: Tensor) -> Tensor:
        """(N, S, C) and what its attention found, (N, heads, S, d), to the layer's end."""
        x = x + self.out(found.transpose(1, 2).flatten(2))
        made: Tensor = self.narrow(F.gelu(self.wide(self.norm_wide(x))))
        return x + made


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    made = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    made.weight, made.bias = nn.Parameter(weight), nn.Parameter(bias)
    return made


def _causal(length: int, like: Tensor) -> Tensor:
    """(length, length), added to the scores: no token sees a later one."""
    return like.new_full((length, length), UNSEEN).triu(1)


def _all_times(network: PriorTransformer) -> Tensor:
    """The tokens (1000, C) of all times, without their place."""
    weight = network.time_embedding.linear_1.weight
    times = network.time_proj(torch.arange(TIMES, device=weight.device))
    found: Tensor = network.time_embedding(times.to(weight.dtype))
    return found


class PriorNetwork(Denoiser):
    """The diffusion prior; a condition is the prefix of a prompt."""

    def __init__(
        self, device: Device, network: PriorTransformer, scheduler: UnCLIPScheduler
    ) -> None:
        self._device = device
        self._width = network.config.embedding_dim
        self._cost = 2e-12 * 3 * sum(one.numel() for one in network.parameters())
        self.prior = Prior(network)
        self._table = cache(lambda steps: samplers.prior_table(scheduler, steps))
        with torch.inference_mode():
            nobody = torch.zeros(2, self._width, device=device.torch, dtype=device.dtype)
            tokens = network.config.num_embeddings
            hidden = nobody.new_zeros(2, tokens, self._width)
            mask = torch.ones(2, tokens, dtype=torch.bool, device=device.torch)
            prefix = self.prior.read(nobody, hidden, mask)
            times = torch.zeros(2, dtype=torch.long, device=device.torch)
            self._forward = device.traced(
                self.prior, nobody, times, prefix.keys, prefix.values, prefix.mask
            )
        self._together = Together(Prefix.stack)

    def stage(
        self, request: Request, noise: Noise, toward: list[Prefix], away: list[Prefix] | None
    ) -> Denoising:
        table = self._table(filled(request.prior_steps))
        rows = len(toward) * (1 if away is None else 2)
        return Denoising(
            network=self,
            group=self,
            rows=rows,
            cost=rows * self._cost,
            steps=len(table),
            table=table,
            numbers=table.guided(filled(request.prior_guidance), self._device.torch),
            x=noise.draw((len(toward), self._width)),
            drawn=noise.draw((table.draws, len(toward), self._width)),
            toward=toward,
            away=away,
        )

    def predict(self, x: Tensor, times: Tensor, conditions: list[Prefix]) -> tuple[Tensor, None]:
        prefix = self._together.of(conditions)
        out = self._device.run(
            self._forward,
            *(x.to(self._device.dtype), times, prefix.keys, prefix.values, prefix.mask),
            least=LEAST,
        )
        return out.float(), None
