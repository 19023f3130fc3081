"""The SQL tables, the same on SQLite and PostgreSQL. storage/migrations builds them."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Enum,
    Float,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from storage.records import (
    Action,
    DeliveryState,
    JobState,
    MessageKind,
    NoticeKind,
    ReportState,
    Review,
    Role,
    Why,
)

UUID_LENGTH = 36
SHA256_LENGTH = 64
TOKEN_LENGTH = 22  # of 128 random bits in base64
POLICY_LENGTH = 64
FORGOTTEN = "forgotten"  # the channel of what is left of an account that was erased
WEB = "web"  # the channel of visitors who have not signed in
TELEGRAM = "telegram"  # the channel whose people have updates, states and messages


class Moment(TypeDecorator[datetime]):
    """A point in time: aware on both sides, kept in UTC (SQLite itself knows no time zones)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def one_of(states: type[StrEnum], length: int = 16) -> Enum:
    """A column of that enum, kept as the words that its values are."""
    return Enum(
        states,
        native_enum=False,
        length=length,
        values_callable=lambda states: [state.value for state in states],
    )


def _where(condition: str) -> dict[str, Any]:
    """Of an index: only the rows of which that is true are in it."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


class Table(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: Moment,
        dict[str, Any]: JSON(none_as_null=True),
        dict[str, str]: JSON(none_as_null=True),
        list[dict[str, Any]]: JSON(none_as_null=True),
        float: Float,
    }


class AccountRow(Table):
    """One person on one channel (web, telegram, api, moderator)."""

    __tablename__ = "accounts"
    __table_args__ = (UniqueConstraint("channel", "external_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(String(32))
    external_id: Mapped[str] = mapped_column(String(255))
    language: Mapped[str] = mapped_column(String(16))
    role: Mapped[Role] = mapped_column(one_of(Role, length=32), default=Role.USER)
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    password: Mapped[str | None] = mapped_column(String(255))  # argon2
    banned_until: Mapped[datetime | None]
    ban_reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=now)


class KeyRow(Table):
    """An API key; `id` is its beginning, `hash` the SHA-256 of the whole, which is not kept."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(UUID_LENGTH), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    hash: Mapped[str] = mapped_column(String(SHA256_LENGTH), unique=True)
    name: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(default=now)
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class SessionRow(Table):
    """One visit of a person to a front end.

    One that a person signed in to has the SHA-256 of its token, which is not kept, and ends.
    """

    __tablename__ = "sessions"
    __table_args__ = (Index(None, "account_id", "front_end", "last_seen_at"),)

    id: Mapped[str] = mapped_column(String(UUID_LENGTH), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    front_end: Mapped[str] = mapped_column(String(32))
    token: Mapped[str | None] = mapped_column(String(SHA256_LENGTH), unique=True)
    started_at: Mapped[datetime] = mapped_column(default=now)
    last_seen_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime | None] = mapped_column(index=True)


