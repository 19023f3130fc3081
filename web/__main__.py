"""`python -m web`: starts the studio and its page, and says where the page is."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys

import uvicorn
from pydantic import ValidationError

from engine import Engine, Settings
from engine.errors import UserError
from engine.studio import Studio
from web.app import build

DRAIN = 5  # seconds that open streams get when the program is told to stop


class CannotStart(Exception):
    """Why the studio cannot start, in one line."""


def main() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(serve(_settings()))
    except (CannotStart, UserError) as error:
        sys.exit(f"Kandinsky Studio cannot start: {error}")
    except KeyboardInterrupt:
        pass


async def serve(settings: Settings) -> None:
    """Runs until told to stop. Raises CannotStart or what Engine.open raises."""
    with _listen(settings.host, settings.port) as listener:
        async with Engine.open(settings) as engine, Studio.open(settings, engine) as studio:
            config = uvicorn.Config(
                build(settings, studio), log_level="warning", timeout_graceful_shutdown=DRAIN
            )
            server = _Server(config, f"http://{settings.host}:{settings.port}")
            await server.serve([listener])


class _Server(uvicorn.Server):
    """Says where the page is as soon as it answers."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self.address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(f"Kandinsky Studio is open at {self.address} (Ctrl+C stops it)", flush=True)


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "KANDINSKY_" + "_".join(map(str, first["loc"])).upper()
        raise CannotStart(f"{name} is {first['input']!r}: {first['msg']}.") from error


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
