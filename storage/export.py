"""All that is kept about one account, its pictures too, as one zip file for its owner."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from storage.database import Database
from storage.gallery import withheld
from storage.pictures import PictureStore
from storage.rows import HIDDEN
from storage.tables import (
    TELEGRAM,
    AccountRow,
    AppealRow,
    CaseRow,
    JobRow,
    KeyRow,
    LinkRow,
    MessageRow,
    NoticeRow,
    PictureRow,
    RefusalRow,
    ReportRow,
    SessionRow,
    SourceRow,
    StateRow,
    UploadRow,
)
from storage.zips import Files, entry, picture_name, whole, write, write_files

PAGE = 200  # jobs read at a time


async def export(database: Database, store: PictureStore, account_id: int, file: Path) -> None:
    """Writes `account.json`, `jobs.json`, `pictures/` and `sources/`; `file` is whole or not there.

    Pictures that are held or were removed are listed, without their files, whatever else these were
    used for. Files that the store has lost are named in `missing.txt`. Raises DatabaseAway, OSError
    if either disk fails, and ValueError if there is no such account.
    """
    account, uploads = await _account(database, account_id)
    async with whole(file) as archive:
        await asyncio.to_thread(write, archive, "account.json", _json(account).encode())
        files = await _write_jobs(database, archive, account_id)
        missing = await asyncio.to_thread(write_files, archive, store, files | uploads)
        if missing:
            lost = "".join(f"{name}\n" for name in missing)
            await asyncio.to_thread(write, archive, "missing.txt", lost.encode())


async def _account(database: Database, account_id: int) -> tuple[dict[str, Any], Files]:
    """What `account.json` says, and the uploads that it names.

    Passwords, keys and tokens of sessions are not in the database, nor here.
    """
    async with database.read() as session:
        row = await session.get(AccountRow, account_id)
        if row is None:
            raise ValueError(f"There is no account {account_id}.")
        visits = select(SessionRow).where(SessionRow.account_id == account_id)
        keys = select(KeyRow).where(KeyRow.account_id == account_id)
        reports = select(ReportRow).where(ReportRow.account_id == account_id)
        notices = select(NoticeRow).where(NoticeRow.account_id == account_id)
        appeals = select(AppealRow).where(AppealRow.account_id == account_id)
        refusals = select(RefusalRow).where(RefusalRow.account_id == account_id)
        cases = select(CaseRow).where(CaseRow.account_id == account_id)
        links = select(LinkRow).where(LinkRow.account_id == account_id)
        uploads = await _uploads(session, account_id)
        hidden = await withheld(session, [upload.sha256 for upload in uploads])
        given = {
            one.sha256: _source_name(one.sha256) for one in uploads if one.sha256 not in hidden
        }
        told = {
            "id": row.id,
            "channel": row.channel,
            "external_id": row.external_id,
            "language": row.language,
            "role": row.role,
            "settings": row.settings,
            "banned_until": row.banned_until,
            "ban_reason": row.ban_reason,
            "created_at": row.created_at,
            "visits": [
                {
                    "front_end": visit.front_end,
                    "started_at": visit.started_at,
                    "last_seen_at": visit.last_seen_at,
                }
                for visit in await session.scalars(visits.order_by(SessionRow.started_at))
            ],
            "keys": [
                {
                    "id": key.id,
                    "name": key.name,
                    "created_at": key.created_at,
                    "last_used_at": key.last_used_at,
                    "revoked_at": key.revoked_at,
                }
                for key in await session.scalars(keys.order_by(KeyRow.created_at))
            ],
            "reports": [
                {
                    "picture_id": report.picture_id,
                    "reason": report.reason,
                    "state": report.state,
                    "created_at": report.created_at,
                }
                for report in await session.scalars(reports.order_by(ReportRow.id))
            ],
            "links": [
                {
                    "picture_id": link.picture_id,
                    "token": link.token,
                    "created_at": link.created_at,
                }
                for link in await session.scalars(links.order_by(LinkRow.created_at))
            ],
            "notices": [
                {
                    "kind": notice.kind,
                    "picture_id": notice.picture_id,
                    "policy": notice.policy,
                    "reason": notice.reason,
                    "until": notice.until,
                    "created_at": notice.created_at,
                    "seen_at": notice.seen_at,
                }
                for notice in await session.scalars(notices.order_by(NoticeRow.id))
            ],
            "appeals": [
                {
                    "picture_id": appeal.picture_id,
                    "text": appeal.text,
                    "state": appeal.state,
                    "answer": appeal.answer,
                    "created_at": appeal.created_at,
                }
                for appeal in await session.scalars(appeals.order_by(AppealRow.id))
            ],
            "cases": [
                {
                    "picture_id": case.picture_id,
                    "why": case.why,
                    "opened_at": case.opened_at,
                    "closed_at": case.closed_at,
                }
                for case in await session.scalars(cases.order_by(CaseRow.id))
            ],
            "refusals": [
                {
                    "words": refusal.words,
                    "policy": refusal.policy,
                    "rule": refusal.rule,
                    "score": refusal.score,
                    "created_at": refusal.created_at,
                }
                for refusal in await session.scalars(refusals.order_by(RefusalRow.id))
            ],
            "uploads": [
                {"file": given.get(upload.sha256), "created_at": upload.created_at}
                for upload in uploads
            ],
            "states": await _states(session, row),
        }
    return told, {file: sha256 for sha256, file in given.items()}


async def _uploads(session: AsyncSession, account_id: int) -> Sequence[UploadRow]:
    uploads = select(UploadRow).where(UploadRow.account_id == account_id)
    return (await session.scalars(uploads.order_by(UploadRow.created_at))).all()


async def _states(session: AsyncSession, account: AccountRow) -> list[dict[str, Any]]:
    """Where the person's conversations with the bot are."""
    if account.channel != TELEGRAM:
        return []
    states = select(StateRow).where(StateRow.person == account.external_id)
    return [
        {"key": row.key, "state": row.state, "data": row.data, "changed_at": row.changed_at}
        for row in await session.scalars(states.order_by(StateRow.key))
    ]


