from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError

from storage.accounts import Accounts
from storage.database import Database
from storage.gallery import Filter, Gallery
from storage.ledger import Ledger
from storage.quotas import Banned, QueueFull, TooManyToday, TooManyWaiting
from storage.records import Account, JobRecord, JobState, NewPicture, Quota, Role
from storage.tables import AccountRow, JobRow, PictureRow, now
from tests.storage.plans import by_indices

PICTURE = NewPicture(seed=2**32 + 8, sha256="ab" * 32, width=8, height=8, bytes=99)
HOSTILE = "🦊‍👩 \u202eنص‎ \u200b'\"\\;--</script>{x}%s\n\t лиса"


async def submit(ledger: Ledger, account: Account, key: str, prompt: str = "a fox") -> JobRecord:
    request = {"mode": "text_to_image", "prompt": prompt, "seed": 7}
    return await ledger.submit(account.id, key, "text_to_image", "mini", request)


async def take(ledger: Ledger, worker: str = "w", lease: float = 60) -> JobRecord | None:
    return await ledger.claim(worker, lease)


async def claim(ledger: Ledger, worker: str = "w", lease: float = 60) -> JobRecord:
    job = await take(ledger, worker, lease)
    assert job is not None
    return job


async def look(database: Database, job: JobRecord) -> JobRecord:
    found = await Gallery(database).job(job.id, job.account_id)
    assert found is not None
    return found


async def person(database: Database, name: str) -> Account:
    return await Accounts(database).get_or_create("web", name, "en")


async def crash(ledger: Ledger) -> JobRecord:
    """A process takes a job, begins, and is not heard of again."""
    job = await claim(ledger, lease=-1)
    await ledger.start(job.id, job.attempt)
    await ledger.expire("WentWrong")
    return job


async def test_a_job_goes_from_queued_to_done_with_its_pictures(
    database: Database, ledger: Ledger, account: Account
) -> None:
    queued = await submit(ledger, account, "k")
    running = await claim(ledger)
    assert (running.id, running.state, running.attempt) == (queued.id, JobState.RUNNING, 1)
    assert await ledger.start(running.id, 1)
    assert await ledger.finish(running.id, 1, [PICTURE, PICTURE])
    done = await look(database, running)
    assert done.state is JobState.DONE
    assert done.started_at is not None
    assert done.finished_at is not None
    assert done.created_at <= done.started_at <= done.finished_at
    assert [(picture.index, picture.seed) for picture in done.pictures] == [
        (0, PICTURE.seed),
        (1, PICTURE.seed),
    ]


async def test_the_same_key_is_the_same_job(ledger: Ledger, account: Account) -> None:
    first = await submit(ledger, account, "k")
    assert await submit(ledger, account, "k", prompt="a cat") == first
    assert (await submit(ledger, account, "l")).id != first.id


async def test_a_key_belongs_to_its_account(
    database: Database, ledger: Ledger, account: Account
) -> None:
    bob = await person(database, "bob")
    assert (await submit(ledger, account, "k")).id != (await submit(ledger, bob, "k")).id


async def test_racing_submits_of_one_key_make_one_job(
    database: Database, ledger: Ledger, account: Account
) -> None:
    jobs = await asyncio.gather(*(submit(ledger, account, "k") for _ in range(10)))
    assert len({job.id for job in jobs}) == 1
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(JobRow)) == 1


async def test_racing_claims_never_take_one_job_twice(
    database_url: str, ledger: Ledger, account: Account
) -> None:
    jobs = [await submit(ledger, account, str(number)) for number in range(12)]
    others = [Database(database_url) for _ in range(3)]
    ledgers = [ledger, *map(Ledger, others)]
    claimed = await asyncio.gather(*(take(one) for one in ledgers for _ in range(4)))
    taken = sorted(job.id for job in claimed if job is not None)
    assert len(taken) == len(set(taken))
    while (job := await take(ledger)) is not None:  # one that a racing claim stepped over
        taken.append(job.id)
    assert sorted(taken) == sorted(job.id for job in jobs)
    for other in others:
        await other.close()


async def test_the_oldest_is_claimed_first(ledger: Ledger, account: Account) -> None:
    jobs = [await submit(ledger, account, str(number)) for number in range(3)]
    assert [(await claim(ledger)).id for _ in jobs] == [job.id for job in jobs]
    assert await take(ledger) is None


async def test_the_position_counts_those_before(ledger: Ledger, account: Account) -> None:
    jobs = [await submit(ledger, account, str(number)) for number in range(3)]
    await claim(ledger)
    assert [await ledger.position(job.id) for job in jobs[1:]] == [1, 2]


