"""Every picture says that it was made by AI, and no change of its file stays hidden."""

from __future__ import annotations

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image

from engine.recall import recall
from engine.requests import TextToImage
from engine.safety.provenance import (
    CHANGED,
    CHANGES_LIMIT,
    HISTORY_LIMIT,
    MADE,
    Marker,
    NotMarked,
    source_type,
)
from storage.png import PROGRAM, VERSION, XMP, encode_png, read_parameters
from tests.engine.canvas.photos import clouds
from tests.safety.drawn import png, saved
from tests.safety.marks import chunks, joined, manifest, performed, state, store

WORDS = "a secret fox"
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
MODES = ("text_to_image", "image_to_image", "mix", "variations", "inpaint", "outpaint")


def request(mode: str = "text_to_image") -> dict[str, Any]:
    return {"mode": mode, "prompt": WORDS, "model": "mini", "steps": 2, "width": 64, "height": 64}


def encoded(image: Image.Image, mode: str = "text_to_image") -> bytes:
    return encode_png(image, request(mode), 7, "job", source_type=source_type(mode))


def marked(marker: Marker, mode: str = "text_to_image", *sources: bytes, seed: int = 0) -> bytes:
    file = encoded(clouds((96, 64), seed), mode)
    return marker.mark(file, mode=mode, model="mini", sources=sources)


@pytest.mark.slow
def test_200_pictures_are_valid(marker: Marker) -> None:
    rng, scenery = random.Random(0), [clouds((768, 768), seed) for seed in range(4)]
    sources = [png(clouds((64, 64), seed)) for seed in range(3)]
    mask = png(Image.new("L", (64, 64), 255))
    for number in range(200):
        size = rng.randint(64, 768), rng.randint(64, 768)
        picture = rng.choice(scenery).crop((0, 0, *size))
        picture = picture.convert(rng.choice(("RGB", "RGB", "RGBA", "L")))
        mode = MODES[number % len(MODES)]
        used = [] if mode == "text_to_image" else rng.sample(sources, rng.randint(1, 3))
        file = marker.mark(
            encoded(picture, mode), mode=mode, model="mini", sources=[*used, mask][: len(used) + 1]
        )
        assert state(file, marker.root) == "Trusted"
        assert state(file) == "Valid"  # to who does not know the studio
        if picture.mode != "L":  # which is a mask's
            sources[number % 3] = file


@pytest.mark.parametrize("mode", ["text_to_image", "mix", "variations"])
def test_what_is_made_anew_says_so(marker: Marker, mode: str) -> None:
    sources = [] if mode == "text_to_image" else [png(clouds((64, 64), seed)) for seed in (1, 2)]
    found = manifest(marked(marker, mode, *sources))
    (action,) = performed(found)
    assert action["action"] == "c2pa.created"
    assert action["digitalSourceType"] == MADE
    assert action["softwareAgent"] == {"name": "mini"}
    assert [one["relationship"] for one in found.get("ingredients", [])] == ["inputTo"] * len(
        sources
    )
    assert len(action.get("parameters", {}).get("ingredients", [])) == len(sources)


@pytest.mark.parametrize("mode", ["image_to_image", "inpaint", "outpaint"])
def test_what_changes_a_picture_says_so(marker: Marker, mode: str) -> None:
    depth, picture = (png(clouds((64, 64), seed)) for seed in (1, 2))
    mask = png(Image.new("L", (64, 64), 255))
    found = manifest(marked(marker, mode, depth, picture, mask))
    opened, edited = performed(found)
    assert opened["action"] == "c2pa.opened"
    assert edited["action"] == "c2pa.edited"
    assert edited["digitalSourceType"] == CHANGED
    relationships = [one["relationship"] for one in found["ingredients"]]
    assert sorted(relationships) == ["inputTo", "parentOf"]
    (parent,) = opened["parameters"]["ingredients"]
    assert parent["url"].endswith(found["ingredients"][relationships.index("parentOf")]["label"])


