"""Moderators in a test: somebody who decides about the pictures of a scene."""

from __future__ import annotations

from engine.studio import Studio
from storage.records import Account, JobRecord, Review, Role
from storage.rights import Rights
from tests.bot.scene import Scene
from tests.telegram import Person, Seen

FIRST: dict[str, object] = {
    "review": {"telegram": "before"},
    "check_prompts": False,
    "check_pictures": False,
}  # settings: moderators look at pictures before their owners do
REASON = "It shows <somebody> & more."


async def moderator(studio: Studio, name: str = "olga") -> Account:
    account = await studio.account("web", name, "en")
    await Rights(studio.database).role(account.id, Role.SENIOR, by=None)
    return account


async def account_of(scene: Scene, person: Person) -> Account:
    return await scene.studio.account("telegram", str(person.id), "en")


async def latest(scene: Scene, person: Person) -> JobRecord:
    """The last thing that they asked for."""
    return (await scene.studio.history(await account_of(scene, person)))[0]


async def approve(scene: Scene, *pictures: str, by: str = "olga") -> None:
    by_whom = await moderator(scene.studio, by)
    await scene.studio.moderation.decide(by_whom, Review.APPROVED, pictures=pictures)


async def remove(scene: Scene, *pictures: str, by: str = "olga", policy: str = "gore") -> None:
    await scene.studio.moderation.decide(
        await moderator(scene.studio, by),
        Review.REMOVED,
        pictures=pictures,
        policy=policy,
        reason=REASON,
    )


def photos(person: Person) -> list[Seen]:
    """What the bot shows them."""
    return [one for one in person.chat.messages if one.photo and one.from_bot]
