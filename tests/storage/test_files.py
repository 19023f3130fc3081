"""The boundary: which places there are, and what each of them does."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.bucket import Bucket
from storage.files import files_at
from storage.folder import Folder
from tests import s3

pytest_plugins = ["tests.storage.places"]


def test_files_come_and_go(place: str) -> None:
    files = files_at(place)
    assert list(files.names()) == []
    files.write("a/b/c", b"old")
    files.write("a/b/c", b"new")
    files.write("ab", b"")
    assert (files.read("a/b/c"), files.read("ab")) == (b"new", b"")
    assert sorted(files.names()) == ["a/b/c", "ab"]
    assert list(files.names("a")) == ["a/b/c"]
    assert files.address("a/b/c") == f"{place}/a/b/c"
    files.delete("a/b/c")
    files.delete("a/b/c")
    with pytest.raises(FileNotFoundError):
        files.read("a/b/c")


def test_a_file_is_not_in_itself(place: str) -> None:
    files = files_at(place)
    files.write("a", b"fox")
    assert list(files.names("a")) == []


def test_a_folder_has_many_spellings(tmp_path: Path) -> None:
    Folder(tmp_path / "my pictures").write("a", b"fox")
    for place in (
        tmp_path / "my pictures",
        f"{tmp_path}/my pictures/",
        f"file://{tmp_path}/my%20pictures",
    ):
        assert files_at(place).read("a") == b"fox"


def test_memory_is_a_place_for_tests() -> None:
    files_at("memory://cellar/wine").write("a", b"fox")
    assert list(files_at("memory://cellar").names()) == ["wine/a"]
    assert files_at("memory://cellar/").read("wine/a") == b"fox"


@pytest.mark.parametrize(
    "place",
    [
        "s3://",
        "s3:///prefix",
        "s3://key:secret@bucket/prefix",
        "file://pictures",
        "https://example.org/pictures",
        "simplecache::s3://bucket",
    ],
)
def test_other_places_are_refused_without_telling_a_secret(place: str) -> None:
    with pytest.raises(ValueError, match="s3://bucket/prefix") as refusal:
        files_at(place)
    assert "secret" not in str(refusal.value)


def test_two_prefixes_of_a_bucket_are_two_places(s3_server: s3.Server) -> None:
    bucket = s3_server.new_bucket()
    files_at(f"{bucket}/one").write("a", b"fox")
    assert list(files_at(f"{bucket}/on").names()) == []
    assert list(files_at(bucket).names()) == ["one/a"]


def test_a_bucket_that_is_not_there_is_an_error(s3_server: s3.Server) -> None:
    files = files_at("s3://not-there/pictures")
    with pytest.raises(FileNotFoundError, match="bucket"):
        files.write("a", b"fox")
    with pytest.raises(FileNotFoundError, match="bucket"):
        list(files.names())


def test_a_server_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    files = Bucket("s3://pictures")
    with pytest.raises(OSError, match="does not answer"):
        files.write("a", b"fox")
