"""What the ledger gives out: frozen records, free of SQL."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple


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
    """What moderators, or the gate, made of a picture."""

    NONE = "none"  # nobody looked yet, nobody has to
    WAITING = "waiting"  # its owner has it; somebody is to look
    HELD = "held"  # nobody but moderators sees it until it is approved
    APPROVED = "approved"
    REMOVED = "removed"  # gone from every surface


class ReportState(StrEnum):
    """What became of a report."""

    OPEN = "open"
    UPHELD = "upheld"  # the picture was removed
    REJECTED = "rejected"


class Why(StrEnum):
    """Why a picture is a case for moderators."""

    REVIEW = "review"  # the front end has what it makes looked at
    PROMPT = "prompt"  # the words touch a policy
    DOUBT = "doubt"  # the picture gate is unsure
    UNCHECKED = "unchecked"  # a gate was down or slow
    REPORT = "report"  # somebody says that it should not be
    APPEAL = "appeal"  # its owner says that it was removed wrongly


class View(StrEnum):
    """A part of the queue of cases; VIEWS says of what."""

    WAITING = "waiting"
    HELD = "held"
    REPORTED = "reported"
    APPEALS = "appeals"


VIEWS = {
    View.WAITING: (Why.REVIEW,),
    View.HELD: (Why.PROMPT, Why.DOUBT, Why.UNCHECKED),
    View.REPORTED: (Why.REPORT,),
    View.APPEALS: (Why.APPEAL,),
}


class Action(StrEnum):
    """What the prompt gate does where words touch a policy."""

    OFF = "off"
    HOLD = "hold"  # the pictures are made, and held for a moderator
    BLOCK = "block"  # the request is not accepted


class NoticeKind(StrEnum):
    """What a person is told about their pictures, reports or account."""

    RELEASED = "released"  # a picture that was held is theirs
    REMOVED = "removed"
    RESTORED = "restored"  # a picture that was removed is theirs again
    APPEAL_REJECTED = "appeal_rejected"
    REPORT_UPHELD = "report_upheld"
    REPORT_REJECTED = "report_rejected"
    BANNED = "banned"
    UNBANNED = "unbanned"


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
class NewCase:
    """That moderators are to look at a picture, and why."""

    why: Why
    policy: str = ""
    score: float | None = None


@dataclass(frozen=True, slots=True)
class NewPicture:
    """A picture whose file is stored and whose row is not yet; `bytes` is the file's length.

    `score` (0 to 1), `fingerprint` (64 hex digits) and, where it is REMOVED, the `policy` are the
    picture gate's.
    """

    seed: int
    sha256: str
    width: int
    height: int
    bytes: int
    media_type: str = "image/png"
    review: Review = Review.NONE
    score: float | None = None
    fingerprint: str = ""
    policy: str = ""
    case: NewCase | None = None


@dataclass(frozen=True, slots=True)
class PictureRecord:
    """A stored picture: the `index`-th of its job; `bytes` is the file's length.

    `shared` is the token of the link by which others may see it, if there is one. `score` is the
    picture gate's, `policy` the one under which it was removed, if it was.
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
    score: float | None = None
    policy: str = ""


@dataclass(frozen=True, slots=True)
class Withheld:
    """A picture of a job that its owner does not see: HELD or REMOVED, then under a policy."""

    id: str
    index: int
    review: Review
    policy: str


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

    `pictures` are those that its owner may see, `withheld` the others that are there. `findings`
    are the prompt gate's, as it gave them.
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
    withheld: tuple[Withheld, ...] = ()
    findings: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """A rule of the house under which something is refused or removed.

    `names` and `advice`, a kind sentence to the person, are by language. `action` is the prompt
    gate's; that of a `fixed` policy cannot be changed.
    """

    key: str
    names: dict[str, str]
    advice: dict[str, str]
    action: Action
    position: int
    active: bool = True
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """Somebody's word that a picture should not be."""

    id: int
    picture_id: str
    account_id: int
    reason: str
    state: ReportState
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Appeal:
    """Its owner's word that a picture was removed wrongly, and the `answer` of who decided."""

    id: int
    picture_id: str
    account_id: int
    text: str
    state: ReportState
    created_at: datetime
    answer: str
    decided_by: int | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a picture was made from: as much of its job as a moderator needs to know.

    `words` are in one case, for searches; what was typed is in the `request`.
    """

    id: str
    mode: str
    model: str
    words: str
    request: dict[str, Any]
    findings: tuple[dict[str, Any], ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Case:
    """A picture that moderators are to look at; open until `closed_at`.

    Until `held_until`, nobody but the moderator `holder` may decide it. `account` is the owner's.
    """

    id: int
    picture: PictureRecord
    job: Asked
    account: Account
    why: Why
    policy: str
    score: float | None
    opened_at: datetime
    holder: int | None
    held_until: datetime | None
    reports: tuple[Report, ...] = ()
    appeal: Appeal | None = None
    closed_at: datetime | None = None


class Line(NamedTuple):
    """How many cases of a view are open, and since when the oldest is."""

    open: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a moderator, or the gate (`account_id` is None), made of a picture; it never changes.

    One that `undoes` another says what the picture is again.
    """

    id: int
    picture_id: str
    account_id: int | None
    decision: Review
    policy: str
    reason: str
    created_at: datetime
    undoes: int | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """What a person is to be told; `reason` is a moderator's, `until` the end of a ban.

    `attempt` is that of who sends it, as of a Delivery.
    """

    id: int
    account_id: int
    kind: NoticeKind
    picture_id: str | None
    job_id: str | None
    policy: str
    reason: str
    until: datetime | None
    created_at: datetime
    seen_at: datetime | None = None
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that a gate did not accept, by which policy's rule."""

    id: int
    account_id: int
    words: str
    policy: str
    rule: str
    score: float
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """What somebody with rights did; `account_id` is None for a shell."""

    id: int
    account_id: int | None
    action: str
    subject: str
    details: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Search:
    """Which pictures are meant; each field that is set narrows it."""

    text: str = ""  # in the words, in any case
    account: int | None = None
    since: datetime | None = None  # when it was asked for
    until: datetime | None = None
    model: str | None = None
    mode: str | None = None
    review: Review | None = None
    front_end: str | None = None  # the channel of the account


@dataclass(frozen=True, slots=True)
class Found:
    """A picture of a search, what it was made from, and whose it is."""

    picture: PictureRecord
    job: Asked
    account: Account
