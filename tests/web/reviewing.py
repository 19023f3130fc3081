"""Moderators in a test of the web: somebody who decides about a person's pictures."""

from __future__ import annotations

from pathlib import Path

from engine.settings import Settings
from engine.studio import Studio
from storage.records import Account, Decision, Review, Role
from storage.rights import Rights

REASON = "It shows <somebody> & more."


def reviewed(folder: Path) -> Settings:
    """Moderators look at what is made on the web, and by programs, before its owner does."""
    return Settings(
        data=folder,
        secret="a secret of the tests",
        review={"web": "before", "api": "before"},
        check_prompts=False,
        check_pictures=False,
    )


async def moderator(studio: Studio, name: str = "olga") -> Account:
    account = await studio.account("web", name, "en")
    await Rights(studio.database).role(account.id, Role.SENIOR, by=None)
    return account


async def approve(studio: Studio, *pictures: str, by: str = "olga") -> list[Decision]:
    by_whom = await moderator(studio, by)
    return await studio.moderation.decide(by_whom, Review.APPROVED, pictures=pictures)


async def remove(
    studio: Studio, *pictures: str, by: str = "olga", policy: str = "gore"
) -> list[Decision]:
    return await studio.moderation.decide(
        await moderator(studio, by),
        Review.REMOVED,
        pictures=pictures,
        policy=policy,
        reason=REASON,
    )
