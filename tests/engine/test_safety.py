from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import c2pa
import pytest
from PIL import Image, ImageDraw

from engine.errors import NotFound, PromptRefused, UploadRefused, UserError
from engine.events import Done, Picture, Step
from engine.requests import ImageToImage, Inpaint, Mix, Part, TextToImage
from engine.settings import Settings
from engine.sources import Source
from engine.studio import Finished, Studio
from engine.texts import Texts
from storage.cases import Cases
from storage.policies import Policies
from storage.records import Account, Action, JobRecord, JobState, Review, Role, View
from storage.refusals import Refusals
from storage.signin import SignIn
from tests import safety_faults
from tests.bot.waiting import until
from tests.twin import CARD, Twin

pytestmark = pytest.mark.slow

CARDS = [replace(CARD, modes=("text_to_image", "image_to_image", "mix", "inpaint"))]
FOX = TextToImage(prompt="a fox", seed=7)
HARMLESS, DOUBTFUL, BAD = (20, 90, 200), (128, 90, 20), (250, 20, 20)  # to `by_colour`
OURS = ("tests.safety_faults:by_colour",)


def drawn(colour: tuple[int, int, int] = HARMLESS, seed: int = 7) -> Image.Image:
    """A picture with something in it."""
    picture = Image.new("RGB", (64, 64), colour)
    pen = ImageDraw.Draw(picture)
    pen.ellipse((12 + seed % 20, 16, 50, 54), fill=(30, 160 + seed % 90, 80))
    pen.rectangle((8, 30, 30, 30 + seed % 25), fill=(220, 220, 90))
    return picture


@asynccontextmanager
async def opened(folder: Path, twin: Twin, **settings: object) -> AsyncIterator[Studio]:
    checks = {"check_prompts": True, "check_pictures": True, "classifiers": OURS}
    chosen = Settings.model_validate({"data": folder, "lease": 2, **checks, **settings})
    async with Studio.open(chosen, twin) as studio:
        yield studio


@pytest.fixture
def twin() -> Twin:
    return Twin(paused=True, cards=CARDS)


async def ann(studio: Studio) -> Account:
    return await studio.account("web", "ann", "en")


async def made(studio: Studio, twin: Twin, *pictures: Image.Image, key: str = "web:1") -> JobRecord:
    """How a job ends whose pictures are these."""
    account = await ann(studio)
    job = await studio.submit(FOX, account, key)
    engine = await twin.job(len(twin.jobs) + 1)
    engine.step(1)
    engine.tell(Done(tuple(Picture(one, 7 + i) for i, one in enumerate(pictures))))
    return await ended(studio, job, account)


async def ended(studio: Studio, job: JobRecord, account: Account) -> JobRecord:
    async with asyncio.timeout(60):
        events = [event async for event in studio.watch(job.id, account)]
    assert isinstance(events[-1], Finished)
    return events[-1].job


async def open_cases(studio: Studio) -> dict[View, int]:
    return {view: line.open for view, line in (await Cases(studio.database).counts()).items()}


async def act(studio: Studio, key: str, action: Action) -> None:
    policies = Policies(studio.database)
    (policy,) = [one for one in await policies.all() if one.key == key]
    await policies.change(replace(policy, action=action), by=None)


async def test_a_request_that_must_not_be_drawn_is_refused_and_written_down(
    tmp_path: Path, twin: Twin
) -> None:
    async with opened(tmp_path, twin) as studio:
        account = await ann(studio)
        with pytest.raises(PromptRefused) as refused:
            await studio.submit(TextToImage(prompt="naked children"), account, "web:1")
        assert await studio.history(account) == []
        (row,) = await Refusals(studio.database).page(None, 5)
    assert (row.policy, row.words, row.account_id) == ("minors", "naked children", account.id)
    english, russian = (Texts(one).error(refused.value) for one in ("en", "ru"))
    assert english != russian
    assert "{" not in english + russian


async def test_words_to_avoid_may_say_anything(tmp_path: Path, twin: Twin) -> None:
    async with opened(tmp_path, twin) as studio:
        request = TextToImage(prompt="a fox", negative_prompt="nude, blood")
        await studio.submit(request, await ann(studio), "web:1")


async def test_the_words_of_a_mix_are_checked(tmp_path: Path, twin: Twin) -> None:
    async with opened(tmp_path, twin) as studio:
        request = Mix(parts=(Part(words="a fox"), Part(words="naked children")))
        with pytest.raises(PromptRefused):
            await studio.submit(request, await ann(studio), "web:1")


