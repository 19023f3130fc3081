"""API keys: `ks_`, eight characters that name the key, `_`, and 256 random bits.

Only the SHA-256 of a key is kept. It needs no slow hash, unlike a password: nobody guesses it.
"""

from __future__ import annotations

import hmac
import re
import secrets
import string
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256

from sqlalchemy import func, select, update

from storage.database import Database
from storage.locked import locked
from storage.records import Account, Key
from storage.rows import account_record
from storage.tables import AccountRow, KeyRow, now

ALPHABET = string.ascii_lowercase + string.digits
ID_LENGTH = 8
SECRET = re.compile(rf"ks_([{ALPHABET}]{{{ID_LENGTH}}})_[\w-]{{43}}", re.ASCII)
NAME_LIMIT = 255  # characters
KEY_LIMIT = 20  # valid ones of an account at a time
USED_EVERY = timedelta(minutes=1)  # how exactly `last_used_at` is kept


class BadName(ValueError):
    """A key cannot have that name."""


class TooManyKeys(ValueError):
    """The account has KEY_LIMIT valid keys."""


class Keys:
    """The API keys of one database. Every method may raise DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def make(self, account_id: int, name: str) -> str:
        """A new key, which nothing can show again; `name` is for its owner to know it by.

        Raises BadName for a name that cannot be one, TooManyKeys and NoAccount.
        """
        if not name.strip() or len(name) > NAME_LIMIT or not name.isprintable():
            raise BadName(f"Name the key in 1 to {NAME_LIMIT} characters.")
        key_id = "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH))
        secret = f"ks_{key_id}_{secrets.token_urlsafe(32)}"
        async with self._database.write() as session:
            account = await locked(session, account_id)
            valid = select(func.count()).where(
                KeyRow.account_id == account_id, KeyRow.revoked_at.is_(None)
            )
            if (await session.scalar(valid) or 0) >= KEY_LIMIT:
                raise TooManyKeys(f"Account {account_id} has {KEY_LIMIT} keys: revoke one first.")
            session.add(
                KeyRow(id=key_id, account_id=account.id, hash=_hash(secret), name=name.strip())
            )
        return secret

    async def find(self, secret: str) -> Account | None:
        """Whose key that is; None if it is none, or was revoked."""
        match = SECRET.fullmatch(secret)
        if match is None:
            return None
        known = (
            select(KeyRow, AccountRow)
            .join(AccountRow, AccountRow.id == KeyRow.account_id)
            .where(KeyRow.id == match[1], KeyRow.revoked_at.is_(None))
        )
        async with self._database.read() as session:
            found = (await session.execute(known)).one_or_none()
        if found is None:
            return None
        key, account = found
        if not hmac.compare_digest(key.hash, _hash(secret)):
            return None
        await self._used(key)
        return account_record(account)

    async def list(self, account_id: int) -> Sequence[Key]:
        """The account's keys, revoked ones too, the oldest first."""
        keys = (
            select(KeyRow)
            .where(KeyRow.account_id == account_id)
            .order_by(KeyRow.created_at, KeyRow.id)
        )
        async with self._database.read() as session:
            return [_key(row) for row in await session.scalars(keys)]

    async def revoke(self, key_id: str, account_id: int | None) -> bool:
        """From now on it opens nothing; False if the account, or anybody, has no such valid key."""
        valid = [KeyRow.id == key_id, KeyRow.revoked_at.is_(None)]
        if account_id is not None:
            valid.append(KeyRow.account_id == account_id)
        revoked = (
            update(KeyRow)
            .where(*valid)
            .values(revoked_at=now())
            .returning(KeyRow.id)
            .execution_options(synchronize_session=False)
        )
        async with self._database.write() as session:
            return await session.scalar(revoked) is not None

    async def _used(self, key: KeyRow) -> None:
        moment = now()
        if key.last_used_at is not None and moment - key.last_used_at < USED_EVERY:
            return
        async with self._database.write() as session:
            await session.execute(
                update(KeyRow).where(KeyRow.id == key.id).values(last_used_at=moment)
            )


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _key(row: KeyRow) -> Key:
    return Key(
        id=row.id,
        account_id=row.account_id,
        name=row.name,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
