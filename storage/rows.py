"""Rows of the tables as the frozen records that leave this package."""

from __future__ import annotations

from collections.abc import Sequence

from storage.records import Account, JobRecord, PictureRecord, Received, Review, SentMessage
from storage.tables import AccountRow, JobRow, MessageRow, PictureRow, UpdateRow


def account_record(row: AccountRow) -> Account:
    return Account(
        id=row.id,
        channel=row.channel,
        external_id=row.external_id,
        language=row.language,
        role=row.role,
        settings=row.settings,
        banned_until=row.banned_until,
        ban_reason=row.ban_reason,
        created_at=row.created_at,
    )


def job_record(row: JobRow, pictures: Sequence[PictureRow] | None = None) -> JobRecord:
    """`pictures` where they were not loaded with the row."""
    return JobRecord(
        id=row.id,
        account_id=row.account_id,
        key=row.key,
        mode=row.mode,
        model=row.model,
        request=row.request,
        state=row.state,
        attempt=row.attempt,
        crashes=row.crashes,
        step=row.step,
        steps=row.steps,
        error_key=row.error_key,
        error_values=row.error_values or {},
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        pictures=tuple(map(picture_record, row.pictures if pictures is None else pictures)),
    )


def picture_record(row: PictureRow) -> PictureRecord:
    return PictureRecord(
        id=row.id,
        job_id=row.job_id,
        account_id=row.account_id,
        index=row.index,
        seed=row.seed,
        sha256=row.sha256,
        width=row.width,
        height=row.height,
        media_type=row.media_type,
        bytes=row.bytes,
        favourite=row.favourite,
        review=row.review,
        created_at=row.created_at,
        shared=None if row.link is None or row.review is Review.REMOVED else row.link.token,
    )


def received(row: UpdateRow) -> Received:
    return Received(
        id=row.id,
        lane=row.lane,
        album=row.album,
        person=row.person,
        body=row.body or {},
        received_at=row.received_at,
    )


def sent_message(row: MessageRow) -> SentMessage:
    return SentMessage(
        chat_id=row.chat_id,
        message_id=row.message_id,
        job_id=row.job_id,
        kind=row.kind,
        picture_id=row.picture_id,
        file_id=row.file_id,
        sent_at=row.sent_at,
    )
