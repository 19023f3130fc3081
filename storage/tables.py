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

from storage.records import DeliveryState, JobState, MessageKind, ReportState, Review, Role

UUID_LENGTH = 36
SHA256_LENGTH = 64
TOKEN_LENGTH = 22  # of 128 random bits in base64
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
    """One picture that was made; its file is found by `sha256` until it is deleted."""

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
    """

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("account_id", "key"),
        Index(None, "state", "turn", "created_at", "id"),  # claim, position
        Index(None, "account_id", "created_at", "id"),  # history, pictures of a day
        Index(None, "account_id", "state"),  # quotas
        Index(None, "account_id", "turn"),
        Index(None, "state", "lease_until"),
    )

    id: Mapped[str] = mapped_column(String(UUID_LENGTH), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    session_id: Mapped[str | None] = mapped_column(ForeignKey("sessions.id"), index=True)
    key: Mapped[str] = mapped_column(String(255))
    mode: Mapped[str] = mapped_column(String(32))
    model: Mapped[str] = mapped_column(String(255))
    request: Mapped[dict[str, Any]]
    words: Mapped[str] = mapped_column(Text, default="")
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
    created_at: Mapped[datetime] = mapped_column(default=now)


class DecisionRow(Table):
    """What a moderator decided; never changed, and kept when the picture's owner is forgotten."""

    __tablename__ = "decisions"

    id: Mapped[int] = mapped_column(primary_key=True)
    picture_id: Mapped[str] = mapped_column(String(UUID_LENGTH), index=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)  # moderator's
    decision: Mapped[Review] = mapped_column(one_of(Review))
    policy: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)


class AuditRow(Table):
    """What somebody with rights did; only ever added to."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "account_id", "created_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int | None]  # no foreign key: it outlives the account; None is a shell
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(255))
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
