from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from storage import decisions
from storage.accounts import Accounts
from storage.appeals import Appealed, appeal
from storage.cases import Cases
from storage.database import Database
from storage.decisions import decide, last, undo
from storage.erasure import HasDecided, erase
from storage.fingerprints import Blocklist
from storage.gallery import Gallery
from storage.links import Links
from storage.notices import Notices
from storage.outbox import Outbox
from storage.records import (
    Account,
    JobState,
    NoticeKind,
    ReportState,
    Review,
    Role,
    View,
)
from storage.tables import AppealRow, AuditRow, CaseRow, DecisionRow, ReportRow, now
from tests.storage.reviewing import (
    drawn,
    ended,
    held_one,
    job_of,
    moderator,
    state,
    told,
)

GORE: dict[str, Any] = {"policy": "gore", "reason": "too much blood"}


@pytest.fixture
async def ann(database: Database) -> int:
    return await moderator(database, "ann", Role.SENIOR)


@pytest.fixture
async def bob(database: Database) -> int:
    return await moderator(database, "bob", Role.SENIOR)


@pytest.fixture
async def ivan(database: Database) -> Account:
    return await Accounts(database).get_or_create("telegram", "42", "ru")


async def open_cases(database: Database) -> int:
    async with database.read() as session:
        rows = select(func.count()).where(CaseRow.closed_at.is_(None))
        return await session.scalar(rows) or 0


async def made(database: Database) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(DecisionRow)) or 0


async def blocked(database: Database) -> list[tuple[str, str]]:
    return [(found, policy) for _, found, policy in await Blocklist(database).rows()]


async def test_what_is_removed_is_gone_from_every_surface(
    database: Database, account: Account, ann: int
) -> None:
    one, two = await ended(database, account, [drawn(1), drawn(2)])
    gallery, links = Gallery(database), Links(database)
    token = await links.share(one, account.id)
    assert token is not None
    outcome = await decide(database, ann, Review.REMOVED, pictures=[one], **GORE)
    assert outcome.told == {account.id}
    assert await state(database, one) == (Review.REMOVED, "gore")
    assert await gallery.picture(one, account.id) is None
    assert await links.picture(token) is None
    assert await links.all(account.id) == []
    (job,) = await gallery.history(account.id)
    assert [picture.id for picture in job.pictures] == [two]
    (gone,) = job.withheld
    assert (gone.id, gone.index, gone.review, gone.policy) == (one, 0, Review.REMOVED, "gore")
    assert await blocked(database) == [(f"{1:064x}", "gore")]
    (notice,) = await Notices(database).of(account.id)
    assert (notice.kind, notice.picture_id) == (NoticeKind.REMOVED, one)
    assert (notice.policy, notice.reason) == ("gore", "too much blood")


async def test_what_is_removed_as_something_else_is_not_blocked(
    database: Database, account: Account, ann: int
) -> None:
    (one,) = await ended(database, account, [drawn(1)])
    await decide(database, ann, Review.REMOVED, pictures=[one], policy="other")
    assert await blocked(database) == []


async def test_a_held_picture_is_released(database: Database, account: Account, ann: int) -> None:
    one, gallery = await held_one(database, account), Gallery(database)
    (job,) = await gallery.history(account.id)
    assert job.pictures == ()
    assert [withheld.review for withheld in job.withheld] == [Review.HELD]
    (case,) = await Cases(database).take(ann, View.HELD, 1, 60)
    await decide(database, ann, Review.APPROVED, cases=[case.id])
    assert await gallery.picture(one, account.id) is not None
    assert await told(database, account) == [NoticeKind.RELEASED]
    assert await open_cases(database) == 0


async def test_a_held_picture_of_telegram_is_sent_after_all(
    database: Database, ivan: Account, ann: int
) -> None:
    one, outbox = await held_one(database, ivan), Outbox(database)
    (delivery,) = await outbox.take(9, 60)
    assert await outbox.sent(delivery, "message 7")
    await decide(database, ann, Review.APPROVED, pictures=[one])
    (again,) = await outbox.take(9, 60)
    assert again.job_id == delivery.job_id
    assert again.attempt > delivery.attempt
    assert await told(database, ivan) == []


