"""Hostile and odd pictures, made by code: what engine/intake.py must refuse or clean.

`python -m tests.hostile [FOLDER ...]` takes them all, and the files of those folders, and prints
what became of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.hostile import (
    bombs,
    chunks,
    damage,
    exif,
    extras,
    formats,
    moving,
    odd,
    profiles,
    sizes,
)
from tests.hostile.files import Hostile

GROUPS = (formats, sizes, bombs, damage, chunks, extras, moving, exif, profiles, odd)


def pictures() -> Iterator[Hostile]:
    """All of them; each name is another's. The files are made when they are asked for."""
    for group in GROUPS:
        yield from group.pictures()
