"""What a picture brings along of its history is kept, and never trusted to be harmless."""

from __future__ import annotations

import asyncio
import random
import resource
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Any
from zipfile import ZipFile

import pytest
from c2pa import Builder, C2paError, C2paSignerInfo, Context, Reader, Signer

from engine.intake import Intake
from engine.recall import recall
from engine.requests import TextToImage
from engine.safety import signing
from engine.safety.certificate import make
from engine.safety.provenance import CHANGED, MADE, Marker
from engine.safety.provenance import marked as may_be_marked
from engine.safety.signing import Ingredient, Pen, actions, opened, pixel
from engine.sources import Source
from storage.pictures import PictureStore
from storage.png import encode_png
from storage.zips import write_files
from tests.engine.canvas.photos import clouds
from tests.safety.drawn import png, saved
from tests.safety.marks import chunks, joined, manifest, performed, state, store

TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
CLEAN = png(clouds((96, 64), 0))
CAMERA: dict[str, Any] = {
    "claim_generator_info": [{"name": "A camera"}],
    "assertions": [actions({"action": "c2pa.created"})],
}


@pytest.fixture(scope="module")
def stranger() -> Pen:
    """Somebody else who signs."""
    own = make()
    return Pen(own.certificates, own.key, own.algorithm)


@pytest.fixture
async def intake(marker: Marker) -> AsyncIterator[Intake]:
    async with Intake.open(2, marker) as opened:
        yield opened


def photograph(pen: Pen, kind: str = "PNG") -> bytes:
    return pen.sign(saved(clouds((96, 64), 0), kind), TYPES[kind], CAMERA)


def signers(file: bytes) -> set[str]:
    """Whose manifests are in a file."""
    found = store(file)["manifests"].values()
    return {one["claim_generator_info"][0]["name"] for one in found}


@pytest.mark.slow
@pytest.mark.parametrize("kind", TYPES)
async def test_an_upload_keeps_its_history(
    intake: Intake, marker: Marker, stranger: Pen, kind: str
) -> None:
    source = await intake.take(photograph(stranger, kind))
    assert state(source.file, marker.root) == "Trusted"
    assert signers(source.file) == {"A camera", "Kandinsky Studio"}
    found = manifest(source.file)
    assert [one["action"] for one in performed(found)] == ["c2pa.opened", "c2pa.transcoded"]
    assert [one["relationship"] for one in found["ingredients"]] == ["parentOf"]


@pytest.mark.slow
async def test_what_is_made_from_an_upload_has_its_history(
    intake: Intake, marker: Marker, stranger: Pen
) -> None:
    source = await intake.take(photograph(stranger))
    made = marker.mark(CLEAN, mode="inpaint", model="mini", sources=[source.file])
    assert state(made, marker.root) == "Trusted"
    assert len(store(made)["manifests"]) == 3
    assert "A camera" in signers(made)
    assert performed(manifest(made))[1]["digitalSourceType"] == CHANGED


@pytest.mark.slow
async def test_the_pixels_are_those_of_the_clean_file(intake: Intake, stranger: Pen) -> None:
    async with Intake.open(1) as without:
        for kind in TYPES:
            file = photograph(stranger, kind)
            plain, kept = await without.take(file), await intake.take(file)
            assert kept.picture().tobytes() == plain.picture().tobytes()
            assert state(plain.file) == "none"


@pytest.mark.slow
async def test_pictures_without_a_history_are_as_without_a_marker(intake: Intake) -> None:
    async with Intake.open(1) as without:
        for kind in TYPES:
            file = saved(clouds((96, 64), 1), kind)
            assert not may_be_marked(file)
            assert await intake.take(file) == await without.take(file)


@pytest.mark.slow
async def test_a_picture_of_ours_is_recalled_and_taken_from_its_marked_file(
    intake: Intake, marker: Marker
) -> None:
    asked = TextToImage(prompt="лиса", seed=7).model_dump(mode="json")
    made = encode_png(clouds((96, 64), 0), asked, 7, "job", source_type=MADE)
    file = marker.mark(made, mode="text_to_image", model="mini", sources=())
    assert recall(await intake.texts(file)).request.prompt == "лиса"
    source = await intake.take(file)
    assert state(source.file, marker.root) == "Trusted"
    assert "лиса".encode() not in source.file


@pytest.mark.slow
async def test_a_mask_has_no_history(intake: Intake, stranger: Pen) -> None:
    assert state((await intake.take_mask(photograph(stranger))).file) == "none"


@pytest.mark.slow
async def test_many_marked_uploads_come_at_once(intake: Intake, stranger: Pen) -> None:
    taken = await asyncio.gather(*(intake.take(photograph(stranger)) for _ in range(8)))
    assert {state(one.file) for one in taken} == {"Valid"}


