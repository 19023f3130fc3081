"""Which messages the bot sent about which job, and which of them shows which picture."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, and_, delete, exists, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from storage.database import Database
from storage.gallery import has_words
from storage.inserts import insert_or_change
from storage.records import JobState, MessageKind, Review, SentMessage
from storage.rows import sent_message
from storage.tables import AccountRow, JobRow, MessageRow, PictureRow

CHANGED = ("job_id", "picture_id", "kind", "file_id")  # where a message is noted again
SEEN = (Review.NONE, Review.APPROVED)  # what may be shown to others


class Messages:
    """The messages of one bot. Every method may raise DatabaseAway."""

    def __init__(self, database: Database, bot: int) -> None:
        self._database = database
        self._bot = bot

    async def sent(
        self,
        chat_id: int,
        message_id: int,
        job_id: str,
        kind: MessageKind,
        picture_id: str | None = None,
        file_id: str | None = None,
    ) -> None:
        """Notes that it was sent. As `sent_all` does."""
        await self.sent_all([SentMessage(chat_id, message_id, job_id, kind, picture_id, file_id)])

    async def sent_all(self, messages: Sequence[SentMessage]) -> None:
        """Notes that they were sent, all or none; of one that is noted, what it is by now.

        One about a job that is gone, because its owner was forgotten meanwhile, is not noted.
        """
        async with self._database.write() as session:
            there = await _there(session, {one.job_id for one in messages})
            rows = [self._row(one) for one in messages if one.job_id in there]
            if rows:
                await session.execute(insert_or_change(session, MessageRow, CHANGED), rows)

    async def at(self, chat_id: int, message_id: int) -> SentMessage | None:
        """The message at that place, if it is the bot's and about a job."""
        found = await self._found(self._place(chat_id, message_id))
        return found[0] if found else None

    async def of_job(self, job_id: str, kind: MessageKind | None = None) -> list[SentMessage]:
        """Those about the job, in the order in which they were sent; of one kind, or all."""
        of_kind = true() if kind is None else MessageRow.kind == kind
        return await self._found(and_(MessageRow.job_id == job_id, of_kind))

    async def of_picture(self, picture_id: str) -> list[SentMessage]:
        """Those that show the picture, deleted or not, in the order in which they were sent."""
        return await self._found(MessageRow.picture_id == picture_id)

    async def gone(self, chat_id: int, message_id: int) -> None:
        """It is not in the chat any more."""
        async with self._database.write() as session:
            await session.execute(delete(MessageRow).where(self._place(chat_id, message_id)))

    async def shown(
        self, account_id: int, search: str = "", limit: int = 50, offset: int = 0
    ) -> list[SentMessage]:
        """The account's pictures that Telegram has, one message with a `file_id` for each.

        Newest first, without those that a moderator is to look at; `search` is for words that they
        were asked for with.
        """
        uploaded = and_(MessageRow.bot == self._bot, MessageRow.file_id.is_not(None))
        page = (
            select(PictureRow.id)
            .join(JobRow, JobRow.id == PictureRow.job_id)
            .where(
                JobRow.account_id == account_id,
                JobRow.state == JobState.DONE,
                has_words(search) if search.strip() else true(),
                PictureRow.deleted_at.is_(None),
                PictureRow.review.in_(SEEN),
                exists().where(MessageRow.picture_id == PictureRow.id, uploaded),
            )
            .order_by(JobRow.created_at.desc(), JobRow.id.desc(), PictureRow.index)
            .limit(limit)
            .offset(offset)
        )
        async with self._database.read() as session:
            pictures = (await session.scalars(page)).all()
        found = await self._found(and_(MessageRow.picture_id.in_(pictures), uploaded))
        latest = {one.picture_id: one for one in found}
        return [latest[picture] for picture in pictures if picture in latest]

    async def _found(self, which: ColumnElement[bool]) -> list[SentMessage]:
        messages = (
            select(MessageRow)
            .where(MessageRow.bot == self._bot, which)
            .order_by(MessageRow.sent_at, MessageRow.chat_id, MessageRow.message_id)
        )
        async with self._database.read() as session:
            return [sent_message(row) for row in await session.scalars(messages)]

    def _place(self, chat_id: int, message_id: int) -> ColumnElement[bool]:
        return and_(
            MessageRow.bot == self._bot,
            MessageRow.chat_id == chat_id,
            MessageRow.message_id == message_id,
        )

    def _row(self, one: SentMessage) -> dict[str, object]:
        return {
            "bot": self._bot,
            "chat_id": one.chat_id,
            "message_id": one.message_id,
            "job_id": one.job_id,
            "picture_id": one.picture_id,
            "kind": one.kind,
            "file_id": one.file_id,
            "sent_at": one.sent_at,
        }


async def _there(session: AsyncSession, job_ids: Collection[str]) -> set[str]:
    """Those of the jobs that are there, and stay until the end: nobody forgets their owners."""
    owners = select(JobRow.account_id).where(JobRow.id.in_(job_ids))
    await session.execute(
        select(AccountRow.id)
        .where(AccountRow.id.in_(owners))
        .order_by(AccountRow.id)
        .with_for_update(read=True, key_share=True)
    )
    return set(await session.scalars(select(JobRow.id).where(JobRow.id.in_(job_ids))))
