from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.settings import Settings
from engine.studio import Studio
from tests.twin import Twin


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, secret="a secret of the tests")


@pytest.fixture
def twin() -> Twin:
    return Twin()


@pytest.fixture
async def studio(settings: Settings, twin: Twin) -> AsyncIterator[Studio]:
    async with Studio.open(settings, twin) as studio:
        yield studio
