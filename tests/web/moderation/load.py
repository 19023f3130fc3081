"""`python -m tests.web.moderation.load`: how long each page of the console takes, among 100,000
stored pictures.

On a SQLite file and on a PostgreSQL server of its own. The whole way is timed, from the request to
the last byte of the page, without a network; pictures have no files here.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import httpx

from engine.settings import Settings
from engine.studio import Studio
from storage.database import Database
from storage.pictures import PictureStore
from storage.records import Role
from tests import postgres
from tests.storage.many import COUNT, fill, picture_id
from tests.twin import Twin
from tests.web.moderation.desk import console, sitting
from tests.web.moderation.scene import Scene

GOAL = 100.0  # milliseconds
ROUNDS = 20

Times = dict[str, tuple[float, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(tell("SQLite", Path(folder), "", options.count, options.rounds))
    with tempfile.TemporaryDirectory() as folder, postgres.serve() as server:
        url = server.new_database()
        asyncio.run(tell("PostgreSQL", Path(folder), url, options.count, options.rounds))


async def tell(kind: str, folder: Path, url: str, count: int, rounds: int) -> None:
    """Fills the database and prints (p50, p95) of each page."""
    settings = Settings(
        data=folder,
        database_url=url,
        secret="a secret of the tests",
        check_prompts=False,
        check_pictures=False,
    )
    async with Database.open(settings.database) as database:
        await fill(database, count)
    print(f"{kind}: {count} pictures")
    for name, (p50, p95) in (await measured(settings, count, rounds)).items():
        slow = "" if p95 < GOAL else "  over the goal"
        print(f"  {name:28} p50 {p50:6.1f} ms  p95 {p95:6.1f} ms{slow}", flush=True)


async def measured(settings: Settings, count: int, rounds: int) -> Times:
    """Of each page, in milliseconds."""
    async with Studio.open(settings, Twin(room_for=0)) as studio:
        scene = Scene(studio.database, PictureStore(settings.pictures))
        admin = await scene.moderator("load", Role.ADMIN)
        app = console(settings, studio)
        async with sitting(app, await scene.token(admin)) as client:
            return {
                name: await timed(client, address, rounds)
                for name, address in addresses(count).items()
            }


def addresses(count: int) -> dict[str, str]:
    """What is asked for; what is no path is asked of /moderation/api."""
    middle = picture_id(count // 2)
    late = picture_id(count - 1)  # removed ones go after 30 days
    return {
        "queue": "",
        "queue: reported": "?view=reported",
        "queue: of one person": "?view=held&person=77",
        "the next 5 cases": "take",
        "search: newest": "/search",
        "search: a common word": "/search?text=fox",
        "search: no such word": "/search?text=rhinoceros",
        "search: of one person": "/search?account=77",
        "search: removed": "/search?state=removed",
        "search: the middle": f"/search?before={middle}",
        "search: since a day": "/search?since=2026-01-01&mode=mix",
        "person": "/person/77",
        "picture": f"/picture/{late}",
        "refusals": "/refusals",
        "statistics: 30 days": "/statistics",
        "statistics: a year": "/statistics?days=365",
        "audit": "/audit",
        "audit: of one kind": "/audit?action=view",
        "policies": "/policies",
        "moderators": "/moderators",
        "account": "/account",
    }


async def timed(client: httpx.AsyncClient, address: str, rounds: int) -> tuple[float, float]:
    took = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        answer = await ask(client, address)
        took.append(1000 * (time.perf_counter() - began))
        assert answer.status_code == 200, (address, answer.text[:300])
    took = sorted(took[1:])  # the first one reads templates and plans queries
    return statistics.median(took), took[round(0.95 * rounds) - 1]


async def ask(client: httpx.AsyncClient, address: str) -> httpx.Response:
    if address == "take":
        return await client.post("/moderation/api/take", json={"view": "held", "count": 5})
    return await client.get(f"/moderation{address}")


if __name__ == "__main__":
    main()