def test_a_picture_of_ours_goes_on_with_its_history(marker: Marker) -> None:
    """As it is worked on further: its pixels without its texts."""
    file = marker.mark(CLEAN, mode="text_to_image", model="mini", sources=())
    plain = Source.of(clouds((96, 64), 0)).file
    again = marker.opened(file, plain, ours=True)
    assert state(again, marker.root) == "Trusted"
    (made,) = [one for one in store(again)["manifests"].values() if "ingredients" not in one]
    assert performed(made)[0]["digitalSourceType"] == MADE


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_a_copy_of_another_kind_has_the_history_too(marker: Marker, kind: str) -> None:
    file = marker.mark(CLEAN, mode="text_to_image", model="mini", sources=())
    copy = marker.opened(file, saved(clouds((96, 64), 0), kind), ours=True)
    assert state(copy, marker.root, TYPES[kind]) == "Trusted"
    assert len(store(copy, TYPES[kind])["manifests"]) == 2


@pytest.mark.slow
async def test_a_history_that_was_tampered_with_is_kept_as_such(
    marker: Marker, stranger: Pen
) -> None:
    """Our own word is sound, and says that the parent's is not."""
    file = bytearray(photograph(stranger))
    file[-100] ^= 1
    kept = marker.opened(bytes(file), CLEAN)
    assert state(kept, marker.root) == "Trusted"
    (parent,) = manifest(kept)["ingredients"]
    failed = parent["validation_results"]["activeManifest"]["failure"]
    assert "assertion.dataHash.mismatch" in {one["code"] for one in failed}


HIDDEN = {"format": "image/jpeg", "identifier": "hidden"}
MADE_OF: dict[str, Any] = {
    "claim_generator_info": [{"name": "A camera"}],
    "assertions": [actions(opened("it"))],
}
CARRIERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # of a manifest, an ingredient
    "a thumbnail": (CAMERA | {"thumbnail": HIDDEN}, {}),
    "an ingredient's thumbnail": (MADE_OF, {"thumbnail": HIDDEN}),
    "an ingredient's data": (MADE_OF, {"data": HIDDEN}),
    "an icon": (CAMERA | {"claim_generator_info": [{"name": "A camera", "icon": HIDDEN}]}, {}),
    "a data box": (
        CAMERA
        | {"claim_version": 1, "claim_generator_info": [{"name": "A camera", "icon": HIDDEN}]},
        {},
    ),
    "words": (
        CAMERA
        | {
            "assertions": [
                *CAMERA["assertions"],
                {
                    "label": "com.camera",
                    "data": {"film": b64encode(saved(clouds((32, 32), 3), "JPEG")).decode()},
                },
            ]
        },
        {},
    ),
}


def carrier(of: str) -> bytes:
    """A picture whose manifest holds another one."""
    said, ingredient = CARRIERS[of]
    own, signed = make(), BytesIO()
    signer = Signer.from_info(C2paSignerInfo(own.algorithm, own.certificates, own.key, None))
    with Builder(said, Context.from_dict(signing.SETTINGS)) as builder:
        if of != "words":
            builder.add_resource("hidden", BytesIO(saved(clouds((32, 32), 3), "JPEG")))
        if ingredient:
            named = {"label": "it", "relationship": "parentOf"}
            builder.add_ingredient(named | ingredient, "image/png", BytesIO(CLEAN))
        builder.sign(signer, "image/png", BytesIO(CLEAN), signed)
    return signed.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("of", CARRIERS)
