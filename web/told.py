"""What a person is to be told, in words, as the page and the account page show it."""

from __future__ import annotations

from dataclasses import dataclass

from engine.studio import Studio
from engine.texts import Texts
from engine.tidings import Tidings, named, tidings
from storage.records import Account, NoticeKind


@dataclass(frozen=True, slots=True)
class Told:
    """A notice about a picture of a job, if it is about one; `ids` are several where they say the
    same of several pictures."""

    ids: tuple[int, ...]
    picture: str | None
    job: str | None
    told: Tidings


async def policies(studio: Studio, language: str) -> dict[str, str]:
    """What the policies are called, by key."""
    return named(await studio.moderation.policies(), language)


async def told(studio: Studio, account: Account, texts: Texts) -> list[Told]:
    """What the person has not seen yet, the oldest first."""
    notices = await studio.notices.all(account)
    if not notices:
        return []
    names = await policies(studio, texts.language)
    found: dict[object, Told] = {}
    for one in notices:
        same = (one.kind, one.job_id) if one.kind is NoticeKind.RELEASED else one.id
        ids = (*found[same].ids, one.id) if same in found else (one.id,)
        found[same] = Told(ids, one.picture_id, one.job_id, tidings(one, names, texts))
    return list(found.values())
