from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from storage.accounts import Accounts
from storage.database import Database
from storage.ledger import Ledger
from storage.records import Account


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database.open(database_url) as database:
        yield database


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@pytest.fixture
async def account(database: Database) -> Account:
    return await Accounts(database).get_or_create("web", "ann", "en")