def test_without_the_picture_that_was_changed_a_mark_is_sound(marker: Marker) -> None:
    """Its file may be lost by then."""
    for lost in ((), (b"",)):
        file = marked(marker, "image_to_image", *lost)
        (action,) = performed(manifest(file))
        assert action["action"] == "c2pa.created"
        assert action["digitalSourceType"] == CHANGED
        assert state(file, marker.root) == "Trusted"


def test_the_program_signs_with_its_name_and_version(marker: Marker) -> None:
    (said,) = manifest(marked(marker))["claim_generator_info"]
    assert (said["name"], said["version"]) == (PROGRAM, VERSION)


def test_neither_words_nor_pixels_are_in_the_manifest(marker: Marker) -> None:
    source = marked(marker, seed=1)
    found = dict(chunks(marked(marker, "inpaint", source)))
    assert len(found[b"caBX"]) < 12_000  # two manifests, no thumbnails
    assert WORDS.encode() not in found[b"caBX"]
    assert b"job" not in found[b"caBX"]


def test_the_history_of_a_picture_is_in_its_file(marker: Marker) -> None:
    file = marked(marker)
    for seed in range(5):
        file = marked(marker, "image_to_image", file, seed=seed)
    assert len(store(file)["manifests"]) == 6
    assert state(file, marker.root) == "Trusted"


def test_a_history_of_too_many_bytes_is_left_out(marker: Marker) -> None:
    header, (kind, history), *rest = chunks(marked(marker))
    long = joined([header, (kind, history + bytes(HISTORY_LIMIT)), *rest])
    changed = marked(marker, "image_to_image", long, seed=1)
    assert len(store(changed)["manifests"]) == 1
    assert state(changed, marker.root) == "Trusted"
    (parent,) = manifest(changed)["ingredients"]
    assert parent["relationship"] == "parentOf"


@pytest.mark.slow
def test_a_history_of_too_many_changes_is_left_out(marker: Marker) -> None:
    file, seen = marked(marker), []
    for _ in range(CHANGES_LIMIT + 3):
        file = marked(marker, "image_to_image", file)
        seen.append(len(store(file)["manifests"]))
        assert state(file, marker.root) == "Trusted"
    assert max(seen) == CHANGES_LIMIT + 1
    assert seen[-4:] == [CHANGES_LIMIT + 1, 1, 2, 3]


