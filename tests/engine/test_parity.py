"""The engine's pictures are those of plain diffusers: same weights, settings, seed; fp32 on CPU.

Whoever shares the passes, whenever they come and go, with caches and without.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
import pytest

from engine import Engine, Picture, Settings, TextToImage
from tests.engine import plain

pytestmark = pytest.mark.slow

HOW_MANY = int(os.environ.get("KANDINSKY_PARITY", "40"))  # requests; more take longer
WORDS = (
    *("a", "fox", "owl", "two", "cakes", "rocket", "blue", "red", "background", "apple"),
    *("лиса", "дом", "на", "синем", "фоне", "кот", "🦊"),
)
SIDES = (64, 64, 64, 96, 100, 128, 128, 150)


@dataclass(frozen=True)
class Asked:
    """A request and the pictures that diffusers makes of it."""

    request: TextToImage
    expected: list[plain.Pixels]


@pytest.fixture(scope="module")
def asked() -> list[Asked]:
    diffusers = plain.Plain()
    order = random.Random(3)
    requests = [whatever(order) for _ in range(HOW_MANY)]
    return [
        Asked(one, [diffusers.text_to_image(one, (one.seed or 0) + i) for i in range(one.count)])
        for one in requests
    ]


def whatever(order: random.Random) -> TextToImage:
    """A request of any kind; few steps, as the pictures are compared and not looked at."""
    negative = " ".join(order.choices(WORDS, k=2)) if order.random() < 0.3 else ""
    return TextToImage(
        prompt=" ".join(order.choices(WORDS, k=order.choice((1, 3, 6, 80)))),
        negative_prompt=negative,
        negative_decoder_prompt=negative,
        width=order.choice(SIDES),
        height=order.choice(SIDES),
        count=order.choice((1, 1, 1, 2, 3)),
        seed=order.randrange(2**32),
        steps=order.randint(1, 12),
        guidance=order.choice((1.0, 1.5, 3.0, 7.5)),
        prior_steps=order.randint(2, 6),
        prior_guidance=order.choice((1.0, 2.0, 4.0)),
        sampler=order.choice(("ddpm", "ddim", "dpm++")),
    )


@asynccontextmanager
async def opened(**fields: object) -> AsyncIterator[Engine]:
    settings = Settings.model_validate({"models": "mini", "queue_limit": 2000} | fields)
    async with Engine.open(settings) as engine:
        yield engine


def differs(one: Asked, pictures: list[Picture]) -> int:
    """The largest difference of a channel from diffusers', in 1/255."""
    seed = one.request.seed or 0
    assert [picture.seed for picture in pictures] == [seed + i for i in range(one.request.count)]
    return max(
        int(np.abs(plain.pixels(picture.image) - expected).max())
        for picture, expected in zip(pictures, one.expected, strict=True)
    )


async def test_one_at_a_time(asked: list[Asked]) -> None:
    async with opened(cache=0) as engine:
        found = [differs(one, await engine.submit(one.request, "person")) for one in asked]
        assert all(cache.hits == 0 for cache in engine.stats().caches.values())
    assert max(found) <= 1


async def test_in_pairs(asked: list[Asked]) -> None:
    async with opened() as engine:
        for a, b in zip(asked[::2], asked[1::2], strict=True):
            one, other = engine.submit(a.request, "one"), engine.submit(b.request, "other")
            assert differs(a, await one) <= 1
            assert differs(b, await other) <= 1


async def test_all_at_once_while_others_come_and_go(asked: list[Asked]) -> None:
    order = random.Random(4)

    async def come(engine: Engine, one: Asked) -> int:
        await asyncio.sleep(5 * order.random())
        return differs(one, await engine.submit(one.request, f"person {order.randrange(20)}"))

    async def go(engine: Engine) -> None:
        await asyncio.sleep(5 * order.random())
        job = engine.submit(whatever(order), f"person {order.randrange(20)}")
        await asyncio.sleep(3 * order.random())
        job.cancel()

    async with opened() as engine:
        cancelled = asyncio.gather(*(go(engine) for _ in range(50)))
        found = await asyncio.gather(*(come(engine, one) for one in asked))
        await cancelled
        stats = engine.stats()
    assert max(found) <= 1
    assert stats.rows / stats.passes > 4  # they did share


async def test_again_from_the_caches(asked: list[Asked]) -> None:
    some = asked[:20]
    async with opened() as engine:
        for _ in range(2):
            jobs = [engine.submit(one.request, "person") for one in some]
            assert max([differs(one, await job) for one, job in zip(some, jobs, strict=True)]) <= 1
        caches = engine.stats().caches
    assert caches["mini embeddings"].hits == sum(one.request.count for one in some)


async def test_to_the_bit_when_asked_to_be_deterministic(asked: list[Asked]) -> None:
    some = asked[:12]
    async with opened(deterministic=True, cache=0) as engine:
        alone = [await engine.submit(one.request, "person") for one in some]
        jobs = [engine.submit(one.request, f"person {i}") for i, one in enumerate(some)]
        for one, job in zip(alone, jobs, strict=True):
            assert [a.image.tobytes() for a in one] == [b.image.tobytes() for b in await job]