Change = Callable[[Ledger, str, int], Awaitable[bool]]

CHANGES: dict[str, Change] = {
    "start": lambda ledger, job, attempt: ledger.start(job, attempt),
    "finish": lambda ledger, job, attempt: ledger.finish(job, attempt, [PICTURE]),
    "fail": lambda ledger, job, attempt: ledger.fail(job, attempt, "WentWrong", {}),
    "release": lambda ledger, job, attempt: ledger.release(job, attempt),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_stale_attempt_changes_nothing(
    database: Database, ledger: Ledger, account: Account, change: Change
) -> None:
    await submit(ledger, account, "k")
    stale = await claim(ledger)
    await ledger.release(stale.id, stale.attempt)
    current = await claim(ledger)
    assert current.attempt == 2
    assert not await change(ledger, stale.id, stale.attempt)
    assert await look(database, current) == current
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(PictureRow)) == 0


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_job_that_ended_stays_as_it_ended(
    database: Database, ledger: Ledger, account: Account, change: Change
) -> None:
    await submit(ledger, account, "k")
    job = await claim(ledger)
    assert await ledger.cancel(job.id)
    assert not await change(ledger, job.id, job.attempt)
    assert not await ledger.cancel(job.id)
    assert (await look(database, job)).state is JobState.CANCELLED


async def test_a_queued_job_can_be_cancelled(ledger: Ledger, account: Account) -> None:
    job = await submit(ledger, account, "k")
    assert await ledger.cancel(job.id)
    assert await take(ledger) is None


async def test_a_failed_job_says_why(database: Database, ledger: Ledger, account: Account) -> None:
    await submit(ledger, account, "k")
    job = await claim(ledger)
    await ledger.fail(job.id, job.attempt, "OutOfRange", {"name": "steps", "value": 0})
    failed = await look(database, job)
    assert failed.state is JobState.FAILED
    assert failed.error_key == "OutOfRange"
    assert failed.error_values == {"name": "steps", "value": 0}


async def test_pictures_and_state_are_written_together(
    database: Database, ledger: Ledger, account: Account
) -> None:
    await submit(ledger, account, "k")
    job = await claim(ledger)
    impossible = NewPicture(seed=1, sha256="ab", width=None, height=8, bytes=9)  # type: ignore[arg-type]
    with pytest.raises(IntegrityError):
        await ledger.finish(job.id, job.attempt, [PICTURE, impossible])
    assert await look(database, job) == job
    assert await Gallery(database).stored([PICTURE.sha256]) == set()


async def test_what_a_silent_process_held_goes_on(ledger: Ledger, account: Account) -> None:
    waiting, began = [await submit(ledger, account, key) for key in "ab"]
    for job in (await claim(ledger, lease=-1), await claim(ledger, lease=-1)):
        if job.id == began.id:
            await ledger.start(job.id, job.attempt)
    assert await ledger.expire("WentWrong")
    again = {job.id: job for job in (await claim(ledger), await claim(ledger))}
    assert again[waiting.id].crashes == 0  # it only waited in the engine
    assert again[began.id].crashes == 1
    assert again[began.id].started_at is None


async def test_a_heartbeat_keeps_a_job(ledger: Ledger, account: Account) -> None:
    await submit(ledger, account, "k")
    job = await claim(ledger, lease=0.2)
    assert await ledger.beat("w", 60, {(job.id, 1): (3, 25)}) == {(job.id, 1)}
    await asyncio.sleep(0.3)
    assert not await ledger.expire("WentWrong")


async def test_a_heartbeat_tells_how_far_a_job_is(
    database: Database, ledger: Ledger, account: Account
) -> None:
    first, second = [await submit(ledger, account, key) for key in "ab"]
    await claim(ledger), await claim(ledger)
    await ledger.beat("w", 60, {(first.id, 1): (3, 25), (second.id, 1): (0, 0)})
    found = [await look(database, job) for job in (first, second)]
    assert [(job.step, job.steps) for job in found] == [(3, 25), (0, 0)]


async def test_a_heartbeat_tells_what_was_lost(ledger: Ledger, account: Account) -> None:
    for key in "abcd":
        await submit(ledger, account, key)
    kept, cancelled, ended, others = [
        await claim(ledger, lease=lease) for lease in (60, 60, 60, -1)
    ]
    await ledger.cancel(cancelled.id)
    await ledger.finish(ended.id, 1, [PICTURE])
    await ledger.expire("WentWrong")
    again = await claim(ledger, worker="v")
    assert (again.id, again.attempt) == (others.id, 2)
    told = {(job.id, 1): (1, 2) for job in (kept, cancelled, ended, others)}
    assert await ledger.beat("w", 60, told) == {(kept.id, 1)}
    assert await ledger.beat("v", 60, {(others.id, 2): (1, 2)}) == {(others.id, 2)}
    assert await ledger.beat("w", 60, {}) == set()


