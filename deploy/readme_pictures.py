"""`python -m deploy.readme_pictures`: the README's pictures of what mini makes in each mode."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from engine import (
    Engine,
    ImageToImage,
    Inpaint,
    Mix,
    Outpaint,
    Part,
    Request,
    Settings,
    Source,
    TextToImage,
    Variations,
)
from tests.engine import plain

FOLDER = Path(__file__).parent / "screenshots"
CELL, GAP, LABEL = 144, 6, 250  # pixels
COUNT = 4  # pictures a row
SEED = 3
Row = tuple[str, Sequence[Image.Image]]


async def main() -> None:
    async with Engine.open(Settings()) as engine:
        fox, cake = [
            await first(engine, f"a {one} background")
            for one in ("fox on a blue", "cake on a yellow")
        ]
        table(await modes(engine, fox, cake), FOLDER / "modes.png")
        table(await edits(engine, fox), FOLDER / "edits.png")


async def first(engine: Engine, prompt: str) -> Image.Image:
    (picture,) = await made(engine, TextToImage(prompt=prompt, seed=7))
    return picture


async def made(engine: Engine, request: Request) -> list[Image.Image]:
    return [picture.image for picture in await engine.submit(request, "readme")]


async def modes(engine: Engine, fox: Image.Image, cake: Image.Image) -> list[Row]:
    common: dict[str, Any] = {"count": COUNT, "seed": SEED}
    part, other = (Part(picture=Source.of(one), weight=0.5) for one in (fox, cake))
    words = Part(words="a cake on a yellow background", weight=0.5)
    picture = Source.of(fox)
    changed: dict[str, Any] = {
        "picture": picture,
        "prompt": "a cat on a blue background",
        "strength": 0.6,
    }
    eye, frame = hole((76, 48, 116, 88)), hole((20, 10, 108, 100), inside=False)
    around: dict[str, Any] = {
        "picture": picture,
        "left": -32,
        "top": -32,
        "width": 192,
        "height": 192,
    }
    asked: list[tuple[str, Request]] = [
        ("two pictures mixed", Mix(parts=(part, other), **common)),
        ("a picture and words mixed", Mix(parts=(part, words), **common)),
        ("variations", Variations(picture=picture, **common)),
        ("changed: a cat", ImageToImage(**changed, **common)),
        ("filled: an eye", Inpaint(picture=picture, mask=eye, prompt="a fox", **common)),
        (
            "filled: red around",
            Inpaint(picture=picture, mask=frame, prompt="a fox on a red background", **common),
        ),
        ("extended", Outpaint(prompt="a blue background", **around, **common)),
    ]
    rows: list[Row] = [("to begin with", [fox, cake])]
    return rows + [(label, await made(engine, request)) for label, request in asked]


async def edits(engine: Engine, fox: Image.Image) -> list[Row]:
    """Ten edits of one ear, each of the picture before."""
    diffusers = plain.Plain()
    mask = hole((78, 0, 128, 62))
    ours, theirs = [fox], [fox]
    for seed in range(10):
        common: dict[str, Any] = dict(
            mask=mask,
            prompt="a fox on a blue background",
            seed=seed,
            steps=25,
            guidance=3.0,
            prior_steps=4,
            prior_guidance=2.0,
            sampler="ddpm",
        )
        ours += await made(engine, Inpaint(picture=Source.of(ours[-1]), **common))
        again = Inpaint(picture=Source.of(theirs[-1]), width=128, height=128, **common)
        theirs.append(Image.fromarray(diffusers.inpaint(again).astype(np.uint8)))
        ended = [kept(one[-1], fox, mask) for one in (ours, theirs)]
        print(f"edits: {seed + 1}; kept by the studio: {ended[0]}, by diffusers: {ended[1]}")
    chosen = (0, 1, 5, 10)
    return [
        ("the studio: after 0, 1, 5\nand 10 edits of an ear", [ours[i] for i in chosen]),
        ("diffusers", [theirs[i] for i in chosen]),
    ]


def kept(picture: Image.Image, original: Image.Image, mask: Source) -> str:
    """How near the kept side is to the original."""
    here = np.asarray(mask.picture("L")) == 0
    error = np.square(plain.pixels(picture) - plain.pixels(original))[here].mean()
    return f"{10 * np.log10(255**2 / error):.1f} dB" if error else "not a bit differs"


def hole(box: tuple[int, int, int, int], inside: bool = True) -> Source:
    """A mask of mini's size that is white inside the box (left, top, right, bottom), or outside."""
    mask = Image.new("L", (128, 128), 0 if inside else 255)
    mask.paste(255 if inside else 0, box)
    return Source.of(mask)


def table(rows: list[Row], file: Path) -> None:
    font = ImageFont.load_default(size=18)
    size = LABEL + COUNT * (CELL + GAP), len(rows) * (CELL + GAP)
    page = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(page)
    for y, (label, pictures) in enumerate(rows):
        top = y * (CELL + GAP)
        draw.multiline_text((LABEL - 16, top + CELL / 2), label, "black", font, "rm", align="right")
        for x, picture in enumerate(pictures):
            shown = picture.resize((CELL, CELL), Image.Resampling.LANCZOS)
            page.paste(shown, (LABEL + x * (CELL + GAP), top))
    page.save(file, optimize=True)


if __name__ == "__main__":
    asyncio.run(main())
