"""`python -m web`: starts the studio and its page, and says where the page is."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from pydantic import ValidationError

from engine import Engine, Settings
from engine.errors import UserError
from engine.studio import Studio
from storage.database import DatabaseAway
from web.app import build

STOPPING = (signal.SIGINT, signal.SIGTERM)
DRAIN = 2  # seconds that answers under way get when the program is told to stop


class CannotStart(Exception):
    """Why the studio cannot start, in one line."""


def main() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(serve(_settings()))
    except (CannotStart, UserError) as error:
        sys.exit(f"Kandinsky Studio cannot start: {error}")
    except DatabaseAway as error:
        sys.exit(f"Kandinsky Studio cannot start: the database cannot be reached ({error}).")
    except KeyboardInterrupt:
        pass


async def serve(settings: Settings) -> None:
    """Runs until told to stop. Raises CannotStart or what Engine.open raises."""
    with _listen(settings.host, settings.port) as listener:
        _make_folder(settings.data)
        async with Engine.open(settings) as engine, Studio.open(settings, engine) as studio:
            config = uvicorn.Config(
                build(settings, studio), log_level="warning", timeout_graceful_shutdown=DRAIN
            )
            server = _Server(config, f"http://{settings.host}:{settings.port}")
            await server.serve([listener])


class _Server(uvicorn.Server):
    """Says where the page is as soon as it answers, and leaves time to close the studio.

    uvicorn's own handling sends the signal again when the server has ended, which would end the
    program before its running jobs are written down.
    """

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self.address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(f"Kandinsky Studio is open at {self.address} (Ctrl+C stops it)", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Pages that still watch are cut off: they come back by themselves after a restart."""
        logging.getLogger("uvicorn.error").addFilter(_not_cut_off)
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in STOPPING:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in STOPPING:
                loop.remove_signal_handler(number)


def _not_cut_off(record: logging.LogRecord) -> bool:
    """Whether a log record tells of something else than streams that the end cut off."""
    error = record.exc_info[1] if record.exc_info else None
    return not (isinstance(error, asyncio.CancelledError) or "timeout graceful" in record.msg)


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "KANDINSKY_" + "_".join(map(str, first["loc"])).upper()
        raise CannotStart(f"{name} is {first['input']!r}: {first['msg']}.") from error


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(
            f"the folder {folder} cannot be made ({error.strerror})."
            " Set KANDINSKY_DATA to another one."
        ) from error


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise CannotStart(
            f"{host}:{port} cannot be used ({error.strerror}). Stop what uses it,"
            " or set KANDINSKY_PORT to another port."
        ) from error
    return listener


if __name__ == "__main__":
    main()
