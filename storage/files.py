"""Where files are kept, by name: the one boundary between the picture store and a disk or a bucket.

A name is a relative path with slashes. Every method blocks, may be called from any thread, and may
raise OSError.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

from storage.bucket import Bucket
from storage.folder import Folder

BUCKET = re.compile(r"(s3://[a-z0-9][a-z0-9.-]+|memory://\w+)(/.*)?", re.ASCII)


class Files(Protocol):
    """A file is there whole or not at all, also for who reads it while it is written again."""

    def read(self, name: str) -> bytes:
        """Raises FileNotFoundError if it is not there."""

    def write(self, name: str, content: bytes) -> None:
        """Durable once it returns; if it raises, nothing of the new content remains."""

    def delete(self, name: str) -> None:
        """Durable once it returns. Does nothing if the file is not there."""

    def names(self, under: str = "") -> Iterator[str]:
        """The names of all files, or of those in the folder `under`, in no order."""

    def address(self, name: str) -> str:
        """What a person looks the file up by: its path or its URL."""


def files_at(place: str | Path) -> Files:
    """`pictures`, `/folder`, `file:///folder`, `s3://bucket/prefix` or, in tests, `memory://name`.

    Raises ValueError for any other URL.
    """
    url = str(place)
    if "://" not in url:
        return Folder(Path(place))
    if url.startswith("file:///"):
        return Folder(Path(unquote(url.removeprefix("file://"))))
    if BUCKET.fullmatch(url):
        return Bucket(url)
    raise ValueError("Pictures are kept in a folder or at s3://bucket/prefix, nowhere else.")
