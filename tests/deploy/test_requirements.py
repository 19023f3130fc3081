"""The requirements files: exact, complete, and from wherever pip is set up to look."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
OURS = {"bot", "deploy", "engine", "storage", "tests", "web"}


def lines(name: str) -> list[str]:
    text = (ROOT / name).read_text()
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def pins(*names: str) -> dict[str, Requirement]:
    found = [Requirement(line) for name in names for line in lines(name)]
    return {canonicalize_name(pin.name): pin for pin in found}


def imports(folder: str) -> set[str]:
    """The top-level packages of others that the Python files of a folder import."""
    found: set[str] = set()
    for file in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found - OURS - set(sys.stdlib_module_names)


FILES = ["requirements.txt", "requirements-test.txt", "requirements-watermark.txt"]


@pytest.mark.parametrize("name", FILES)
def test_every_line_is_one_exact_version_and_no_address(name: str) -> None:
    for line in lines(name):
        assert re.fullmatch(r"[\w.-]+==[\w.]+(; python_version >= \"3\.\d+\")?", line), line


def test_the_tests_run_with_the_pinned_versions() -> None:
    for name, pin in pins("requirements.txt", "requirements-test.txt").items():
        if pin.marker is None or pin.marker.evaluate():
            assert pin.specifier.contains(version(name).partition("+")[0]), name


@pytest.mark.parametrize(
    ("folder", "files"),
    [
        ("bot", ["requirements.txt"]),
        ("engine", ["requirements.txt", "requirements-watermark.txt"]),
        ("storage", ["requirements.txt"]),
        ("web", ["requirements.txt"]),
        ("tests", FILES),
    ],
)
def test_what_is_imported_is_pinned(folder: str, files: list[str]) -> None:
    pinned = pins(*files)
    owners = packages_distributions()
    for package in imports(folder):
        names = {canonicalize_name(name) for name in owners.get(package, [package])}
        assert names & pinned.keys(), f"{folder} imports {package}"
