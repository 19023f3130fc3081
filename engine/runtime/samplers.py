"""Samplers as tables: one row of numbers per denoising step, and one step for rows of any sampler.

Every sampler here is the same line with other numbers,

    x' = by_x x + by_clean x0 + by_last x0' + by_noise e + exp(log_variance / 2) z

where x0 is the predicted end, x0' that of the step before, e the predicted noise and z a fresh
draw. So samples at different steps of different samplers are stepped together, without a Python
branch and without waiting for the device. The numbers are those of diffusers' schedulers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler, UnCLIPScheduler
from torch import Tensor

from engine.requests import Sampler

COLUMNS = (
    "time",
    "guidance",  # out = away + guidance (toward - away)
    "clean_by_x",  # x0 = clean_by_x x + clean_by_out out
    "clean_by_out",
    "clip",  # x0 stays within plus and minus this; infinite where nothing is clipped
    "by_x",
    "by_clean",
    "by_last",
    "by_noise",
    "low",  # the bounds of the log variance, which the network chooses between
    "high",
    "draws",  # 1 where the step adds noise, else 0
    "kept_by_image",  # what is kept of a picture is, after the step, so much of its latents
    "kept_by_noise",  # and so much of the noise that the sample began with
)
_TINY = 1e-20  # diffusers' smallest variance


@dataclass(frozen=True)
class Table:
    """A sampler at one number of steps: `rows` (S, len(COLUMNS)) float32, guidance 1.

    `image` and `noise` are the amounts of both that a sample of image to image begins with.
    """

    rows: Tensor
    draws: int  # how many steps, the first ones, add noise and so draw from a picture's generator
    image: float = 0.0
    noise: float = 1.0

    @cached_property
    def looks_back(self) -> bool:
        """Whether a step takes the x0 of the step before."""
        return bool(self.rows[:, COLUMNS.index("by_last")].any())

    @cached_property
    def adds_back(self) -> bool:
        """Whether a step takes the predicted noise itself."""
        return bool(self.rows[:, COLUMNS.index("by_noise")].any())

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def times(self) -> Tensor:
        """(S,) int64."""
        return self.rows[:, COLUMNS.index("time")].long()

    def guided(self, guidance: float, device: torch.device) -> Tensor:
        """The rows with that guidance, on the device."""
        rows = self.rows.clone()
        rows[:, COLUMNS.index("guidance")] = guidance
        return rows.to(device)


@dataclass(frozen=True, slots=True)
class Threshold:
    """Dynamic thresholding (2205.11487): each x0 is clipped at the `ratio` quantile of its
    absolute values, between 1 and `most`, and divided by it."""

    ratio: float
    most: float

    @classmethod
    def of(cls, scheduler: DDPMScheduler | UnCLIPScheduler) -> Threshold | None:
        """As the scheduler's configuration says."""
        config = scheduler.config
        if not config.get("thresholding"):
            return None
        return cls(config.dynamic_thresholding_ratio, config.sample_max_value)

    def apply(self, clean: Tensor) -> Tensor:
        """`clean` (N, ...) in range, each sample by itself."""
        flat = clean.flatten(1)
        most = _quantile(flat.abs(), self.ratio).clamp(1, self.most)
        return (flat.clamp(-most, most) / most).view_as(clean)


def decoder_table(
    scheduler: DDPMScheduler, sampler: Sampler, steps: int, strength: float = 1.0
) -> Table:
    """The table of a decoder's sampler; `scheduler` is the model's own, whichever is asked for.

    With a `strength` below 1 it has only that share of the steps, the last ones, but at least one.
    DDPM draws at every step but the last; DDIM (eta 0) and DPM-Solver++ 2M never draw.
    Raises ValueError for a model that does not predict the noise.
    """
    _predicts(scheduler, "epsilon")
    start = steps - max(1, int(steps * strength))
    if sampler == "ddpm":
        table = _ddpm(scheduler, steps)
    elif sampler == "ddim":
        table = _ddim(DDIMScheduler.from_config(scheduler.config), steps)
    else:
        table = _dpm(DPMSolverMultistepScheduler.from_config(scheduler.config), steps, start)
    return _begun(table, scheduler.alphas_cumprod, start)


