"""What the Telegram bot keeps: updates, states of conversations, sent messages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _updates()
    _states()
    _messages()


def downgrade() -> None:
    for table in ("messages", "states", "updates"):
        op.drop_table(table)


def _updates() -> None:
    op.create_table(
        "updates",
        sa.Column("bot", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("lane", sa.String(255), nullable=False),
        sa.Column("album", sa.String(255)),
        sa.Column("person", sa.String(255)),
        sa.Column("body", sa.JSON()),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("bot", "id", name="pk_updates"),
    )
    op.create_index(
        "ix_updates_unhandled",
        "updates",
        ["bot", "id"],
        sqlite_where=sa.text("handled_at IS NULL"),
        postgresql_where=sa.text("handled_at IS NULL"),
    )
    op.create_index("ix_updates_handled_at", "updates", ["handled_at"])


def _states() -> None:
    op.create_table(
        "states",
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("person", sa.String(255)),
        sa.Column("state", sa.String(255)),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_states"),
    )
    op.create_index("ix_states_person", "states", ["person"])


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("bot", sa.BigInteger(), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.String(36), nullable=False),
        sa.Column("picture_id", sa.String(36)),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("file_id", sa.Text()),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("bot", "chat_id", "message_id", name="pk_messages"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_messages_job_id"),
        sa.ForeignKeyConstraint(["picture_id"], ["pictures.id"], name="fk_messages_picture_id"),
    )
    op.create_index("ix_messages_job_id", "messages", ["job_id"])
    op.create_index("ix_messages_picture_id", "messages", ["picture_id"])
