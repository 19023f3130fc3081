from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiogram import Bot

from tests.telegram import Emulator
from tests.telegram.bots import bot_of


@pytest.fixture
async def telegram() -> AsyncIterator[Emulator]:
    async with Emulator.open() as telegram:
        yield telegram


@pytest.fixture
async def bot(telegram: Emulator) -> AsyncIterator[Bot]:
    async with bot_of(telegram) as bot:
        yield bot
