"""How the programs start: settings, the engine and the studio, and what is wrong in one line."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from pydantic import ValidationError

from engine.errors import UserError
from engine.runtime.engine import Engine
from engine.settings import Settings
from engine.studio import Studio
from storage.database import DatabaseAway


class CannotStart(Exception):
    """Why a program cannot start, in one line."""


def run(program: Callable[[Settings], Awaitable[None]], name: str) -> None:
    """The whole of a program; exits with status 1 if it cannot start."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(_run(program))
    except (CannotStart, UserError) as error:
        sys.exit(f"{name} cannot start: {error}")
    except DatabaseAway as error:
        sys.exit(f"{name} cannot start: the database cannot be reached ({error}).")
    except KeyboardInterrupt:
        pass


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Studio]:
    """The studio with its engine. Raises CannotStart or what Engine.open and Studio.open raise."""
    _make_folder(settings.data)
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(Engine.open(settings))
        try:
            studio = await stack.enter_async_context(Studio.open(settings, engine))
        except ValueError as error:  # a setting that nobody could check before
            raise CannotStart(str(error)) from error
        yield studio


async def _run(program: Callable[[Settings], Awaitable[None]]) -> None:
    await program(_settings())


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        if not first["loc"]:
            raise CannotStart(f"{first['msg'].removeprefix('Value error, ')}.") from error
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
