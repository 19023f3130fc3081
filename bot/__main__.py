"""`python -m bot`: the Telegram bot with an engine of its own, until Ctrl+C or SIGTERM."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

from bot import program
from engine.settings import Settings
from engine.start import CannotStart, opened, run

STOPPING = (signal.SIGINT, signal.SIGTERM)


def main() -> None:
    run(serve, "The bot")


async def serve(settings: Settings) -> None:
    """Raises CannotStart or what `opened` raises."""
    if not settings.bot_token:
        raise CannotStart(
            "KANDINSKY_BOT_TOKEN is not set. Get a token from @BotFather in Telegram."
        )
    async with opened(settings) as studio:
        running = asyncio.create_task(program.run(settings, studio))
        for number in STOPPING:
            asyncio.get_running_loop().add_signal_handler(number, running.cancel)
        print("The bot is listening (Ctrl+C stops it)", flush=True)
        with suppress(asyncio.CancelledError):
            await running


if __name__ == "__main__":
    main()