def prior_table(scheduler: UnCLIPScheduler, steps: int) -> Table:
    """The table of the diffusion prior, whose output is x0 itself; `steps` is 2 or more.

    Raises ValueError for a model that does not predict x0.
    """
    _predicts(scheduler, "sample")
    scheduler.set_timesteps(steps)
    times = scheduler.timesteps
    now, ahead = _now_and_ahead(scheduler.alphas_cumprod, times)
    beta = 1 - now / ahead
    alpha = 1 - beta
    if times[-1] == 0:  # the last step is a step of training, whose numbers are at hand
        beta[-1], alpha[-1] = scheduler.betas[0], scheduler.alphas[0]
    rows = _ancestral(times, now, ahead, alpha, beta)
    rows["clean_by_x"], rows["clean_by_out"] = torch.zeros(steps), torch.ones(steps)
    rows["high"] = rows["low"]  # fixed_small_log
    return _table(times, rows | _clip(scheduler, steps))


def guided(rows: Tensor, toward: Tensor, away: Tensor) -> Tensor:
    """Classifier-free guidance (2207.12598) of N outputs, each at the scale of its row."""
    guidance = rows[:, COLUMNS.index("guidance")].view(-1, *[1] * (toward.dim() - 1))
    return away + guidance * (toward - away)


def step(
    rows: Tensor,
    x: Tensor,
    out: Tensor,
    spread: Tensor | None,
    last: Tensor | None,
    drawn: Tensor | None,
    threshold: Threshold | None,
    adds_back: bool = True,
) -> tuple[Tensor, Tensor]:
    """One step of N samples, each by its row: the next x and the predicted end x0, (N, ...).

    `rows` is (N, len(COLUMNS)); `out` the guided output, `spread` the learned variance in [-1, 1]
    (None where it is fixed), `last` the x0 of the step before (anything at the first step),
    `drawn` standard normal numbers, used where the row draws; all are float32, shaped as x. Terms
    that are 0 in every row may be left out: `last` and `drawn` None, `adds_back` False.
    """
    columns = rows.T.reshape(len(COLUMNS), -1, *[1] * (x.dim() - 1))
    _, _, clean_by_x, clean_by_out, clip, *others, _, _ = columns
    by_x, by_clean, by_last, by_noise, low, high, draws = others
    clean = clean_by_x * x + clean_by_out * out
    clean = clean.clamp(-clip, clip) if threshold is None else threshold.apply(clean)
    ahead = by_x * x + by_clean * clean
    if last is not None:
        ahead = ahead + by_last * last
    if adds_back:
        ahead = ahead + by_noise * out
    if drawn is not None:
        log_variance = low if spread is None else low + (spread + 1) / 2 * (high - low)
        ahead = ahead + draws * (0.5 * log_variance).exp() * drawn
    return ahead, clean


def keep(rows: Tensor, x: Tensor, mask: Tensor, image: Tensor, noise: Tensor) -> Tensor:
    """After a step of inpainting: where `mask` is 1, the picture's latents with their noise.

    All are (N, ...) as x; `noise` is what the samples began with.
    """
    by_image, by_noise = rows[:, -2:].T.reshape(2, -1, *[1] * (x.dim() - 1))
    kept: Tensor = by_image * image + by_noise * noise
    return mask * kept + (1 - mask) * x


def _quantile(values: Tensor, ratio: float) -> Tensor:
    """As torch's quantile of each row of (N, M), (N, 1); for a high ratio several times as fast."""
    place = ratio * (values.shape[1] - 1)
    below = int(place)
    top = values.topk(values.shape[1] - below, dim=1).values
    upper = top[:, -2:-1] if top.shape[1] > 1 else top[:, -1:]
    return torch.lerp(top[:, -1:], upper, place - below)


def _begun(table: Table, alphas: Tensor, start: int) -> Table:
    """The table from step `start` on, with what begins it and what is kept beside it."""
    ahead = alphas[table.times].roll(-1)
    ahead[-1] = 1  # nothing is left of the noise
    table.rows[:, COLUMNS.index("kept_by_image")] = ahead.sqrt()
    table.rows[:, COLUMNS.index("kept_by_noise")] = (1 - ahead).sqrt()
    first = alphas[table.times[start]]
    amounts = float(first.sqrt()), float((1 - first).sqrt())
    return Table(table.rows[start:], max(0, table.draws - start), *amounts)


def _predicts(scheduler: DDPMScheduler | UnCLIPScheduler, what: str) -> None:
    if scheduler.config.prediction_type != what:
        raise ValueError(f"the scheduler predicts {scheduler.config.prediction_type}, not {what}")