class PictureRow(Table):
    """One picture that was made; its file is found by `sha256` until it is deleted.

    `score` is the picture gate's, `policy` the one under which it was removed, if it was.
    """

    __tablename__ = "pictures"
    __table_args__ = (
        UniqueConstraint("job_id", "index"),
        Index(
            "ix_pictures_favourites",
            "account_id",
            "job_id",
            sqlite_where=text("favourite"),
            postgresql_where=text("favourite"),
        ),
    )

    id: Mapped[str] = mapped_column(String(UUID_LENGTH), primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    index: Mapped[int]
    seed: Mapped[int] = mapped_column(BigInteger)  # up to 2**32 and the index
    sha256: Mapped[str] = mapped_column(String(SHA256_LENGTH), index=True)
    width: Mapped[int]
    height: Mapped[int]
    media_type: Mapped[str] = mapped_column(String(64))
    bytes: Mapped[int]
    favourite: Mapped[bool] = mapped_column(default=False)
    review: Mapped[Review] = mapped_column(one_of(Review), default=Review.NONE, index=True)
    score: Mapped[float | None]
    policy: Mapped[str] = mapped_column(String(POLICY_LENGTH), default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    deleted_at: Mapped[datetime | None]

    link: Mapped[LinkRow | None] = relationship(viewonly=True, lazy="joined")


class LinkRow(Table):
    """That who knows the token may see the picture, without an account."""

    __tablename__ = "links"

    token: Mapped[str] = mapped_column(String(TOKEN_LENGTH), primary_key=True)
    picture_id: Mapped[str] = mapped_column(ForeignKey("pictures.id"), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class JobRow(Table):
    """One accepted request and what became of it.

    `turn` orders the queue fairly (see Ledger.submit); `words` are what a person searches by.
    A running job is held by `worker` until `lease_until`, which its heartbeats put off.
    `findings` are the prompt gate's.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("account_id", "key"),
        Index(None, "state", "turn", "created_at", "id"),  # claim, position
        Index(None, "account_id", "created_at", "id"),  # history, pictures of a day
        Index(None, "account_id", "state"),  # quotas
        Index(None, "account_id", "turn"),
        Index(None, "state", "lease_until"),
        Index(None, "created_at", "id"),  # searches of moderators, and the next three
        Index(None, "model", "created_at", "id"),
        Index(None, "mode", "created_at", "id"),
        # Looked through for words, it is half of the table; PostgreSQL takes no long ones.
        Index(None, "created_at", "id", "words").ddl_if(dialect="sqlite"),
    )

    id: Mapped[str] = mapped_column(String(UUID_LENGTH), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    session_id: Mapped[str | None] = mapped_column(ForeignKey("sessions.id"), index=True)
    key: Mapped[str] = mapped_column(String(255))
    mode: Mapped[str] = mapped_column(String(32))
    model: Mapped[str] = mapped_column(String(255))
    request: Mapped[dict[str, Any]]
    words: Mapped[str] = mapped_column(Text, default="")
    findings: Mapped[list[dict[str, Any]] | None]
    count: Mapped[int] = mapped_column(default=1)
    turn: Mapped[int] = mapped_column(BigInteger, default=0, index=True)
    state: Mapped[JobState] = mapped_column(one_of(JobState))
    attempt: Mapped[int] = mapped_column(default=0)
    crashes: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None]
    step: Mapped[int] = mapped_column(default=0)
    steps: Mapped[int] = mapped_column(default=0)  # 0 until the first is taken
    error_key: Mapped[str | None] = mapped_column(Text)
    error_values: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    pictures: Mapped[list[PictureRow]] = relationship(
        primaryjoin="and_(PictureRow.job_id == JobRow.id, PictureRow.deleted_at.is_(None))",
        order_by=PictureRow.index,
        viewonly=True,
        lazy="raise",
    )


class SourceRow(Table):
    """A picture or mask that a job works on; its file is in the picture store."""

    __tablename__ = "sources"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(SHA256_LENGTH), primary_key=True, index=True)


class UploadRow(Table):
    """A picture or mask that a person sent, and may name in a request for a while.

    Its file is in the picture store; `created_at` is when it was sent the last time.
    """

    __tablename__ = "uploads"

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(SHA256_LENGTH), primary_key=True, index=True)
    bytes: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)


class DeliveryRow(Table):
    """The outbox: that the owner of a job which ended is to be told, on a channel that pushes."""

    __tablename__ = "deliveries"
    __table_args__ = (Index(None, "state", "due_at"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    state: Mapped[DeliveryState] = mapped_column(
        one_of(DeliveryState), default=DeliveryState.WAITING
    )
    attempt: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime] = mapped_column(default=now)
    reference: Mapped[str | None] = mapped_column(String(255))  # what the channel calls the message
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=now)
    sent_at: Mapped[datetime | None]


class UpdateRow(Table):
    """The inbox: an update of Telegram, kept before it is acknowledged; `id` is Telegram's.

    One that was handled keeps its number, so that it is not taken for new, and nothing else.
    """

    __tablename__ = "updates"
    __table_args__ = (
        Index(
            "ix_updates_unhandled",
            "bot",
            "id",
            sqlite_where=text("handled_at IS NULL"),
            postgresql_where=text("handled_at IS NULL"),
        ),
    )

    bot: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    lane: Mapped[str] = mapped_column(String(255))  # which conversation: handled in order
    album: Mapped[str | None] = mapped_column(String(255))
    person: Mapped[str | None] = mapped_column(String(255))  # the external id of the account
    body: Mapped[dict[str, Any] | None]
    received_at: Mapped[datetime] = mapped_column(default=now)
    handled_at: Mapped[datetime | None] = mapped_column(index=True)


class StateRow(Table):
    """Where a conversation of the bot is, and what it knows by then; `key` is the bot's."""

    __tablename__ = "states"

    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    person: Mapped[str | None] = mapped_column(String(255), index=True)  # as of UpdateRow
    state: Mapped[str | None] = mapped_column(String(255))
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    changed_at: Mapped[datetime] = mapped_column(default=now)


class MessageRow(Table):
    """A message that the bot sent about a job; it stays when the picture in it is deleted."""

    __tablename__ = "messages"

    bot: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    chat_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    message_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), index=True)
    picture_id: Mapped[str | None] = mapped_column(ForeignKey("pictures.id"), index=True)
    kind: Mapped[MessageKind] = mapped_column(one_of(MessageKind))
    file_id: Mapped[str | None] = mapped_column(Text)  # what Telegram calls the uploaded photo
    sent_at: Mapped[datetime] = mapped_column(default=now)


class ReportRow(Table):
    """Somebody's word that a picture should not be."""

    __tablename__ = "reports"
    __table_args__ = (UniqueConstraint("picture_id", "account_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    picture_id: Mapped[str] = mapped_column(ForeignKey("pictures.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[ReportState] = mapped_column(one_of(ReportState), default=ReportState.OPEN)
    decision_id: Mapped[int | None]  # that answered it
    created_at: Mapped[datetime] = mapped_column(default=now)


class CaseRow(Table):
    """A picture that moderators are to look at; one is open a picture, until `closed_at`.

    `removed_by` is who removed it, where that is appealed. No decision is referred to by a foreign
    key, here or elsewhere: they outlive what they are about.
    """

    __tablename__ = "cases"
    __table_args__ = (
        Index("ix_cases_open", "picture_id", unique=True, **_where("closed_at IS NULL")),
        Index("ix_cases_queue", "why", "opened_at", "id", **_where("closed_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    picture_id: Mapped[str] = mapped_column(ForeignKey("pictures.id"), index=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)  # the owner's
    why: Mapped[Why] = mapped_column(one_of(Why))
    policy: Mapped[str] = mapped_column(String(POLICY_LENGTH), default="")
    score: Mapped[float | None]
    removed_by: Mapped[int | None]
    holder: Mapped[int | None]  # the moderator whose alone it is
    held_until: Mapped[datetime | None]
    decision_id: Mapped[int | None] = mapped_column(index=True)  # that closed it
    opened_at: Mapped[datetime] = mapped_column(default=now)
    closed_at: Mapped[datetime | None] = mapped_column(index=True)


class AppealRow(Table):
    """Its owner's word that a picture was removed wrongly, by the decision `removal_id`."""

    __tablename__ = "appeals"

    id: Mapped[int] = mapped_column(primary_key=True)
    picture_id: Mapped[str] = mapped_column(ForeignKey("pictures.id"), index=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    text: Mapped[str] = mapped_column(Text)
    state: Mapped[ReportState] = mapped_column(one_of(ReportState), default=ReportState.OPEN)
    answer: Mapped[str] = mapped_column(Text, default="")
    decided_by: Mapped[int | None]
    decision_id: Mapped[int | None]  # that answered it
    removal_id: Mapped[int | None] = mapped_column(index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class DecisionRow(Table):
    """What a moderator, or the gate, decided; never changed, and kept when the picture's owner is
    forgotten, without its reason.

    `before` and `before_policy` are what the picture was, `score` is the picture gate's.
    """

    __tablename__ = "decisions"

    id: Mapped[int] = mapped_column(primary_key=True)
    picture_id: Mapped[str] = mapped_column(String(UUID_LENGTH), index=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    decision: Mapped[Review] = mapped_column(one_of(Review))
    policy: Mapped[str] = mapped_column(String(POLICY_LENGTH))
    reason: Mapped[str] = mapped_column(Text)
    undoes: Mapped[int | None] = mapped_column(unique=True)
    before: Mapped[Review] = mapped_column(one_of(Review), default=Review.NONE)
    before_policy: Mapped[str] = mapped_column(String(POLICY_LENGTH), default="")
    score: Mapped[float | None]
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)


class NoticeRow(Table):
    """What a person is to be told. It is due, on channels that push, at `due_at`.

    `decision_id` is the one that it tells of.
    """

    __tablename__ = "notices"
    __table_args__ = (
        Index("ix_notices_unseen", "account_id", **_where("seen_at IS NULL")),
        Index(None, "state", "due_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    kind: Mapped[NoticeKind] = mapped_column(one_of(NoticeKind, length=32))
    picture_id: Mapped[str | None] = mapped_column(String(UUID_LENGTH), index=True)
    job_id: Mapped[str | None] = mapped_column(String(UUID_LENGTH))
    policy: Mapped[str] = mapped_column(String(POLICY_LENGTH), default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    until: Mapped[datetime | None]
    decision_id: Mapped[int | None] = mapped_column(index=True)
    state: Mapped[DeliveryState] = mapped_column(
        one_of(DeliveryState), default=DeliveryState.WAITING
    )
    attempt: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime | None]


class PolicyRow(Table):
    """A policy that was changed; see storage/policies.py."""

    __tablename__ = "policies"

    key: Mapped[str] = mapped_column(String(POLICY_LENGTH), primary_key=True)
    names: Mapped[dict[str, str]]
    advice: Mapped[dict[str, str]]
    action: Mapped[Action] = mapped_column(one_of(Action))
    position: Mapped[int]
    active: Mapped[bool]


class FingerprintRow(Table):
    """What a picture looks like, in 256 bits; a number is never given twice."""

    __tablename__ = "fingerprints"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    picture_id: Mapped[str] = mapped_column(ForeignKey("pictures.id"), unique=True)
    hash: Mapped[str] = mapped_column(String(SHA256_LENGTH))


class BlockRow(Table):
    """What must not come back: the fingerprint of a removed picture, until it is lifted.

    It outlives the picture. `lifted_by` is the decision that approved it.
    """

    __tablename__ = "blocklist"

    id: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(String(SHA256_LENGTH))
    policy: Mapped[str] = mapped_column(String(POLICY_LENGTH))
    picture_id: Mapped[str] = mapped_column(String(UUID_LENGTH), index=True)
    decision_id: Mapped[int] = mapped_column(index=True)
    lifted_by: Mapped[int | None] = mapped_column(index=True)
    lifted_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class RefusalRow(Table):
    """A request that a gate did not accept."""

    __tablename__ = "refusals"

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    words: Mapped[str] = mapped_column(Text)
    policy: Mapped[str] = mapped_column(String(POLICY_LENGTH))
    rule: Mapped[str] = mapped_column(String(255))
    score: Mapped[float]
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)


class BanRow(Table):
    """The ban of an account that was forgotten; see storage/bans.py."""

    __tablename__ = "bans"

    person: Mapped[str] = mapped_column(String(SHA256_LENGTH), primary_key=True)
    until: Mapped[datetime] = mapped_column(index=True)
    reason: Mapped[str] = mapped_column(Text)


class SaltRow(Table):
    """What this database's hashes of people begin with; one row."""

    __tablename__ = "salts"

    id: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(String(SHA256_LENGTH))


class AuditRow(Table):
    """What somebody with rights did; only ever added to, but that failed sign-ins go in time, and
    what was said of a person when they are forgotten."""

    __tablename__ = "audit"
    __table_args__ = (
        Index(None, "account_id", "created_at"),
        Index(None, "account_id", "id"),
        Index(None, "action", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int | None]  # no foreign key: it outlives the account; None is a shell
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(255))
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
