"""Each table takes the steps of the diffusers scheduler that it stands for."""

from __future__ import annotations

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler, UnCLIPScheduler
from torch import Tensor

from engine.mini import parts
from engine.requests import Sampler
from engine.runtime import samplers

SHAPE = (3, 4, 8, 8)
CONFIGS = {
    "thresholding": parts.DECODER_SCHEDULER,
    "clipping": parts.DECODER_SCHEDULER
    | {"thresholding": False, "clip_sample": True, "clip_sample_range": 1.5},
    "neither": parts.DECODER_SCHEDULER | {"thresholding": False},
    "another spacing": parts.DECODER_SCHEDULER
    | {"timestep_spacing": "trailing", "steps_offset": 1},
}
PLAIN = {
    "ddpm": DDPMScheduler,
    "ddim": DDIMScheduler,
    "dpm++": DPMSolverMultistepScheduler,
}


def outputs(count: int) -> list[Tensor]:
    """What a network might say: noise and spread, (3, 8, 8, 8) each."""
    generator = torch.Generator().manual_seed(3)
    return [torch.randn((3, 8, 8, 8), generator=generator) for _ in range(count)]


@pytest.mark.parametrize(
    ("sampler", "config"),
    [
        (sampler, config)
        for sampler in PLAIN
        for config in CONFIGS
        if (sampler, config) != ("dpm++", "clipping")  # it has none: see the next test
    ],
)
@pytest.mark.parametrize("steps", [1, 2, 5, 20, 33, 50])
def test_a_decoder_table_steps_as_diffusers(sampler: Sampler, steps: int, config: str) -> None:
    model = DDPMScheduler(**CONFIGS[config])
    table = samplers.decoder_table(model, sampler, steps)
    threshold = samplers.Threshold.of(model)
    # diffusers' DPM-Solver drops a learned variance, but as if latents had three channels
    fixed = {"variance_type": None} if sampler == "dpm++" else {}
    plain = PLAIN[sampler].from_config(model.config, **fixed)
    plain.set_timesteps(steps)
    assert table.times.tolist() == plain.timesteps.tolist()
    x = expected = torch.randn(SHAPE, generator=torch.Generator().manual_seed(1))
    clean = torch.zeros(SHAPE)
    ours, theirs = (torch.Generator().manual_seed(9) for _ in range(2))
    for index, out in enumerate(outputs(len(table))):
        given = out if sampler == "ddpm" else out[:, :4]
        expected = plain.step(given, plain.timesteps[index], expected, generator=theirs)[0]
        drawn = torch.randn(SHAPE, generator=ours) if index < table.draws else torch.zeros(SHAPE)
        rows = table.rows[index].expand(3, -1)
        x, clean = samplers.step(rows, x, out[:, :4], out[:, 4:], clean, drawn, threshold)
        torch.testing.assert_close(x, expected, rtol=1e-4, atol=1e-4)


def test_dpm_solver_is_not_clipped() -> None:
    """diffusers' DPM-Solver++ knows thresholding but no clipping, and neither do we."""
    model = DDPMScheduler(**CONFIGS["clipping"])
    clip = samplers.COLUMNS.index("clip")
    assert samplers.decoder_table(model, "dpm++", 5).rows[:, clip].tolist() == [torch.inf] * 5
    assert samplers.decoder_table(model, "ddim", 5).rows[:, clip].tolist() == [1.5] * 5


@pytest.mark.parametrize("steps", [2, 5, 25, 100])
def test_a_prior_table_steps_as_diffusers(steps: int) -> None:
    model = UnCLIPScheduler(**parts.PRIOR_SCHEDULER)
    table = samplers.prior_table(model, steps)
    threshold = samplers.Threshold.of(model)
    model.set_timesteps(steps)
    assert table.times.tolist() == model.timesteps.tolist()
    x = expected = torch.randn((2, 16), generator=torch.Generator().manual_seed(1))
    ours, theirs = (torch.Generator().manual_seed(9) for _ in range(2))
    for index, time in enumerate(model.timesteps):
        out = 4 * torch.randn((2, 16), generator=torch.Generator().manual_seed(index))
        ahead = model.timesteps[index + 1] if index + 1 < steps else None
        step = model.step(out, time, expected, generator=theirs, prev_timestep=ahead)
        expected = step.prev_sample
        drawn = torch.randn((2, 16), generator=ours) if index < table.draws else torch.zeros(2, 16)
        rows = table.rows[index].expand(2, -1)
        x, _ = samplers.step(rows, x, out, None, torch.zeros(2, 16), drawn, threshold)
        torch.testing.assert_close(x, expected, rtol=1e-4, atol=1e-4)


def test_samples_of_different_samplers_and_steps_share_one_step() -> None:
    model = DDPMScheduler(**parts.DECODER_SCHEDULER)
    threshold = samplers.Threshold.of(model)
    asked: list[tuple[Sampler, int, int]] = [
        ("ddpm", 10, 3),
        ("ddim", 25, 7),
        ("dpm++", 20, 19),
    ]
    rows = torch.stack(
        [samplers.decoder_table(model, name, steps).rows[at] for name, steps, at in asked]
    )
    x, out, spread, last, drawn = (
        torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed)) for seed in range(5)
    )
    together = samplers.step(rows, x, out, spread, last, drawn, threshold)[0]
    for i in range(3):
        only = slice(i, i + 1)
        alone = samplers.step(
            rows[only], x[only], out[only], spread[only], last[only], drawn[only], threshold
        )[0]
        torch.testing.assert_close(together[only], alone)


@pytest.mark.parametrize("size", [1, 2, 255, 1024, 4096])
@pytest.mark.parametrize("ratio", [0.5, 0.9, 0.995, 1.0])
def test_thresholding_divides_by_the_quantile(size: int, ratio: float) -> None:
    values = 3 * torch.randn(3, size, generator=torch.Generator().manual_seed(size))
    most = values.abs().quantile(ratio, dim=1, keepdim=True).clamp(1, 4)
    found = samplers.Threshold(ratio, 4.0).apply(values)
    torch.testing.assert_close(found, values.clamp(-most, most) / most)
