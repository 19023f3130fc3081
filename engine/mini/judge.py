"""`python -m engine.mini.judge`: how well the mini model draws what it was never shown.

It asks for the 100 (thing, background) pairs that were kept out of training, in English and in
Russian. The thing is named by `eye.py`, which never saw a generated picture; the background by
the median colour of the frame; MoVQ's PSNR is that of drawn pictures of the same pairs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from engine import Engine, Settings, TextToImage
from engine.mini import eye, scenes
from engine.mini.scenes import LANGUAGES, Language
from engine.mini.things import COLOURS, THINGS


@dataclass(frozen=True, slots=True)
class Judged:
    """One generated picture and what was seen in it (indices into THINGS and COLOURS)."""

    language: Language
    thing: int
    background: int
    seen_thing: int
    seen_background: int
    image: Image.Image


def look(picture: Image.Image) -> tuple[str, str]:
    """The English names of the thing and of the background colour in a picture."""
    return THINGS[eye.things_in([picture])[0]].en, COLOURS[eye.background_of(picture)].en


async def judge(settings: Settings, pairs: list[tuple[int, int]]) -> list[Judged]:
    """Draw every pair in both languages with the first model of the settings."""
    judged = []
    async with Engine.open(settings) as engine:
        for seed, (thing, background) in enumerate(pairs):
            for language in LANGUAGES:
                prompt = scenes.plain_caption(thing, background, language)
                (picture,) = await engine.submit(TextToImage(prompt=prompt, seed=seed), "judge")
                seen = eye.things_in([picture.image])[0], eye.background_of(picture.image)
                judged.append(Judged(language, thing, background, *seen, picture.image))
                _progress(len(judged), len(pairs) * len(LANGUAGES))
    return judged


def figures(judged: list[Judged]) -> dict[str, float]:
    """Accuracies in percent."""

    def share(right: list[bool]) -> float:
        return round(100 * sum(right) / max(1, len(right)), 1)

    by_language = {
        f"thing_{language}": share(
            [one.seen_thing == one.thing for one in judged if one.language == language]
        )
        for language in LANGUAGES
    }
    return {
        "thing": share([one.seen_thing == one.thing for one in judged]),
        **by_language,
        "background": share([one.seen_background == one.background for one in judged]),
    }


def movq_psnr(folder: Path, count: int = 100) -> float:
    """The mean PSNR in dB of MoVQ's round trip of drawn held-out scenes."""
    from diffusers import VQModel

    from engine.mini.training import movq

    vq = VQModel.from_pretrained(folder / "decoder" / "movq", use_safetensors=True).eval().float()
    return round(movq.psnr(vq, movq.held_out_pictures(count)), 2)


def sheet(judged: list[Judged], columns: int = 20) -> Image.Image:
    """All pictures; a red frame where the thing or the background was not recognised."""
    side = judged[0].image.width
    rows = -(-len(judged) // columns)
    whole = Image.new("RGB", (columns * side, rows * side), "white")
    pen = ImageDraw.Draw(whole)
    for index, one in enumerate(judged):
        left, top = index % columns * side, index // columns * side
        whole.paste(one.image, (left, top))
        if (one.seen_thing, one.seen_background) != (one.thing, one.background):
            pen.rectangle((left, top, left + side - 1, top + side - 1), outline="red", width=4)
    return whole


def _progress(done: int, total: int) -> None:
    print(f"\r{done} of {total}", end="" if done < total else "\n", file=sys.stderr, flush=True)


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m engine.mini.judge", description=__doc__)
    arguments.add_argument("--json", action="store_true", help="print one JSON object")
    arguments.add_argument("--model", default="mini", help="as in KANDINSKY_MODELS")
    arguments.add_argument("--pairs", type=int, default=100, help="at most 100; two prompts each")
    arguments.add_argument("--grid", type=Path, default=Path("data/judge.png"))
    chosen = arguments.parse_args()
    settings = Settings(models=(chosen.model,))
    pairs = sorted(scenes.HELD_OUT)[: chosen.pairs]
    judged = asyncio.run(judge(settings, pairs))
    from engine.weights import find

    found = figures(judged) | {"psnr": movq_psnr(find(settings)[0].folder)}
    chosen.grid.parent.mkdir(parents=True, exist_ok=True)
    sheet(judged).save(chosen.grid)
    if chosen.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:12} {value} {'dB' if name == 'psnr' else '%'}")
    print(f"pictures: {chosen.grid}")


if __name__ == "__main__":
    main()
