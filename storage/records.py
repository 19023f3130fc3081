"""What the ledger gives out: frozen records, free of SQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class JobState(StrEnum):
    """Where a job is. All but the first two are final."""

    QUEUED = "queued"  # accepted and durable; nobody works on it
    RUNNING = "running"  # handed to an engine under one attempt number
    DONE = "done"  # its pictures are stored
    FAILED = "failed"  # it ended with an error that its owner can read
    CANCELLED = "cancelled"  # its owner stopped it
    BLOCKED = "blocked"  # a safety gate refused it
    QUARANTINED = "quarantined"  # it took the program down too often; a moderator decides

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to the job."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class Account:
    """One person on one channel; `external_id` is what the channel calls them."""

    id: int
    channel: str
    external_id: str
    language: str
    role: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewPicture:
    """A picture whose file is stored and whose row is not yet; `bytes` is the file's length."""

    seed: int
    sha256: str
    width: int
    height: int
    bytes: int
    media_type: str = "image/png"


@dataclass(frozen=True, slots=True)
class PictureRecord:
    """A stored picture: the `index`-th of its job; `bytes` is the file's length."""

    id: str
    job_id: str
    account_id: int
    index: int
    seed: int
    sha256: str
    width: int
    height: int
    media_type: str
    bytes: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as it was when read; `request` holds everything needed to make it again.

    `error_key` is the English sentence with braces (the key of its translation), `error_values`
    fills them. `attempt` counts claims and is the fencing token; `crashes` counts those attempts
    during which the program died.
    """

    id: str
    account_id: int
    key: str
    mode: str
    model: str
    request: dict[str, Any]
    state: JobState
    attempt: int
    crashes: int
    error_key: str | None
    error_values: dict[str, Any]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    pictures: tuple[PictureRecord, ...] = ()
