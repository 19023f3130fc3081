"""A private PostgreSQL server for the tests, on a socket in a temporary folder, gone at the end."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

USER = "postgres"  # initdb and postgres refuse to run as root


@dataclass(frozen=True, slots=True)
class Server:
    """A server whose superuser needs no password."""

    folder: Path

    def new_database(self) -> str:
        """Makes an empty database and returns its URL."""
        name = f"test_{uuid4().hex}"
        _run("createdb", "-h", str(self.folder), "-U", USER, name)
        return f"postgresql://{USER}@/{name}?host={self.folder}"

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses= -c fsync=off"
        log = str(self.folder / "log")
        _run("pg_ctl", "-w", "-D", str(self.folder / "data"), "-l", log, "-o", options, "start")

    def stop(self) -> None:
        _run("pg_ctl", "-w", "-D", str(self.folder / "data"), "-m", "immediate", "stop")


@contextmanager
def serve() -> Iterator[Server]:
    """A running server. Raises FileNotFoundError if PostgreSQL is not installed."""
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # a socket's path is short
    if os.geteuid() == 0:
        shutil.chown(folder, USER, USER)
    try:
        _run("initdb", "-A", "trust", "-U", USER, "-E", "UTF8", "-N", "-D", str(folder / "data"))
        server = Server(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _run(program: str, *arguments: str) -> None:
    user = USER if os.geteuid() == 0 else None
    subprocess.run(
        [_path(program), *arguments],
        check=True,
        user=user,
        group=user,
        extra_groups=() if user else None,
        cwd="/",
        stdout=subprocess.DEVNULL,  # a pipe would stay open as long as the server
        timeout=60,
    )


def _path(program: str) -> str:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    path = shutil.which(program, path=os.pathsep.join([*map(str, folders), os.environ["PATH"]]))
    if path is None:
        raise FileNotFoundError(f"{program}: install PostgreSQL, or run pytest -m 'not system'")
    return path
