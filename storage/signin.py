"""Signing in: the passwords of moderators, and the sessions of who has signed in.

A password is kept as its argon2 hash, a session's token as its SHA-256. How often somebody may
try is for the front end to say.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import unicodedata
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.audit import audit
from storage.database import Database
from storage.inserts import insert_new
from storage.locked import locked
from storage.records import Account, Role
from storage.rows import account_record
from storage.tables import AccountRow, JobRow, SessionRow, now

CHANNEL = "moderator"  # of the accounts that sign in with a password; their name is the external id
ROLES = (Role.MODERATOR, Role.SENIOR, Role.ADMIN)
NAME = re.compile(r"[A-Za-z0-9._-]{2,64}")
PASSWORD_LENGTH = 12  # characters, at least
TOKEN = re.compile(r"[\w-]{43}", re.ASCII)
SEEN_EVERY = timedelta(minutes=5)  # how exactly `last_seen_at` is kept
HASHES_AT_ONCE = 4  # each takes 64 MiB
HASHER = PasswordHasher()  # argon2id, the second recommended option of RFC 9106

P = ParamSpec("P")
Result = TypeVar("Result")


class SignIn:
    """Passwords and sessions in one database. Every method may raise DatabaseAway."""

    def __init__(self, database: Database, hasher: PasswordHasher = HASHER) -> None:
        self._database = database
        self._hasher = hasher
        self._hashing = asyncio.Semaphore(HASHES_AT_ONCE)
        self._nobodys = ""  # the hash of a password that nobody knows, once one is needed

    async def create(self, name: str, password: str, role: Role, *, by: int | None) -> Account:
        """A new moderator. Raises ValueError for a name or password that cannot be one."""
        if not NAME.fullmatch(name):
            raise ValueError("A name has 2 to 64 letters (a to z), digits, dots, - and _.")
        if role not in ROLES:
            raise ValueError(f"A moderator's role is {', '.join(ROLES[:-1])} or {ROLES[-1]}.")
        values = {
            "channel": CHANNEL,
            "external_id": name,
            "language": "en",
            "role": role,
            "password": await self._hash(password),
        }
        async with self._database.write() as session:
            row = await session.scalar(
                insert_new(session, AccountRow, values).returning(AccountRow)
            )
            if row is None:
                raise ValueError(f"There is a moderator {name} already.")
            audit(session, "create", row.id, by, {"role": role})
            return account_record(row)

    async def set_password(self, account_id: int, password: str, *, by: int | None) -> None:
        """Whoever had signed in with the old one has to sign in again. Raises ValueError.

        `by` is the account of who wants this, None for a shell.
        """
        hashed = await self._hash(password)
        async with self._database.write() as session:
            row = await locked(session, account_id)
            if row.channel != CHANNEL:
                raise ValueError(f"Account {account_id} does not sign in with a password.")
            row.password = hashed
            await _end_all(session, account_id)
            audit(session, "password", account_id, by, {})

    async def check(self, name: str, password: str) -> Account | None:
        """The moderator of that name and password; None, after as much work, for any other."""
        if not self._nobodys:
            self._nobodys = await self._in_thread(self._hasher.hash, secrets.token_bytes())
        row = await self._moderator(name)
        known = row.password if row is not None and row.password is not None else self._nobodys
        right = await self._in_thread(self._right, known, _bytes(password))
        if row is None or row.password is None or not right:
            return None
        if self._hasher.check_needs_rehash(row.password):
            await self._rehash(row, password)
        return account_record(row)

    async def open(self, account_id: int, front_end: str, lifetime: timedelta) -> str:
        """The token of a new session; those of the account that have ended go."""
        token = secrets.token_urlsafe(32)
        moment = now()
        ended = delete(SessionRow).where(
            SessionRow.account_id == account_id,
            SessionRow.expires_at <= moment,
            ~exists().where(JobRow.session_id == SessionRow.id),
        )
        async with self._database.write() as session:
            account = await locked(session, account_id)
            await session.execute(ended.execution_options(synchronize_session=False))
            session.add(
                SessionRow(
                    id=secrets.token_hex(16),
                    account_id=account.id,
                    front_end=front_end,
                    token=_hash(token),
                    expires_at=moment + lifetime,
                )
            )
        return token

    async def find(self, token: str, front_end: str | None = None) -> Account | None:
        """Who has signed in under that token, as they are now; None if nobody, or no longer, or
        not to that front end."""
        if not TOKEN.fullmatch(token):
            return None
        moment = now()
        valid = (
            select(SessionRow, AccountRow)
            .join(AccountRow, AccountRow.id == SessionRow.account_id)
            .where(SessionRow.token == _hash(token), SessionRow.expires_at > moment)
        )
        async with self._database.read() as session:
            found = (await session.execute(valid)).one_or_none()
        if found is None:
            return None
        visit, account = found
        if front_end not in (None, visit.front_end):
            return None
        if moment - visit.last_seen_at >= SEEN_EVERY:
            async with self._database.write() as session:
                await session.execute(
                    update(SessionRow).where(SessionRow.id == visit.id).values(last_seen_at=moment)
                )
        return account_record(account)

    async def close(self, token: str) -> None:
        """Signs out; nothing happens if there is no such session."""
        moment = now()
        async with self._database.write() as session:
            await session.execute(
                update(SessionRow)
                .where(SessionRow.token == _hash(token), SessionRow.expires_at > moment)
                .values(expires_at=moment)
                .execution_options(synchronize_session=False)
            )

    async def close_all(self, account_id: int) -> None:
        """Signs the account out everywhere."""
        async with self._database.write() as session:
            await _end_all(session, account_id)

    async def _moderator(self, name: str) -> AccountRow | None:
        if not NAME.fullmatch(name):
            return None
        named = select(AccountRow).where(
            AccountRow.channel == CHANNEL, AccountRow.external_id == name
        )
        async with self._database.read() as session:
            return await session.scalar(named)

    async def _hash(self, password: str) -> str:
        if len(password) < PASSWORD_LENGTH:
            raise ValueError(f"A password has at least {PASSWORD_LENGTH} characters.")
        return await self._in_thread(self._hasher.hash, _bytes(password))

    def _right(self, known: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(known, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _rehash(self, row: AccountRow, password: str) -> None:
        """The parameters have changed since; the password was not, or this changes nothing."""
        hashed = await self._in_thread(self._hasher.hash, _bytes(password))
        async with self._database.write() as session:
            await session.execute(
                update(AccountRow)
                .where(AccountRow.id == row.id, AccountRow.password == row.password)
                .values(password=hashed)
                .execution_options(synchronize_session=False)
            )

    async def _in_thread(
        self, work: Callable[P, Result], *given: P.args, **named: P.kwargs
    ) -> Result:
        async with self._hashing:
            return await asyncio.to_thread(work, *given, **named)


async def _end_all(session: AsyncSession, account_id: int) -> None:
    moment = now()
    await session.execute(
        update(SessionRow)
        .where(SessionRow.account_id == account_id, SessionRow.expires_at > moment)
        .values(expires_at=moment)
        .execution_options(synchronize_session=False)
    )


def _bytes(password: str) -> bytes:
    """The same for every keyboard: what looks alike may be typed as different characters."""
    return unicodedata.normalize("NFKC", password).encode(errors="surrogatepass")


def _hash(token: str) -> str:
    return sha256(token.encode(errors="surrogatepass")).hexdigest()
