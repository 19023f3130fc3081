"""Files in a bucket of an S3 store, through fsspec: a PUT is whole and durable, or did not happen.

Keys, region and endpoint come from the standard AWS variables, `AWS_ENDPOINT_URL` for MinIO and
the like. The bucket must exist. s3fs is imported only here, by fsspec, and only for `s3://`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from fsspec.core import url_to_fs

OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {
        "use_listings_cache": False,  # other processes write there, too
        "skip_instance_cache": True,
        "max_concurrency": 1,  # more would ask for the size of each file before reading it
    },
    "memory": {},
}


class Bucket:
    """A `storage.files.Files`."""

    def __init__(self, url: str) -> None:
        self._scheme = url.partition("://")[0]
        self._filesystem, self._root = url_to_fs(url.rstrip("/"), **OPTIONS[self._scheme])

    def read(self, name: str) -> bytes:
        with _telling():
            content: bytes = self._filesystem.cat_file(self._key(name))
        return content

    def write(self, name: str, content: bytes) -> None:
        with _telling():
            self._filesystem.pipe_file(self._key(name), content)

    def delete(self, name: str) -> None:
        with _telling(), suppress(FileNotFoundError):
            self._filesystem.rm_file(self._key(name))

    def names(self, under: str = "") -> Iterator[str]:
        folder = self._key(under).rstrip("/")
        with _telling():
            keys = self._filesystem.find(folder)
        for key in keys:
            if key.startswith(f"{folder}/"):  # s3fs may name the folder itself, just come to be
                yield key.removeprefix(f"{self._root}/")

    def address(self, name: str) -> str:
        return f"{self._scheme}://{self._key(name).lstrip('/')}"

    def _key(self, name: str) -> str:
        return f"{self._root}/{name}"


@contextmanager
def _telling() -> Iterator[None]:
    """Turns what the client raises when the store is away into OSError."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:  # botocore's errors have no common ancestor that is not this
        raise OSError(f"The picture store does not answer: {error}") from error
