"""The prior alone with 25 steps: one prompt, and 16 prompts at once."""

from __future__ import annotations

from collections.abc import AsyncIterator

from engine import TextToImage
from engine.bench.report import Line, Measured
from engine.bench.rig import Rig, rounds

STEPS = 25
PROMPTS = 16


async def lines(rig: Rig, seconds: float) -> AsyncIterator[Line]:
    plain, one, many = [], [], []
    for _ in rounds(seconds):
        plain.append(await rig.plain.prior_latency(_prompts(rig, 1)[0]))
        one.append(await ours(rig, _prompts(rig, 1)))
        many.append(await ours(rig, _prompts(rig, PROMPTS)))
    latencies = [spent for spent in one if spent is not None]
    rates = [PROMPTS / spent for spent in many if spent is not None]
    yield Line(
        "prior.latency",
        f"prior, {STEPS} steps, one prompt",
        "s",
        Measured.of(*plain),
        Measured.of(*latencies) if latencies else None,
    )
    yield Line(
        "prior.prompts",
        f"prior, {PROMPTS} prompts at once",
        "prompts/s",
        Measured.of(*(1 / spent for spent in plain)),
        Measured.of(*rates) if rates else None,
        better="higher",
    )


async def ours(rig: Rig, requests: list[TextToImage]) -> float | None:
    """Seconds until the embeddings of all these prompts are there, asked for at once.

    None as long as the engine cannot be asked for the prior alone.
    """
    return None


def _prompts(rig: Rig, number: int) -> list[TextToImage]:
    return [rig.requests.default(prior_steps=STEPS) for _ in range(number)]