def _ddpm(scheduler: DDPMScheduler, steps: int) -> Table:
    """Ancestral sampling with a learned variance (2006.11239, formula 7; 2102.09672)."""
    scheduler.set_timesteps(steps)
    times = scheduler.timesteps
    now, ahead = _now_and_ahead(scheduler.alphas_cumprod, times)
    alpha = now / ahead
    rows = _ancestral(times, now, ahead, alpha, 1 - alpha) | _from_noise(now)
    return _table(times, rows | _clip(scheduler, steps))


def _ddim(scheduler: DDIMScheduler, steps: int) -> Table:
    """Deterministic sampling (2010.02502, formula 12 with eta 0)."""
    scheduler.set_timesteps(steps)
    times = scheduler.timesteps
    alphas = scheduler.alphas_cumprod
    before = times - scheduler.config.num_train_timesteps // steps
    ahead = torch.where(before >= 0, alphas[before.clamp(min=0)], scheduler.final_alpha_cumprod)
    now = alphas[times]
    rows = _from_noise(now) | {"by_clean": ahead.sqrt(), "by_noise": (1 - ahead).sqrt()}
    return _table(times, rows | _clip(scheduler, steps))


def _dpm(scheduler: DPMSolverMultistepScheduler, steps: int, start: int) -> Table:
    """DPM-Solver++ 2M, midpoint (2211.01095, algorithm 2); the first and last steps are of order 1.

    The first is that of index `start`, as no step comes before it.

    With few steps (under 15) or a last sigma of 0, diffusers too ends with order 1. It knows
    thresholding, but no clipping.
    """
    scheduler.set_timesteps(steps)
    sigmas = scheduler.sigmas.double()
    alpha = 1 / (sigmas.square() + 1).sqrt()
    sigma = sigmas * alpha
    lambdas = alpha.log() - sigma.log()  # infinite at the end
    h = lambdas[1:] - lambdas[:-1]
    by_clean = -alpha[1:] * torch.expm1(-h)
    half = torch.zeros(steps, dtype=torch.float64)
    half[1:-1] = 0.5 * h[1:-1] / h[:-2]  # 1 / (2 r0)
    half[start] = 0
    rows = {
        "clean_by_x": 1 / alpha[:-1],
        "clean_by_out": -sigma[:-1] / alpha[:-1],
        "by_x": sigma[1:] / sigma[:-1],
        "by_clean": by_clean * (1 + half),
        "by_last": -by_clean * half,
    }
    return _table(scheduler.timesteps, rows)


def _ancestral(
    times: Tensor, now: Tensor, ahead: Tensor, alpha: Tensor, beta: Tensor
) -> dict[str, Tensor]:
    """The posterior q(x_ahead | x_now, x0) of DDPM (2006.11239, formulas 6 and 7).

    In float32 and in diffusers' order of operations: where 1 - alpha is small it has but three
    true digits, and the picture is made with these.
    """
    variance = ((1 - ahead) / (1 - now) * beta).clamp(min=_TINY)
    return {
        "by_x": alpha.sqrt() * (1 - ahead) / (1 - now),
        "by_clean": ahead.sqrt() * beta / (1 - now),
        "low": variance.log(),
        "high": beta.log(),
        "draws": (times > 0).float(),
    }


def _now_and_ahead(alphas: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
    """The products of alphas at each time and at the next; 1 after the last."""
    now = alphas[times]
    return now, torch.cat([now[1:], torch.ones_like(now[:1])])


def _from_noise(now: Tensor) -> dict[str, Tensor]:
    """x0 from x and the predicted noise (2006.11239, formula 15)."""
    return {"clean_by_x": 1 / now.sqrt(), "clean_by_out": -((1 - now) / now).sqrt()}


def _clip(
    scheduler: DDPMScheduler | DDIMScheduler | UnCLIPScheduler, steps: int
) -> dict[str, Tensor]:
    config = scheduler.config
    clip = config.clip_sample_range if config.clip_sample else torch.inf
    return {"clip": torch.full((steps,), float(clip))}


def _table(times: Tensor, rows: dict[str, Tensor]) -> Table:
    steps = len(times)
    rows = {
        "time": times,
        "guidance": torch.ones(steps),
        "clip": torch.full((steps,), torch.inf),
    } | rows
    columns = [rows.get(name, torch.zeros(steps)).float() for name in COLUMNS]
    draws = columns[COLUMNS.index("draws")]
    return Table(torch.stack(columns, dim=1), int(draws.sum()))
