"""How moderators sign in, and who may moderate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from engine.errors import WeakPassword, WrongPassword
from engine.refusals import refusing
from engine.tries import Tries
from storage.audit import Audit
from storage.database import Database
from storage.records import Account, Role
from storage.signin import PASSWORD_LENGTH, ROLES, SignIn

FRONT_END = "moderation"  # of the sessions; those of other front ends open nothing here
SIGNED_IN = timedelta(hours=12)  # then one signs in again


class Desk:
    """Each sign-in, right or wrong, is written down in the audit, with where it came from."""

    def __init__(self, database: Database) -> None:
        self._sessions = SignIn(database)
        self._audit = Audit(database)
        self._names, self._addresses = Tries(), Tries()

    async def sign_in(self, name: str, password: str, address: str) -> str:
        """The token of a new session, for SIGNED_IN. Raises WrongPassword or TooManyTries."""
        account = await self._checked(name, password, address)
        with refusing():
            await self._audit.add("sign-in", account.id, name, {"address": address})
            return await self._sessions.open(account.id, FRONT_END, SIGNED_IN)

    async def moderator(self, token: str) -> Account | None:
        """Who has signed in under that token, as they are now; None unless they may moderate."""
        with refusing():
            account = await self._sessions.find(token, FRONT_END)
        return account if account is not None and at_work(account) else None

    async def sign_out(self, token: str) -> None:
        with refusing():
            await self._sessions.close(token)

    async def set_password(self, by: Account, old: str, new: str) -> None:
        """Ends all sessions. Raises WrongPassword, TooManyTries or WeakPassword."""
        account = await self._checked(by.external_id, old, "")
        with refusing():
            if len(new) < PASSWORD_LENGTH:
                raise WeakPassword(limit=PASSWORD_LENGTH)
            await self._sessions.set_password(account.id, new)
            await self._audit.add("password", account.id, str(account.id))

    async def _checked(self, name: str, password: str, address: str) -> Account:
        """The moderator; a try counts as wrong until it is known to be right: races gain none."""
        known = [(self._names, name.casefold()), (self._addresses, address)]
        for tries, who in known:
            tries.permit(who)
        for tries, who in known:
            tries.count(who)
        with refusing():
            account = await self._sessions.check(name, password)
            if account is None or not at_work(account):
                await self._audit.add("failed sign-in", None, name[:64], {"address": address})
                raise WrongPassword()
        for tries, who in known:
            tries.forget(who)
        return account


def at_work(account: Account) -> bool:
    """Whether an account may moderate at all."""
    banned = account.banned_until is not None and account.banned_until > datetime.now(UTC)
    return account.role in ROLES and not banned


def at_least(account: Account, role: Role) -> bool:
    """Whether the account may what that role may."""
    ranks = list(Role)
    return ranks.index(account.role) >= ranks.index(role)
