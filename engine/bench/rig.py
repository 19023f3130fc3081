"""What every section works with: the engine, plain diffusers and new requests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from time import perf_counter

from engine import Engine, ModelCard, TextToImage
from engine.bench import traffic
from engine.bench.inside import Inside
from engine.bench.models import Model
from engine.bench.plain import Plain
from engine.bench.progress import say
from engine.bench.requests import Requests

CLIENTS = (1, 2, 4, 8, 16)


@dataclass(frozen=True, slots=True)
class Rig:
    engine: Engine
    plain: Plain
    inside: Inside
    requests: Requests
    card: ModelCard
    gpu: bool
    quick: bool
    seed: int
    baseline: str  # what plain diffusers was found to like best


@asynccontextmanager
async def rig(model: Model, *, quick: bool, seed: int) -> AsyncIterator[Rig]:
    """Load the model twice, find the best settings of plain diffusers, warm the engine up."""
    say("loading plain diffusers and trying what suits it best")
    plain = Plain(model.weights.folder, model.device, model.dtype)
    requests = Requests(model.card, seed)
    baseline = await plain.calibrate(requests, rounds=2 if quick else 4)
    say(f"plain diffusers: {baseline}")
    gpu = model.device.type != "cpu"
    async with Engine.open(model.settings) as engine:
        say("warming the engine up")
        for clients in CLIENTS if gpu else (1, 2):
            await traffic.closed_loop(engine, _short(requests, clients), clients)
        yield Rig(engine, plain, Inside(model), requests, model.card, gpu, quick, seed, baseline)


def _short(requests: Requests, number: int) -> list[TextToImage]:
    """Requests of two steps: enough to see every batch size once."""
    return [requests.default(steps=2, prior_steps=2) for _ in range(number)]


def rounds(seconds: float) -> Iterator[int]:
    """0, 1, 2, ... as long as one more is likely to end in time; 0 in any case."""
    began = perf_counter()
    for index in count():
        yield index
        spent = perf_counter() - began
        if spent * (index + 2) / (index + 1) > seconds:
            return
