"""Makes a small picture of each style, for front ends to show: `python -m deploy.style_pictures`.

The same words and the same seed for all, so that the style is the only difference.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from PIL import Image

from engine import Engine, Settings, TextToImage
from engine.errors import UserError
from engine.styles import PICTURES, STYLES

PROMPT = "a fox on a hill beside a small house"
INTO = "where to write them (default: where the front ends find them, engine/style_pictures)"
ABOUT = """\
Make a small picture of each style, FOLDER/NAME.webp, and FOLDER/none.webp without any.
It is meant for real weights (2.1, 2.2, 3). The mini model will do to try it out, but it knows
no styles: its pictures hardly show them."""


def main(given: list[str]) -> int:
    """Returns the exit status."""
    options = _options(given)
    try:
        asyncio.run(make(options))
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def make(options: argparse.Namespace) -> None:
    """All of them at once: the engine shares its batches between them."""
    options.folder.mkdir(parents=True, exist_ok=True)
    async with Engine.open(Settings(models=(options.model,))) as engine:
        jobs = {
            style or "none": engine.submit(_request(style, options), owner="styles")
            for style in (None, *STYLES)
        }
        for name, job in jobs.items():
            (picture,) = await job
            file = options.folder / f"{name}.webp"
            small(picture.image, options.side).save(file, "WEBP", quality=85)
            print(file)


def small(image: Image.Image, side: int) -> Image.Image:
    """At most `side` pixels wide and high."""
    shown = image.copy()
    shown.thumbnail((side, side), Image.Resampling.LANCZOS)
    return shown


def _request(style: str | None, options: argparse.Namespace) -> TextToImage:
    return TextToImage(prompt=options.prompt, seed=options.seed, steps=options.steps, style=style)


def _options(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.style_pictures",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("folder", type=Path, nargs="?", default=PICTURES, metavar="FOLDER", help=INTO)
    add("--model", default="2.2", help="mini, 2.2 or name=folder (default %(default)s)")
    add("--prompt", default=PROMPT, help="what they show (default “%(default)s”)")
    add("--seed", type=int, default=7, help="of every picture (default %(default)s)")
    add("--steps", type=int, help="of each picture (default: the model's own)")
    add("--side", type=int, default=256, help="pixels of the longer side (default %(default)s)")
    return parser.parse_args(given)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
