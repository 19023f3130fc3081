"""What people send before they ask for anything, and the links by which they share pictures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    _uploads()
    _links()
    op.create_index("ix_decisions_account_id", "decisions", ["account_id"])


def downgrade() -> None:
    op.drop_index("ix_decisions_account_id", "decisions")
    for table in ("links", "uploads"):
        op.drop_table(table)


def _uploads() -> None:
    op.create_table(
        "uploads",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "sha256", name="pk_uploads"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_uploads_account_id"),
    )
    op.create_index("ix_uploads_sha256", "uploads", ["sha256"])
    op.create_index("ix_uploads_created_at", "uploads", ["created_at"])


def _links() -> None:
    op.create_table(
        "links",
        sa.Column("token", sa.String(22), nullable=False),
        sa.Column("picture_id", sa.String(36), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token", name="pk_links"),
        sa.ForeignKeyConstraint(["picture_id"], ["pictures.id"], name="fk_links_picture_id"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_links_account_id"),
        sa.UniqueConstraint("picture_id", name="uq_links_picture_id"),
    )
    op.create_index("ix_links_account_id", "links", ["account_id"])