async def test_a_policy_may_hold_or_let_pass(tmp_path: Path, twin: Twin) -> None:
    request = TextToImage(prompt="a nude woman, pornographic")
    async with opened(tmp_path, twin) as studio:
        account = await ann(studio)
        with pytest.raises(PromptRefused):
            await studio.submit(request, account, "web:0")
        await act(studio, "sexual", Action.HOLD)
        held = await studio.submit(request, account, "web:1")
        engine = await twin.job(1)
        engine.tell(Done((Picture(drawn(), 7),)))
        held = await ended(studio, held, account)
        assert [one.review for one in held.withheld] == [Review.HELD]
        assert held.findings[0]["policy"] == "sexual"
        await act(studio, "sexual", Action.OFF)
        free = await studio.submit(request, account, "web:2")
        (await twin.job(2)).tell(Done((Picture(drawn(), 7),)))
        assert len((await ended(studio, free, account)).pictures) == 1
        assert await open_cases(studio) == dict.fromkeys(View, 0) | {View.HELD: 1}


async def test_pictures_pass_are_held_or_blocked(tmp_path: Path, twin: Twin) -> None:
    async with opened(tmp_path, twin) as studio:
        job = await made(studio, twin, drawn(), drawn(DOUBTFUL, 12), drawn(BAD, 19))
        assert job.state is JobState.DONE
        assert [one.index for one in job.pictures] == [0]
        assert [(one.index, one.review) for one in job.withheld] == [
            (1, Review.HELD),
            (2, Review.REMOVED),
        ]
        assert job.withheld[1].policy == "gore"
        for one in job.withheld:
            for look in (studio.picture, studio.thumbnail, studio.source):
                with pytest.raises(NotFound):
                    await look(one.id, await ann(studio))


async def test_a_job_of_nothing_but_blocked_pictures_is_blocked(tmp_path: Path, twin: Twin) -> None:
    async with opened(tmp_path, twin) as studio:
        job = await made(studio, twin, drawn(BAD))
    assert (job.state, job.pictures) == (JobState.BLOCKED, ())
    for language in ("en", "ru"):
        assert "{" not in Texts(language).error_record(job.error_key, job.error_values)


@pytest.mark.parametrize("fault", ["fails", "hangs"])
async def test_nothing_leaves_while_a_checker_is_down(
    tmp_path: Path, twin: Twin, fault: str
) -> None:
    """Promise 18: 100 pictures through a checker that fails, or hangs."""
    safety_faults.released.clear()
    checker = (f"tests.safety_faults:{fault}",)
    try:
        async with opened(tmp_path, twin, classifiers=checker, check_timeout=0.2) as studio:
            jobs = []
            for number in range(25):
                pictures = [drawn(seed=4 * number + i) for i in range(4)]
                jobs.append(await made(studio, twin, *pictures, key=f"web:{number}"))
            assert [len(job.pictures) for job in jobs] == [0] * 25
            assert {one.review for job in jobs for one in job.withheld} == {Review.HELD}
            assert (await open_cases(studio))[View.HELD] == 100
    finally:
        safety_faults.released.set()


async def test_a_picture_that_was_sent_is_checked(tmp_path: Path, twin: Twin) -> None:
    async with opened(tmp_path, twin) as studio:
        account = await ann(studio)
        bad, doubtful = Source.of(drawn(BAD)), Source.of(drawn(DOUBTFUL))
        with pytest.raises(UploadRefused):
            await studio.submit(ImageToImage(prompt="a fox", picture=bad), account, "web:1")
        job = await studio.submit(ImageToImage(prompt="a fox", picture=doubtful), account, "web:2")
        (await twin.job(1)).tell(Done((Picture(drawn(), 7),)))
        assert [one.review for one in (await ended(studio, job, account)).withheld] == [Review.HELD]


@pytest.mark.parametrize(
    ("mode", "review", "view"),
    [
        ("off", Review.NONE, None),
        ("after", Review.WAITING, View.WAITING),
        ("before", Review.HELD, View.WAITING),
    ],
)
async def test_a_front_end_has_its_mode_of_review(
    tmp_path: Path, twin: Twin, mode: str, review: Review, view: View | None
) -> None:
    async with opened(tmp_path, twin, review=f"web={mode},api=off") as studio:
        job = await made(studio, twin, drawn(), key="web:api:1")
        other = await made(studio, twin, drawn(), key="api:1")
        reviews = [*(one.review for one in job.pictures), *(one.review for one in job.withheld)]
        assert reviews == [review]
        assert [one.review for one in other.pictures] == [Review.NONE]
        assert await open_cases(studio) == dict.fromkeys(View, 0) | ({view: 1} if view else {})


