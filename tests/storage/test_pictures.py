from __future__ import annotations

import hashlib
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage.pictures import PictureStore


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """A disk that is full after so many bytes of each file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_is_named_by_its_content(tmp_path: Path) -> None:
    store = PictureStore(tmp_path / "pictures")
    sha256 = hashlib.sha256(b"fox").hexdigest()
    assert store.save("job", [b"fox"]) == [sha256]
    path = store.path(sha256)
    assert path == tmp_path / "pictures" / sha256[:2] / sha256[2:4] / f"{sha256}.png"
    assert path.read_bytes() == b"fox"


def test_settling_keeps_what_has_rows_and_removes_the_rest(tmp_path: Path) -> None:
    store = PictureStore(tmp_path)
    fox, cat = store.save("job", [b"fox", b"cat"])
    assert store.notes() == ["job"]
    store.settle("job", keep={fox})
    assert store.notes() == []
    assert list(store.files()) == [store.path(fox)]
    assert not store.path(cat).exists()


def test_the_same_content_again_is_the_same_file(tmp_path: Path) -> None:
    store = PictureStore(tmp_path)
    assert store.save("a", [b"fox"]) == store.save("b", [b"fox"])
    assert len(list(store.files())) == 1


def test_a_full_disk_leaves_no_half_file(tmp_path: Path) -> None:
    store = PictureStore(tmp_path)
    with files_limited_to(1000), pytest.raises(OSError, match="too large"):
        store.save("job", [b"small", b"x" * 5000])
    assert [path.read_bytes() for path in store.files()] == [b"small"]
    store.settle("job", keep=())
    assert list(store.files()) == []


def test_settling_twice_or_nothing_is_harmless(tmp_path: Path) -> None:
    store = PictureStore(tmp_path / "absent")
    assert store.notes() == []
    store.settle("job", keep=())
    store.settle("job", keep=())
