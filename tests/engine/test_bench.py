from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine import Engine, Settings, TextToImage
from engine.bench import full, goals, options, table, traffic, waiting
from engine.bench.machine import Machine
from engine.bench.options import NAMES
from engine.bench.plain import Plain
from engine.bench.report import Line, Measured, Report
from engine.bench.requests import Requests
from engine.bench.rig import rounds
from engine.bench.sections import SECTIONS, memory
from engine.cards import ModelCard, resolve
from engine.weights import find

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")


def tiny_settings(folder: Path) -> Settings:
    return Settings(models=(f"tiny={folder}",), threads=1)


@pytest.fixture
def card() -> ModelCard:
    return find(Settings(models=("mini",)))[0].card


@pytest.fixture
def report() -> Report:
    machine = Machine("a processor", 2, "cpu", False, "float32", "3.11", "2.13", "0.42")
    return Report(machine, {"seed": 0}, "Kandinsky mini, 128x128, 25 steps")


def test_a_server_takes_requests_in_order_of_arrival() -> None:
    # served 0..3, 3..6, 6..7, 10..12
    assert waiting.one_server([0, 1, 2, 10], [3, 3, 1, 2]) == [3, 5, 5, 2]


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0.01, 10)), min_size=1))
def test_a_server_is_never_at_two_requests_at_once(pairs: list[tuple[float, float]]) -> None:
    times = sorted(time for time, _ in pairs)
    services = [service for _, service in pairs]
    latencies = waiting.one_server(times, services)
    ends = [time + latency for time, latency in zip(times, latencies, strict=True)]
    starts = [end - service for end, service in zip(ends, services, strict=True)]
    assert all(start >= end - 1e-6 for start, end in zip(starts[1:], ends, strict=False))
    assert all(start >= time - 1e-6 for start, time in zip(starts, times, strict=True))


def test_arrivals_come_at_the_rate_asked_for() -> None:
    times = waiting.arrivals(np.random.default_rng(0), 10_000, 4.0)
    assert times[0] == 0
    assert times == sorted(times)
    gaps = np.diff(times)
    assert gaps.mean() == pytest.approx(0.25, rel=0.05)
    assert gaps.std() == pytest.approx(0.25, rel=0.05)  # as of an exponential distribution


def test_a_percentile_lies_between_its_neighbours() -> None:
    assert waiting.percentile([5, 1, 4, 2, 3], 50) == 3
    assert waiting.percentile([5, 1, 4, 2, 3], 95) == pytest.approx(4.8)
    assert waiting.percentile([7], 99) == 7


def test_there_is_one_round_however_short_the_time() -> None:
    assert list(rounds(0)) == [0]


def test_a_figure_is_the_median_of_its_samples() -> None:
    assert Measured.of(3, 1, 2) == Measured(2, 1, 3, (3, 1, 2))


def test_the_ratio_says_how_many_times_better_ours_is() -> None:
    plain, ours = Measured.of(4.0), Measured.of(2.0)
    assert Line("a", "", "s", plain, ours).ratio == 2
    assert Line("a", "", "pictures/s", plain, ours, better="higher").ratio == 0.5
    assert Line("a", "", "s", plain, None).ratio is None


def test_no_two_requests_are_alike(card: ModelCard) -> None:
    made = Requests(card, seed=1)
    requests = made.many(50) + [made.mixed() for _ in range(50)]
    assert len({request.prompt for request in requests}) == 100
    assert len({request.seed for request in requests}) == 100


def test_the_same_seed_makes_the_same_requests(card: ModelCard) -> None:
    assert Requests(card, seed=1).mixed() == Requests(card, seed=1).mixed()
    assert Requests(card, seed=1).mixed() != Requests(card, seed=2).mixed()


