"""Writes signed C2PA manifests into picture files. Nothing here, nor in the library, opens a URL.

As a script it tries a stranger's file in a process that can little else: it is signed into a
picture of one pixel, with a key that is worth nothing. It imports nothing of the studio.
"""

from __future__ import annotations

import re
import resource
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from struct import Struct
from typing import Any

from c2pa import Builder, C2paSignerInfo, Context, Reader, Signer

ORDER = Struct(">III")  # the lengths of a certificate, of its key and of the file, which follow
MEMORY = 1024 * 2**20  # bytes of address space, of which the library itself takes a good part
MANIFEST_LIMIT = 8  # MB of a stranger's manifest, once it is unpacked
HEADER, CHUNK = 8, b"caBX"  # bytes before a box's content, and what a PNG file has its boxes in
TEXTS = frozenset({b"cbor", b"json"})  # kinds of boxes that tell something
LABELS = re.compile(rb"c2pa\.(thumbnail|data|embedded-data|icon|depthmap)")
PICTURE = re.compile(  # how one begins, as it is and in base64
    rb"\x89PNG\r\n|\xff\xd8\xff[\xc0-\xfe]|GIF8[79]a|WEBPVP8|ftyp(avif|heic|mif1|isom|mp4)"
    rb"|iVBORw0KGgo|/9j/[24]|R0lGOD|UklGR|data:image/"
)
OPENING = 4  # seconds of processor time
LIMITS = {
    resource.RLIMIT_CPU: OPENING,
    resource.RLIMIT_FSIZE: 0,
    resource.RLIMIT_NOFILE: 3,  # the three pipes that are open already
    resource.RLIMIT_NPROC: 0,
    resource.RLIMIT_CORE: 0,
}
if sys.platform != "darwin":  # which has no such limit
    LIMITS[resource.RLIMIT_AS] = MEMORY

SETTINGS = {
    "core": {
        "allowed_network_hosts": [],
        "max_decompressed_manifest_size_in_mb": MANIFEST_LIMIT,
    },
    "verify": {
        "remote_manifest_fetch": False,
        "ocsp_fetch": False,
        "verify_after_sign": False,
    },
    "builder": {
        "thumbnail": {"enabled": False},
        "actions": {
            "auto_created_action": {"enabled": False},
            "auto_opened_action": {"enabled": False},
            "auto_placed_action": {"enabled": False},
        },
    },
}


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A file that a picture was made from. `label` is what the manifest's actions call it."""

    label: str
    relationship: str  # parentOf, inputTo
    file: bytes
    media_type: str = "image/png"


class Pen:
    """Signs with one certificate; any number of threads may use it. Blocks."""

    def __init__(self, certificates: bytes, key: bytes, algorithm: str, root: bytes = b"") -> None:
        """All PEM; `root` vouches for what is trusted beside what the library knows. Raises
        C2paError for what cannot be used."""
        self._context = context(root)
        self._signer = Signer.from_info(C2paSignerInfo(algorithm, certificates, key, None))

    def sign(
        self,
        file: bytes,
        media_type: str,
        manifest: Mapping[str, Any],
        ingredients: Sequence[Ingredient] = (),
    ) -> bytes:
        """The same file with the manifest in it, in place of any that it had. Raises C2paError."""
        signed = BytesIO()
        with Builder(manifest, self._context) as builder:
            for one in ingredients:
                said = {"label": one.label, "relationship": one.relationship}
                builder.add_ingredient(said, one.media_type, BytesIO(one.file))
            builder.sign(self._signer, media_type, BytesIO(file), signed)
        return signed.getvalue()


def context(root: bytes = b"") -> Context:
    """How the library works here: it fetches nothing, and makes no thumbnails."""
    trust = {"trust": {"user_anchors": root.decode()}} if root else {}
    return Context.from_dict(SETTINGS | trust)


def actions(*performed: Mapping[str, Any]) -> dict[str, Any]:
    """The assertion of a manifest that says what was done, the first thing first."""
    return {"label": "c2pa.actions.v2", "data": {"actions": list(performed)}}


def opened(label: str) -> dict[str, Any]:
    """The action of beginning with an ingredient."""
    return {"action": "c2pa.opened", "parameters": {"ingredientIds": [label]}}


def pixel() -> bytes:
    """A PNG file of one grey pixel."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return len(content).to_bytes(4) + kind + content + check.to_bytes(4)

    header = (1).to_bytes(4) * 2 + bytes([8, 0, 0, 0, 0])
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\x80"))
    return b"\x89PNG\r\n\x1a\n" + content + chunk(b"IEND", b"")


def tells_only(signed: bytes) -> bool:
    """Whether the manifests of a PNG file that was signed here, with those of its ingredients,
    are words alone: no thumbnail, no data box, nothing that a picture can travel in unseen."""
    place = signed.index(CHUNK)
    size = int.from_bytes(signed[place - 4 : place])
    mark = signed[place + 4 : place + 4 + size]
    return PICTURE.search(mark) is None and all(
        kind in TEXTS or (kind == b"jumd" and not LABELS.search(content))
        for kind, content in _boxes(mark)
    )


def _boxes(mark: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The boxes of JUMBF that hold no others, wherever they are: kind and content."""
    left = [mark]
    while left:
        boxes = left.pop()
        while boxes:
            size, kind = int.from_bytes(boxes[:4]), boxes[4:HEADER]
            if not HEADER <= size <= len(boxes):
                raise ValueError("a box has no end")
            content, boxes = boxes[HEADER:size], boxes[size:]
            if kind == b"jumb":
                left.append(content)
            else:
                yield kind, content


def main() -> None:
    """Raises whatever comes of the file, or is ended by the system."""
    orders = sys.stdin.buffer
    certificates, key, file = (orders.read(one) for one in ORDER.unpack(orders.read(ORDER.size)))
    media_type = sys.argv[1]
    pen, blank = Pen(certificates, key, "es256"), pixel()
    _confine()
    with Reader(media_type, BytesIO(file), context=context()) as reader:
        if not reader.is_embedded():
            raise ValueError("its manifest is elsewhere")
    manifest = {"claim_generator_info": [{"name": "trial"}], "assertions": [actions(opened("it"))]}
    signed = pen.sign(
        blank, "image/png", manifest, [Ingredient("it", "parentOf", file, media_type)]
    )
    if not tells_only(signed):
        raise ValueError("it may carry a picture")
    with Reader("image/png", BytesIO(signed), context=context()) as reader:
        if reader.get_validation_state() == "Invalid":
            raise ValueError("it spoils what is made from it")


def _confine() -> None:
    """Takes from this process what it does not need."""
    for kind, limit in LIMITS.items():
        _, hard = resource.getrlimit(kind)
        most = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    main()
