"""Is this ours? The stored pictures that look like a given one, turned or mirrored too."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.intake import Intake
from engine.safety.fingerprints import BITS, SAME, distances, packed, turned
from engine.sources import Source
from storage.database import Database
from storage.fingerprints import Fingerprints
from storage.found import owned
from storage.records import Account, PictureRecord

PAGE = 10_000  # fingerprints read at a time
LATE = 1_000  # numbers looked at again: some turn up after higher ones
MOST = 50  # matches


@dataclass(frozen=True, slots=True)
class Match:
    """A stored picture that looks like the one that was asked about.

    They differ in `distance` of 256 bits: 0 is the same picture.
    """

    picture: PictureRecord
    account: Account
    distance: int


class Likeness:
    """The fingerprints of one database, 40 bytes each in memory once they are asked for."""

    def __init__(self, database: Database, intake: Intake) -> None:
        self._database = database
        self._fingerprints = Fingerprints(database)
        self._intake = intake
        self._last = 0  # the highest number that was read
        self._late: set[int] = set()  # those before it that were, of the last LATE
        self._pictures: list[str] = []
        self._hashes: NDArray[np.uint64] = np.empty((0, BITS // 64), np.uint64)
        self._reading = asyncio.Lock()

    async def same(self, file: bytes) -> list[Match]:
        """The nearest first, MOST of them. Raises what Intake.take does, and DatabaseAway."""
        source = await self._intake.take(file)
        wanted = await asyncio.to_thread(_turned, source)
        async with self._reading:
            await self._read()
            pictures, hashes = list(self._pictures), self._hashes
        near = await asyncio.to_thread(_near, pictures, hashes, wanted)
        known = await owned(self._database, list(near))
        return [
            Match(*known[picture_id], distance)
            for picture_id, distance in near.items()
            if picture_id in known
        ]

    async def _read(self) -> None:
        """What has come since the last time."""
        place = self._last - LATE
        while page := await self._fingerprints.since(place, PAGE):
            new = [row for row in page if row[0] not in self._late]
            hashes = await asyncio.to_thread(packed, [found for _, _, found in new])
            self._hashes = np.concatenate([self._hashes, hashes])
            self._pictures.extend(picture_id for _, picture_id, _ in new)
            place = self._last = page[-1][0]
            self._late |= {number for number, _, _ in page}
            self._late = {number for number in self._late if number > self._last - LATE}


def _turned(source: Source) -> list[str]:
    return turned(source.picture())


def _near(pictures: list[str], hashes: NDArray[np.uint64], wanted: list[str]) -> dict[str, int]:
    """By picture, how far the nearest ones are."""
    if not wanted or not pictures:
        return {}
    apart = distances(hashes, wanted)
    nearest = np.argsort(apart, kind="stable")[:MOST]
    return {pictures[i]: int(apart[i]) for i in nearest if apart[i] <= SAME}
