from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from storage.accounts import Accounts
from storage.database import Database
from storage.ledger import Ledger
from storage.records import Account, JobRecord, JobState, NewPicture
from storage.tables import JobRow, PictureRow

PICTURE = NewPicture(seed=2**32 + 8, sha256="ab" * 32, width=8, height=8, bytes=99)
HOSTILE = "🦊‍👩 \u202eنص‎ \u200b'\"\\;--</script>{x}%s\n\t лиса"


async def submit(ledger: Ledger, account: Account, key: str, prompt: str = "a fox") -> JobRecord:
    request = {"mode": "text_to_image", "prompt": prompt, "seed": 7}
    return await ledger.submit(account.id, key, "text_to_image", "mini", request)


async def claim(ledger: Ledger) -> JobRecord:
    job = await ledger.claim()
    assert job is not None
    return job


async def state(ledger: Ledger, job: JobRecord) -> JobState:
    found = await ledger.job(job.id, job.account_id)
    assert found is not None
    return found.state


async def test_a_job_goes_from_queued_to_done_with_its_pictures(
    ledger: Ledger, account: Account
) -> None:
    queued = await submit(ledger, account, "k")
    running = await claim(ledger)
    assert (running.id, running.state, running.attempt) == (queued.id, JobState.RUNNING, 1)
    assert await ledger.start(running.id, 1)
    assert await ledger.finish(running.id, 1, [PICTURE, PICTURE])
    done = await ledger.job(running.id, account.id)
    assert done is not None
    assert done.state is JobState.DONE
    assert done.started_at is not None
    assert done.finished_at is not None
    assert done.created_at <= done.started_at <= done.finished_at
    assert [(picture.index, picture.seed) for picture in done.pictures] == [
        (0, PICTURE.seed),
        (1, PICTURE.seed),
    ]
    assert await ledger.picture(done.pictures[0].id, account.id) == done.pictures[0]


async def test_the_same_key_is_the_same_job(ledger: Ledger, account: Account) -> None:
    first = await submit(ledger, account, "k")
    assert await submit(ledger, account, "k", prompt="a cat") == first
    assert (await submit(ledger, account, "l")).id != first.id


async def test_a_key_belongs_to_its_account(
    database: Database, ledger: Ledger, account: Account
) -> None:
    bob = await Accounts(database).get_or_create("web", "bob", "en")
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
    claimed = await asyncio.gather(*(one.claim() for one in ledgers for _ in range(4)))
    taken = sorted(job.id for job in claimed if job is not None)
    assert len(taken) == len(set(taken))
    while (job := await ledger.claim()) is not None:  # one that a racing claim stepped over
        taken.append(job.id)
    assert sorted(taken) == sorted(job.id for job in jobs)
    for other in others:
        await other.close()


async def test_the_oldest_is_claimed_first(ledger: Ledger, account: Account) -> None:
    jobs = [await submit(ledger, account, str(number)) for number in range(3)]
    assert [(await claim(ledger)).id for _ in jobs] == [job.id for job in jobs]
    assert await ledger.claim() is None


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
    assert await ledger.job(current.id, account.id) == current
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(PictureRow)) == 0


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_job_that_ended_stays_as_it_ended(
    ledger: Ledger, account: Account, change: Change
) -> None:
    await submit(ledger, account, "k")
    job = await claim(ledger)
    assert await ledger.cancel(job.id)
    assert not await change(ledger, job.id, job.attempt)
    assert not await ledger.cancel(job.id)
    assert await state(ledger, job) is JobState.CANCELLED


async def test_a_queued_job_can_be_cancelled(ledger: Ledger, account: Account) -> None:
    job = await submit(ledger, account, "k")
    assert await ledger.cancel(job.id)
    assert await ledger.claim() is None