async def test_who_sends_just_now_sends_again(database: Database, ivan: Account, ann: int) -> None:
    one, outbox = await held_one(database, ivan), Outbox(database)
    (delivery,) = await outbox.take(9, 60)
    await decide(database, ann, Review.APPROVED, pictures=[one])
    assert not await outbox.sent(delivery, "without the picture")
    assert len(await outbox.take(9, 60)) == 1


async def test_a_job_of_which_all_was_removed_is_blocked_until_one_is_approved(
    database: Database, ivan: Account, ann: int
) -> None:
    gone = [drawn(number, Review.REMOVED, policy="sexual") for number in (1, 2)]
    one, two = await ended(database, ivan, gone)
    job = await job_of(database, one)
    assert (job.state, job.error_key) == (JobState.BLOCKED, "PictureRefused")
    assert job.error_values == {"policy": "sexual"}
    assert await made(database) == 2
    assert await blocked(database) == []
    outcome = await decide(database, ann, Review.APPROVED, pictures=[one])
    job = await job_of(database, one)
    assert (job.state, job.error_key) == (JobState.DONE, None)
    assert await told(database, ivan) == [NoticeKind.RESTORED]
    await undo(database, ann, outcome.decisions[0].id)
    job = await job_of(database, two)
    assert (job.state, job.error_key) == (JobState.BLOCKED, "PictureRefused")
    assert await told(database, ivan) == []


async def test_who_reported_is_told_what_came_of_it(
    database: Database, account: Account, ivan: Account, ann: int
) -> None:
    good, bad = await ended(database, account, [drawn(1), drawn(2)])
    for one in (good, bad):
        await Gallery(database).report(one, ivan.id, "odd")
    outcome = await decide(database, ann, Review.APPROVED, pictures=[good])
    assert outcome.told == {account.id, ivan.id}
    await decide(database, ann, Review.REMOVED, pictures=[bad], **GORE)
    assert await told(database, ivan) == [NoticeKind.REPORT_REJECTED, NoticeKind.REPORT_UPHELD]
    assert await told(database, account) == [NoticeKind.REMOVED]
    (_, upheld) = await Notices(database).of(ivan.id)
    assert (upheld.picture_id, upheld.policy, upheld.reason) == (None, "gore", "")
    async with database.read() as session:
        states = list(await session.scalars(select(ReportRow.state).order_by(ReportRow.id)))
    assert states == [ReportState.REJECTED, ReportState.UPHELD]


async def test_the_same_again_changes_nothing(
    database: Database, account: Account, ann: int
) -> None:
    one = await held_one(database, account)
    (case,) = await Cases(database).take(ann, View.HELD, 1, 60)
    first = await decide(database, ann, Review.REMOVED, cases=[case.id], **GORE)
    again = await decide(database, ann, Review.REMOVED, cases=[case.id], **GORE)
    third = await decide(database, ann, Review.REMOVED, pictures=[one], **GORE)
    assert first.decisions == again.decisions == third.decisions
    assert again.told == frozenset()
    assert await made(database) == 1
    assert await told(database, account) == [NoticeKind.REMOVED]


async def test_what_another_holds_or_has_decided_is_taken(
    database: Database, account: Account, ann: int, bob: int
) -> None:
    ids = await ended(database, account, [drawn(n, Review.WAITING) for n in (1, 2)])
    for one in ids:
        await Gallery(database).report(one, account.id, "odd")
    first, second = await Cases(database).take(ann, View.REPORTED, 2, 60)
    with pytest.raises(decisions.HeldByAnother):
        await decide(database, bob, Review.APPROVED, cases=[first.id])
    with pytest.raises(decisions.HeldByAnother):
        await decide(database, bob, Review.APPROVED, pictures=ids)
    assert await made(database) == 0
    await decide(database, ann, Review.REMOVED, cases=[first.id], **GORE)
    with pytest.raises(decisions.HeldByAnother):
        await decide(database, bob, Review.APPROVED, cases=[first.id])
    await Cases(database).release(ann, [second.id])
    await decide(database, bob, Review.APPROVED, cases=[second.id])


