from __future__ import annotations

from dataclasses import dataclass

import imagehash
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from engine.safety.fingerprints import SAME, distances, fingerprint, packed, turned
from tests.engine.canvas.photos import bricks
from tests.safety.drawn import CHANGES, pictures

pytestmark = pytest.mark.slow

TURNS = (None, *Image.Transpose)


@dataclass(frozen=True, slots=True)
class Drawn:
    """Pictures, the fingerprints of each however it is turned, and the first of these packed."""

    pictures: list[Image.Image]
    turned: list[list[str]]
    hashes: NDArray[np.uint64]


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    made = list(pictures())
    found = [turned(picture) for picture in made]
    return Drawn(made, found, packed([one[0] for one in found]))


def slope(across: bool) -> Image.Image:
    levels = np.broadcast_to(np.linspace(0, 255, 256, dtype=np.uint8), (256, 256))
    return Image.fromarray(np.ascontiguousarray(levels if across else levels.T))


def test_it_is_that_of_imagehash(drawn: Drawn) -> None:
    assert [fingerprint(one) for one in drawn.pictures] == [
        str(imagehash.phash(one, hash_size=16)) for one in drawn.pictures
    ]


@pytest.mark.parametrize("name", CHANGES)
def test_copies_are_found(drawn: Drawn, name: str) -> None:
    found = [
        distances(drawn.hashes, [fingerprint(CHANGES[name](picture))])[place]
        for place, picture in enumerate(drawn.pictures)
    ]
    assert np.mean(np.array(found) <= SAME) >= 0.99


@pytest.mark.parametrize("turn", TURNS)
def test_turned_and_recompressed_copies_are_found(
    drawn: Drawn, turn: Image.Transpose | None
) -> None:
    found = [
        distances(drawn.hashes, turned(CHANGES["JPEG 40"](_turned(picture, turn))))[place]
        for place, picture in enumerate(drawn.pictures)
    ]
    assert max(found) <= SAME


def test_others_are_not_taken_for_copies(drawn: Drawn) -> None:
    """Of 129,240 pairs of pictures, however turned, fewer than one in ten thousand."""
    apart = np.array([distances(drawn.hashes, found) for found in drawn.turned])
    others = apart[~np.eye(len(drawn.pictures), dtype=bool)]
    assert np.mean(others <= SAME) < 1e-4


@pytest.mark.parametrize(
    "flat",
    [
        Image.new("RGB", (256, 256), "white"),
        Image.new("L", (64, 300), 7),
        Image.effect_noise((256, 256), 1),
        slope(True),
        slope(False),
        bricks((256, 256), 1),
    ],
    ids=["white", "grey", "faint noise", "slope", "upright slope", "bricks"],
)
def test_what_many_pictures_look_like_has_none(drawn: Drawn, flat: Image.Image) -> None:
    assert fingerprint(flat) == ""
    assert turned(flat) == []
    assert (distances(drawn.hashes, turned(flat)) == 256).all()


def test_a_mode_makes_no_difference(drawn: Drawn) -> None:
    picture = drawn.pictures[0]
    assert fingerprint(picture.convert("RGBA")) == fingerprint(picture)


def test_no_hashes_have_no_distances(drawn: Drawn) -> None:
    assert distances(packed([]), drawn.turned[0]).shape == (0,)


def test_distances_are_counted_in_bits() -> None:
    hashes = packed(["00" * 32, "ff" * 32, "0f" + "00" * 31])
    assert distances(hashes, ["00" * 32]).tolist() == [0, 256, 4]
    assert distances(hashes, ["00" * 32, "ff" * 32]).tolist() == [0, 0, 4]


@pytest.mark.parametrize("wrong", ["xyz", "00", "00" * 31 + "zz"])
def test_what_is_no_fingerprint_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        packed([wrong])


def _turned(picture: Image.Image, turn: Image.Transpose | None) -> Image.Image:
    return picture if turn is None else picture.transpose(turn)
