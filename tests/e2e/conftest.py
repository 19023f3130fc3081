from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.e2e.browser import Visitor, chromium, visit
from tests.e2e.program import Program, running

NAMES = ("chromium", "chromium-browser", "google-chrome")

Visit = Callable[..., Awaitable[Visitor]]


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The studio with the mini model, one for all tests."""
    with running(tmp_path_factory.mktemp("studio")) as program:
        yield program


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    assert path, f"one of {', '.join(NAMES)} must be installed"
    async with chromium(path) as browser:
        yield browser


@pytest.fixture
async def enter(browser: Browser) -> AsyncIterator[Visit]:
    """Makes visitors; at the end, none may have reached outside or met a broken script."""
    visitors: list[Visitor] = []

    async def enter(program: Program, path: str = "/", **options: Any) -> Visitor:
        visitor = await visit(browser, program.address, **options)
        visitors.append(visitor)
        await visitor.open(path)
        return visitor

    yield enter
    for visitor in visitors:
        await visitor.context.close()
        assert visitor.outside == []
        assert visitor.faults == []
