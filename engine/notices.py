"""What people are told about their pictures, reports and account, and what they say against it."""

from __future__ import annotations

from engine.errors import AlreadyAppealed, NotFound, OutOfRange
from engine.news import News
from engine.refusals import refusing
from storage import appeals, notices
from storage.database import Database
from storage.records import Account, Notice

TEXT_LIMIT = 1000  # characters of an appeal


class Notices:
    """The notices of one studio's accounts; those that the bot sends it takes from storage."""

    def __init__(self, database: Database, news: News) -> None:
        self._database = database
        self._notices = notices.Notices(database)
        self._news = news

    async def all(self, account: Account) -> list[Notice]:
        """What the person has not seen yet, the oldest first."""
        with refusing():
            return await self._notices.of(account.id)

    async def seen(self, notice_id: int, account: Account) -> None:
        """The person has seen it; nothing happens if there is no such notice."""
        with refusing():
            await self._notices.seen(notice_id, account.id)
        self._news.tell(account.id)

    async def appeal(self, picture_id: str, account: Account, text: str) -> None:
        """Its owner's word that a picture was removed wrongly; who is banned has it, too.

        Raises NotFound unless the account has such a picture and it was removed, AlreadyAppealed
        while that is undecided or after it was rejected, and OutOfRange for an empty text or one
        of more than TEXT_LIMIT characters.
        """
        if not 0 < len(text.strip()) <= TEXT_LIMIT:
            raise OutOfRange(name="text", low=1, high=TEXT_LIMIT, value=len(text))
        with refusing():
            try:
                made = await appeals.appeal(self._database, picture_id, account.id, text.strip())
            except appeals.Appealed as error:
                raise AlreadyAppealed() from error
        if not made:
            raise NotFound()
        self._news.tell(account.id)
