from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from engine import (
    Cancelled,
    Done,
    Engine,
    Event,
    Failed,
    Job,
    Picture,
    Queued,
    Settings,
    Step,
    TextToImage,
)
from engine.errors import Busy, ModelTooLarge, Overflowed, WeightsBroken, WentWrong
from engine.weights import find

pytestmark = pytest.mark.slow

FOX = TextToImage(prompt="a fox", seed=7, steps=3, prior_steps=2, width=64, height=64)


def settings(folder: Path, **fields: object) -> Settings:
    return Settings.model_validate({"models": f"tiny={folder}", "threads": 1} | fields)


async def events_of(job: Job) -> list[Event]:
    return [event async for event in job]


def pixels(picture: Picture) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    return np.asarray(picture.image, dtype=np.int16)


def test_importing_the_engine_does_not_import_torch() -> None:
    code = "import engine, engine.weights, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_a_request_ends_in_pictures_after_its_steps(tiny_model: Path) -> None:
    async with Engine.open(settings(tiny_model)) as engine:
        job = engine.submit(FOX, owner="web:1")
        events = await events_of(job)
        pictures = await job
    assert isinstance(events[0], Queued)
    steps = [event for event in events if isinstance(event, Step)]
    assert [step.index for step in steps] == sorted({step.index for step in steps})
    assert all(step.total == 5 for step in steps)
    assert isinstance(events[-1], Done)
    assert events[-1].pictures == tuple(pictures)
    assert (pictures[0].image.size, pictures[0].image.mode) == ((64, 64), "RGB")
    assert pictures[0].seed == 7


async def test_a_watched_request_shows_a_preview(tiny_model: Path) -> None:
    async with Engine.open(settings(tiny_model)) as engine:
        events = await events_of(engine.submit(FOX.model_copy(update={"steps": 20}), "web:1"))
    previews = [event.preview for event in events if isinstance(event, Step) and event.preview]
    assert previews
    assert previews[0].mode == "RGB"


async def test_a_picture_depends_on_its_seed_alone(tiny_model: Path) -> None:
    async with Engine.open(settings(tiny_model)) as engine:
        three = await engine.submit(FOX.model_copy(update={"count": 3}), "web:1")
        (second,) = await engine.submit(FOX.model_copy(update={"seed": 8}), "web:2")
    assert [picture.seed for picture in three] == [7, 8, 9]
    assert np.abs(pixels(three[1]) - pixels(second)).max() <= 1
    assert np.abs(pixels(three[0]) - pixels(second)).max() > 1


async def test_any_size_is_served_exactly(tiny_model: Path) -> None:
    async with Engine.open(settings(tiny_model)) as engine:
        job = engine.submit(FOX.model_copy(update={"width": 100, "height": 70}), "web:1")
        assert (await job)[0].image.size == (100, 70)


async def test_a_running_request_stops_when_cancelled(tiny_model: Path) -> None:
    async with Engine.open(settings(tiny_model)) as engine:
        job = engine.submit(FOX.model_copy(update={"steps": 250}), "web:1")
        events: list[Event] = []
        async for event in job:
            events.append(event)
            if isinstance(event, Step):
                job.cancel()
        after = await engine.submit(FOX, "web:1")
    assert events[-1] == Cancelled()
    assert max(event.index for event in events if isinstance(event, Step)) < 200
    assert after


async def test_a_waiting_request_is_cancelled_at_once(tiny_model: Path) -> None:
    async with Engine.open(settings(tiny_model)) as engine:
        first = engine.submit(FOX.model_copy(update={"steps": 200}), "web:1")
        second = engine.submit(FOX, "web:2")
        second.cancel()
        assert (await events_of(second))[-1] == Cancelled()
        with pytest.raises(asyncio.CancelledError):
            await second
        first.cancel()


async def test_a_full_engine_says_so(tiny_model: Path) -> None:
    async with Engine.open(settings(tiny_model, queue_limit=2)) as engine:
        jobs = [engine.submit(FOX.model_copy(update={"steps": 250}), "web:1")]
        while engine.room():  # the first may have begun already, and no longer waits
            jobs.append(engine.submit(FOX, "web:1"))
        with pytest.raises(Busy):
            engine.submit(FOX, "web:1")
        for job in jobs:
            job.cancel()


