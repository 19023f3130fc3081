"""The prior predicts what diffusers' PriorTransformer predicts, from what it remembers of a prompt.

fp32 on CPU unless said otherwise; the plain network reads all tokens anew in each step.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import torch
from diffusers import PriorTransformer, UnCLIPScheduler
from torch import Tensor

from engine.kandinsky.prior import Prefix, Prior
from engine.weights import MINI

SMALL = dict(
    num_attention_heads=3, attention_head_dim=16, num_layers=2, embedding_dim=24, num_embeddings=77
)


@dataclass
class Inputs:
    """What one step of the plain prior takes, N rows."""

    x: Tensor
    times: Tensor
    embeds: Tensor
    hidden: Tensor
    mask: Tensor

    @classmethod
    def drawn(cls, plain: PriorTransformer, lengths: list[int], seed: int = 0) -> Inputs:
        """Prompts of so many tokens, each row at its own time; the first and last time included."""
        generator = torch.Generator().manual_seed(seed)
        rows, tokens = len(lengths), plain.config.num_embeddings
        width, dtype = plain.config.embedding_dim, plain.dtype
        return cls(
            x=torch.randn(rows, width, generator=generator).to(dtype),
            times=torch.tensor([999, 0, 458, 42, 1])[:rows],
            embeds=torch.randn(rows, width, generator=generator).to(dtype),
            hidden=torch.randn(rows, tokens, width, generator=generator).to(dtype),
            mask=torch.arange(tokens) < torch.tensor(lengths)[:, None],
        )

    def predicted(self, plain: PriorTransformer) -> Tensor:
        found: Tensor = plain(
            self.x, self.times, self.embeds, self.hidden, self.mask
        ).predicted_image_embedding
        return found

    def read(self, prior: Prior) -> Prefix:
        return prior.read(self.embeds, self.hidden, self.mask)


@pytest.fixture(autouse=True)
def _inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def mini() -> PriorTransformer:
    return PriorTransformer.from_pretrained(MINI / "prior" / "prior").eval()


def random_network(**changes: object) -> PriorTransformer:
    """A network of a small layout whose parameters, places and constants too, are all random."""
    plain = PriorTransformer(**SMALL | changes).eval()
    generator = torch.Generator().manual_seed(1)
    for parameter in plain.parameters():
        parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    return plain


def away(found: Tensor, expected: Tensor) -> float:
    assert found.shape == expected.shape
    return (found - expected).abs().max().item()


def after(prior: Callable[..., Tensor], inputs: Inputs, prefix: Prefix) -> Tensor:
    return prior(inputs.x, inputs.times, prefix.keys, prefix.values, prefix.mask)


@pytest.mark.parametrize(
    "lengths", [[48], [2], [2, 2], [48, 2], [9, 2, 48, 30, 17], [0, 5, 1]], ids=str
)
def test_a_step_is_that_of_diffusers(mini: PriorTransformer, lengths: list[int]) -> None:
    inputs = Inputs.drawn(mini, lengths)
    prior = Prior(mini)
    assert away(after(prior, inputs, inputs.read(prior)), inputs.predicted(mini)) < 1e-5


def test_a_mask_may_have_holes(mini: PriorTransformer) -> None:
    inputs = Inputs.drawn(mini, [48, 20])
    inputs.mask[0, ::3] = False
    inputs.mask[1, 5:9] = False
    prior = Prior(mini)
    assert away(after(prior, inputs, inputs.read(prior)), inputs.predicted(mini)) < 1e-5


@pytest.mark.parametrize("changes", [{}, {"clip_embed_dim": 40}, {"time_embed_dim": 20}], ids=str)
def test_a_random_network_of_77_tokens(changes: dict[str, object]) -> None:
    plain = random_network(**changes)
    inputs = Inputs.drawn(plain, [77, 2, 40])
    prior = Prior(plain)
    assert away(after(prior, inputs, inputs.read(prior)), inputs.predicted(plain)) < 1e-5


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_is_as_close_as_that_of_diffusers(dtype: torch.dtype) -> None:
    plain = random_network()
    inputs = Inputs.drawn(plain, [77, 2, 40])
    expected = inputs.predicted(plain)
    plain = plain.to(dtype)
    inputs = Inputs.drawn(plain, [77, 2, 40])
    prior = Prior(plain)
    found = after(prior, inputs, inputs.read(prior))
    assert found.dtype == dtype
    assert away(found, expected) < 1.5 * away(inputs.predicted(plain), expected)


def test_a_guided_loop_ends_where_that_of_diffusers_does(mini: PriorTransformer) -> None:
    prior = Prior(mini)
    inputs = Inputs.drawn(mini, [2, 2, 11, 48])  # two pictures, first what they are steered from
    prefix = inputs.read(prior)

    def plainly(x: Tensor, times: Tensor) -> Tensor:
        found: Tensor = mini(
            x, times, inputs.embeds, inputs.hidden, inputs.mask
        ).predicted_image_embedding
        return found

    def cached(x: Tensor, times: Tensor) -> Tensor:
        found: Tensor = prior(x, times, prefix.keys, prefix.values, prefix.mask)
        return found

    expected = mini.post_process_latents(sampled(plainly, inputs.x[:2]))
    assert away(prior.finish(sampled(cached, inputs.x[:2])), expected) < 1e-4


def sampled(predict: Callable[[Tensor, Tensor], Tensor], x: Tensor) -> Tensor:
    """x (N, E) after 25 steps of UnCLIP with guidance 4."""
    scheduler = UnCLIPScheduler.from_pretrained(MINI / "prior" / "scheduler")
    scheduler.set_timesteps(25)
    generator = torch.Generator().manual_seed(5)
    following = [*scheduler.timesteps[1:], None]
    for time, next_time in zip(scheduler.timesteps, following, strict=True):
        both = torch.cat([x, x])
        without, found = predict(both, time.expand(len(both))).chunk(2)
        found = without + 4 * (found - without)
        x = scheduler.step(found, time, x, prev_timestep=next_time, generator=generator).prev_sample
    return x


def test_a_trace_takes_other_numbers_of_rows_and_tokens(mini: PriorTransformer) -> None:
    prior = Prior(mini)
    pair = Inputs.drawn(mini, [48, 3])
    prefix = pair.read(prior)
    example = (pair.x, pair.times, prefix.keys, prefix.values, prefix.mask)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore", DeprecationWarning)  # of torch.jit as a whole
        traced = torch.jit.trace(prior, example)  # type: ignore[no-untyped-call]
    for lengths in ([7], [9, 2, 48, 30, 17]):
        inputs = Inputs.drawn(mini, lengths)
        assert away(after(traced, inputs, inputs.read(prior)), inputs.predicted(mini)) < 1e-5
    inputs = Inputs.drawn(mini, [7, 20, 12])
    expected = inputs.predicted(mini)
    inputs.hidden, inputs.mask = inputs.hidden[:, :20], inputs.mask[:, :20]
    assert away(after(traced, inputs, inputs.read(prior)), expected) < 1e-5


def test_prompts_read_apart_make_up_a_batch(mini: PriorTransformer) -> None:
    inputs = Inputs.drawn(mini, [9, 2, 48])
    prior = Prior(mini)
    rows = zip(inputs.embeds[:, None], inputs.hidden[:, None], inputs.mask[:, None], strict=True)
    parts = [prior.read(*row) for row in rows]
    found = after(prior, inputs, Prefix.stack(parts))
    assert away(found, inputs.predicted(mini)) < 1e-5


def test_a_batch_can_be_taken_apart(mini: PriorTransformer) -> None:
    prefix = Inputs.drawn(mini, [9, 2, 48]).read(Prior(mini))
    again = Prefix.stack(list(prefix))
    assert len(again) == len(prefix) == 3
    assert torch.equal(again.keys, prefix.keys)
    assert torch.equal(again.values, prefix.values)
    assert torch.equal(again.mask, prefix.mask)


def test_a_kept_prompt_does_not_keep_its_batch(mini: PriorTransformer) -> None:
    prefix = Inputs.drawn(mini, [9, 2, 48]).read(Prior(mini))
    one = prefix[1]
    held = [part.untyped_storage().nbytes() for part in (one.keys, one.values, one.mask)]
    assert sum(held) == one.bytes == prefix.bytes // 3


def test_the_layers_of_a_prefix_are_used_where_they_lie(mini: PriorTransformer) -> None:
    prefix = Inputs.drawn(mini, [9, 2]).read(Prior(mini))
    for one in (prefix, prefix[1], Prefix.stack([prefix, prefix[0]])):
        assert one.keys.is_contiguous()
        assert one.values.is_contiguous()


@pytest.mark.parametrize(
    "changes",
    [
        {"norm_in_type": "layer"},
        {"embedding_proj_norm_type": "layer"},
        {"encoder_hid_proj_type": None},
        {"added_emb_type": None, "additional_embeddings": 3},
        {"additional_embeddings": 0},
    ],
    ids=str,
)
def test_another_layout_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"The prior's {next(iter(changes))} is"):
        Prior(random_network(**changes))
