"""`python -m web`: starts the studio and its page, and says where the page is."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from engine.settings import Settings
from engine.start import CannotStart, opened, run
from engine.studio import Studio
from web.app import build

STOPPING = (signal.SIGINT, signal.SIGTERM)
DRAIN = 2  # seconds that answers under way get when the program is told to stop


def main() -> None:
    run(serve, "Kandinsky Studio")


async def serve(settings: Settings) -> None:
    """Runs until told to stop. Raises CannotStart or what `opened` raises."""
    with listen(settings.host, settings.port) as listener:
        async with opened(settings) as studio:
            await answer(settings, studio, listener)


async def answer(settings: Settings, studio: Studio, listener: socket.socket) -> None:
    """The web front end of an open studio, until told to stop."""
    config = configured(settings, build(settings, studio))
    await _Server(config, f"http://{settings.host}:{settings.port}").serve([listener])


def configured(settings: Settings, app: ASGIApp) -> uvicorn.Config:
    """Where a request comes from is what the connection says, but for those of known proxies."""
    return uvicorn.Config(
        app,
        log_level="warning",
        timeout_graceful_shutdown=DRAIN,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=settings.proxies,
    )


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


def listen(host: str, port: int) -> socket.socket:
    """Raises CannotStart."""
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