def test_a_history_that_carries_a_picture_is_left_out(
    marker: Marker, stranger: Pen, of: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = carrier(of)
    assert len(store(file)["manifests"]) == 1
    assert marker.opened(file, CLEAN) == CLEAN
    assert "history is not taken over" in caplog.text
    parent = Ingredient("it", "parentOf", file)
    later = stranger.sign(CLEAN, "image/png", MADE_OF, [parent])  # its manifest has the first
    assert marker.opened(later, CLEAN) == CLEAN


@pytest.mark.slow
def test_a_history_of_words_alone_is_kept(marker: Marker, stranger: Pen) -> None:
    """Our own as well, as a person brings it back, and one of several pictures."""
    ours = marker.mark(CLEAN, mode="text_to_image", model="mini", sources=())
    mixed = marker.mark(CLEAN, mode="mix", model="mini", sources=[ours, photograph(stranger)])
    later = stranger.sign(
        CLEAN, "image/png", MADE_OF, [Ingredient("it", "parentOf", photograph(stranger))]
    )
    for file in (ours, mixed, later):
        assert state(marker.opened(file, CLEAN), marker.root) == "Trusted"


def spoilt(file: bytes) -> Iterator[tuple[str, bytes]]:
    """Files whose manifests are broken, each in a way of its own, and named."""
    header, (kind, mark), *rest = chunks(file)
    rng = random.Random(0)
    yield "no manifest", joined([header, (kind, b""), *rest])
    yield "noise", joined([header, (kind, rng.randbytes(50_000)), *rest])
    yield "cut off", joined([header, (kind, mark[: len(mark) // 2]), *rest])
    yield "a box of 4 GB", joined([header, (kind, b"\xff\xff\xff\xff" + mark[4:]), *rest])
    yield "a box of no end", joined([header, (kind, b"\0\0\0\0" + mark[4:]), *rest])
    yield "boxes in boxes", joined([header, (kind, nested(mark, 20_000)), *rest])
    yield "many manifests", joined([header, (kind, mark), (kind, mark), *rest])
    yield "12 MB of manifest", joined([header, (kind, mark + bytes(12 * 2**20)), *rest])
    yield "other CBOR", joined([header, (kind, mark.replace(b"\xa1", b"\x81")), *rest])
    yield "its name only", joined([header, (b"tEXt", b"Comment\0caBX"), *rest])
    yield "cut off picture", file[: len(mark) // 2]


def nested(mark: bytes, depth: int) -> bytes:
    """Superboxes of JUMBF, each in the one before."""
    described = mark[8:38]
    content = b""
    for _ in range(depth):
        size = 8 + len(described) + len(content)
        if size > 2**20:
            break
        content = size.to_bytes(4) + b"jumb" + described + content
    return content


@pytest.mark.slow
def test_a_broken_history_is_left_out(marker: Marker, stranger: Pen) -> None:
    for name, file in spoilt(photograph(stranger)):
        began = monotonic()
        kept = marker.opened(file, CLEAN)
        assert kept == CLEAN or state(kept, marker.root) == "Trusted", name
        assert monotonic() - began < 10, name


@pytest.mark.slow
def test_whatever_was_changed_in_a_history_nothing_of_ours_is_spoilt(
    marker: Marker, stranger: Pen
) -> None:
    header, (kind, mark), *rest = chunks(photograph(stranger))
    rng = random.Random(0)
    for _ in range(25):
        changed = bytearray(mark)
        for _ in range(rng.randint(1, 20)):
            changed[rng.randrange(len(mark))] = rng.randrange(256)
        kept = marker.opened(joined([header, (kind, bytes(changed)), *rest]), CLEAN)
        assert kept == CLEAN or state(kept, marker.root) == "Trusted"


@pytest.mark.slow
def test_trials_leave_nothing_behind(marker: Marker) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    noise = joined([*chunks(CLEAN)[:1], (b"caBX", bytes(15 * 2**20)), *chunks(CLEAN)[1:]])
    for _ in range(3):
        assert marker.opened(noise, CLEAN) == CLEAN
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024  # KB


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """The address of a server, and what was asked of it."""
    asked: list[str] = []

    class Asked(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_POST = do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Asked) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/manifest", asked
        server.shutdown()
        thread.join()


def elsewhere(address: str, embedded: bool) -> bytes:
    """A picture that names an address where its manifest is said to be."""
    own, signed = make(), BytesIO()
    signer = Signer.from_info(C2paSignerInfo(own.algorithm, own.certificates, own.key, None))
    with Builder(CAMERA, Context.from_dict(signing.SETTINGS)) as builder:
        builder.set_remote_url(address)
        if not embedded:
            builder.set_no_embed()
        builder.sign(signer, "image/png", BytesIO(CLEAN), signed)
    return signed.getvalue()


@pytest.mark.slow
def test_nothing_is_fetched(marker: Marker) -> None:
    with listening() as (address, asked):
        for embedded in (True, False):
            file = elsewhere(address, embedded)
            hint = joined([*chunks(file)[:1], (b"tEXt", b"Comment\0caBX"), *chunks(file)[1:]])
            for original in (file, hint):
                marker.opened(original, CLEAN)
                marker.opened(original, CLEAN, ours=True)
                marker.mark(CLEAN, mode="inpaint", model="mini", sources=[original])
                state(original, marker.root)
        assert asked == []
        with pytest.raises(C2paError):
            Reader("image/png", BytesIO(elsewhere(address, embedded=False)))
        assert asked == ["/manifest"]  # so the library would have


def test_stored_pictures_and_zips_are_the_same_bytes(marker: Marker, tmp_path: Path) -> None:
    store = PictureStore(tmp_path / "pictures")
    file = marker.mark(CLEAN, mode="text_to_image", model="mini", sources=())
    (sha256,) = store.save("job", [file])
    assert store.read(sha256) == file
    with ZipFile(tmp_path / "all.zip", "w") as archive:
        assert write_files(archive, store, {"a.png": sha256}) == []
    with ZipFile(tmp_path / "all.zip") as archive:
        assert archive.read("a.png") == file
    assert state(file, marker.root) == "Trusted"


def test_signed_twice_a_file_has_one_manifest_of_its_own(marker: Marker) -> None:
    once = marker.mark(CLEAN, mode="text_to_image", model="mini", sources=())
    twice = marker.mark(once, mode="text_to_image", model="mini", sources=())
    assert [kind for kind, _ in chunks(twice)].count(b"caBX") == 1
    assert state(twice, marker.root) == "Trusted"


def test_the_pixel_is_a_picture(stranger: Pen) -> None:
    parent = Ingredient("it", "parentOf", pixel())
    said = CAMERA | {"assertions": [actions(opened("it"))]}
    assert state(stranger.sign(pixel(), "image/png", said, [parent])) == "Valid"