async def test_all_or_none_are_decided(database: Database, account: Account, ann: int) -> None:
    (one,) = await ended(database, account, [drawn(1)])
    with pytest.raises(decisions.NoPicture):
        await decide(database, ann, Review.REMOVED, pictures=[one, "none"], **GORE)
    with pytest.raises(decisions.NoPicture):
        await decide(database, ann, Review.REMOVED, pictures=[one], cases=[99], **GORE)
    with pytest.raises(ValueError, match="held"):
        await decide(database, ann, Review.HELD, pictures=[one])
    assert await state(database, one) == (Review.NONE, "")
    assert (await decide(database, ann, Review.APPROVED)).decisions == ()


async def test_of_racing_moderators_one_decides(
    database: Database, account: Account, ann: int, bob: int
) -> None:
    one = await held_one(database, account)
    async with database.read() as session:
        case_id = (await session.scalars(select(CaseRow.id))).one()
    racing = [
        decide(database, by, decision, cases=[case_id], policy=policy)
        for by, decision, policy in (
            (ann, Review.REMOVED, "gore"),
            (bob, Review.APPROVED, ""),
            (ann, Review.REMOVED, "gore"),
            (bob, Review.APPROVED, ""),
        )
    ]
    outcomes = await asyncio.gather(*racing, return_exceptions=True)
    lost = [one for one in outcomes if isinstance(one, BaseException)]
    assert [type(error) for error in lost] == [decisions.HeldByAnother] * 2
    assert await made(database) == 1
    assert (await state(database, one))[0] in (Review.APPROVED, Review.REMOVED)


async def test_a_removal_is_undone_with_all_that_followed(
    database: Database, account: Account, ivan: Account, ann: int
) -> None:
    (one,) = await ended(database, account, [drawn(1)])
    await Gallery(database).report(one, ivan.id, "odd")
    (decision,) = (await decide(database, ann, Review.REMOVED, pictures=[one], **GORE)).decisions
    assert await last(database, ann) == decision
    outcome = await undo(database, ann, decision.id)
    assert await state(database, one) == (Review.WAITING, "")
    assert outcome.decisions[0].undoes == decision.id
    assert await blocked(database) == []
    assert await open_cases(database) == 1
    assert await told(database, account) == []
    assert await told(database, ivan) == []
    assert await last(database, ann) is None
    assert (await undo(database, ann, decision.id)).decisions == outcome.decisions
    await decide(database, ann, Review.REMOVED, pictures=[one], **GORE)
    assert await told(database, ivan) == [NoticeKind.REPORT_UPHELD]
    assert len(await blocked(database)) == 1


async def test_an_undone_approval_blocks_again(
    database: Database, account: Account, ann: int
) -> None:
    (one,) = await ended(database, account, [drawn(1)])
    await decide(database, ann, Review.REMOVED, pictures=[one], **GORE)
    before = await blocked(database)
    (decision,) = (await decide(database, ann, Review.APPROVED, pictures=[one])).decisions
    assert await blocked(database) == []
    await undo(database, ann, decision.id)
    assert await blocked(database) == before
    assert await state(database, one) == (Review.REMOVED, "gore")


async def test_who_was_told_is_told_that_it_is_undone(
    database: Database, account: Account, ann: int
) -> None:
    (one,) = await ended(database, account, [drawn(1)])
    (decision,) = (await decide(database, ann, Review.REMOVED, pictures=[one], **GORE)).decisions
    (notice,) = await Notices(database).of(account.id)
    assert await Notices(database).seen(notice.id, account.id)
    await undo(database, ann, decision.id)
    assert await told(database, account) == [NoticeKind.REMOVED, NoticeKind.RESTORED]


