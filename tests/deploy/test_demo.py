"""deploy/demo.sh: each thing that can stop it gives one clear line and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The scripts alone, where no virtual environment has been made yet."""
    shutil.copytree(ROOT / "deploy", tmp_path / "clone" / "deploy")
    shutil.copy(ROOT / "requirements.txt", tmp_path / "clone")
    return tmp_path / "clone"


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder of fake programs that are found before the real ones."""
    folder = tmp_path / "programs"
    folder.mkdir()
    return folder


def demo(clone: Path, *options: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    search = f"{path}:/usr/bin:/bin" if path else "/usr/bin:/bin"
    return subprocess.run(
        [clone / "deploy" / "demo.sh", *options],
        env={"PATH": search, "HOME": str(clone)},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=30,
    )


def fake(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that says why it stopped."""
    assert done.returncode == 1, done
    (line,) = done.stderr.splitlines()
    return line


def test_help_names_the_options_and_the_page(clone: Path) -> None:
    done = demo(clone, "--help")
    assert done.returncode == 0
    for word in ("--host", "--port", "http://127.0.0.1:7860", "KANDINSKY_"):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--colour"], "Unknown option --colour"),
        (["7860"], "Unknown option 7860"),
        (["--port"], "--port needs a value"),
        (["--port", "many"], "not 'many'"),
        (["--port=0"], "not '0'"),
        (["--port=65536"], "not '65536'"),
    ],
)
def test_a_wrong_option_is_named(clone: Path, options: list[str], line: str) -> None:
    assert line in refusal(demo(clone, *options))


@pytest.mark.parametrize("source", ["option", "file"])
def test_a_busy_port_is_named_before_anything_is_installed(clone: Path, source: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        if source == "file":
            (clone / ".env").write_text(f'KANDINSKY_PORT="{port}"\n')
        done = demo(clone, *(["--port", str(port)] if source == "option" else []))
    assert refusal(done).startswith(f"Port {port} is in use.")
    assert f"--port {port + 1}" in done.stderr
    assert not (clone / ".venv").exists()


def test_an_old_python_is_named(clone: Path, programs: Path) -> None:
    for name in ("python3.13", "python3.12", "python3.11", "python3"):
        fake(programs, name, 'case "$2" in *exit*) exit 1;; *) echo 3.9.2;; esac')
    done = demo(clone, "--port", str(free_port()), path=programs)
    assert refusal(done).startswith("Python 3.9.2 is too old")


def test_a_python_without_venv_is_named(clone: Path, programs: Path) -> None:
    for name in ("python3.13", "python3.12", "python3.11", "python3"):
        fake(programs, name, 'case "$2" in *ensurepip*) exit 1;; *) echo 3.12.1;; esac')
    done = demo(clone, "--port", str(free_port()), path=programs)
    assert refusal(done).startswith("python3 has no venv module")


def test_a_full_disk_is_named(clone: Path, programs: Path) -> None:
    fake(programs, "df", 'echo Filesystem; echo "/dev/disk 99 87 12 88% /"')
    done = demo(clone, "--port", str(free_port()), path=programs)
    assert refusal(done).startswith(f"Too little disk space in {clone}: 12 MB are free")


def test_the_second_start_installs_nothing(clone: Path) -> None:
    """An environment whose stamp agrees goes straight to the studio, with its host and port."""
    folder = clone / ".venv" / "bin"
    folder.mkdir(parents=True)
    script = 'case "$1" in -m) echo "$*: $KANDINSKY_HOST $KANDINSKY_PORT";; *) echo 3.11;; esac'
    fake(folder, "python", script)
    pins = (clone / "requirements.txt").read_text()
    (clone / ".venv" / "requirements.txt.installed").write_text(f"3.11\n{pins}")
    port = free_port()
    done = demo(clone, "--host", "localhost", "--port", str(port))
    assert done.returncode == 0, done
    assert done.stdout.splitlines() == [
        f"Starting the studio. The page will be at http://localhost:{port} (Ctrl+C stops it).",
        f"-m deploy.start: localhost {port}",
    ]


def test_a_failed_installation_says_why_and_is_tried_again(clone: Path) -> None:
    folder = clone / ".venv" / "bin"
    folder.mkdir(parents=True)
    fake(folder, "python", 'case "$*" in "-m pip"*) echo no such package >&2; exit 1;; esac')
    for _ in range(2):
        done = demo(clone, "--port", str(free_port()))
        assert done.returncode == 1
        assert done.stderr.splitlines()[0] == "no such package"
        assert "could not be installed" in done.stderr.splitlines()[1]


def test_the_scripts_are_executable() -> None:
    for name in ("deploy/demo.sh", "tests/run.sh", ".ci/run"):
        assert os.access(ROOT / name, os.X_OK), name
