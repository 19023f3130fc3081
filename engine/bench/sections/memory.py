"""Peak memory of either side, each in a process of its own that loads nothing else."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import torch

from engine import Engine
from engine.bench import traffic
from engine.bench.models import Model
from engine.bench.options import Options
from engine.bench.plain import Plain
from engine.bench.report import Line, Measured
from engine.bench.requests import Requests

CLIENTS = 8
NOTE = (
    "on a CPU the peak of the whole process, Python and its libraries included; on a GPU of what"
    " torch allocates"
)


async def lines(options: Options) -> AsyncIterator[Line]:
    """Start the two processes, one after the other."""
    plain, ours = [await _child(options, kind) for kind in ("plain", "ours")]
    one = Measured.of(plain["one"])
    yield Line("memory.one", "peak memory, one request", "MB", one, Measured.of(ours["one"]))
    many = Measured.of(ours["many"])
    yield Line("memory.many", f"peak memory, {CLIENTS} clients", "MB", one, many)


async def child(options: Options, model: Model) -> dict[str, float]:
    """In the process of one side: its peaks in MB after one request, and after many at once."""
    requests = Requests(model.card, options.seed)
    if options.child == "plain":
        plain = Plain(model.weights.folder, model.device, model.dtype)
        plain.threads = 1  # memory depends little on them, and few are quick everywhere
        await plain.latency(requests.default())
        return {"one": peak(model.device)}
    async with Engine.open(model.settings.model_copy(update={"threads": 1})) as engine:
        await traffic.latency(engine, requests.default())
        one = peak(model.device)
        await traffic.closed_loop(engine, requests.many(CLIENTS), CLIENTS)
        return {"one": one, "many": peak(model.device)}


def peak(device: torch.device) -> float:
    """The most memory in MB (1e6 bytes) that was used at once since the process began."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    status = Path("/proc/self/status")
    if status.exists():  # there ru_maxrss may be that of the process which started this one
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


async def _child(options: Options, kind: str) -> dict[str, float]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "engine.bench",
        *options.given,
        "--child",
        kind,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl+C reaches this process alone, which then ends the other
    )
    try:
        out, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise RuntimeError(f"the process of {kind} ended with {process.returncode}")
    found: dict[str, float] = json.loads(out)
    return found