async def test_closing_ends_every_request(tiny_model: Path) -> None:
    async with Engine.open(settings(tiny_model)) as engine:
        jobs = [engine.submit(FOX.model_copy(update={"steps": 250}), "web:1") for _ in range(3)]
        await asyncio.sleep(0.1)
    for job in jobs:
        assert (await events_of(job))[-1] == Cancelled()


async def test_weights_that_change_after_the_start_fail_the_request_only(
    tiny_model: Path, tmp_path: Path
) -> None:
    copy = _copy(tiny_model, tmp_path / "copy")
    async with Engine.open(settings(copy)) as engine:
        file = copy / "decoder/unet/diffusion_pytorch_model.safetensors"
        file.write_bytes(file.read_bytes()[:1000])
        job = engine.submit(FOX, "web:1")
        last = (await events_of(job))[-1]
        assert isinstance(last, Failed)
        assert isinstance(last.error, WeightsBroken)
        with pytest.raises(WeightsBroken):
            await job


async def test_a_fault_fails_its_own_request_only(tiny_model: Path, tmp_path: Path) -> None:
    copy = _copy(tiny_model, tmp_path / "copy")
    config = copy / "decoder/scheduler/scheduler_config.json"
    config.write_text(config.read_text().replace('"epsilon"', '"nonsense"'))
    both = settings(tiny_model, models=f"bad={copy},good={tiny_model}")
    async with Engine.open(both) as engine:
        bad = engine.submit(FOX.model_copy(update={"model": "bad"}), "web:1")
        good = engine.submit(FOX.model_copy(update={"model": "good"}), "web:1")
        with pytest.raises(WentWrong):
            await bad
        assert await good


async def test_models_take_turns_in_little_memory(tiny_model: Path, tmp_path: Path) -> None:
    """Room for one of two: each request is served, whichever model it asks for."""
    copy = _copy(tiny_model, tmp_path / "copy")
    both = f"one={tiny_model},two={copy}"
    needs = find(settings(tiny_model))[0].numbers * 4 / 1e9
    fields = {"models": both, "memory": 1.5 * needs}
    async with Engine.open(settings(tiny_model, **fields)) as engine:
        jobs = [
            engine.submit(FOX.model_copy(update={"model": name}), f"person {i}")
            for i, name in enumerate(("one", "two", "one", "two"))
        ]
        pictures = [(await job)[0] for job in jobs]
    assert all(np.array_equal(pixels(pictures[0]), pixels(one)) for one in pictures)


async def test_a_model_too_large_for_the_memory_says_so(tiny_model: Path) -> None:
    async with Engine.open(settings(tiny_model, memory=0.00001)) as engine:
        with pytest.raises(ModelTooLarge, match="KANDINSKY_MEMORY"):
            await engine.submit(FOX, "web:1")


async def test_numbers_that_overflow_fail_their_own_request_only(
    tiny_model: Path, tmp_path: Path
) -> None:
    copy = _copy(tiny_model, tmp_path / "copy")
    file = copy / "decoder/movq/diffusion_pytorch_model.safetensors"
    numbers = load_file(file)
    numbers["decoder.conv_out.bias"][:] = float("nan")
    save_file(numbers, file)
    both = settings(tiny_model, models=f"bad={copy},good={tiny_model}")
    async with Engine.open(both) as engine:
        bad = engine.submit(FOX.model_copy(update={"model": "bad"}), "web:1")
        good = engine.submit(FOX.model_copy(update={"model": "good"}), "web:1")
        with pytest.raises(Overflowed):
            await bad
        assert await good


async def test_the_engine_counts_what_it_did(tiny_model: Path) -> None:
    async with Engine.open(settings(tiny_model)) as engine:
        for _ in range(2):
            await engine.submit(FOX, "web:1")
        stats = engine.stats()
    assert stats.caches["tiny embeddings"].hits == 1
    # reading, 2 of the prior, 3 of the decoder, MoVQ; the second time neither of the first two
    assert (stats.passes, stats.rows) == (7 + 4, 1 + 2 * 2 + 2 * (3 * 2 + 4))
    assert 0 < stats.networks < stats.busy


def _copy(source: Path, target: Path) -> Path:
    import shutil

    return Path(shutil.copytree(source, target))
