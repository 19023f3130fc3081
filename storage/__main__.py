"""`python -m storage COMMAND`: the tables and the picture files from a shell."""

from __future__ import annotations

import argparse
import asyncio
import sys

from storage.commands import Command, account, bench, migrate, prune, verify
from storage.database import DatabaseAway

COMMANDS: dict[str, Command] = {
    "account": account,
    "bench": bench,
    "migrate": migrate,
    "prune": prune,
    "verify": verify,
}


def main(arguments: list[str] | None = None) -> int:
    """0: all is well; 1: the command found what should not be; 2: it could not do its work."""
    options = _parser().parse_args(arguments)
    try:
        return asyncio.run(COMMANDS[options.command].run(options))
    except (DatabaseAway, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m storage", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        about = command.__doc__
        command.arguments(commands.add_parser(name, help=about, description=about))
    return parser


if __name__ == "__main__":
    sys.exit(main())