async def test_an_api_is_no_way_around_a_review(tmp_path: Path, twin: Twin) -> None:
    async with opened(tmp_path, twin, review="web=after,telegram=before") as studio:
        jobs = [await made(studio, twin, drawn(), key=f"{key}:1") for key in ("api", "sdapi")]
    assert [one.review for job in jobs for one in job.withheld] == [Review.HELD] * 2


async def test_a_picture_is_no_mask_to_the_checks(tmp_path: Path, twin: Twin) -> None:
    bad = Source.of(drawn(BAD))
    async with opened(tmp_path, twin) as studio:
        account = await ann(studio)
        request = Inpaint(prompt="a fox", picture=bad, mask=bad)
        with pytest.raises(UploadRefused):
            await studio.submit(request, account, "web:1")


async def test_a_preview_is_seen_once_it_was_checked(tmp_path: Path, twin: Twin) -> None:
    async with opened(tmp_path, twin) as studio:
        account = await ann(studio)
        job = await studio.submit(FOX, account, "web:1")
        engine = await twin.job(1)
        shown: list[Step] = []

        async def look() -> None:
            async for event in studio.watch(job.id, account):
                if isinstance(event, Step):
                    shown.append(event)

        looking = asyncio.create_task(look())
        engine.tell(Step(1, 3, drawn(BAD)))
        await until(lambda: len(shown) >= 1)
        await asyncio.sleep(0.5)
        assert [one.preview for one in shown] == [None] * len(shown)
        engine.tell(Step(2, 3, drawn()))
        await until(lambda: any(one.preview is not None for one in shown))
        engine.tell(Done((Picture(drawn(), 7),)))
        await looking


async def test_every_file_says_that_it_was_made_by_ai(tmp_path: Path, twin: Twin) -> None:
    async with opened(tmp_path, twin) as studio:
        account = await ann(studio)
        first = await made(studio, twin, drawn())
        source = await studio.source(first.pictures[0].id, account)
        request = ImageToImage(prompt="a fox", picture=source)
        job = await studio.submit(request, account, "web:2")
        (await twin.job(2)).tell(Done((Picture(drawn(seed=9), 9),)))
        second = await ended(studio, job, account)
        files = [await studio.picture(one.pictures[0].id, account) for one in (first, second)]
    manifests = [manifest(file.content) for file in files]
    assert "trainedAlgorithmicMedia" in str(manifests[0]["assertions"])
    assert "compositeWithTrainedAlgorithmicMedia" in str(manifests[1]["assertions"])
    assert [one["relationship"] for one in manifests[1]["ingredients"]] == ["parentOf"]
    assert "active_manifest" in manifests[1]["ingredients"][0]


async def test_a_removed_picture_is_no_source_either(tmp_path: Path, twin: Twin) -> None:
    async with opened(tmp_path, twin) as studio:
        account = await ann(studio)
        first = await made(studio, twin, drawn())
        picture = first.pictures[0]
        source = await studio.source(picture.id, account)
        await studio.uploads.keep(source, account)
        await studio.submit(ImageToImage(prompt="a fox", picture=source), account, "web:2")
        await remove(studio, picture.id)
        with pytest.raises(NotFound):
            await studio.uploads.kept(source.sha256, account)
        named = ImageToImage(prompt="a fox", picture=Source(sha256=source.sha256))
        with pytest.raises(UserError):
            await studio.submit(named, account, "web:3")


async def remove(studio: Studio, picture_id: str) -> None:
    moderator = await SignIn(studio.database).create("mo", "a long password", Role.ADMIN, by=None)
    await studio.moderation.decide(
        moderator, Review.REMOVED, pictures=[picture_id], policy="other", reason="no"
    )


def manifest(file: bytes) -> dict[str, Any]:
    with c2pa.Reader("image/png", BytesIO(file)) as reader:
        assert reader.get_validation_state() in ("Valid", "Trusted")
        found: dict[str, Any] | None = reader.get_active_manifest()
    assert found is not None
    return found
