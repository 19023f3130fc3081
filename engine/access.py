"""How a person shows who they are: API keys, and signing in; and how a visitor becomes one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from engine.dispatcher import Dispatcher
from engine.errors import BadKeyName, NotFound, TooManyKeys
from engine.news import News
from engine.refusals import refusing
from storage import keys
from storage.database import Database
from storage.joining import join
from storage.keys import KEY_LIMIT, NAME_LIMIT, BadName, Keys
from storage.records import Account, Key
from storage.signin import SignIn

FRONT_END = "web"  # of the sessions that count here; those of the console open nothing
SIGNED_IN = timedelta(days=60)  # then one signs in again


class Access:
    """Where a key or a token is checked, the answer is whose it is, never whether it is one."""

    def __init__(self, database: Database, dispatcher: Dispatcher, news: News) -> None:
        self._database = database
        self._dispatcher = dispatcher
        self._news = news
        self._keys = Keys(database)
        self._sessions = SignIn(database)

    async def make_key(self, account: Account, name: str) -> str:
        """A new API key, which nothing can show again. Raises BadKeyName or TooManyKeys."""
        with refusing():
            try:
                return await self._keys.make(account.id, name)
            except BadName as error:
                raise BadKeyName(limit=NAME_LIMIT) from error
            except keys.TooManyKeys as error:
                raise TooManyKeys(limit=KEY_LIMIT) from error

    async def keys(self, account: Account) -> Sequence[Key]:
        """The account's keys, revoked ones too, the oldest first."""
        with refusing():
            return await self._keys.list(account.id)

    async def revoke_key(self, key_id: str, account: Account) -> None:
        """From now on it opens nothing. Raises NotFound if the account has no such valid key."""
        with refusing():
            if not await self._keys.revoke(key_id, account.id):
                raise NotFound()

    async def holder(self, secret: str) -> Account | None:
        """Whose key that is; None if it is none, or was revoked."""
        with refusing():
            return await self._keys.find(secret)

    async def sign_in(self, account: Account, front_end: str) -> str:
        """The token of a new session, for SIGNED_IN."""
        with refusing():
            return await self._sessions.open(account.id, front_end, SIGNED_IN)

    async def signed_in(self, token: str) -> Account | None:
        """Who has signed in to the studio under that token; None if nobody, or no longer."""
        with refusing():
            return await self._sessions.find(token, FRONT_END)

    async def sign_out(self, token: str) -> None:
        """Ends the session; nothing happens if there is none."""
        with refusing():
            await self._sessions.close(token)

    async def join(self, visitor: Account, account: Account) -> None:
        """Makes all that an anonymous visitor has the account's; the visitor is forgotten.

        Jobs, pictures, uploads, links and reports, and the settings that the account lacks. Jobs go
        on, and count for the account. The visitor's API keys are shown to the account, but revoked:
        who was at this browser before may know them. Nothing happens if they have joined already.

        Raises AccountBanned for a visitor who is banned, AccountGone if the account is not there,
        and ValueError for a visitor who is none.
        """
        with refusing():
            await join(self._database, visitor.id, account.id)
        self._dispatcher.moved(visitor.id, account.id)
        self._news.tell(visitor.id)
        self._news.tell(account.id)
