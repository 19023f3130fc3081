"""The picture files, in a folder or a bucket, named by the hash of their content.

A save first notes which files it will write. Settling it removes those that got no row, at once
after a failure, or at the next start after a crash. A removal notes what is to go before the rows
go, and is finished, or undone, in the same way.

Equal files are one file. What two jobs make never is equal, for each file carries its job; what
people send can be. So nothing is deleted that a save lists which is not settled. What is left is a
source that is sent again in the milliseconds between that look and the deletion: it may be gone
when its job begins, and its owner is asked for it again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from storage.files import Files, files_at
from storage.folder import Folder
from storage.thumbnails import make_thumbnail

INCOMING, LEAVING, THUMBNAILS = "incoming", "leaving", "thumbnails"

NAME = re.compile(r"[\w-]{1,128}", re.ASCII)  # of a save or a removal
HASH = re.compile(r"[0-9a-f]{64}")
NOTE = re.compile(rf"(?:{INCOMING}|{LEAVING})/({NAME.pattern})", re.ASCII)
PICTURE = re.compile(r"(..)/(..)/(\1\2[0-9a-f]{60})\.png")


class PictureLost(FileNotFoundError):
    """The store has no such picture, or it cannot be read as one."""


class PictureStore:
    """PNG files `ab/cd/<sha256>.png`, each with a thumbnail `thumbnails/ab/cd/<sha256>.webp`.

    Methods block: call them in a thread, in any. They raise OSError when the disk is full or the
    bucket is away, and ValueError for a note or a hash that cannot be one.
    """

    def __init__(self, place: str | Path | Files) -> None:
        """`place` is what `files_at` takes, or what it returns."""
        self._files = files_at(place) if isinstance(place, str | Path) else place

    def save(self, note: str, files: Sequence[bytes]) -> list[str]:
        """Stores the files durably and returns their hashes; write the rows next, then `settle`.

        `note` names the save (a job id). If this raises, settle it: some files may be there.
        """
        hashes = [hashlib.sha256(file).hexdigest() for file in files]
        self._note(INCOMING, note, hashes)
        for sha256, file in zip(hashes, files, strict=True):
            self._files.write(picture_name(sha256), file)
            with suppress(ValueError):  # a picture is not lost for want of a thumbnail
                self._files.write(thumbnail_name(sha256), make_thumbnail(file))
        return hashes

    def noted(self, note: str) -> list[str]:
        """The hashes of that save; empty if it is settled or never began."""
        return self._noted(INCOMING, note)

    def notes(self) -> list[str]:
        """The saves that are not settled."""
        return self._notes(INCOMING)

    def settle(self, note: str, keep: Collection[str]) -> None:
        """Ends a save: its files go, but for those in `keep`, which rows refer to.

        Those that another save lists go, if at all, when that one is settled.
        """
        self._finish(INCOMING, note, keep)

    def remove(self, note: str, hashes: Collection[str]) -> None:
        """Notes durably what is to go; delete the rows next, then `finish_removal`."""
        self._note(LEAVING, note, hashes)

    def marked(self, note: str) -> list[str]:
        """The hashes of that removal; empty if it is finished or never began."""
        return self._noted(LEAVING, note)

    def leaving(self) -> list[str]:
        """The removals that are not finished."""
        return self._notes(LEAVING)

    def finish_removal(self, note: str, keep: Collection[str]) -> None:
        """Ends a removal: its files go, but for those in `keep`, which rows still refer to.

        Those that a save lists go, if at all, when that one is settled.
        """
        self._finish(LEAVING, note, keep)

    def read(self, sha256: str) -> bytes:
        """The PNG file. Raises PictureLost."""
        try:
            return self._files.read(picture_name(sha256))
        except FileNotFoundError as error:
            raise PictureLost(f"There is no picture {sha256}") from error

    def thumbnail(self, sha256: str) -> bytes:
        """A WebP file, its longest side at most 256; made now if missing. Raises PictureLost."""
        name = thumbnail_name(sha256)
        with suppress(FileNotFoundError):
            return self._files.read(name)
        try:
            thumbnail = make_thumbnail(self.read(sha256))
        except ValueError as error:
            raise PictureLost(f"Picture {sha256} cannot be read") from error
        with suppress(OSError):  # a full disk does not keep it from being seen
            self._files.write(name, thumbnail)
        try:
            self.read(sha256)
        except PictureLost:  # a removal came between, and has not seen the thumbnail
            self._files.delete(name)
            raise
        return thumbnail

    def files(self) -> Iterator[str]:
        """The hash of every picture that is there."""
        return (found[3] for found in map(PICTURE.fullmatch, self._files.names()) if found)

    def strays(self, known: Collection[str]) -> Iterator[str]:
        """The names of the files, but for notes, that belong to none of those hashes."""
        expected = {name(sha256) for sha256 in known for name in (picture_name, thumbnail_name)}
        for name in self._files.names():
            if name not in expected and not NOTE.fullmatch(name):
                yield name

    def address(self, name: str) -> str:
        """The path or the URL of the file of that name, for a person to look it up."""
        return self._files.address(name)

    def path(self, sha256: str) -> Path:
        """Where a folder has the file of that hash, or would have it."""
        if not isinstance(self._files, Folder):
            raise ValueError("Only a folder has paths")
        return Path(self.address(picture_name(sha256)))

    def _note(self, folder: str, note: str, hashes: Collection[str]) -> None:
        for sha256 in hashes:
            picture_name(sha256)
        self._files.write(_note_name(folder, note), "\n".join(hashes).encode())

    def _noted(self, folder: str, note: str) -> list[str]:
        try:
            return self._files.read(_note_name(folder, note)).decode().split()
        except FileNotFoundError:
            return []

    def _notes(self, folder: str) -> list[str]:
        return sorted(found[1] for found in map(NOTE.fullmatch, self._files.names(folder)) if found)

    def _finish(self, folder: str, note: str, keep: Collection[str]) -> None:
        if doomed := set(self._noted(folder, note)) - set(keep):
            for other in self.notes():
                if (INCOMING, other) != (folder, note):
                    doomed -= set(self.noted(other))
        for sha256 in doomed:
            self._files.delete(picture_name(sha256))
            self._files.delete(thumbnail_name(sha256))  # last: see `thumbnail`
        self._files.delete(_note_name(folder, note))


def picture_name(sha256: str) -> str:
    return f"{_folder(sha256)}/{sha256}.png"


def thumbnail_name(sha256: str) -> str:
    return f"{THUMBNAILS}/{_folder(sha256)}/{sha256}.webp"


def _folder(sha256: str) -> str:
    if not HASH.fullmatch(sha256):
        raise ValueError(f"{sha256!r} is no hash of a picture")
    return f"{sha256[:2]}/{sha256[2:4]}"


def _note_name(folder: str, note: str) -> str:
    if not NAME.fullmatch(note):
        raise ValueError(f"{note!r} cannot name a save or a removal")
    return f"{folder}/{note}"
