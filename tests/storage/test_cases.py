from __future__ import annotations

import asyncio
import multiprocessing
from collections import Counter

import pytest
from sqlalchemy import func, select

from storage.accounts import Accounts
from storage.appeals import appeal
from storage.audit import Audit
from storage.cases import HELD_AT_ONCE, Cases
from storage.database import Database
from storage.decisions import decide, last, undo
from storage.found import search
from storage.gallery import Gallery
from storage.notices import Notices
from storage.records import VIEWS, Account, NewCase, Review, Role, Search, View, Why
from storage.survey import survey
from storage.tables import CaseRow
from tests.storage.plans import by_indices
from tests.storage.reviewing import drawn, ended, held_one, moderator

LEASE = 60.0


@pytest.fixture
def cases(database: Database) -> Cases:
    return Cases(database)


async def fill(database: Database, account: Account, count: int) -> list[str]:
    """So many cases, the first one the oldest."""
    case = NewCase(Why.DOUBT, "gore", 0.4)
    pictures = [drawn(number, Review.HELD, case) for number in range(count)]
    return await ended(database, account, pictures)


async def test_the_oldest_cases_come_first_with_all_that_is_known(
    database: Database, cases: Cases, account: Account
) -> None:
    ids = await fill(database, account, 3)
    ann = await moderator(database, "ann")
    taken = await cases.take(ann, View.HELD, 2, LEASE)
    assert [case.picture.id for case in taken] == ids[:2]
    first = taken[0]
    assert (first.why, first.policy, first.score) == (Why.DOUBT, "gore", 0.4)
    assert first.account == account
    assert (first.job.words, first.job.request["prompt"]) == ("a fox", "a fox")
    assert first.holder == ann
    assert first.held_until is not None
    assert first.picture.review is Review.HELD
    assert await cases.take(ann, View.WAITING, 9, LEASE) == []


async def test_what_one_holds_comes_again_and_to_nobody_else(
    database: Database, cases: Cases, account: Account
) -> None:
    ids = await fill(database, account, 3)
    ann, bob = [await moderator(database, name) for name in ("ann", "bob")]
    (first,) = await cases.take(ann, View.HELD, 1, LEASE)
    assert [case.id for case in await cases.take(ann, View.HELD, 1, LEASE)] == [first.id]
    assert [one.picture.id for one in await cases.take(bob, View.HELD, 9, LEASE)] == ids[1:]
    assert await cases.release(bob, [first.id]) == set()
    assert await cases.release(ann, [first.id]) == {first.id}
    assert [one.picture.id for one in await cases.take(bob, View.HELD, 9, LEASE)] == ids


async def test_what_was_skipped_is_left_out(
    database: Database, cases: Cases, account: Account
) -> None:
    ids = await fill(database, account, 3)
    ann = await moderator(database, "ann")
    (first,) = await cases.take(ann, View.HELD, 1, LEASE)
    taken = await cases.take(ann, View.HELD, 9, LEASE, without=[first.id])
    assert [case.picture.id for case in taken] == ids[1:]


async def test_a_lease_ends_unless_it_is_kept(
    database: Database, cases: Cases, account: Account
) -> None:
    await fill(database, account, 2)
    ann, bob = [await moderator(database, name) for name in ("ann", "bob")]
    (first,) = await cases.take(ann, View.HELD, 1, 0.05)
    (second,) = await cases.take(ann, View.HELD, 1, LEASE, without=[first.id])
    assert await cases.keep(ann, [second.id, 99], LEASE) == {second.id}
    await asyncio.sleep(0.1)
    assert await cases.keep(ann, [first.id], LEASE) == set()
    assert [case.id for case in await cases.take(bob, View.HELD, 9, LEASE)] == [first.id]


async def test_one_holds_no_more_than_a_hundred(
    database: Database, cases: Cases, account: Account
) -> None:
    await fill(database, account, HELD_AT_ONCE + 10)
    ann, bob = [await moderator(database, name) for name in ("ann", "bob")]
    first = await cases.take(ann, View.HELD, HELD_AT_ONCE - 5, LEASE)
    known = [case.id for case in first]
    racing = [cases.take(ann, View.HELD, 4, LEASE, without=known) for _ in range(4)]
    more = {case.id for taken in await asyncio.gather(*racing) for case in taken}
    held = {*known, *more}
    rest = await cases.take(ann, View.HELD, HELD_AT_ONCE, LEASE, without=list(held))
    held |= {case.id for case in rest}
    assert len(held) == HELD_AT_ONCE
    assert await cases.take(ann, View.HELD, 1, LEASE, without=list(held)) == []
    again = await cases.take(ann, View.HELD, HELD_AT_ONCE + 10, LEASE)
    assert {case.id for case in again} == held
    assert len(await cases.take(bob, View.HELD, HELD_AT_ONCE, LEASE)) == 10
    await cases.release(ann, known[:1])
    assert len(await cases.take(ann, View.HELD, 9, LEASE, without=list(held - {known[0]}))) == 1


async def test_one_persons_cases_are_taken(
    database: Database, cases: Cases, account: Account
) -> None:
    bob = await Accounts(database).get_or_create("web", "bob", "en")
    await held_one(database, account, "a")
    his = await held_one(database, bob, "b")
    ann = await moderator(database, "ann")
    taken = await cases.take(ann, View.HELD, 9, LEASE, person=bob.id)
    assert [case.picture.id for case in taken] == [his]


