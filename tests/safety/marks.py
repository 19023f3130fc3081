"""What C2PA's own reader says of a file, and the chunks of PNG files."""

from __future__ import annotations

import json
import zlib
from io import BytesIO
from typing import Any

from c2pa import C2paError, Reader

from engine.safety import signing

Chunk = tuple[bytes, bytes]  # kind, content
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def state(file: bytes, root: bytes = b"", media_type: str = "image/png") -> str:
    """Trusted, Valid (by whom, is not known), Invalid, or broken; and none without a manifest."""
    try:
        with Reader(media_type, BytesIO(file), context=signing.context(root)) as reader:
            return str(reader.get_validation_state())
    except C2paError.ManifestNotFound:
        return "none"
    except C2paError:
        return "broken"


def store(file: bytes, media_type: str = "image/png") -> dict[str, Any]:
    """All that the reader has to say."""
    with Reader(media_type, BytesIO(file), context=signing.context()) as reader:
        said: dict[str, Any] = json.loads(reader.json())
    return said


def manifest(file: bytes, media_type: str = "image/png") -> dict[str, Any]:
    """The one of the file itself."""
    said = store(file, media_type)
    active: dict[str, Any] = said["manifests"][said["active_manifest"]]
    return active


def performed(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The actions of a manifest."""
    (actions,) = [one for one in found["assertions"] if one["label"].startswith("c2pa.actions")]
    listed: list[dict[str, Any]] = actions["data"]["actions"]
    return listed


def chunks(png: bytes) -> list[Chunk]:
    found, place = [], len(SIGNATURE)
    while place < len(png):
        length = int.from_bytes(png[place : place + 4])
        found.append((png[place + 4 : place + 8], png[place + 8 : place + 8 + length]))
        place += 12 + length
    return found


def joined(of: list[Chunk]) -> bytes:
    """The file of these chunks, each with its right checksum."""
    return SIGNATURE + b"".join(
        len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)
        for kind, content in of
    )
