"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch


@dataclass(frozen=True, slots=True)
class Machine:
    cpu: str
    cores: int  # that this process may use
    device: str  # cpu, or the name of the GPU
    gpu: bool
    dtype: str
    python: str
    torch: str
    diffusers: str


def machine(device: torch.device, dtype: str) -> Machine:
    gpu = device.type != "cpu"
    return Machine(
        cpu=_cpu(),
        cores=cores(),
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        gpu=gpu,
        dtype=dtype,
        python=platform.python_version(),
        torch=version("torch"),
        diffusers=version("diffusers"),
    )


def cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu() -> str:
    file = Path("/proc/cpuinfo")
    if file.exists():
        for line in file.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
