"""What is written down: refused requests, the audit log, its export, and who moderates."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from engine.errors import NotAllowed
from storage.records import AuditRecord
from web.moderation.call import NUMBER_LIMIT, Call, Called
from web.moderation.refusals import FRESH
from web.moderation.searching import moment, older
from web.moderation.session import PLACE
from web.plain import filled

PAGE = 100  # rows
PIECE = 2**20  # bytes of an export sent at a time
ABOUT_ACCOUNTS = ("ban", "unban", "role", "create", "erase", "join", "password", "person")

Before = Annotated[int | None, Query(ge=1, le=2**53)]

router = APIRouter(prefix=PLACE)


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the audit log, as it is read; `link` leads to what it is about."""

    at: datetime
    who: str
    what: str
    subject: str
    link: str
    details: str


@router.get("/refusals")
async def refusals(call: Called, before: Before = None) -> Response:
    rows = await call.moderation.refusals(call.by, before, PAGE + 1)
    last = rows[PAGE - 1].id if len(rows) > PAGE else None
    next_page = older("/moderation/refusals", {}, last)
    return await call.page("refusals", "refusals", rows=rows[:PAGE], older=next_page)


@router.get("/audit")
async def audit(
    call: Called,
    action: Annotated[str, Query(max_length=64)] = "",
    account: Annotated[str, Query(max_length=12)] = "",
    before: Before = None,
) -> Response:
    who = min(int(account), NUMBER_LIMIT) if account.isdecimal() else None
    rows = await call.moderation.audit(call.by, before, PAGE + 1, action or None, who)
    last, names = rows[PAGE - 1].id if len(rows) > PAGE else None, await call.names()
    return await call.page(
        "audit",
        "audit",
        rows=[_line(call, one, names) for one in rows[:PAGE]],
        older=older("/moderation/audit", {"action": action, "account": account}, last),
        actions=call.words.actions(),
        action=action,
        account=account,
    )


@router.get("/moderators")
async def moderators(call: Called) -> Response:
    rows = await call.moderation.moderators(call.by)
    return await call.page("moderators", "moderators", rows=rows)


@router.get("/export")
async def export_page(call: Called) -> Response:
    if not call.admin:
        raise NotAllowed()
    today = datetime.now(UTC).date()
    month_ago = today - timedelta(days=30)
    return await call.page(
        "export", "export", since=month_ago.isoformat(), until=today.isoformat(), problem=""
    )


@router.post("/export")
async def export(request: Request, call: Called) -> Response:
    """A zip file of those days; `until` is within."""
    form = await filled(request)
    since, until = moment(form.get("since", "")), moment(form.get("until", ""), days=1)
    folder: Path = request.app.state.folder
    file, length = await _exported(call, folder, since, until)
    name = f"review-{datetime.now(UTC):%Y-%m-%d}.zip"
    headers = FRESH | {
        "content-disposition": f'attachment; filename="{name}"',
        "content-length": str(length),
    }
    return StreamingResponse(_read(file), media_type="application/zip", headers=headers)


async def _exported(
    call: Call, folder: Path, since: datetime | None, until: datetime | None
) -> tuple[IO[bytes], int]:
    """A file without a name, which is gone once it is closed, and its length."""
    with TemporaryDirectory(prefix="export-", dir=folder) as made:
        path = Path(made) / "review.zip"
        await call.moderation.export(call.by, path, since, until)
        file = await asyncio.to_thread(path.open, "rb")
        return file, path.stat().st_size


def _read(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece


def _line(call: Call, row: AuditRecord, names: Mapping[int, str]) -> Line:
    say = call.plain.texts.say
    details = [
        f"{name}: {value}" for name, value in row.details.items() if value not in (None, "", [])
    ]
    return Line(
        at=row.created_at,
        who=_who(row.account_id, names) or say("the server’s shell"),
        what=call.words.actions().get(row.action, row.action),
        subject=row.subject[:64],
        link=_link(row),
        details=" · ".join(details),
    )


def _who(account_id: int | None, names: Mapping[int, str]) -> str:
    return "" if account_id is None else names.get(account_id, f"№ {account_id}")


def _link(row: AuditRecord) -> str:
    if row.action in ABOUT_ACCOUNTS and row.subject.isdecimal():
        return f"/moderation/person/{row.subject}"
    if len(row.subject) == 36 and row.action in ("view", "decide", "undo", "picture"):
        return f"/moderation/picture/{row.subject}"
    return ""
