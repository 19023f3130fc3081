"""Idempotency keys: the same key again is the same job, and never one of another request."""

from __future__ import annotations

from datetime import UTC, datetime

from engine.errors import KeyReused
from engine.requests import Request
from storage.records import JobRecord
from web.api.call import Call


async def submitted(request: Request, call: Call, key: str) -> tuple[JobRecord, bool]:
    """The job of that key, and whether it is new. Raises KeyReused where the key was given with
    another request before, and what Studio.submit does."""
    began = datetime.now(UTC)
    record = await call.studio.submit(request, call.account, key)
    new = record.created_at >= began
    if not new and not _the_same(request, record):
        raise KeyReused()
    return record, new


def _the_same(request: Request, record: JobRecord) -> bool:
    """Whether the job is of that request, as far as this one says anything."""
    given = request.model_dump(mode="json", include=request.model_fields_set, exclude_none=True)
    return all(record.request.get(name) == value for name, value in given.items())
