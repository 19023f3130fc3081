"""The picture files: a folder in which the name of each file is the hash of its content.

A save first notes which files it will write. Settling it removes those that got no row, at once
after a failure, or at the next start after a crash.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

NOTES = "incoming"


class PictureStore:
    """PNG files under one folder, `ab/cd/<sha256>.png`. Methods block: call them in a thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path:
        """Where the file of that hash is, or would be."""
        return self.folder / sha256[:2] / sha256[2:4] / f"{sha256}.png"

    def save(self, note: str, files: Sequence[bytes]) -> list[str]:
        """Stores the files durably and returns their hashes; write the rows next, then `settle`.

        `note` names the save (a job id). Raises OSError; no half file remains then.
        """
        hashes = [hashlib.sha256(file).hexdigest() for file in files]
        _write(self._note(note), "\n".join(hashes).encode())
        for sha256, file in zip(hashes, files, strict=True):
            _write(self.path(sha256), file)
        return hashes

    def noted(self, note: str) -> list[str]:
        """The hashes of that save; empty if it is settled or never began."""
        try:
            return self._note(note).read_text().split()
        except FileNotFoundError:
            return []

    def notes(self) -> list[str]:
        """The saves that are not settled."""
        return [file.name for file in (self.folder / NOTES).glob("[!.]*")]

    def settle(self, note: str, keep: Collection[str]) -> None:
        """Ends a save: its files go, but for those in `keep`, which rows refer to."""
        for path in (self.path(sha256) for sha256 in self.noted(note) if sha256 not in keep):
            path.unlink(missing_ok=True)
            _temporary(path).unlink(missing_ok=True)
        self._note(note).unlink(missing_ok=True)

    def files(self) -> Iterator[Path]:
        """Every file in the folder but the notes."""
        for path in self.folder.rglob("*"):
            if path.is_file() and path.parent != self.folder / NOTES:
                yield path

    def _note(self, name: str) -> Path:
        return self.folder / NOTES / name


def _write(path: Path, content: bytes) -> None:
    """Writes the whole file durably, or raises OSError and leaves no part of it."""
    _make(path.parent)
    temporary = _temporary(path)
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.tmp")


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
