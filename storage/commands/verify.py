"""Compares the picture rows with the picture files; exits with 1 if anything does not match."""

from __future__ import annotations

import argparse

from storage.commands.places import database_argument, existing_database, pictures_argument
from storage.pictures import PictureStore
from storage.verify import Findings, verify


def arguments(parser: argparse.ArgumentParser) -> None:
    database_argument(parser)
    pictures_argument(parser)


async def run(options: argparse.Namespace) -> int:
    async with existing_database(options.database) as database:
        findings = await verify(database, PictureStore(options.pictures))
    _report(findings)
    return 0 if findings.clean else 1


def _report(findings: Findings) -> None:
    kinds = {
        "row without file": findings.rows_without_file,
        "file without row": findings.files_without_row,
        "content does not match its hash": findings.hash_mismatches,
        "save not settled": findings.unsettled_saves,
        "removal not finished": findings.unfinished_removals,
    }
    for kind, found in kinds.items():
        for one in found:
            print(f"{kind}: {one}")
    print(f"{findings.rows} pictures checked: {'all is well' if findings.clean else 'see above'}")