async def _write_jobs(database: Database, archive: ZipFile, account_id: int) -> Files:
    """Writes `jobs.json` page by page; the files that it names."""
    files: Files = {}
    jobs = archive.open(entry("jobs.json", ZIP_DEFLATED), "w", force_zip64=True)
    with jobs:
        separator = "[\n"
        async for job, pictures, sources, messages in _jobs(database, account_id):
            shown = [picture for picture in pictures if picture.review not in HIDDEN]
            named = {_picture_file(picture): picture.sha256 for picture in shown}
            made_from = {_source_name(sha256): sha256 for sha256 in sources}
            files |= named | made_from
            text = separator + _json(_job(job, pictures, list(made_from), messages))
            await asyncio.to_thread(jobs.write, text.encode())
            separator = ",\n"
        await asyncio.to_thread(jobs.write, b"[]\n" if separator == "[\n" else b"\n]\n")
    return files


Job = tuple[JobRow, list[PictureRow], list[str], list[MessageRow]]


async def _jobs(database: Database, account_id: int) -> AsyncIterator[Job]:
    """The account's jobs, the oldest first: the pictures that are there, sources and messages."""
    page = (
        select(JobRow)
        .where(JobRow.account_id == account_id)
        .order_by(JobRow.created_at, JobRow.id)
        .limit(PAGE)
        .options(selectinload(JobRow.pictures))
    )
    after = page
    while True:
        async with database.read() as session:
            jobs = (await session.scalars(after)).all()
            sources = await _sources(session, jobs)
            messages = await _messages(session, jobs)
        for job in jobs:
            yield job, job.pictures, sources.get(job.id, []), messages.get(job.id, [])
        if len(jobs) < PAGE:
            return
        last = jobs[-1]
        after = page.where(tuple_(JobRow.created_at, JobRow.id) > (last.created_at, last.id))


async def _sources(session: AsyncSession, jobs: Sequence[JobRow]) -> dict[str, list[str]]:
    """Those that are not withheld, by job."""
    found: dict[str, list[str]] = {}
    some = select(SourceRow).where(SourceRow.job_id.in_([job.id for job in jobs]))
    rows = (await session.scalars(some.order_by(SourceRow.sha256))).all()
    hidden = await withheld(session, {row.sha256 for row in rows})
    for row in rows:
        if row.sha256 not in hidden:
            found.setdefault(row.job_id, []).append(row.sha256)
    return found


async def _messages(session: AsyncSession, jobs: Sequence[JobRow]) -> dict[str, list[MessageRow]]:
    found: dict[str, list[MessageRow]] = {}
    rows = select(MessageRow).where(MessageRow.job_id.in_([job.id for job in jobs]))
    for row in await session.scalars(rows.order_by(MessageRow.sent_at, MessageRow.message_id)):
        found.setdefault(row.job_id, []).append(row)
    return found


def _job(
    job: JobRow, pictures: list[PictureRow], sources: list[str], messages: list[MessageRow]
) -> dict[str, Any]:
    return {
        "id": job.id,
        "mode": job.mode,
        "model": job.model,
        "request": job.request,
        "words": job.words,
        "findings": job.findings or [],
        "state": job.state,
        "error_key": job.error_key,
        "error_values": job.error_values,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "sources": sources,
        "pictures": [
            {
                "id": picture.id,
                "file": None if picture.review in HIDDEN else _picture_file(picture),
                "review": picture.review,
                "policy": picture.policy,
                "score": picture.score,
                "seed": picture.seed,
                "width": picture.width,
                "height": picture.height,
                "favourite": picture.favourite,
                "created_at": picture.created_at,
            }
            for picture in pictures
        ],
        "messages": [
            {
                "bot": message.bot,
                "chat_id": message.chat_id,
                "message_id": message.message_id,
                "kind": message.kind,
                "picture_id": message.picture_id,
                "sent_at": message.sent_at,
            }
            for message in messages
        ],
    }


def _picture_file(picture: PictureRow) -> str:
    return f"pictures/{picture_name(picture)}"


def _source_name(sha256: str) -> str:
    return f"sources/{sha256}.png"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, default=datetime.isoformat)
