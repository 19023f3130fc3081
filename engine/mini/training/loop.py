"""The loop every part is trained with: timed, resumable, with averaged weights and a log.

Started by torchrun in several processes, each takes its own batches and they share gradients.
"""

from __future__ import annotations

import copy
import csv
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import MethodType
from typing import TypeVar

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

SAVE_EVERY = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Budget:
    """How long to train, where, and where to keep checkpoints."""

    minutes: float
    folder: Path
    device: torch.device
    lr: float
    warmup: float = 0.02  # of the time
    ema: float = 0.999
    start_over: bool = False


Module = TypeVar("Module", bound=nn.Module)


def train(
    name: str,
    module: Module,
    step: Callable[[Module, int, float], dict[str, Tensor]],
    report: Callable[[Module, int], dict[str, float]],
    budget: Budget,
) -> Module:
    """Train `module` until its minutes are over and return its averaged weights.

    `step(module, index, progress)` returns losses; the one called "loss" is minimised. Time
    counts across runs: a run that was stopped goes on from its last checkpoint.
    """
    module = fast_groupnorm(module.to(budget.device))
    weights = [p for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=budget.lr, betas=(0.9, 0.98), weight_decay=0.01)
    average = copy.deepcopy(module).requires_grad_(False)
    budget.folder.mkdir(parents=True, exist_ok=True)
    checkpoint = budget.folder / f"{name}.pt"
    index, spent = 0, 0.0
    if checkpoint.exists() and not budget.start_over:
        state = torch.load(checkpoint, map_location=budget.device, weights_only=True)
        module.load_state_dict(state["module"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        index, spent = state["index"], state["spent"]
    total, began, saved = budget.minutes * 60, time.monotonic() - spent, time.monotonic()
    first = not dist.is_initialized() or dist.get_rank() == 0
    sums: dict[str, float] = {}
    since = 0
    while spent < total:
        progress = spent / total
        for group in optimizer.param_groups:
            group["lr"] = budget.lr * rate(progress, budget.warmup)
        losses = step(module, index, progress)
        losses["loss"].backward()  # type: ignore[no-untyped-call]
        spent = share(weights, time.monotonic() - began)
        norm = nn.utils.clip_grad_norm_(weights, 1.0)
        if torch.isfinite(norm):
            optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        index += 1
        since += 1
        with torch.no_grad():
            keep = min(budget.ema, (1 + index) / (10 + index))
            for mean, now in zip(average.parameters(), module.parameters(), strict=True):
                mean.lerp_(now, 1 - keep)
        for key, value in losses.items():
            sums[key] = sums.get(key, 0.0) + float(value.detach())
        if first and (time.monotonic() - saved > SAVE_EVERY or spent >= total):
            figures = {key: value / since for key, value in sums.items()}
            figures |= report(average, index)
            _log(budget.folder / f"{name}.csv", index, spent, figures)
            state = {"module": module.state_dict(), "average": average.state_dict()}
            state |= {"optimizer": optimizer.state_dict(), "index": index, "spent": spent}
            torch.save(state, checkpoint.with_suffix(".tmp"))
            checkpoint.with_suffix(".tmp").replace(checkpoint)
            sums, since, saved = {}, 0, time.monotonic()
    return average


def share(weights: list[nn.Parameter], spent: float) -> float:
    """Average the gradients over the processes, if there are several, and the seconds spent.

    All processes get the same seconds, so that they stop after the same step.
    """
    if not dist.is_initialized():
        return spent
    grads = [p.grad if p.grad is not None else torch.zeros_like(p) for p in weights]
    flat = torch.cat([*(grad.flatten() for grad in grads), grads[0].new_tensor([spent / 60])])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    begin = 0
    for weight, grad in zip(weights, grads, strict=True):
        weight.grad = flat[begin : begin + grad.numel()].view_as(grad)
        begin += grad.numel()
    return float(flat[-1]) * 60


def rate(progress: float, warmup: float) -> float:
    """The learning rate's factor: a linear start, then a cosine down to a fiftieth."""
    if progress < warmup:
        return max(0.02, progress / warmup)
    turn = (progress - warmup) / (1 - warmup)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * turn))


def fast_groupnorm(module: Module) -> Module:
    """Let group normalisation compute in float32: its bfloat16 backward is 3x slower on a CPU."""

    def forward(self: nn.GroupNorm, x: Tensor) -> Tensor:
        y = F.group_norm(x.float(), self.num_groups, self.weight, self.bias, self.eps)
        return y.to(x.dtype)

    for part in module.modules():
        if isinstance(part, nn.GroupNorm):
            part.forward = MethodType(forward, part)  # type: ignore[method-assign]
    return module


def _log(path: Path, index: int, spent: float, figures: dict[str, float]) -> None:
    row = {"step": index, "minutes": round(spent / 60, 2)}
    row |= {key: round(value, 5) for key, value in figures.items()}
    print(path.stem, row, flush=True)
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if new:
            writer.writeheader()
        writer.writerow(row)
