"""`python -m tests.telegram`: a Telegram of one's own, to talk with the bot by hand.

Starts the emulator with its page, and the bot, which keeps its data in a folder that is gone at
the end unless KANDINSKY_DATA says otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.telegram import Emulator

ROOT = Path(__file__).parents[2]
STOP_LIMIT = 30.0  # seconds in which the bot has to end


async def main(port: int, with_bot: bool) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as stack:
        telegram = await stack.enter_async_context(Emulator.open(port=port, page=True))
        anna = telegram.person("Anna", language="en", username="anna")
        boris = telegram.person("Борис", language="ru", username="boris")
        telegram.group("Painters", [anna, boris])
        if with_bot:
            data = stack.enter_context(tempfile.TemporaryDirectory(prefix="kandinsky-"))
            await stack.enter_async_context(_bot(telegram, data))
        print(f"Chats:   {telegram.url}/")
        print(f"Bot API: {telegram.url}  (KANDINSKY_TELEGRAM_API)")
        print(f"Token:   {telegram.token}  (KANDINSKY_BOT_TOKEN)", flush=True)
        await stopped.wait()
        print("Stopping.", flush=True)


@asynccontextmanager
async def _bot(telegram: Emulator, data: str) -> AsyncIterator[None]:
    """The bot, in a process of its own."""
    settings = {
        "KANDINSKY_DATA": data,
        **os.environ,
        "KANDINSKY_TELEGRAM_API": telegram.url,
        "KANDINSKY_BOT_TOKEN": telegram.token,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", cwd=ROOT, env=settings, start_new_session=True
    )
    watch = asyncio.create_task(_tell_end(process))
    try:
        yield
    finally:
        watch.cancel()
        await _end(process)


async def _tell_end(process: Process) -> None:
    code = await process.wait()
    print(f"The bot has ended, with {code}; the chats go on without it.", flush=True)


async def _end(process: Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_LIMIT):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.telegram", description=__doc__)
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--bot", action=argparse.BooleanOptionalAction, default=True)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.port, arguments.bot))
