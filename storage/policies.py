"""The policies: what the house does not make. Those below, as admins have changed them."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from storage.audit import audit
from storage.database import Database
from storage.inserts import insert_or_change
from storage.records import Action, Policy
from storage.tables import PolicyRow

DEFAULTS = (
    Policy(
        "minors",
        {"en": "Sexual content with minors", "ru": "Сексуализация детей"},
        {
            "en": "Nothing sexual with children is ever made here. Ask for something else.",
            "ru": "Здесь никогда не делают ничего сексуального с детьми. Попросите о другом.",
        },
        Action.BLOCK,
        1,
        fixed=True,
    ),
    Policy(
        "sexual",
        {"en": "Sexual content", "ru": "Откровенное содержание"},
        {
            "en": "Sexual pictures are not made here. Try it with clothes on, or a portrait.",
            "ru": "Откровенных картинок здесь не делают. Попробуйте в одежде или портрет.",
        },
        Action.BLOCK,
        2,
    ),
    Policy(
        "gore",
        {"en": "Gore and cruelty", "ru": "Жестокость и кровь"},
        {
            "en": "Cruel or bloody pictures are not made here. Tension shows without wounds, too.",
            "ru": "Жестоких и кровавых картинок здесь не делают. Напряжение видно и без ран.",
        },
        Action.BLOCK,
        3,
    ),
    Policy(
        "hate",
        {"en": "Hatred", "ru": "Ненависть"},
        {
            "en": "Pictures against groups of people are not made here. Say it without them.",
            "ru": "Картинок против групп людей здесь не делают. Попробуйте обойтись без этого.",
        },
        Action.BLOCK,
        4,
    ),
    Policy(
        "selfharm",
        {"en": "Self-harm", "ru": "Самоповреждение"},
        {
            "en": "Pictures of self-harm are not made here. If things are hard for you now, talk "
            "to somebody you trust, or call a helpline: you are not alone.",
            "ru": "Картинок о самоповреждении здесь не делают. Если вам сейчас тяжело, поговорите "
            "с тем, кому доверяете, или позвоните на телефон доверия: вы не одни.",
        },
        Action.BLOCK,
        5,
    ),
    Policy(
        "illegal",
        {"en": "Illegal things", "ru": "Противозаконное"},
        {
            "en": "What helps to break the law is not made here. Ask for something else.",
            "ru": "Того, что помогает нарушать закон, здесь не делают. Попросите о другом.",
        },
        Action.BLOCK,
        6,
    ),
    Policy(
        "person",
        {"en": "A real person", "ru": "Реальный человек"},
        {
            "en": "Pictures that use a real person’s likeness or privacy are not made here. "
            "Try somebody made up.",
            "ru": "Картинок, которые используют внешность или личную жизнь реального человека, "
            "здесь не делают. Попробуйте выдуманного.",
        },
        Action.HOLD,
        7,
    ),
    Policy(
        "other",
        {"en": "Something else", "ru": "Другое"},
        {
            "en": "This is nothing for this place. Ask for something else.",
            "ru": "Здесь этому не место. Попросите о другом.",
        },
        Action.OFF,
        8,
    ),
)


class Policies:
    """The policies of one database. Every method may raise DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[Policy]:
        """As they are now, in their order, those that are not active too."""
        async with self._database.read() as session:
            changed = {row.key: row for row in await session.scalars(select(PolicyRow))}
        policies = [_changed(policy, changed.get(policy.key)) for policy in DEFAULTS]
        return sorted(policies, key=lambda policy: (policy.position, policy.key))

    async def change(self, policy: Policy, *, by: int | None) -> None:
        """From now on it is so, but for what is fixed. Raises ValueError for an unknown one."""
        default = next((one for one in DEFAULTS if one.key == policy.key), None)
        if default is None:
            raise ValueError(f"There is no policy {policy.key}.")
        values = {
            "names": policy.names,
            "advice": policy.advice,
            "action": default.action if default.fixed else policy.action,
            "position": policy.position,
            "active": policy.active or default.fixed,
        }
        async with self._database.write() as session:
            change = insert_or_change(session, PolicyRow, tuple(values))
            await session.execute(change.values(values | {"key": policy.key}))
            audit(session, "policy", policy.key, by, values)


def _changed(policy: Policy, row: PolicyRow | None) -> Policy:
    if row is None:
        return policy
    return replace(
        policy,
        names=row.names,
        advice=row.advice,
        action=row.action,
        position=row.position,
        active=row.active,
    )
