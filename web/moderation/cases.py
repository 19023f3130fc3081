"""A case as pieces of HTML, with all that one needs to know to decide it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from babel.dates import format_date

from engine.moderation import Person
from engine.texts import Texts
from storage.records import Account, Case, Decision, PictureRecord, Review
from storage.rights import FOREVER
from storage.survey import LATEST
from web.moderation import marks
from web.moderation.call import Call

OTHERS = 12  # pictures of the same person beside a case
PAST = 6  # decisions about them; the person's page has the others


@dataclass(frozen=True, slots=True)
class Shown:
    """`html` is the case large, `tile` the same among many."""

    id: int
    html: str
    tile: str


async def shown(call: Call, cases: Sequence[Case], view: str) -> list[Shown]:
    """Each case; what is known of a person is looked up once."""
    shared = await call.shared()
    accounts = {case.account.id: case.account for case in cases}
    known = await asyncio.gather(*(_beside(call, one) for one in accounts.values()))
    people = dict(zip(accounts, known, strict=True))
    return [await _shown(call, one, view, shared, *people[one.account.id]) for one in cases]


async def _beside(call: Call, account: Account) -> tuple[Person, list[PictureRecord]]:
    person = await call.moderation.person(call.by, account.id)
    return person, await call.moderation.pictures_of(call.by, account.id, limit=OTHERS + 1)


async def _shown(
    call: Call,
    case: Case,
    view: str,
    shared: dict[str, object],
    person: Person,
    pictures: list[PictureRecord],
) -> Shown:
    decisions = await _decisions(call, case, person)
    past = [one for one in person.decisions if one.picture_id != case.picture.id]
    why = call.words.whys()[case.why]
    html = call.piece(
        "case",
        shared,
        view=view,
        case=case,
        why=why,
        job=case.job,
        plain=marks.plain(case.job.request),
        words=marks.asked(case.job.request, case.job.findings, call.plain.texts),
        kind=call.words.kinds().get(case.job.mode, case.job.mode),
        sources=marks.sources(case.job.request),
        suggested=case.policy or case.picture.policy,
        decisions=decisions,
        past=past[:PAST],
        past_count=len(past),
        others=[one for one in pictures if one.id != case.picture.id][:OTHERS],
        tally=tally(person, call),
        banned=ban(person.account, call.plain.texts),
    )
    words = marks.plain(case.job.request)
    tile = call.piece("tile", shared, one=case.picture, words=words, note=words, case=case.id)
    return Shown(case.id, html, tile)


async def _decisions(call: Call, case: Case, person: Person) -> Sequence[Decision]:
    """About the picture of a case; they are looked up only where there may be more than known."""
    if len(person.decisions) >= LATEST:
        return (await call.moderation.story(call.by, case.picture.id)).decisions
    return [one for one in person.decisions if one.picture_id == case.picture.id]


def tally(person: Person, call: Call) -> list[tuple[str, int]]:
    """How much of somebody is here: names and numbers."""
    say, counts = call.plain.texts.say, person.counts
    rows = [
        (say("pictures"), sum(counts.values())),
        (say("held back"), counts.get(Review.HELD, 0)),
        (say("passed"), counts.get(Review.APPROVED, 0)),
        (say("taken down"), counts.get(Review.REMOVED, 0)),
        (say("requests refused of late"), person.refusals),
    ]
    return [(name, number) for name, number in rows if number]


def ban(account: Account, texts: Texts) -> str:
    """Until when somebody is banned, in words; empty if they are not."""
    until = account.banned_until
    if until is None or until <= datetime.now(UTC):
        return ""
    if until >= FOREVER:
        return texts.say("for good")
    return texts.say("until {day}", day=format_date(until, "long", locale=texts.language))
