from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from engine.settings import Settings
from engine.studio import Studio
from storage.pictures import PictureStore
from storage.records import Account, Role
from tests.twin import Twin
from tests.web.moderation.desk import console, sitting
from tests.web.moderation.scene import Scene


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Without the gates, which take a while to open: nothing is drawn here."""
    return Settings(
        data=tmp_path, secret="a secret of the tests", check_prompts=False, check_pictures=False
    )


@pytest.fixture
def twin() -> Twin:
    """Draws nothing: what is there to be looked at is put there."""
    return Twin(room_for=0)


@pytest.fixture
def scene(settings: Settings, studio: Studio) -> Scene:
    return Scene(studio.database, PictureStore(settings.pictures))


@pytest.fixture
def app(settings: Settings, studio: Studio) -> FastAPI:
    return console(settings, studio)


@pytest.fixture
async def ann(scene: Scene) -> Account:
    """Whose pictures are looked at."""
    return await scene.person("ann")


@pytest.fixture
async def moderator(app: FastAPI, scene: Scene) -> AsyncIterator[httpx.AsyncClient]:
    account = await scene.moderator("mo")
    async with sitting(app, await scene.token(account)) as client:
        yield client


@pytest.fixture
async def senior(app: FastAPI, scene: Scene) -> AsyncIterator[httpx.AsyncClient]:
    account = await scene.moderator("sen", Role.SENIOR)
    async with sitting(app, await scene.token(account)) as client:
        yield client


@pytest.fixture
async def admin(app: FastAPI, scene: Scene) -> AsyncIterator[httpx.AsyncClient]:
    account = await scene.moderator("ada", Role.ADMIN)
    async with sitting(app, await scene.token(account)) as client:
        yield client
