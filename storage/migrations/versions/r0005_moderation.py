"""Cases, appeals, notices and policies; what pictures look like, and what must not come back."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    # Not in batch, but for decisions: SQLite would drop a table that others refer to.
    op.add_column("pictures", sa.Column("score", sa.Float()))
    op.add_column("pictures", _policy(server_default=""))
    op.add_column("jobs", sa.Column("findings", sa.JSON()))
    op.add_column("reports", sa.Column("decision_id", sa.Integer()))
    for columns in (
        ["created_at", "id"],
        ["model", "created_at", "id"],
        ["mode", "created_at", "id"],
    ):
        op.create_index("_".join(["ix_jobs", *columns]), "jobs", columns)
    op.create_index("ix_audit_account_id_id", "audit", ["account_id", "id"])
    op.create_index("ix_audit_action_id", "audit", ["action", "id"])
    if op.get_bind().dialect.name == "sqlite":
        op.create_index("ix_jobs_created_at_id_words", "jobs", ["created_at", "id", "words"])
    _decisions()
    _cases()
    _appeals()
    _notices()
    _policies()
    _fingerprints()
    _blocklist()
    _refusals()
    _bans()
    _reported()


def downgrade() -> None:
    raise NotImplementedError("what is kept since then has no place before; restore a backup")


def _decisions() -> None:
    with op.batch_alter_table("decisions") as decisions:
        decisions.alter_column("account_id", existing_type=sa.Integer(), nullable=True)
        decisions.add_column(sa.Column("undoes", sa.Integer()))
        decisions.add_column(
            sa.Column("before", sa.String(16), nullable=False, server_default="none")
        )
        decisions.add_column(_policy("before_policy", server_default=""))
        decisions.add_column(sa.Column("score", sa.Float()))
        decisions.create_unique_constraint("uq_decisions_undoes", ["undoes"])


def _cases() -> None:
    op.create_table(
        "cases",
        sa.Column("id", sa.Integer(), nullable=False),
        _picture_id(),
        _account_id(),
        sa.Column("why", sa.String(16), nullable=False),
        _policy(),
        sa.Column("score", sa.Float()),
        sa.Column("removed_by", sa.Integer()),
        sa.Column("holder", sa.Integer()),
        _moment("held_until", nullable=True),
        sa.Column("decision_id", sa.Integer()),
        _moment("opened_at"),
        _moment("closed_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_cases"),
        _picture("cases"),
        _account("cases"),
    )
    for column in ("picture_id", "account_id", "decision_id", "closed_at"):
        op.create_index(f"ix_cases_{column}", "cases", [column])
    op.create_index(
        "ix_cases_open", "cases", ["picture_id"], unique=True, **_where("closed_at IS NULL")
    )
    op.create_index(
        "ix_cases_queue", "cases", ["why", "opened_at", "id"], **_where("closed_at IS NULL")
    )


def _appeals() -> None:
    op.create_table(
        "appeals",
        sa.Column("id", sa.Integer(), nullable=False),
        _picture_id(),
        _account_id(),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Integer()),
        sa.Column("decision_id", sa.Integer()),
        sa.Column("removal_id", sa.Integer()),
        _moment("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_appeals"),
        _picture("appeals"),
        _account("appeals"),
    )
    for column in ("picture_id", "account_id", "removal_id"):
        op.create_index(f"ix_appeals_{column}", "appeals", [column])


def _notices() -> None:
    op.create_table(
        "notices",
        sa.Column("id", sa.Integer(), nullable=False),
        _account_id(),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("picture_id", sa.String(36)),
        sa.Column("job_id", sa.String(36)),
        _policy(),
        sa.Column("reason", sa.Text(), nullable=False),
        _moment("until", nullable=True),
        sa.Column("decision_id", sa.Integer()),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        _moment("due_at", nullable=True),
        sa.Column("error", sa.Text()),
        _moment("created_at"),
        _moment("seen_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
        _account("notices"),
    )
    for column in ("account_id", "picture_id", "decision_id"):
        op.create_index(f"ix_notices_{column}", "notices", [column])
    op.create_index("ix_notices_state_due_at", "notices", ["state", "due_at"])
    op.create_index("ix_notices_unseen", "notices", ["account_id"], **_where("seen_at IS NULL"))


def _policies() -> None:
    op.create_table(
        "policies",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("advice", sa.JSON(), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_policies"),
    )


def _fingerprints() -> None:
    op.create_table(
        "fingerprints",
        sa.Column("id", sa.Integer(), nullable=False),
        _picture_id(),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_fingerprints"),
        _picture("fingerprints"),
        sa.UniqueConstraint("picture_id", name="uq_fingerprints_picture_id"),
        sqlite_autoincrement=True,
    )


def _blocklist() -> None:
    op.create_table(
        "blocklist",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        _policy(),
        _picture_id(),
        sa.Column("decision_id", sa.Integer(), nullable=False),
        sa.Column("lifted_by", sa.Integer()),
        _moment("lifted_at", nullable=True),
        _moment("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_blocklist"),
    )
    for column in ("picture_id", "decision_id", "lifted_by"):
        op.create_index(f"ix_blocklist_{column}", "blocklist", [column])


def _refusals() -> None:
    op.create_table(
        "refusals",
        sa.Column("id", sa.Integer(), nullable=False),
        _account_id(),
        sa.Column("words", sa.Text(), nullable=False),
        _policy(),
        sa.Column("rule", sa.String(255), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        _moment("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_refusals"),
        _account("refusals"),
    )
    for column in ("account_id", "created_at"):
        op.create_index(f"ix_refusals_{column}", "refusals", [column])


def _bans() -> None:
    op.create_table(
        "bans",
        sa.Column("person", sa.String(64), nullable=False),
        _moment("until"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("person", name="pk_bans"),
    )
    op.create_index("ix_bans_until", "bans", ["until"])
    op.create_table(
        "salts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("value", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_salts"),
    )


def _reported() -> None:
    """What was reported before is a case from now on."""
    op.execute(
        "INSERT INTO cases (picture_id, account_id, why, policy, opened_at)"
        " SELECT id, account_id, 'report', '', created_at FROM pictures"
        " WHERE review = 'waiting' AND deleted_at IS NULL"
    )


def _account_id() -> sa.Column[int]:
    return sa.Column("account_id", sa.Integer(), nullable=False)


def _picture_id() -> sa.Column[str]:
    return sa.Column("picture_id", sa.String(36), nullable=False)


def _policy(name: str = "policy", **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.String(64), nullable=False, **options)


def _moment(name: str, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _account(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=f"fk_{table}_account_id")


def _picture(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["picture_id"], ["pictures.id"], name=f"fk_{table}_picture_id")


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}
