"""The N-th change of a store fails, for N = 1, 2, 3 ... until the work completes.

Each time the next start brings files and rows together again.
"""

from __future__ import annotations

import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from storage.files import Files, files_at
from storage.pictures import PictureStore
from tests.storage.crashing import WORKS, Rows, Work, begin, check, save, start

pytestmark = pytest.mark.slow

pytest_plugins = ["tests.storage.places"]


class Died(Exception):
    """Stands for the end of the process."""


class Failing:
    """Files of which the `at`-th change fails; with Died, so does all that comes after."""

    def __init__(self, files: Files, at: int, error: type[Exception]) -> None:
        self._files = files
        self._left = at
        self._error = error
        self.read, self.names, self.address = files.read, files.names, files.address

    def write(self, name: str, content: bytes) -> None:
        self._count()
        self._files.write(name, content)

    def delete(self, name: str) -> None:
        self._count()
        self._files.delete(name)

    def _count(self) -> None:
        self._left -= 1
        if self._left == 0 or (self._left < 0 and self._error is Died):
            raise self._error


def completes(work: Work, files: Files, rows: Rows, at: int, error: type[Exception] = Died) -> bool:
    """Whether the work ends before its `at`-th change, which fails."""
    try:
        work(PictureStore(Failing(files, at, error)), rows)
    except error:
        return False
    return True


# the note, two files of each of two pictures, what is deleted, the end of the note
POINTS = {"save": 1 + 4 + 0 + 1, "undo": 1 + 4 + 2 + 1, "remove": 1 + 0 + 2 + 1}


@pytest.fixture
def files(place: str) -> Files:
    return files_at(place)


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    return Rows(tmp_path / "rows")


@pytest.mark.parametrize("kind", WORKS)
def test_the_process_dies_at_every_change(files: Files, rows: Rows, kind: str) -> None:
    for at in count(1):
        begin(files, rows)
        completed = completes(WORKS[kind], files, rows, at)
        start(PictureStore(files), rows)
        check(PictureStore(files), rows)
        if completed:
            break
    assert at - 1 == POINTS[kind]


@pytest.mark.parametrize("kind", WORKS)
def test_the_next_start_dies_at_every_change_too(tmp_path: Path, rows: Rows, kind: str) -> None:
    files = files_at(tmp_path / "pictures")
    for at in range(1, POINTS[kind] + 1):
        for again in count(1):
            begin(files, rows)
            assert not completes(WORKS[kind], files, rows, at)
            started = completes(start, files, rows, again)
            start(PictureStore(files), rows)
            check(PictureStore(files), rows)
            if started:
                break


def test_every_change_of_a_save_fails_once(files: Files, rows: Rows) -> None:
    """The caller settles, and all is as before: no start is needed."""
    for at in range(1, POINTS["save"]):
        begin(files, rows)
        assert not completes(save, files, rows, at, OSError)
        check(PictureStore(files), rows)


@pytest.mark.parametrize("kind", WORKS)
def test_a_real_process_exits_at_every_change_of_its_folder(tmp_path: Path, kind: str) -> None:
    arguments = [sys.executable, "-m", "tests.storage.crashing", kind, str(tmp_path)]
    subprocess.run(arguments, check=True)
    runs = sorted(tmp_path.glob("*.rows"))
    for file in runs:
        place, rows = file.with_suffix(""), Rows(file)
        start(PictureStore(place), rows)
        check(PictureStore(place), rows)
        assert list((place / "temporary").iterdir()) == []
    assert len(runs) - 1 > 2 * POINTS[kind]  # each of those is several
