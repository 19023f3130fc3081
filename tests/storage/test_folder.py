"""What only a folder does: paths, temporary files, a full disk."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from storage.folder import TEMPORARY, Folder
from storage.pictures import PictureStore
from tests.storage.pngs import CAT, FOX, name, noise


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """A disk that is full after so many bytes of each file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk, and not in every container")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def files_in(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_a_path_leads_to_the_file(tmp_path: Path) -> None:
    store = PictureStore(tmp_path)
    fox, cat = store.save("job", [FOX, CAT])
    assert [store.path(sha256).read_bytes() for sha256 in (fox, cat)] == [FOX, CAT]


def test_a_file_larger_than_allowed_leaves_nothing(tmp_path: Path) -> None:
    store = PictureStore(tmp_path)
    with files_limited_to(1000), pytest.raises(OSError, match="too large"):
        store.save("job", [FOX, noise(64)])
    assert [store.read(sha256) for sha256 in store.files()] == [FOX]
    store.settle("job", keep=())
    assert files_in(tmp_path) == set()


def test_a_full_disk_leaves_nothing_wherever_it_fills_up(small_disk: Path) -> None:
    """With no room, with room for one block, for two, ... until the save goes through."""
    place, filler = small_disk / "pictures", small_disk / "filler"
    store = PictureStore(place)
    (kept,) = store.save("kept", [noise(40)])
    store.settle("kept", keep={kept})
    before = files_in(small_disk)
    for blocks in count():
        fill(small_disk, filler, blocks)
        saved = fits(store)
        assert files_in(place / TEMPORARY) == set()
        assert all(name(store.read(sha256)) == sha256 for sha256 in store.files())
        store.settle("job", keep={kept})
        filler.unlink()
        assert files_in(small_disk) == before
        if saved:
            break
    assert blocks > 10


def fill(disk: Path, filler: Path, blocks: int) -> None:
    """Leaves room for so many blocks of 4 KiB."""
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    filler.write_bytes(bytes(max(0, free - blocks * 4096)))


def fits(store: PictureStore) -> bool:
    try:
        store.save("job", [noise(40), noise(64), noise(80)])
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return False
        raise
    return True


def test_what_a_dead_process_was_writing_goes_at_the_next_start(tmp_path: Path) -> None:
    Folder(tmp_path).write("kept", b"kept")
    (tmp_path / TEMPORARY / "half").write_bytes(b"ha")
    assert list(Folder(tmp_path).names()) == ["kept"]
    assert files_in(tmp_path) == {tmp_path / "kept"}


def test_what_a_living_process_is_writing_stays(tmp_path: Path) -> None:
    def write(number: int) -> None:
        Folder(tmp_path).write(f"{number}", bytes(100_000))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(100)))
    assert len(list(Folder(tmp_path).names())) == 100


def test_a_folder_needs_no_client_of_a_bucket(tmp_path: Path) -> None:
    program = """
import sys
from storage.pictures import PictureStore
PictureStore(sys.argv[1]).save("job", [b"fox"])
print([name for name in ("s3fs", "botocore", "aiohttp") if name in sys.modules])
"""
    arguments = [sys.executable, "-c", program, str(tmp_path / "pictures")]
    said = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
