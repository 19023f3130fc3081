"""The real program, `python -m web`, in its own process with its own data."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
START_LIMIT = 120.0  # seconds
STOP_LIMIT = 60.0


@dataclass(frozen=True)
class Program:
    """A running studio."""

    address: str
    data: Path
    pid: int


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(data: Path, port: int | str, **settings: str) -> dict[str, str]:
    """What the program is started with; nothing of the tester's own settings."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("KANDINSKY_")
    }
    own = {"data": str(data), "port": str(port)} | settings
    return inherited | {f"KANDINSKY_{name.upper()}": value for name, value in own.items()}


@contextmanager
def running(data: Path, port: int | None = None, **settings: str) -> Iterator[Program]:
    """Starts the program, waits until it answers, and at the end stops it as an operator would."""
    port = port or free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "web"],
        cwd=ROOT,
        env=environment(data, port, **settings),
        stdout=subprocess.DEVNULL,
    )
    try:
        program = Program(f"http://127.0.0.1:{port}", data, process.pid)
        _await_answer(process, program)
        yield program
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_LIMIT) == 0
    finally:
        process.kill()
        process.wait()


def _await_answer(process: subprocess.Popen[bytes], program: Program) -> None:
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        assert process.poll() is None, "the program ended at once; it says why above"
        try:
            urllib.request.urlopen(f"{program.address}/healthz", timeout=5).close()  # noqa: S310
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise TimeoutError(f"{program.address} does not answer")
