"""The commands of `python -m storage`, one module each."""

from __future__ import annotations

import argparse
from typing import Protocol


class Command(Protocol):
    """What each of the modules is; its docstring is the help."""

    __doc__: str | None

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Adds what it takes."""

    async def run(self, options: argparse.Namespace) -> int:
        """Returns the exit status. Raises DatabaseAway, OSError or ValueError, which are shown."""