async def test_the_third_crash_quarantines(
    database: Database, ledger: Ledger, account: Account
) -> None:
    poison = await submit(ledger, account, "k")
    for _ in range(3):
        await crash(ledger)
    found = await look(database, poison)
    assert (found.state, found.crashes) == (JobState.QUARANTINED, 3)
    assert found.error_key == "WentWrong"
    assert await take(ledger) is None


async def test_a_job_that_crashed_twice_runs_alone(ledger: Ledger, account: Account) -> None:
    """The others that ran beside a poison job each time must not be taken for it."""
    suspect = await submit(ledger, account, "a")
    for _ in range(2):
        await crash(ledger)
    await submit(ledger, account, "b")
    assert await ledger.claim("w", 60, alone=False) is None  # the worker becomes free first
    job = await ledger.claim("w", 60, alone=True)
    assert job is not None
    assert (job.id, job.crashes) == (suspect.id, 2)


async def test_each_waits_for_one_round_of_the_others(
    database: Database, ledger: Ledger, account: Account
) -> None:
    for number in range(30):
        await submit(ledger, account, str(number))
    for _ in range(5):
        await claim(ledger)
    people = [await person(database, str(number)) for number in range(4)]
    theirs = [await submit(ledger, one, "k") for one in people]
    places = [await ledger.position(job.id) - 5 for job in theirs]
    assert sorted(places) == [1, 2, 3, 4]
    taken = [(await claim(ledger)).account_id for _ in range(5)]
    assert sorted(taken) == sorted([account.id, *(one.id for one in people)])
    await submit(ledger, people[0], "l")
    assert people[0].id in [(await claim(ledger)).account_id for _ in range(2)]


async def test_many_pictures_are_many_turns(
    database: Database, ledger: Ledger, account: Account
) -> None:
    bob = await person(database, "bob")
    for number in range(3):
        for one, count in ((account, 4), (bob, 1)):
            await ledger.submit(one.id, str(number), "mix", "mini", {}, count=count)
    taken = [(await claim(ledger)).account_id for _ in range(6)]
    assert taken == [account.id, bob.id, bob.id, bob.id, account.id, account.id]


async def test_what_one_did_yesterday_is_not_held_against_one(
    database: Database, ledger: Ledger, account: Account
) -> None:
    for number in range(10):
        await submit(ledger, account, str(number))
        job = await claim(ledger)
        await ledger.finish(job.id, 1, [])
    bob = await person(database, "bob")
    for number in range(3):
        await submit(ledger, bob, str(number))
    await submit(ledger, account, "again")
    assert account.id in [(await claim(ledger)).account_id for _ in range(2)]


QUOTAS = {Role.USER: Quota(waiting=3, daily=5)}


async def ask(ledger: Ledger, account: Account, key: str, count: int = 1, **more: Any) -> JobRecord:
    fields = {"quotas": QUOTAS} | more
    return await ledger.submit(account.id, key, "mix", "mini", {}, count=count, **fields)


async def test_racing_submits_do_not_pass_a_quota(
    database_url: str, database: Database, account: Account
) -> None:
    others = [Database(database_url) for _ in range(3)]
    ledgers = [Ledger(one) for one in (database, *others)]
    asked = [ask(ledgers[number % 4], account, str(number)) for number in range(40)]
    made = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(one, JobRecord) for one in made) == 3
    assert sum(isinstance(one, TooManyWaiting) for one in made) == 37
    for other in others:
        await other.close()


async def test_what_ended_frees_its_place(ledger: Ledger, account: Account) -> None:
    for key in "abc":
        await ask(ledger, account, key)
    job = await claim(ledger)
    await ledger.fail(job.id, 1, "WentWrong", {})
    await ask(ledger, account, "d")
    with pytest.raises(TooManyWaiting):
        await ask(ledger, account, "e")
    assert (await ask(ledger, account, "d")).key == "d"  # it is there already


async def test_a_day_has_so_many_pictures(
    database: Database, ledger: Ledger, account: Account
) -> None:
    await ask(ledger, account, "a", 3)
    failed = await claim(ledger)
    with pytest.raises(TooManyToday) as refused:
        await ask(ledger, account, "b", 3)
    assert refused.value.limit == 5
    await ledger.fail(failed.id, 1, "WentWrong", {})  # it is not held against its owner
    old = await ask(ledger, account, "b", 5)
    with pytest.raises(TooManyToday):
        await ask(ledger, account, "c")
    async with database.write() as session:
        yesterday = now() - timedelta(hours=25)
        await session.execute(
            update(JobRow).where(JobRow.id == old.id).values(created_at=yesterday)
        )
    await ask(ledger, account, "c", 5)


