"""`python -m deploy.start`: the page and, where a token is set, the bot, over one engine."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from bot import program
from engine.settings import Settings
from engine.start import opened, run
from web.__main__ import answer, listen


async def serve(settings: Settings) -> None:
    """Until told to stop. Raises CannotStart or what `opened` raises."""
    with listen(settings.host, settings.port) as listener:
        async with opened(settings) as studio:
            page = asyncio.create_task(answer(settings, studio, listener))
            running = [page]
            if settings.bot_token:
                running.append(asyncio.create_task(program.run(settings, studio)))
            await _until_one_ends(running)


async def _until_one_ends(running: list[asyncio.Task[None]]) -> None:
    """The page ends when the program is told to stop, the bot only when it cannot go on."""
    done, others = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    for task in done:
        task.result()


if __name__ == "__main__":
    run(serve, "Kandinsky Studio")