@pytest.mark.slow
def test_of_many_histories_that_of_the_changed_picture_is_kept(marker: Marker) -> None:
    long = marked(marker)
    for _ in range(CHANGES_LIMIT // 2):
        long = marked(marker, "image_to_image", long)
    found = manifest(marked(marker, "image_to_image", long, marked(marker), long))
    kept = {one["relationship"]: "active_manifest" in one for one in found["ingredients"][:2]}
    assert kept == {"parentOf": True, "inputTo": False}


@pytest.mark.parametrize(("kind", "media_type"), [("JPEG", "image/jpeg"), ("WEBP", "image/webp")])
def test_other_kinds_of_files_are_marked_too(marker: Marker, kind: str, media_type: str) -> None:
    plain = saved(clouds((100, 70), 1), kind)
    file = marker.mark(plain, mode="mix", model="2.2", sources=(), media_type=media_type)
    assert state(file, marker.root, media_type) == "Trusted"
    assert performed(manifest(file, media_type))[0]["softwareAgent"] == {"name": "2.2"}
    with Image.open(BytesIO(file)) as shown, Image.open(BytesIO(plain)) as before:
        assert shown.tobytes() == before.tobytes()
    changed = bytearray(file)
    changed[file.index(plain[-100:])] ^= 1  # of the pixels; WebP has the manifest at the end
    assert state(bytes(changed), marker.root, media_type) == "Invalid"


def test_the_picture_and_its_texts_stay_as_they_were(marker: Marker) -> None:
    picture = clouds((96, 64), 0)
    plain = encoded(picture)
    file = marker.mark(plain, mode="text_to_image", model="mini", sources=())
    assert [one for one in chunks(file) if one[0] != b"caBX"] == chunks(plain)
    assert read_parameters(file).request == request()
    recalled = recall(file).request
    assert isinstance(recalled, TextToImage)
    assert (recalled.prompt, recalled.seed) == (WORDS, 7)


def test_the_source_type_is_in_the_xmp_as_well(marker: Marker) -> None:
    for mode in MODES:
        with Image.open(BytesIO(encoded(clouds((64, 64), 0), mode))) as picture:
            packet = ElementTree.fromstring(picture.info[XMP].encode())  # noqa: S314 - our own
        (described,) = packet.iter(f"{RDF}Description")
        assert described.attrib[f"{IPTC}DigitalSourceType"] == source_type(mode)


def test_a_file_that_is_no_picture_cannot_be_marked(marker: Marker) -> None:
    for file in (b"", b"words", png(clouds((64, 64), 0))[:20]):
        with pytest.raises(NotMarked):
            marker.mark(file, mode="text_to_image", model="mini", sources=())


@pytest.mark.slow
def test_threads_share_a_marker(marker: Marker) -> None:
    with ThreadPoolExecutor(8) as threads:
        files = list(threads.map(lambda seed: marked(marker, seed=seed), range(80)))
    assert {state(file, marker.root) for file in files} == {"Trusted"}


def test_every_byte_of_the_pixels_counts(marker: Marker) -> None:
    file = marked(marker)
    began = file.index(b"IDAT")
    rng = random.Random(0)
    for place in rng.sample(range(began, len(file) - 16), 50):
        changed = bytearray(file)
        changed[place] ^= 1 << rng.randrange(8)
        assert state(bytes(changed), marker.root) in ("Invalid", "broken")


def test_pixels_of_another_picture_are_found_out(marker: Marker) -> None:
    one, other = chunks(marked(marker, seed=1)), chunks(marked(marker, seed=2))
    pixels = [chunk for chunk in other if chunk[0] == b"IDAT"]
    swapped = [chunk for chunk in one[:-1] if chunk[0] != b"IDAT"] + pixels + one[-1:]
    assert state(joined(swapped), marker.root) == "Invalid"


def test_a_mark_taken_from_another_picture_is_found_out(marker: Marker) -> None:
    one, other = chunks(marked(marker, seed=1)), chunks(marked(marker, seed=2))
    assert state(joined([one[0], other[1], *one[2:]]), marker.root) == "Invalid"


@pytest.mark.parametrize("kind", [b"tEXt", b"iTXt"])
def test_other_words_are_found_out(marker: Marker, kind: bytes) -> None:
    changed = [
        (
            one,
            content.replace(b"fox", b"cat").replace(b"trained", b"untrain")
            if one == kind
            else content,
        )
        for one, content in chunks(marked(marker))
    ]
    assert changed != chunks(marked(marker))
    assert state(joined(changed), marker.root) == "Invalid"


def test_chunks_that_were_added_moved_or_removed_are_found_out(marker: Marker) -> None:
    header, mark, first, second, *rest = chunks(marked(marker))
    for changed in (
        [header, mark, second, first, *rest],
        [header, mark, second, *rest],
        [header, mark, first, second, (b"tEXt", b"Comment\0drawn by hand"), *rest],
        [header, first, mark, second, *rest],
        [(header[0], header[1][:3] + b"\x50" + header[1][4:]), mark, first, second, *rest],
    ):
        assert state(joined(changed), marker.root) == "Invalid"
    assert state(joined([header, mark, first, second, *rest]), marker.root) == "Trusted"


def test_without_its_manifest_a_picture_has_none(marker: Marker) -> None:
    left = [one for one in chunks(marked(marker)) if one[0] != b"caBX"]
    assert state(joined(left), marker.root) == "none"


def test_a_mark_of_somebody_else_is_not_trusted(marker: Marker, tmp_path: Any) -> None:
    other = Marker.open(None, None, tmp_path)
    assert state(marked(other), marker.root) == "Valid"


async def test_a_source_that_is_broken_is_said_not_to_be_markable(marker: Marker) -> None:
    with pytest.raises(NotMarked):
        await asyncio.to_thread(marked, marker, "image_to_image", b"words")