async def test_a_role_has_its_own_quota(
    database: Database, ledger: Ledger, account: Account
) -> None:
    async with database.write() as session:
        await session.execute(update(AccountRow).values(role=Role.TRUSTED))
    for number in range(6):
        await ask(ledger, account, str(number))


async def test_the_banned_are_refused_until_then(
    database: Database, ledger: Ledger, account: Account
) -> None:
    for hours, banned in ((1, True), (-1, False)):
        until = now() + timedelta(hours=hours)
        async with database.write() as session:
            await session.execute(update(AccountRow).values(banned_until=until, ban_reason="spam"))
        if not banned:
            await ask(ledger, account, "k")
            continue
        with pytest.raises(Banned) as refused:
            await ask(ledger, account, "k")
        assert refused.value.reason == "spam"


async def test_a_full_queue_takes_no_more(ledger: Ledger, account: Account) -> None:
    for key in "ab":
        await ask(ledger, account, key, queue_limit=2)
    with pytest.raises(QueueFull):
        await ask(ledger, account, "c", queue_limit=2)
    await claim(ledger)
    await ask(ledger, account, "c", queue_limit=2)


async def test_a_release_is_no_crash(ledger: Ledger, account: Account) -> None:
    await submit(ledger, account, "k")
    for _ in range(5):
        job = await claim(ledger)
        await ledger.start(job.id, job.attempt)
        await ledger.release(job.id, job.attempt)
    assert (await claim(ledger)).crashes == 0


async def test_hostile_text_is_kept_verbatim(
    database: Database, ledger: Ledger, account: Account
) -> None:
    job = await submit(ledger, account, HOSTILE, prompt=HOSTILE)
    found = await look(database, job)
    assert (found.key, found.request["prompt"]) == (HOSTILE, HOSTILE)


async def test_prompts_can_be_read_in_the_database(
    database: Database, ledger: Ledger, account: Account
) -> None:
    await submit(ledger, account, "k", prompt="лиса 🦊")
    async with database.read() as session:
        stored = await session.scalar(text("SELECT CAST(request AS TEXT) FROM jobs"))
    assert "лиса 🦊" in str(stored)


async def test_counts_know_every_state(ledger: Ledger, account: Account) -> None:
    for key in "abc":
        await submit(ledger, account, key)
    await claim(ledger)
    counts = await ledger.counts()
    assert counts.keys() == set(JobState)
    assert (counts[JobState.QUEUED], counts[JobState.RUNNING]) == (2, 1)


async def test_active_jobs_of_a_channel_are_told_oldest_first(
    database: Database, ledger: Ledger, account: Account
) -> None:
    ivan = await Accounts(database).get_or_create("telegram", "42", "ru")
    olga = await Accounts(database).get_or_create("telegram", "43", "ru")
    running, ended = [await submit(ledger, ivan, key) for key in "ab"]
    await ledger.cancel(ended.id)
    await submit(ledger, account, "k")
    queued = await submit(ledger, olga, "k")
    held = await claim(ledger)
    assert held.id == running.id
    assert await ledger.active("telegram") == [held, queued]
    assert await ledger.active("api") == []


async def test_what_is_asked_often_is_found_by_indices(
    database: Database, ledger: Ledger, account: Account
) -> None:
    """Each statement of the queue, the quotas and the history, as it is sent."""
    gallery = Gallery(database)
    async with by_indices(database, at_least=16):
        for key in "ab":
            job = await ask(ledger, account, key, queue_limit=9)
        await claim(ledger)
        await ledger.position(job.id)
        await ledger.beat("w", 60, {(job.id, 1): (1, 2)})
        await ledger.expire("WentWrong")
        await ledger.active("web")
        await gallery.history(account.id, before=job.id)
        await gallery.history(account.id, filter=Filter(favourites=True))
        await gallery.job(job.id, account.id)


async def test_what_the_prompt_gate_found_is_kept(
    database: Database, ledger: Ledger, account: Account
) -> None:
    finding = {"policy": "gore", "rule": "blood", "start": 2, "end": 5, "score": 1.0}
    job = await ledger.submit(account.id, "k", "mix", "mini", {}, findings=[finding])
    assert job.findings == (finding,)
    held = await claim(ledger)
    assert held.findings == (finding,)
    assert (await ledger.submit(account.id, "b", "mix", "mini", {})).findings == ()
