"""Where the tests keep pictures; a test module takes this as one of its `pytest_plugins`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import s3


@pytest.fixture(scope="session")
def s3_server() -> Iterator[s3.Server]:
    with s3.serve() as server:
        yield server


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty picture store's place, once in a folder and once in a bucket."""
    if request.param == "folder":
        return str(tmp_path / "pictures")
    server: s3.Server = request.getfixturevalue("s3_server")
    return f"{server.new_bucket()}/pictures"
