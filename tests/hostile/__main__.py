"""What becomes of hostile pictures, and how long and how much memory they take."""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from engine.errors import PictureTooHeavy, UserError
from engine.intake import Intake
from engine.sources import Source
from tests.hostile import pictures
from tests.hostile.files import WHATEVER, End, Hostile

SLOWEST = 8


async def report(found: list[Hostile]) -> None:
    """One after the other, in one child."""
    took: list[tuple[float, str, End]] = []
    async with Intake.open(1) as intake:
        for hostile in found:
            file = hostile.make()
            started = time.perf_counter()
            end = await end_of(intake, file)
            took.append((time.perf_counter() - started, hostile.name, end))
            if end not in hostile.ends:
                print(f"WRONG: {hostile.name}: {end.__name__}")
    print(f"{len(found)} files")
    for end, count in Counter(end for _, _, end in took).most_common():
        print(f"{count:6} {'cleaned' if end is Source else f'refused: {end.__name__}'}")
    print("the slowest:")
    for seconds, name, end in sorted(took, key=lambda one: -one[0])[:SLOWEST]:
        print(f"{seconds:6.2f} s  {name}: {end.__name__}")
    print(f"the largest child: {_most_memory(resource.RUSAGE_CHILDREN)}")
    print(f"this process, which also made the files: {_most_memory(resource.RUSAGE_SELF)}")


async def end_of(intake: Intake, file: bytes) -> End:
    try:
        return type(await intake.take(file))
    except UserError as error:
        return type(error)


def in_folder(folder: Path) -> Iterator[Hostile]:
    """All files in it, of which anything may become."""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield Hostile(str(file), file.read_bytes, (*WHATEVER, PictureTooHeavy))


def _most_memory(whose: int) -> str:
    return f"{resource.getrusage(whose).ru_maxrss // 1024} MB at most"


if __name__ == "__main__":
    folders = [Path(folder) for folder in sys.argv[1:]]
    asyncio.run(report([*pictures(), *(one for folder in folders for one in in_folder(folder))]))
