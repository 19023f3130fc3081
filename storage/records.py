"""What the ledger gives out: frozen records, free of SQL."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
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


class Role(StrEnum):
    """What an account may do; each may what those before it may."""

    USER = "user"
    TRUSTED = "trusted"  # has larger quotas
    MODERATOR = "moderator"  # reviews pictures
    SENIOR = "senior"  # bans people, decides on appeals
    ADMIN = "admin"  # changes policies and roles


class Review(StrEnum):
    """What moderators made of a picture."""

    NONE = "none"  # nobody looked yet, nobody has to
    WAITING = "waiting"  # reported, or held by a gate
    APPROVED = "approved"
    REMOVED = "removed"  # gone from every surface


class ReportState(StrEnum):
    """What became of a report."""

    OPEN = "open"
    UPHELD = "upheld"  # the picture was removed
    REJECTED = "rejected"


class DeliveryState(StrEnum):
    """Where a message of the outbox is."""

    WAITING = "waiting"  # to be sent when it is due
    SENT = "sent"
    GIVEN_UP = "given_up"  # it cannot be delivered: blocked, for example


class MessageKind(StrEnum):
    """What a message of the bot is for."""

    STATUS = "status"  # tells how a job goes
    PICTURE = "picture"
    ACTIONS = "actions"  # carries the buttons of a result


@dataclass(frozen=True, slots=True)
class Account:
    """One person on one channel; `external_id` is what the channel calls them."""

    id: int
    channel: str
    external_id: str
    language: str
    role: Role
    settings: dict[str, Any]
    banned_until: datetime | None
    ban_reason: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Key:
    """An API key, without its secret."""

    id: str
    account_id: int
    name: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Quota:
    """How much an account may ask for; 0 is without limit."""

    waiting: int = 0  # jobs that have not ended
    daily: int = 0  # pictures in any 24 hours


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message to be sent: that `job_id` has ended."""

    job_id: str
    account_id: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Received:
    """An update of Telegram; `body` is all of it, as Telegram sent it.

    Those of one `lane`, a conversation, are to be handled in the order of their ids; those of one
    `album` belong together. `person` is the external id of the account that it came from.
    """

    id: int
    lane: str
    album: str | None
    person: str | None
    body: dict[str, Any]
    received_at: datetime


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message that the bot sent about a job, and the picture that it shows, if any.

    `file_id` is what Telegram calls the uploaded photo: with it, it is sent again without a file.
    """

    chat_id: int
    message_id: int
    job_id: str
    kind: MessageKind
    picture_id: str | None = None
    file_id: str | None = None
    sent_at: datetime = field(default_factory=lambda: datetime.now(UTC))


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
    """A stored picture: the `index`-th of its job; `bytes` is the file's length.

    `shared` is the token of the link by which others may see it, if there is one.
    """

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
    favourite: bool
    review: Review
    created_at: datetime
    shared: str | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """That others may see a picture: who knows the token."""

    picture_id: str
    token: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as it was when read; `request` holds everything needed to make it again.

    `error_key` is the English sentence with braces (the key of its translation), `error_values`
    fills them. `attempt` counts claims and is the fencing token; `crashes` counts those attempts
    during which the program died. `step` of `steps` denoising steps are done, 0 of 0 at first.
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
    step: int
    steps: int
    error_key: str | None
    error_values: dict[str, Any]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    pictures: tuple[PictureRecord, ...] = ()
