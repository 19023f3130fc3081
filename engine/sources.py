"""Pictures that a request works on, named by the hash of their file.

A request's JSON holds the hashes alone; whoever stores requests keeps the files, and gives them
back by `Request.with_files` before the request is made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from engine.errors import SourceMissing, UnreadablePicture


class Source(BaseModel):
    """A picture or a mask: the SHA-256 of its PNG file, and the file while it is at hand."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    file: bytes = Field(default=b"", exclude=True, repr=False)

    @classmethod
    def of(cls, picture: Image.Image) -> Source:
        """The picture as it is, without what else its file carried."""
        file = BytesIO()
        Image.frombytes(picture.mode, picture.size, picture.tobytes()).save(file, "PNG")
        return cls.of_file(file.getvalue())

    @classmethod
    def of_file(cls, file: bytes) -> Source:
        """A PNG file that was checked before."""
        return cls(sha256=hashlib.sha256(file).hexdigest(), file=file)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Source) and other.sha256 == self.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels. Raises SourceMissing or UnreadablePicture."""
        with self._opened() as picture:
            return picture.size

    def picture(self, mode: str = "RGB") -> Image.Image:
        """Decoded; "L" for a mask. Raises SourceMissing or UnreadablePicture."""
        with self._opened() as picture:
            return picture.convert(mode)

    @contextmanager
    def _opened(self) -> Iterator[Image.Image]:
        if not self.file:
            raise SourceMissing()
        try:
            with Image.open(BytesIO(self.file), formats=["PNG"]) as picture:
                yield picture
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise UnreadablePicture() from error
