"""What the command line of the benchmark may say."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

NAMES = (
    "memory",  # first: its processes need the device for themselves
    "single",
    "clients",
    "rows",
    "mixed",
    "poisson",
    "fair",
    "crowd",
    "prior",
    "outside",
    "growth",
    "safety",
)

ABOUT = """Measures how fast this machine makes pictures, against plain diffusers with the same
weights, settings and dtype, in the same run. The model `full-2.2` has the published sizes of
Kandinsky 2.2 and random weights: 10 GB, written once to the data folder, sensible on a GPU only."""


@dataclass(frozen=True, slots=True)
class Options:
    given: tuple[str, ...]  # the arguments as they were
    quick: bool
    model: str
    device: str
    dtype: Literal["auto", "float32", "bfloat16", "float16"]
    only: tuple[str, ...]  # sections
    seed: int
    json: str  # a file, "-" for standard output, or empty
    folder: Path | None  # of a model of one's own; for tests
    trial: bool  # one round of everything at its smallest; for tests
    child: Literal["", "plain", "ours"]  # measure the peak memory of one side


def read(given: list[str]) -> Options:
    """Exits with a message when an argument is wrong."""
    chosen = _parser().parse_args(given)
    return Options(tuple(given), **vars(chosen))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine.bench", description=ABOUT)
    parser.add_argument("--quick", action="store_true", help="under two minutes, instead of eight")
    parser.add_argument("--model", choices=("mini", "full-2.2"), default="mini")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ...")
    parser.add_argument(
        "--dtype", choices=("auto", "float32", "bfloat16", "float16"), default="auto"
    )
    parser.add_argument(
        "--only", type=_names, default=NAMES, metavar="NAME[,NAME]", help=f"of {', '.join(NAMES)}"
    )
    parser.add_argument("--seed", type=int, default=0, help="of prompts, seeds and arrivals")
    parser.add_argument("--json", default="", metavar="FILE", help="- for standard output")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--trial", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--child", choices=("plain", "ours"), default="", help=argparse.SUPPRESS)
    return parser


def _names(text: str) -> tuple[str, ...]:
    asked = {name.strip() for name in text.split(",") if name.strip()}
    if unknown := asked - set(NAMES):
        raise argparse.ArgumentTypeError(
            f"no section {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}"
        )
    return tuple(name for name in NAMES if name in asked)
