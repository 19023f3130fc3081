"""The files on Telegram's servers: what was sent, and what may be sent again by its id."""

from __future__ import annotations

import asyncio
import mimetypes
import random
import string
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePath
from typing import Any

from tests.telegram import pictures
from tests.telegram.refusals import Refused, bad
from tests.telegram.schema import Upload

DOWNLOAD_LIMIT = 20 * 1024 * 1024  # bytes
LETTERS = string.ascii_letters + string.digits + "-_"


class FileKind(StrEnum):
    PHOTO = "Photo"
    DOCUMENT = "Document"


@dataclass(frozen=True, slots=True)
class File:
    """A document, or one size of a photo. Without bytes if nothing is kept."""

    id: str
    unique: str
    kind: FileKind
    path: str
    size: int
    name: str = ""
    media_type: str = ""
    width: int = 0
    height: int = 0
    content: bytes = field(default=b"", repr=False, compare=False)

    def wire(self) -> dict[str, Any]:
        """As PhotoSize or Document."""
        wire = {"file_id": self.id, "file_unique_id": self.unique, "file_size": self.size}
        if self.kind is FileKind.PHOTO:
            return wire | {"width": self.width, "height": self.height}
        return wire | {"file_name": self.name, "mime_type": self.media_type}


Photo = tuple[File, ...]  # the sizes of one picture, the smallest first


class FileStore:
    """All files by their ids.

    `keep=False` forgets the bytes of what the bot sends and encodes nothing of it, for load.
    """

    def __init__(self, keep: bool, random: random.Random) -> None:
        self._keep = keep
        self._random = random
        self._documents: dict[str, File] = {}
        self._photos: dict[str, tuple[File, Photo]] = {}
        self._paths: dict[str, File] = {}

    async def photo(self, content: bytes, keep: bool = True) -> Photo:
        """A new photo. Raises Refused."""
        make = pictures.recompressed if keep else pictures.measured
        photo = tuple(map(self._photo_size, await asyncio.to_thread(make, content)))
        for size in photo:
            self._photos[size.id] = size, photo
        return photo

    def document(self, name: str, content: bytes, keep: bool = True) -> File:
        """A new document, byte for byte."""
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        file = File(
            id=self._code("BQACAgIA", 64),
            unique=self._code("AgAD", 11),
            kind=FileKind.DOCUMENT,
            path=f"documents/file_{len(self._paths)}{PurePath(name).suffix}",
            size=len(content),
            name=name,
            media_type=media_type,
            content=content if keep else b"",
        )
        self._documents[file.id] = self._paths[file.path] = file
        return file

    async def sent_photo(self, value: str, uploads: dict[str, Upload]) -> Photo:
        """The photo that a call names: one that comes with it, or one sent before."""
        if upload := _attached(value, uploads):
            return await self.photo(upload.content, self._keep)
        if value in self._documents:
            raise bad("can't use file of type Document as Photo")
        if value not in self._photos:
            raise _unknown(value)
        return self._photos[value][1]

    def sent_document(self, value: str, uploads: dict[str, Upload]) -> File:
        """The document that a call names: one that comes with it, or one sent before."""
        if upload := _attached(value, uploads):
            return self.document(upload.name, upload.content, self._keep)
        if value in self._photos:
            raise bad("can't use file of type Photo as Document")
        if value not in self._documents:
            raise _unknown(value)
        return self._documents[value]

    def downloadable(self, file_id: str) -> File:
        """The file to download. Raises Refused for unknown and for large ones."""
        file = self._documents.get(file_id) or self._photos.get(file_id, (None,))[0]
        if file is None:
            raise bad("wrong file_id or the file is temporarily unavailable")
        if file.size > DOWNLOAD_LIMIT:
            raise bad("file is too big")
        return file

    def at(self, path: str) -> File | None:
        return self._paths.get(path)

    def _photo_size(self, size: pictures.Size) -> File:
        file = File(
            id=self._code("AgACAgIA", 72),
            unique=self._code("AQAD", 11),
            kind=FileKind.PHOTO,
            path=f"photos/file_{len(self._paths)}.jpg",
            size=len(size.jpeg) or size.width * size.height // 8,
            width=size.width,
            height=size.height,
            content=size.jpeg,
        )
        self._paths[file.path] = file
        return file

    def _code(self, prefix: str, length: int) -> str:
        return prefix + "".join(self._random.choices(LETTERS, k=length))


def _attached(value: str, uploads: dict[str, Upload]) -> Upload | None:
    if not value.startswith("attach://"):
        return None
    name = value.removeprefix("attach://")
    if name not in uploads:
        raise bad("invalid file HTTP URL specified: Unsupported URL protocol")
    if not uploads[name].content:
        raise bad("file must be non-empty")
    return uploads[name]


def _unknown(value: str) -> Refused:
    if value.startswith(("http://", "https://")):
        return bad("failed to get HTTP URL content")  # nothing outside is ever fetched
    return bad("wrong file identifier/HTTP URL specified")
