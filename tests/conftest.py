from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgres

for check in ("PROMPTS", "PICTURES"):  # their own tests turn them on, and so do whole programs
    os.environ.setdefault(f"KANDINSKY_CHECK_{check}", "false")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    with postgres.serve() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.system)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'studio.sqlite3'}"
    server: postgres.Server = request.getfixturevalue("postgres_server")
    return server.new_database()
