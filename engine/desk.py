"""How moderators sign in, and who may moderate."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Network, ip_address

from engine.errors import WeakPassword, WrongPassword
from engine.refusals import refusing
from engine.tries import Tries
from storage.audit import FAILED_SIGN_IN, Audit
from storage.database import Database
from storage.records import Account, Role
from storage.signin import PASSWORD_LENGTH, ROLES, SignIn

FRONT_END = "moderation"  # of the sessions; those of other front ends open nothing here
SIGNED_IN = timedelta(hours=12)  # then one signs in again
FROM_ANYWHERE = 100  # wrong passwords for a name, before whoever tries it has to wait
MINUTE = 60.0  # seconds of that wait, at most: strangers keep no moderator out for long
NAME_LIMIT = 64  # characters of a name that are counted and written down

Count = tuple[Tries, str]  # of what, and whose


class Desk:
    """Each sign-in, right or wrong, is written down in the audit, with where it came from.

    Wrong passwords make whoever tries wait: by where they are, and by the name from there. Wrong
    ones for a name from anywhere make it wait only when there are very many, and not for long.
    """

    def __init__(self, database: Database) -> None:
        self._sessions = SignIn(database)
        self._audit = Audit(database)
        self._places, self._pairs = Tries(), Tries()
        self._names = Tries(free=FROM_ANYWHERE, longest=MINUTE)
        self._own = Tries()  # by account, of those who have signed in

    async def sign_in(self, name: str, password: str, address: str) -> str:
        """The token of a new session, for SIGNED_IN. Raises WrongPassword or TooManyTries."""
        place, who = place_of(address), name.casefold()[:NAME_LIMIT]
        known = [(self._places, place), (self._pairs, f"{who} {place}"), (self._names, who)]
        account = await self._checked(name, password, address, known)
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

    async def set_password(self, by: Account, old: str, new: str) -> str:
        """Ends all sessions; the token of a new one. Only the account's own tries count.

        Raises WrongPassword, TooManyTries or WeakPassword.
        """
        own = [(self._own, str(by.id))]
        account = await self._checked(by.external_id, old, "", own)
        with refusing():
            if len(new) < PASSWORD_LENGTH:
                raise WeakPassword(limit=PASSWORD_LENGTH)
            await self._sessions.set_password(account.id, new, by=account.id)
            return await self._sessions.open(account.id, FRONT_END, SIGNED_IN)

    async def _checked(
        self, name: str, password: str, address: str, known: Sequence[Count]
    ) -> Account:
        """The moderator; a try counts as wrong until it is known to be right: races gain none."""
        for tries, who in known:
            tries.permit(who)
        for tries, who in known:
            tries.count(who)
        with refusing():
            account = await self._sessions.check(name, password)
            if account is None or not at_work(account):
                await self._audit.add(FAILED_SIGN_IN, None, name[:NAME_LIMIT], {"address": address})
                raise WrongPassword()
        for tries, who in known:
            tries.forget(who)
        return account


def place_of(address: str) -> str:
    """Who an address belongs to: of IPv6, the network in which one chooses addresses freely."""
    try:
        found = ip_address(address)
    except ValueError:
        return address[:NAME_LIMIT]
    if found.version == 4:
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(IPv6Network((int(found), 64), strict=False))


def at_work(account: Account) -> bool:
    """Whether an account may moderate at all."""
    banned = account.banned_until is not None and account.banned_until > datetime.now(UTC)
    return account.role in ROLES and not banned


def at_least(account: Account, role: Role) -> bool:
    """Whether the account may what that role may."""
    ranks = list(Role)
    return ranks.index(account.role) >= ranks.index(role)