async def test_only_ones_own_is_undone_and_not_for_long(
    database: Database, account: Account, ann: int, bob: int
) -> None:
    (one,) = await ended(database, account, [drawn(1)])
    (decision,) = (await decide(database, ann, Review.REMOVED, pictures=[one], **GORE)).decisions
    with pytest.raises(decisions.NotOwn):
        await undo(database, bob, decision.id)
    with pytest.raises(decisions.NoPicture):
        await undo(database, ann, 99)
    async with database.write() as session:
        await session.execute(update(DecisionRow).values(created_at=now() - timedelta(minutes=31)))
    assert await last(database, ann) is None
    with pytest.raises(decisions.TooLate):
        await undo(database, ann, decision.id)
    await undo(database, bob, decision.id, any_=True)
    assert await state(database, one) == (Review.NONE, "")


async def test_what_was_decided_again_is_not_undone(
    database: Database, account: Account, ann: int, bob: int
) -> None:
    (one,) = await ended(database, account, [drawn(1)])
    (first,) = (await decide(database, ann, Review.REMOVED, pictures=[one], **GORE)).decisions
    await decide(database, bob, Review.APPROVED, pictures=[one])
    with pytest.raises(decisions.HeldByAnother):
        await undo(database, ann, first.id)


async def test_an_appeal_is_decided_by_another_senior(
    database: Database, account: Account, ann: int, bob: int
) -> None:
    (one,) = await ended(database, account, [drawn(1)])
    await decide(database, ann, Review.REMOVED, pictures=[one], **GORE)
    assert await appeal(database, one, account.id, "It is paint.")
    with pytest.raises(decisions.OwnRemoval):
        await decide(database, ann, Review.APPROVED, pictures=[one], appeals=True)
    with pytest.raises(decisions.NotSenior):
        await decide(database, bob, Review.APPROVED, pictures=[one])
    await decide(database, bob, Review.APPROVED, pictures=[one], reason="Right", appeals=True)
    assert await state(database, one) == (Review.APPROVED, "")
    assert await told(database, account) == [NoticeKind.REMOVED, NoticeKind.RESTORED]
    assert await blocked(database) == []
    async with database.read() as session:
        row = (await session.scalars(select(AppealRow))).one()
    assert (row.state, row.answer, row.decided_by) == (ReportState.UPHELD, "Right", bob)


async def test_a_rejected_appeal_is_the_last_one(
    database: Database, account: Account, ann: int, bob: int
) -> None:
    (one,) = await ended(database, account, [drawn(1)])
    await decide(database, ann, Review.REMOVED, pictures=[one], **GORE)
    assert await appeal(database, one, account.id, "It is paint.")
    with pytest.raises(Appealed):
        await appeal(database, one, account.id, "It is!")
    outcome = await decide(database, bob, Review.REMOVED, pictures=[one], **GORE, appeals=True)
    assert await told(database, account) == [NoticeKind.REMOVED, NoticeKind.APPEAL_REJECTED]
    assert len(await blocked(database)) == 1
    with pytest.raises(Appealed):
        await appeal(database, one, account.id, "It is!")
    await undo(database, bob, outcome.decisions[0].id, any_=True)
    assert await told(database, account) == [NoticeKind.REMOVED]
    (case,) = await Cases(database).take(bob, View.APPEALS, 1, 60)
    assert case.appeal is not None
    assert case.appeal.state is ReportState.OPEN


async def test_what_is_appealed_may_be_undone_by_who_removed_it(
    database: Database, account: Account, ann: int
) -> None:
    (one,) = await ended(database, account, [drawn(1)])
    (removal,) = (await decide(database, ann, Review.REMOVED, pictures=[one], **GORE)).decisions
    assert await appeal(database, one, account.id, "It is paint.")
    await undo(database, ann, removal.id)
    assert await state(database, one) == (Review.NONE, "")
    assert await open_cases(database) == 0
    async with database.read() as session:
        assert list(await session.scalars(select(AppealRow.state))) == [ReportState.UPHELD]


