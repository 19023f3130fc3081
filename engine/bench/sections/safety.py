"""What it costs to check words and pictures, and to mark a picture's file."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from PIL import Image

from engine.bench.report import Line, Measured
from engine.bench.rig import Rig, rounds
from engine.safety import watermark
from engine.safety.fingerprints import distances, packed, turned
from engine.safety.pictures import PictureGate
from engine.safety.prompts import PromptGate
from engine.safety.provenance import Marker, source_type
from storage.png import encode_png

SIDES = (512, 1024)
REMOVED = 10_000  # pictures on the blocklist
FIGURES = 6  # of each size, among which the seconds are shared; in place of the last, the words
TOGETHER = 32  # requests whose words are checked at once
MODE = "text_to_image"
NOTE = (
    f"a check is by Open NSFW and against {REMOVED:,} removed pictures, in any of eight turns; each"
    " figure is of one thread; no words are checked twice"
)


class Blocklist:
    """Of pictures that are all unlike those that are checked."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.all = [(number, rng.bytes(32).hex(), "other") for number in range(REMOVED)]

    async def version(self) -> Hashable:
        return REMOVED

    async def rows(self) -> Sequence[tuple[int, str, str]]:
        return self.all


async def lines(rig: Rig, seconds: float) -> AsyncIterator[Line]:
    blocklist, share = Blocklist(rig.seed), seconds / (FIGURES * len(SIDES))
    request = rig.requests.default().model_dump(mode="json")
    async with PromptGate.open() as gate:
        for count in (1, TOGETHER):
            yield await _words(gate, count, share)
    with TemporaryDirectory() as folder:
        marker = Marker.open(None, None, Path(folder))
        async with PictureGate.open((0.2, 0.8), blocklist) as gate:
            for side in SIDES:
                picture = _picture(side, rig.seed)
                await gate.check([picture])  # reads the blocklist
                spent = []
                for _ in rounds(share):
                    began = perf_counter()
                    await gate.check([picture])
                    spent.append(1000 * (perf_counter() - began))
                yield _line("check", "picture checked", side, spent)
                for name, what, work in _work(picture, request, marker, blocklist):
                    spent = [_timed(work) for _ in rounds(share)]
                    yield _line(name, what, side, spent)


async def _words(gate: PromptGate, count: int, share: float) -> Line:
    """So many requests at once."""
    numbers, spent = itertools.count(), []
    await gate.check(["the encoder is there"])
    for _ in rounds(share):
        asked = [f"a fox number {next(numbers)} on a blue background" for _ in range(count)]
        began = perf_counter()
        await asyncio.gather(*(gate.check([one]) for one in asked))
        spent.append(1000 * (perf_counter() - began))
    what = "words checked" if count == 1 else f"words of {count} requests checked at once"
    return Line(f"safety.words.{count}", what, "ms", None, Measured.of(*spent))


def _work(
    picture: Image.Image, request: dict[str, object], marker: Marker, blocklist: Blocklist
) -> list[tuple[str, str, Callable[[], object]]]:
    """Name, what it is, and itself."""
    hashes = packed([one for _, one, _ in blocklist.all])
    encode = partial(encode_png, picture, request, 0, source_type=source_type(MODE))
    sign = partial(marker.mark, encode(), mode=MODE, model="mini", sources=())
    work: list[tuple[str, str, Callable[[], object]]] = [
        ("known", "of it: looked up among the removed", lambda: distances(hashes, turned(picture))),
        ("encode", "PNG encoded", encode),
        ("sign", "signed", sign),
    ]
    if find_spec("imwatermark"):
        work.append(("watermark", "watermarked", partial(watermark.embed, picture, "KNDS")))
    return work


def _timed(work: Callable[[], object]) -> float:
    """In ms."""
    began = perf_counter()
    work()
    return 1000 * (perf_counter() - began)


def _picture(side: int, seed: int) -> Image.Image:
    """As smooth as photographs are, and with a little noise."""
    rng = np.random.default_rng(seed)
    few = Image.fromarray(rng.integers(0, 255, (side // 16, side // 16, 3), dtype=np.uint8))
    smooth = np.asarray(few.resize((side, side), Image.Resampling.BICUBIC), np.float32)
    noisy = smooth + rng.normal(0, 2, smooth.shape)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def _line(name: str, what: str, side: int, spent: Sequence[float]) -> Line:
    return Line(
        f"safety.{name}.{side}", f"{what}, {side} x {side}", "ms", None, Measured.of(*spent)
    )
