"""The model card that stands beside the weights: what it is, its data, its curves, its figures."""

from __future__ import annotations

import csv
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from engine.mini.scenes import HELD_OUT
from engine.mini.things import COLOURS, THINGS

CURVES = (
    ("clip", "loss"),
    ("movq", "psnr"),
    ("movq-decoder", "psnr"),
    ("prior", "loss"),
    ("decoder", "error"),
    ("inpaint", "error"),
    ("eye", "accuracy"),
)

TEXT = """---
license: apache-2.0
language: [en, ru]
library_name: diffusers
pipeline_tag: text-to-image
---

# Kandinsky mini

A small Kandinsky 2.2 (CLIP text and vision encoders, diffusion prior, decoder UNet, MoVQ, and an
inpainting decoder), trained from nothing. It paints {things} things on {colours} background
colours, 128 x 128 pixels, from English or Russian words. The folders are laid out as the published
2.2 repositories are; `decoder-inpaint/movq` is a link to `decoder/movq`.

## Data

Scenes drawn without end from the font Noto Color Emoji (SIL Open Font License 1.1, © Google): one
thing, once, twice or three times, at varying place, size and tilt, on plain and two-tone
backgrounds; captions from hand-written names and from the `emoji` package, in many forms.
{held} of the {pairs} pairs of thing and background were never shown in training; the figures
come from them alone.

## Size

{sizes}

float16, {megabytes:.1f} MB in all.

## Training

{times}

![curves](curves.png)

`python -m engine.mini.train` does it again; `python -m engine.mini.judge` measures the result.
"""


def write(training: Path, weights: Path) -> None:
    """Write README.md and curves.png into `weights` from the logs in `training`."""
    logs = {name: _log(training / f"{name}.csv") for name, _ in CURVES}
    _curves(logs, weights / "curves.png")
    files = [f for f in sorted(weights.rglob("*.safetensors")) if not _linked(f, weights)]
    sizes = ["| part | MB |", "|---|---|"]
    sizes += [f"| {_part(f, weights)} | {f.stat().st_size / 1e6:.2f} |" for f in files]
    times = ["| part | steps | minutes |", "|---|---|---|"]
    for name, rows in logs.items():
        if rows:
            times.append(f"| {name} | {rows[-1]['step']:.0f} | {rows[-1]['minutes']:.0f} |")
    text = TEXT.format(
        things=len(THINGS),
        colours=len(COLOURS),
        held=len(HELD_OUT),
        pairs=len(THINGS) * len(COLOURS),
        sizes="\n".join(sizes),
        megabytes=sum(f.stat().st_size for f in files) / 1e6,
        times="\n".join(times),
    )
    (weights / "README.md").write_text(text)


def _part(file: Path, weights: Path) -> str:
    inside = file.relative_to(weights)
    return str(inside.parent) if inside.parent.name else inside.name


def _linked(file: Path, weights: Path) -> bool:
    return any(folder.is_symlink() for folder in file.parents if folder.is_relative_to(weights))


def _log(file: Path) -> list[dict[str, float]]:
    if not file.exists():
        return []
    with file.open() as stream:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(stream)]


def _curves(logs: dict[str, list[dict[str, float]]], file: Path) -> None:
    figure, axes = plt.subplots(2, 4, figsize=(14, 6), layout="constrained")
    for axis, (name, key) in zip(axes.flat, CURVES, strict=False):
        rows = logs[name]
        axis.plot([row["minutes"] for row in rows], [row[key] for row in rows])
        axis.set(title=f"{name}: {key}", xlabel="minutes")
        axis.grid(alpha=0.3)
    for axis in axes.flat[len(CURVES) :]:
        axis.axis("off")
    figure.savefig(file, dpi=70)
    plt.close(figure)
