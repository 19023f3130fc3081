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
    await rig.inside.imagine(_prompts(rig, PROMPTS))  # the first is slow
    for _ in rounds(seconds):
        plain.append(await rig.plain.prior_latency(_prompts(rig, 1)[0]))
        one.append(await rig.inside.imagine(_prompts(rig, 1)))
        many.append(await rig.inside.imagine(_prompts(rig, PROMPTS)))
    yield Line(
        "prior.latency",
        f"prior, {STEPS} steps, one prompt",
        "s",
        Measured.of(*plain),
        Measured.of(*one),
    )
    yield Line(
        "prior.prompts",
        f"prior, {PROMPTS} prompts at once",
        "prompts/s",
        Measured.of(*(1 / spent for spent in plain)),
        Measured.of(*(PROMPTS / spent for spent in many)),
        better="higher",
    )


def _prompts(rig: Rig, number: int) -> list[TextToImage]:
    return [rig.requests.default(prior_steps=STEPS) for _ in range(number)]
