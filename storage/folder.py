"""Files in a folder of this machine, durable: a temporary file, fsync, rename, fsync of the folder.

What a process that died was writing goes when the next one opens the folder.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

TEMPORARY = "temporary"


class Folder:
    """A `storage.files.Files`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = path / TEMPORARY
        self._sweep()

    def read(self, name: str) -> bytes:
        return (self._path / name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        path = self._path / name
        _make(self._temporary)
        _make(path.parent)
        with _locked(self._temporary, fcntl.LOCK_SH):
            temporary = self._temporary / uuid4().hex
            try:
                _write(temporary, content)
                temporary.replace(path)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
        _sync(path.parent)

    def delete(self, name: str) -> None:
        path = self._path / name
        with suppress(FileNotFoundError):
            path.unlink()
            _sync(path.parent)

    def names(self, under: str = "") -> Iterator[str]:
        for path in (self._path / under).rglob("*"):
            if path.is_file() and path.parent != self._temporary:
                yield path.relative_to(self._path).as_posix()

    def address(self, name: str) -> str:
        return str(self._path / name)

    def _sweep(self) -> None:
        """Removes temporary files; not while anybody writes, for then they may be alive."""
        with (
            suppress(OSError),  # nothing there yet, somebody writes, or it is not ours to write
            _locked(self._temporary, fcntl.LOCK_EX | fcntl.LOCK_NB),
        ):
            for temporary in self._temporary.iterdir():
                temporary.unlink()


@contextmanager
def _locked(folder: Path, kind: int) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, kind)
        yield
    finally:
        os.close(handle)


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _make(folder: Path) -> None:
    if folder.is_dir():
        return
    _make(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync(folder.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
