"""Files that were cut off or whose bits were turned round."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from random import Random

from engine.errors import NotAPicture, PictureBroken
from tests.hostile.files import EITHER, SOUND, WHATEVER, Hostile, sound


def pictures() -> Iterator[Hostile]:
    for name in SOUND:
        for percent in (5, 20, 40, 60, 80):
            cut = partial(_cut, name, percent)
            yield Hostile(f"{percent}% of a {name}", cut, (PictureBroken, NotAPicture))
        yield Hostile(f"{name} but for a byte", partial(_but_for_a_byte, name), EITHER)
        for seed in range(10):
            yield Hostile(f"{name}, flipped {seed}", partial(_flipped, name, seed), WHATEVER)


def _cut(name: str, percent: int) -> bytes:
    return sound(name)[: len(sound(name)) * percent // 100]


def _but_for_a_byte(name: str) -> bytes:
    return sound(name)[:-1]


def _flipped(name: str, seed: int) -> bytes:
    file, random = bytearray(sound(name)), Random(seed)
    for _ in range(random.randint(1, 8)):
        file[random.randrange(len(file))] ^= 1 << random.randrange(8)
    return bytes(file)