async def test_nobody_rejects_the_appeal_against_their_own_removal_by_an_undo(
    database: Database, account: Account, ann: int, bob: int
) -> None:
    (one,) = await ended(database, account, [drawn(1)])
    (first,) = (await decide(database, bob, Review.REMOVED, pictures=[one], **GORE)).decisions
    again = await decide(database, ann, Review.REMOVED, pictures=[one], policy="sexual")
    assert await appeal(database, one, account.id, "It is paint.")
    await undo(database, ann, again.decisions[0].id)
    assert await state(database, one) == (Review.REMOVED, "gore")
    assert NoticeKind.APPEAL_REJECTED not in await told(database, account)
    async with database.read() as session:
        row = (await session.scalars(select(AppealRow))).one()
        case = (await session.scalars(select(CaseRow).where(CaseRow.closed_at.is_(None)))).one()
    assert (row.state, row.removal_id) == (ReportState.OPEN, first.id)
    assert case.removed_by == bob
    with pytest.raises(decisions.OwnRemoval):
        await decide(database, bob, Review.REMOVED, pictures=[one], **GORE, appeals=True)
    await decide(database, ann, Review.APPROVED, pictures=[one], appeals=True)


async def test_what_was_held_is_a_case_again_when_the_removal_is_undone(
    database: Database, account: Account, ann: int
) -> None:
    one = await held_one(database, account)
    (removal,) = (await decide(database, ann, Review.REMOVED, pictures=[one], **GORE)).decisions
    assert await appeal(database, one, account.id, "It is paint.")
    await undo(database, ann, removal.id)
    assert (await state(database, one))[0] is Review.HELD
    assert [case.picture.id for case in await Cases(database).take(ann, View.HELD, 9, 60)] == [one]


async def test_who_took_an_approval_back_is_not_who_removed(
    database: Database, account: Account, ann: int, bob: int
) -> None:
    (one,) = await ended(database, account, [drawn(1)])
    (removal,) = (await decide(database, ann, Review.REMOVED, pictures=[one], **GORE)).decisions
    approval = await decide(database, ann, Review.APPROVED, pictures=[one])
    await undo(database, bob, approval.decisions[0].id, any_=True)
    assert await appeal(database, one, account.id, "It is paint.")
    async with database.read() as session:
        assert await session.scalar(select(AppealRow.removal_id)) == removal.id
        assert await session.scalar(select(CaseRow.removed_by)) == ann
    with pytest.raises(decisions.OwnRemoval):
        await decide(database, ann, Review.REMOVED, pictures=[one], **GORE, appeals=True)
    await decide(database, bob, Review.APPROVED, pictures=[one], appeals=True)


async def test_of_several_who_removed_it_none_decides_the_appeal(
    database: Database, account: Account, ann: int, bob: int
) -> None:
    (one,) = await ended(database, account, [drawn(1)])
    await decide(database, ann, Review.REMOVED, pictures=[one], **GORE)
    await decide(database, bob, Review.REMOVED, pictures=[one], policy="sexual")
    assert await appeal(database, one, account.id, "It is paint.")
    for by in (ann, bob):
        assert await Cases(database).take(by, View.APPEALS, 9, 60) == []
        with pytest.raises(decisions.OwnRemoval):
            await decide(database, by, Review.REMOVED, pictures=[one], **GORE, appeals=True)
    carl = await moderator(database, "carl", Role.SENIOR)
    assert len(await Cases(database).take(carl, View.APPEALS, 9, 60)) == 1


