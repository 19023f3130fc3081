"""What callers do with a picture store, and a program that exits in the midst of it.

`python -m tests.storage.crashing save|undo|remove FOLDER` works in FOLDER/1, FOLDER/2 ..., each
time in a process of its own, which exits before its first, second ... change of that folder with
nothing tidied, until the work completes. FOLDER/1.rows and so on say what had rows then.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

from storage.files import Files, files_at
from storage.pictures import PictureStore
from tests.storage.pngs import CAT, FOX, OWL, name

CHANGES = ("open", "os.mkdir", "os.rename", "os.remove")  # as sys.addaudithook calls them


class Rows:
    """The hashes that rows refer to, in a file that plays the database."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> set[str]:
        return set(self._file.read_text().split())

    def write(self, hashes: set[str]) -> None:
        self._file.write_text("\n".join(hashes))


def begin(files: Files, rows: Rows) -> None:
    """FOX and OWL, each with a row, and nothing else."""
    for file in list(files.names()):
        files.delete(file)
    store = PictureStore(files)
    hashes = set(store.save("begin", [FOX, OWL]))
    rows.write(hashes)
    store.settle("begin", keep=hashes)


def save(store: PictureStore, rows: Rows) -> None:
    """CAT is new, and of FOX there is a row already."""
    try:
        rows.write(rows.read().union(store.save("save", [CAT, FOX])))
    finally:
        store.settle("save", keep=rows.read())


def undo(store: PictureStore, rows: Rows) -> None:
    """A save that gets no rows."""
    store.save("save", [CAT, FOX])
    store.settle("save", keep=rows.read())


def remove(store: PictureStore, rows: Rows) -> None:
    """Another row of FOX remains."""
    store.remove("removal", [name(OWL), name(FOX)])
    rows.write(rows.read() - {name(OWL)})
    store.finish_removal("removal", keep=rows.read())


def start(store: PictureStore, rows: Rows) -> None:
    """What is done at each start."""
    for note in store.notes():
        store.settle(note, keep=rows.read())
    for note in store.leaving():
        store.finish_removal(note, keep=rows.read())


def check(store: PictureStore, rows: Rows) -> None:
    """Fails if files, rows and notes do not fit together."""
    expected = rows.read()
    assert {name(store.read(sha256)) for sha256 in expected} == expected
    assert set(store.files()) == expected
    assert list(store.strays(expected)) == []
    assert (store.notes(), store.leaving()) == ([], [])


Work = Callable[[PictureStore, Rows], None]
WORKS: dict[str, Work] = {"save": save, "undo": undo, "remove": remove}


def main(kind: str, folder: Path) -> None:
    for at in count(1):
        place, rows = folder / str(at), Rows(folder / f"{at}.rows")
        begin(files_at(place), rows)
        child = os.fork()
        if child == 0:
            _exit_at(at, place)
            WORKS[kind](PictureStore(place), rows)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status == 0:
            return


def _exit_at(at: int, place: Path) -> None:
    left = at

    def look(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if event in CHANGES and str(arguments[0]).startswith(f"{place}/"):
            left -= 1
            if left == 0:
                os._exit(1)

    sys.addaudithook(look)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
