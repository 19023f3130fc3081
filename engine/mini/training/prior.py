"""The prior: from a caption's embedding and tokens to the embedding of a picture it is true of."""

from __future__ import annotations

import random
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import PriorTransformer, UnCLIPScheduler
from torch import Tensor
from transformers import CLIPTextModelWithProjection, CLIPTokenizer

from engine.mini import parts, scenes
from engine.mini.training import cache
from engine.mini.training.clip import tokens
from engine.mini.training.loop import Budget, train

BATCH = 128
DROPPED = 0.1  # captions replaced by the empty one, for guidance


def run(
    tokenizer: CLIPTokenizer, text: CLIPTextModelWithProjection, folder: Path, budget: Budget
) -> PriorTransformer:
    """Train with the cached embeddings in `folder`; sets clip_mean and clip_std from them."""
    embeddings = cache.read(folder, "embeddings").float()
    module = parts.prior()
    module.clip_mean.data = embeddings.mean(dim=0, keepdim=True)
    module.clip_std.data = embeddings.std(dim=0, keepdim=True)
    module.clip_mean.requires_grad_(False)
    module.clip_std.requires_grad_(False)
    alphas = UnCLIPScheduler(**parts.PRIOR_SCHEDULER).alphas_cumprod.to(budget.device)
    rng = random.Random(random.randrange(1 << 30))
    text = text.to(budget.device).eval().requires_grad_(False)

    def step(prior: PriorTransformer, index: int, progress: float) -> dict[str, Tensor]:
        picked = [rng.randrange(len(embeddings)) for _ in range(BATCH)]
        clean = (embeddings[picked].to(budget.device) - prior.clip_mean) / prior.clip_std
        ids, mask = _captions(tokenizer, picked, rng)
        ids, mask = ids.to(budget.device), mask.to(budget.device)
        when = torch.randint(0, 1000, (BATCH,), device=budget.device)
        alpha = alphas[when][:, None]
        noisy = alpha.sqrt() * clean + (1 - alpha).sqrt() * torch.randn_like(clean)
        with torch.autocast(budget.device.type, torch.bfloat16):
            with torch.no_grad():
                read = text(ids)
            found = short_forward(
                prior, noisy, when, read.text_embeds, read.last_hidden_state, mask
            )
        return {"loss": F.mse_loss(found.float(), clean)}

    return train("prior", module, step, lambda p, i: {}, budget)


def _captions(
    tokenizer: CLIPTokenizer, picked: list[int], rng: random.Random
) -> tuple[Tensor, Tensor]:
    texts = []
    for index in picked:
        language = rng.choice(scenes.LANGUAGES)
        said = scenes.caption(cache.scene(index), rng, language)[0]
        texts.append("" if rng.random() < DROPPED else said)
    ids = tokens(tokenizer, texts)
    end = tokenizer.eos_token_id
    mask = (ids == end).cumsum(dim=1) - (ids == end).long() == 0  # up to the first end, included
    return ids, mask


def short_forward(
    prior: PriorTransformer,
    noisy: Tensor,
    when: Tensor,
    embeds: Tensor,
    hidden: Tensor,
    mask: Tensor,
) -> Tensor:
    """PriorTransformer.forward without the padding past the longest caption: the same, sooner."""
    length = hidden.shape[1]
    time = prior.time_embedding(prior.time_proj(when).to(noisy.dtype))
    sequence = torch.cat(
        [
            prior.encoder_hidden_states_proj(hidden),
            prior.embedding_proj(embeds)[:, None],
            time[:, None],
            prior.proj_in(noisy)[:, None],
            prior.prd_embedding.expand(len(noisy), -1, -1),
        ],
        dim=1,
    )
    places = prior.positional_embedding
    sequence = sequence + torch.cat([places[:, :length], places[:, parts.TOKENS :]], dim=1)
    size = sequence.shape[1]
    causal = torch.full((size, size), -10000.0, device=noisy.device).triu_(1)
    unseen = F.pad((~mask).float() * -10000.0, (0, 4))
    attention = unseen[:, None, :] + causal
    heads = prior.config.num_attention_heads
    attention = attention.repeat_interleave(heads, dim=0).to(sequence.dtype)
    for block in prior.transformer_blocks:
        sequence = block(sequence, attention_mask=attention)
    answer: Tensor = prior.proj_to_clip_embeddings(prior.norm_out(sequence)[:, -1])
    return answer