async def test_a_failed_job_says_why(ledger: Ledger, account: Account) -> None:
    await submit(ledger, account, "k")
    job = await claim(ledger)
    await ledger.fail(job.id, job.attempt, "OutOfRange", {"name": "steps", "value": 0})
    failed = await ledger.job(job.id, account.id)
    assert failed is not None
    assert failed.state is JobState.FAILED
    assert failed.error_key == "OutOfRange"
    assert failed.error_values == {"name": "steps", "value": 0}


async def test_pictures_and_state_are_written_together(ledger: Ledger, account: Account) -> None:
    await submit(ledger, account, "k")
    job = await claim(ledger)
    impossible = NewPicture(seed=1, sha256="ab", width=None, height=8, bytes=9)  # type: ignore[arg-type]
    with pytest.raises(IntegrityError):
        await ledger.finish(job.id, job.attempt, [PICTURE, impossible])
    assert await ledger.job(job.id, account.id) == job
    assert await ledger.stored([PICTURE.sha256]) == set()


async def test_a_crash_puts_running_jobs_back(ledger: Ledger, account: Account) -> None:
    waiting, began = [await submit(ledger, account, key) for key in "ab"]
    for job in (await claim(ledger), await claim(ledger)):
        if job.id == began.id:
            await ledger.start(job.id, job.attempt)
    await ledger.requeue_all("WentWrong")
    again = {job.id: job for job in (await claim(ledger), await claim(ledger))}
    assert again[waiting.id].crashes == 0  # it only waited in the engine
    assert again[began.id].crashes == 1
    assert again[began.id].started_at is None


async def test_the_third_crash_quarantines(ledger: Ledger, account: Account) -> None:
    poison = await submit(ledger, account, "k")
    for _ in range(3):
        job = await claim(ledger)
        await ledger.start(job.id, job.attempt)
        await ledger.requeue_all("WentWrong")
    found = await ledger.job(poison.id, account.id)
    assert found is not None
    assert (found.state, found.crashes) == (JobState.QUARANTINED, 3)
    assert found.error_key == "WentWrong"
    assert await ledger.claim() is None


async def test_a_release_is_no_crash(ledger: Ledger, account: Account) -> None:
    await submit(ledger, account, "k")
    for _ in range(5):
        job = await claim(ledger)
        await ledger.start(job.id, job.attempt)
        await ledger.release(job.id, job.attempt)
    assert (await claim(ledger)).crashes == 0


async def test_history_is_paged_newest_first(ledger: Ledger, account: Account) -> None:
    ids = [(await submit(ledger, account, str(number))).id for number in range(5)]
    first = await ledger.history(account.id, limit=3)
    second = await ledger.history(account.id, limit=3, before=first[-1].id)
    assert [job.id for job in first + second] == ids[::-1]


async def test_another_account_sees_nothing(
    database: Database, ledger: Ledger, account: Account
) -> None:
    await submit(ledger, account, "k")
    job = await claim(ledger)
    await ledger.finish(job.id, job.attempt, [PICTURE])
    done = await ledger.job(job.id, account.id)
    assert done is not None
    bob = await Accounts(database).get_or_create("web", "bob", "en")
    assert await ledger.job(job.id, bob.id) is None
    assert await ledger.picture(done.pictures[0].id, bob.id) is None
    assert await ledger.history(bob.id) == []


async def test_hostile_text_is_kept_verbatim(ledger: Ledger, account: Account) -> None:
    job = await submit(ledger, account, HOSTILE, prompt=HOSTILE)
    found = await ledger.job(job.id, account.id)
    assert found is not None
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


async def test_the_queue_is_read_by_its_index(tmp_path: Path) -> None:
    query = "SELECT id FROM jobs WHERE state = 'queued' ORDER BY created_at, id LIMIT 1"
    url = f"sqlite:///{tmp_path / 'studio.sqlite3'}"
    async with Database.open(url) as database, database.read() as session:
        plan = (await session.execute(text(f"EXPLAIN QUERY PLAN {query}"))).all()
    assert "USING COVERING INDEX ix_jobs_state_created_at_id" in str(plan)
    assert "TEMP B-TREE" not in str(plan)
