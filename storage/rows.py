"""Rows of the tables as the frozen records that leave this package."""

from __future__ import annotations

from collections.abc import Sequence

from storage.records import (
    Account,
    Appeal,
    Asked,
    Decision,
    JobRecord,
    Notice,
    PictureRecord,
    Received,
    Report,
    Review,
    SentMessage,
    Withheld,
)
from storage.tables import (
    AccountRow,
    AppealRow,
    DecisionRow,
    JobRow,
    MessageRow,
    NoticeRow,
    PictureRow,
    ReportRow,
    UpdateRow,
)

HIDDEN = (Review.HELD, Review.REMOVED)  # what nobody but moderators sees


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
    pictures = row.pictures if pictures is None else pictures
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
        pictures=tuple(picture_record(one) for one in pictures if one.review not in HIDDEN),
        withheld=tuple(
            Withheld(one.id, one.index, one.review, one.policy)
            for one in pictures
            if one.review in HIDDEN
        ),
        findings=tuple(row.findings or ()),
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
        shared=None if row.link is None or row.review in HIDDEN else row.link.token,
        score=row.score,
        policy=row.policy,
    )


def asked(row: JobRow) -> Asked:
    return Asked(
        id=row.id,
        mode=row.mode,
        model=row.model,
        words=row.words,
        request=row.request,
        findings=tuple(row.findings or ()),
        created_at=row.created_at,
    )


def decision(row: DecisionRow) -> Decision:
    return Decision(
        id=row.id,
        picture_id=row.picture_id,
        account_id=row.account_id,
        decision=row.decision,
        policy=row.policy,
        reason=row.reason,
        created_at=row.created_at,
        undoes=row.undoes,
        score=row.score,
    )


def report(row: ReportRow) -> Report:
    return Report(
        id=row.id,
        picture_id=row.picture_id,
        account_id=row.account_id,
        reason=row.reason,
        state=row.state,
        created_at=row.created_at,
    )


def appeal(row: AppealRow) -> Appeal:
    return Appeal(
        id=row.id,
        picture_id=row.picture_id,
        account_id=row.account_id,
        text=row.text,
        state=row.state,
        created_at=row.created_at,
        answer=row.answer,
        decided_by=row.decided_by,
    )


def notice(row: NoticeRow) -> Notice:
    return Notice(
        id=row.id,
        account_id=row.account_id,
        kind=row.kind,
        picture_id=row.picture_id,
        job_id=row.job_id,
        policy=row.policy,
        reason=row.reason,
        until=row.until,
        created_at=row.created_at,
        seen_at=row.seen_at,
        attempt=row.attempt,
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