async def test_who_removed_it_does_not_undo_the_answer_to_the_appeal(
    database: Database, account: Account, ann: int, bob: int
) -> None:
    (one,) = await ended(database, account, [drawn(1)])
    await decide(database, ann, Review.REMOVED, pictures=[one], **GORE)
    assert await appeal(database, one, account.id, "It is paint.")
    outcome = await decide(database, bob, Review.APPROVED, pictures=[one], appeals=True)
    (answer,) = outcome.decisions
    with pytest.raises(decisions.OwnRemoval):
        await undo(database, ann, answer.id, any_=True)
    with pytest.raises(decisions.NotSenior):
        await undo(database, bob, answer.id)
    assert await state(database, one) == (Review.APPROVED, "")
    await undo(database, bob, answer.id, any_=True)
    assert await state(database, one) == (Review.REMOVED, "gore")


async def test_what_its_owner_deleted_is_decided_only_where_somebody_waits(
    database: Database, account: Account, ivan: Account, ann: int
) -> None:
    deleted, reported = await ended(database, account, [drawn(1), drawn(2)])
    await Gallery(database).report(reported, ivan.id, "odd")
    await Gallery(database).delete([deleted, reported], account.id)
    with pytest.raises(decisions.NoPicture):
        await decide(database, ann, Review.REMOVED, pictures=[deleted], **GORE)
    first = await decide(database, ann, Review.REMOVED, pictures=[reported], **GORE)
    again = await decide(database, ann, Review.REMOVED, pictures=[reported], **GORE)
    assert first.decisions == again.decisions
    with pytest.raises(decisions.NoPicture):
        await decide(database, ann, Review.APPROVED, pictures=[reported])
    await undo(database, ann, first.decisions[0].id)
    assert await open_cases(database) == 1


async def test_only_the_owner_appeals_and_only_against_a_removal(
    database: Database, account: Account, ivan: Account, ann: int
) -> None:
    one, two = await ended(database, account, [drawn(1), drawn(2)])
    await decide(database, ann, Review.REMOVED, pictures=[one], **GORE)
    assert not await appeal(database, one, ivan.id, "Not mine.")
    assert not await appeal(database, two, account.id, "It is there.")
    assert not await appeal(database, "none", account.id, "What?")


async def test_what_was_done_is_in_the_audit(
    database: Database, account: Account, ann: int
) -> None:
    (one,) = await ended(database, account, [drawn(1)])
    (decision,) = (await decide(database, ann, Review.REMOVED, pictures=[one], **GORE)).decisions
    await undo(database, ann, decision.id)
    async with database.read() as session:
        rows = list(await session.scalars(select(AuditRow).where(AuditRow.account_id == ann)))
    assert [(row.action, row.subject) for row in rows] == [("decide", one), ("undo", one)]
    assert rows[0].details["reason"] == "too much blood"


async def test_an_owner_who_is_forgotten_takes_all_but_the_decisions_away(
    database: Database, account: Account, ann: int
) -> None:
    (one,) = await ended(database, account, [drawn(1)])
    await decide(database, ann, Review.REMOVED, pictures=[one], **GORE)
    assert await appeal(database, one, account.id, "It is paint.")
    await erase(database, account.id)
    assert await made(database) == 1
    assert len(await blocked(database)) == 1
    assert await open_cases(database) == 0
    with pytest.raises(decisions.NoPicture):
        await decide(database, ann, Review.APPROVED, pictures=[one])
    with pytest.raises(HasDecided):
        await erase(database, ann)


@pytest.mark.system
async def test_forgetting_and_deciding_do_not_wait_for_each_other_in_a_ring(
    database: Database, ann: int
) -> None:
    accounts = Accounts(database)
    for number in range(5):
        person = await accounts.get_or_create("web", f"person {number}", "en")
        ids = await ended(database, person, [drawn(n) for n in range(5)])
        removing = decide(database, ann, Review.REMOVED, pictures=ids, **GORE)
        outcomes = await asyncio.gather(
            removing, erase(database, person.id), return_exceptions=True
        )
        errors = [one for one in outcomes if isinstance(one, BaseException)]
        assert all(isinstance(error, decisions.NoPicture) for error in errors), errors
