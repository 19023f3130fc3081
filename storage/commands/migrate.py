"""Brings the tables to their newest form, and makes the database where there is none."""

from __future__ import annotations

import argparse

from storage.commands.places import database_argument
from storage.database import Database


def arguments(parser: argparse.ArgumentParser) -> None:
    database_argument(parser)


async def run(options: argparse.Namespace) -> int:
    async with Database.open(options.database):
        print("The tables are at their newest form.")
    return 0
