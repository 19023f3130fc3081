"""Removes pictures of old jobs, what they were made from, and what the bot no longer needs."""

from __future__ import annotations

import argparse
import asyncio

from storage.commands.days import days
from storage.commands.places import database_argument, existing_database, pictures_argument
from storage.database import Database
from storage.gallery import Gallery
from storage.pictures import PictureStore
from storage.removal import finish
from storage.retention import Outdated, outdated, prune
from storage.tables import now


def arguments(parser: argparse.ArgumentParser) -> None:
    database_argument(parser)
    pictures_argument(parser)
    parser.add_argument("--older-than", metavar="DAYS", type=days, required=True)
    parser.add_argument("--favourites-too", action="store_true", help="else those stay")
    parser.add_argument("--dry-run", action="store_true", help="say only what would go")


async def run(options: argparse.Namespace) -> int:
    before, keep_favourites = now() - options.older_than, not options.favourites_too
    async with existing_database(options.database) as database:
        if options.dry_run:
            print(f"Would go: {_counted(await outdated(database, before, keep_favourites))}")
            return 0
        store = PictureStore(options.pictures)
        await _finish_left_over(database, store)
        print(f"Gone: {_counted(await prune(database, store, before, keep_favourites))}")
    return 0


async def _finish_left_over(database: Database, store: PictureStore) -> None:
    for note in await asyncio.to_thread(store.leaving):
        await finish(store, Gallery(database), note)


def _counted(old: Outdated) -> str:
    return (
        f"pictures: {old.pictures}, sources: {old.sources},"
        f" updates: {old.updates}, states: {old.states},"
        f" uploads: {old.uploads}, removed: {old.removed},"
        f" refusals: {old.refusals}, bans: {old.bans},"
        f" failed sign-ins: {old.tries}"
    )