async def test_each_view_is_counted(database: Database, cases: Cases, account: Account) -> None:
    whys = [Why.REVIEW, Why.PROMPT, Why.DOUBT, Why.UNCHECKED]
    pictures = [drawn(i, Review.WAITING, NewCase(why)) for i, why in enumerate(whys)]
    ids = await ended(database, account, [*pictures, drawn(9)])
    await Gallery(database).report(ids[4], account.id, "odd")
    ann = await moderator(database, "ann")
    await decide(database, ann, Review.REMOVED, pictures=[ids[0]], policy="gore")
    assert await appeal(database, ids[0], account.id, "It is paint.")
    counts = await cases.counts()
    assert {view: line.open for view, line in counts.items()} == {
        View.WAITING: 0,
        View.HELD: 3,
        View.REPORTED: 1,
        View.APPEALS: 1,
    }
    assert counts[View.WAITING].oldest is None
    assert counts[View.HELD].oldest is not None
    assert {why for some in VIEWS.values() for why in some} == set(Why)


async def test_an_appeal_comes_to_another_moderator(
    database: Database, cases: Cases, account: Account
) -> None:
    (one,) = await ended(database, account, [drawn(1)])
    ann, bob = [await moderator(database, name, Role.SENIOR) for name in ("ann", "bob")]
    await decide(database, ann, Review.REMOVED, pictures=[one], policy="gore", reason="blood")
    assert await appeal(database, one, account.id, "It is paint.")
    assert await cases.take(ann, View.APPEALS, 9, LEASE) == []
    (case,) = await cases.take(bob, View.APPEALS, 9, LEASE)
    assert case.appeal is not None
    assert case.appeal.text == "It is paint."


async def test_a_report_turns_the_case_there_is(
    database: Database, cases: Cases, account: Account
) -> None:
    (one,) = await ended(database, account, [drawn(1, Review.WAITING, NewCase(Why.REVIEW))])
    bob = await Accounts(database).get_or_create("web", "bob", "en")
    for person in (account, bob):
        assert await Gallery(database).report(one, person.id, f"says {person.external_id}")
    ann = await moderator(database, "ann")
    (case,) = await cases.take(ann, View.REPORTED, 9, LEASE)
    assert [report.reason for report in case.reports] == ["says ann", "says bob"]
    assert await cases.take(ann, View.WAITING, 9, LEASE) == []


async def test_nobody_has_to_look_at_what_its_owner_deleted(
    database: Database, cases: Cases, account: Account
) -> None:
    case = NewCase(Why.REVIEW)
    shown = [drawn(number, Review.WAITING, case) for number in range(2)]
    one, two = await ended(database, account, shown)
    await Gallery(database).report(two, account.id, "odd")
    assert len(await Gallery(database).delete([one, two], account.id)) == 2
    counts = await cases.counts()
    assert [counts[view].open for view in (View.WAITING, View.REPORTED)] == [0, 1]


async def test_what_is_held_is_not_its_owners_to_delete_or_report(
    database: Database, account: Account
) -> None:
    one, gallery = await held_one(database, account), Gallery(database)
    assert await gallery.delete([one], account.id) == []
    assert await gallery.hashes([one], account.id) == []
    assert not await gallery.report(one, account.id, "odd")
    assert await gallery.all_hashes(account.id) != []


async def test_no_case_is_held_twice_by_tasks(
    database: Database, cases: Cases, account: Account
) -> None:
    await fill(database, account, 200)
    people = [await moderator(database, f"moderator{number}") for number in range(8)]

    async def work(person: int) -> list[int]:
        return await _taken_by(cases, person, database)

    taken = await asyncio.gather(*map(work, people))
    _check([one for some in taken for one in some])


@pytest.mark.slow
async def test_no_case_is_held_twice_by_processes(
    database: Database, database_url: str, account: Account
) -> None:
    await fill(database, account, 200)
    people = [await moderator(database, f"moderator{number}") for number in range(4)]
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(len(people)) as pool:
        work = [(database_url, person) for person in people]
        taken = await asyncio.to_thread(pool.starmap, _process, work)
    _check([one for some in taken for one in some])
    async with database.read() as session:
        assert await session.scalar(select(func.count(CaseRow.holder))) == 200


def _process(url: str, person: int) -> list[int]:
    async def work() -> list[int]:
        async with Database.open(url) as database:
            return await _taken_by(Cases(database), person, database)

    return asyncio.run(work())


async def _taken_by(cases: Cases, person: int, database: Database) -> list[int]:
    """What one moderator gets until nothing is left, three at a time."""
    mine: list[int] = []
    while True:
        taken = await cases.take(person, View.HELD, 3, LEASE, without=mine)
        if not taken and await _left(database) == 0:
            return mine
        mine += [case.id for case in taken]


async def _left(database: Database) -> int:
    """Others may hold the locks of the last ones for a moment."""
    async with database.read() as session:
        free = select(func.count()).where(CaseRow.holder.is_(None))
        return await session.scalar(free) or 0


def _check(taken: list[int]) -> None:
    assert len(taken) == 200
    assert [one for one, times in Counter(taken).items() if times > 1] == []


async def test_what_moderators_ask_for_is_found_by_indices(
    database: Database, cases: Cases, account: Account
) -> None:
    (one,) = await ended(database, account, [drawn(1, Review.HELD, NewCase(Why.DOUBT))])
    ann = await moderator(database, "ann", Role.SENIOR)
    async with by_indices(database, at_least=20):
        (case,) = await cases.take(ann, View.HELD, 1, LEASE)
        await cases.keep(ann, [case.id], LEASE)
        await decide(database, ann, Review.REMOVED, cases=[case.id], policy="gore")
        made = await last(database, ann)
        assert made is not None
        await undo(database, ann, made.id)
        await survey(database, account.id)
        await search(database, Search(account=account.id), one, 50)
        await Notices(database).of(account.id)
        await Audit(database).page(None, 9, by=ann)