def test_mixed_requests_are_served_and_differ_in_everything(card: ModelCard) -> None:
    requests = Requests(card, seed=1)
    mixed = [requests.mixed() for _ in range(100)]
    assert [resolve(request, [card]) for request in mixed] == [
        request.model_copy(update={"model": card.name}) for request in mixed
    ]
    for name in ("width", "height", "count", "steps", "sampler", "guidance", "negative_prompt"):
        assert len({getattr(request, name) for request in mixed}) > 1


def test_sections_are_picked_by_name() -> None:
    assert options.read([]).only == NAMES
    assert options.read(["--only", "fair, single"]).only == ("single", "fair")


def test_an_unknown_section_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options.read(["--only", "single,triple"])
    assert "no section triple; there are memory, single" in capsys.readouterr().err


def test_every_section_that_can_be_picked_exists() -> None:
    assert set(NAMES) == {*SECTIONS, "memory"}


def test_goals_depend_on_the_device() -> None:
    assert [str(goal) for goal in goals.of("single.latency", gpu=False)] == [">= 1.5x", "< 3 s"]
    assert [str(goal) for goal in goals.of("single.latency", gpu=True)] == [">= 4x"]
    assert goals.of("clients.1", gpu=False) == ()


def test_the_table_shows_figures_goals_and_pictures_an_hour(report: Report) -> None:
    report.add(
        Line("single.latency", "one request", "s", Measured.of(1.0, 0.75, 2.0), Measured.of(0.5))
    )
    rate = Line("clients.8", "8 clients", "pictures/s", Measured.of(1), Measured.of(2), "higher")
    report.add(rate)
    report.add(Line("rows.2", "2 rows", "ms", None, Measured.of(123.4)))
    report.notes["single"] = "a note"
    report.failed["fair"] = "a reason"
    report.baseline = "one thread"
    report.finished = True
    assert (
        table.table(report)
        == """\
a processor, 2 cores; cpu, float32
torch 2.13, diffusers 0.42; Kandinsky mini, 128x128, 25 steps
plain diffusers: one thread

             plain          ours          ratio  goal
one request  1 s (0.75..2)  0.5 s         2x     >= 1.5x, < 3 s  met
8 clients    1 pictures/s   2 pictures/s  2x     >= 3x           missed
2 rows       -              123 ms

single: a note
fair failed: a reason

This machine makes about 7,200 pictures an hour (Kandinsky mini, 128x128, 25 steps)."""
    )


def test_a_later_figure_takes_the_place_of_an_earlier_one(report: Report) -> None:
    for seconds in (1.0, 2.0):
        report.add(Line("single.latency", "one request", "s", None, Measured.of(seconds)))
    assert [line.ours for line in report.lines.values()] == [Measured.of(2.0)]


def test_a_report_cut_short_says_so(report: Report) -> None:
    assert "Stopped before the end" in table.table(report)


def test_json_holds_the_raw_numbers(report: Report) -> None:
    raw = {"arrivals": [0.0, 1.5]}
    line = Line("clients.8", "", "pictures/s", Measured.of(1), Measured.of(4), "higher", raw)
    report.add(line)
    found = json.loads(json.dumps(report.as_json()))
    assert set(found) == {
        *("program", "schema", "date", "machine", "options", "model", "baseline", "lines"),
        *("notes", "failed", "pictures_an_hour", "finished"),
    }
    (shown,) = found["lines"]
    assert shown["ours"] == {"value": 4, "low": 4, "high": 4, "samples": [4]}
    assert shown["raw"] == raw
    assert shown["ratio"] == 4
    (goal,) = shown["goals"]
    assert (goal["text"], goal["met"]) == (">= 3x", True)
    assert found["pictures_an_hour"] == 14400


def test_peak_memory_is_that_of_this_process() -> None:
    assert 50 < memory.peak(CPU) < 100_000


async def test_clients_share_the_requests(tiny_model: Path) -> None:
    async with Engine.open(tiny_settings(tiny_model)) as engine:
        requests = [_small(prompt=f"a fox {number}") for number in range(3)]
        assert await traffic.closed_loop(engine, requests, clients=2) > 0
        latencies = await traffic.open_loop(engine, requests, [0.0, 0.01, 0.02])
    assert len(latencies) == 3
    assert min(latencies) > 0


