"""The tests of a module share one studio; each has people of its own."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from engine.settings import Settings
from engine.studio import Studio
from storage.records import Account
from tests.twin import CARD, Twin
from tests.web.api.people import front_end, program, served

TWIN = replace(
    CARD, modes=("text_to_image", "image_to_image", "mix", "variations", "inpaint", "outpaint")
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(data=tmp_path_factory.mktemp("data"), secret="a secret of the tests")


@pytest.fixture(scope="module")
def engine() -> Twin:
    """It can all that can be asked for, as either of two models."""
    return Twin(cards=[TWIN, replace(TWIN, name="other", title="Other Twin")])


@pytest.fixture
def twin(engine: Twin) -> Twin:
    """The engine, which has done nothing yet."""
    engine.jobs.clear()
    engine.paused = False
    return engine


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def studio(settings: Settings, engine: Twin) -> AsyncIterator[Studio]:
    async with Studio.open(settings, engine) as studio:
        yield studio


@pytest.fixture(scope="module")
def app(settings: Settings, studio: Studio) -> FastAPI:
    return front_end(settings, studio)


@pytest_asyncio.fixture(loop_scope="module")
async def account(studio: Studio) -> Account:
    """Ann's."""
    return await studio.account("web", f"ann-{secrets.token_hex(4)}", "en")


@pytest_asyncio.fixture(loop_scope="module")
async def key(studio: Studio, account: Account) -> str:
    """Ann's."""
    return await studio.access.make_key(account, "tests")


@pytest_asyncio.fixture(loop_scope="module")
async def ann(app: FastAPI, twin: Twin, key: str) -> AsyncIterator[httpx.AsyncClient]:
    async with program(app, key) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def bob(app: FastAPI, studio: Studio) -> AsyncIterator[httpx.AsyncClient]:
    account = await studio.account("web", f"bob-{secrets.token_hex(4)}", "en")
    async with program(app, await studio.access.make_key(account, "tests")) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def address(app: FastAPI) -> AsyncIterator[str]:
    """Of a real server."""
    async with served(app) as address:
        yield address