@pytest.mark.parametrize("sampler", ["ddpm", "ddim", "dpm++"])
async def test_plain_diffusers_and_the_engine_make_the_same_picture(
    tiny_model: Path, sampler: str
) -> None:
    request = _small(sampler=sampler, negative_prompt="grey", negative_decoder_prompt="grey")
    async with Engine.open(tiny_settings(tiny_model)) as engine:
        (ours,) = await engine.submit(request, "bench")
    (plain,) = Plain(tiny_model, CPU, torch.float32).pictures(request)
    difference = np.asarray(ours.image, np.int16) - np.asarray(plain, np.int16)
    assert np.abs(difference).max() <= 1


async def test_plain_diffusers_makes_as_many_pictures_as_asked(tiny_model: Path) -> None:
    plain = Plain(tiny_model, CPU, torch.float32)
    for plain.batched in (True, False):
        assert len(plain.pictures(_small(count=3))) == 3
    assert await plain.latency(_small()) > await plain.prior_latency(_small())


def test_the_full_model_has_the_published_sizes() -> None:
    with torch.device("meta"):
        sizes = {
            place: sum(weights.numel() for weights in make().parameters())
            for place, make in full.networks(end=1).items()
        }
    assert sizes == {
        "prior/text_encoder": 694_659_840,
        "prior/image_encoder": 1_844_907_264,
        "prior/prior": 1_026_225_920,
        "decoder/unet": 1_253_057_288,
        "decoder/movq": 67_832_495,
    }


async def test_the_full_model_made_small_paints(tmp_path: Path) -> None:
    folder = full.make(tmp_path / "full", CPU, shrink=20)
    written = {file: file.stat().st_mtime_ns for file in folder.rglob("*")}
    full.make(folder, CPU, shrink=20)
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*")} == written
    request = _small(prompt="a fox " * 100)
    async with Engine.open(tiny_settings(folder)) as engine:
        assert engine.models()[0].sizes[0] == (512, 512)
        (ours,) = await engine.submit(request, "bench")
    (plain,) = Plain(folder, CPU, torch.float32).pictures(request)
    assert np.abs(np.asarray(ours.image, np.int16) - np.asarray(plain, np.int16)).max() <= 1


@pytest.mark.slow
def test_every_section_reports(tiny_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    done = subprocess.run(
        _command(tiny_model, "--quick", "--json", str(file)),
        env=_environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    found = json.loads(file.read_text())
    assert found["failed"] == {}
    assert done.returncode == 0
    assert found["finished"]
    reported = {line["name"].partition(".")[0] for line in found["lines"]}
    assert reported == set(NAMES)
    assert "pictures an hour" in done.stdout


@pytest.mark.slow
def test_an_interrupted_run_shows_what_it_has(tiny_model: Path) -> None:
    command = _command(tiny_model, "--only", "single,clients,poisson,crowd", "--json", "-")
    with subprocess.Popen(
        command,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # where the tests run in the background, Ctrl+C is ignored from here on downwards
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert process.stderr
        for line in process.stderr:
            if "1 client" in line:
                process.send_signal(signal.SIGINT)
                break
        out, err = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "Stopped before the end" in err
    found = json.loads(out)
    assert not found["finished"]
    assert {"single.latency", "clients.1"} <= {line["name"] for line in found["lines"]}


def _command(folder: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "engine.bench", "--trial", "--folder", str(folder), *more]


def _environment() -> dict[str, str]:
    return os.environ | {"KANDINSKY_THREADS": "1", "HF_HUB_OFFLINE": "1"}


def _small(**changes: Any) -> TextToImage:
    """A resolved request that takes little time."""
    fields = dict(prompt="a fox", seed=7, width=64, height=64, steps=3, guidance=3.0)
    fields |= dict(prior_steps=3, prior_guidance=2.0, sampler="ddpm")
    return TextToImage.model_validate(fields | changes)
