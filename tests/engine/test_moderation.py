from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from PIL import Image, ImageDraw

from engine.desk import FROM_ANYWHERE, MINUTE, place_of
from engine.errors import (
    AppealElsewhere,
    AppealForSeniors,
    NotAllowed,
    NotFound,
    OutOfRange,
    Taken,
    TooManyTries,
    WeakPassword,
    WrongPassword,
)
from engine.files import PictureFiles
from engine.intake import Intake
from engine.moderation import LEASE, Moderation
from engine.news import News
from engine.notices import Notices
from engine.safety.fingerprints import fingerprint
from engine.tries import FREE, Tries
from engine.veil import SIDE, veiled
from storage.accounts import Accounts
from storage.audit import Audit
from storage.database import Database
from storage.gallery import Gallery
from storage.pictures import PictureStore
from storage.records import (
    Account,
    Action,
    NewCase,
    NewPicture,
    NoticeKind,
    Review,
    Role,
    Search,
    View,
    Why,
)
from storage.rights import Rights
from storage.signin import SignIn
from tests.storage.reviewing import drawn, ended, held_one, told

pytestmark = pytest.mark.slow

PASSWORD = "correct horse battery"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database.open(database_url) as database:
        yield database


@pytest.fixture
def store(tmp_path: Path) -> PictureStore:
    return PictureStore(tmp_path / "pictures")


@pytest.fixture
async def moderation(database: Database, store: PictureStore) -> AsyncIterator[Moderation]:
    async with Intake.open(1) as intake:
        files = PictureFiles(store, Gallery(database))
        yield Moderation(database, files, intake, News())


@pytest.fixture
async def person(database: Database) -> Account:
    return await Accounts(database).get_or_create("web", "ivan", "ru")


async def moderator(database: Database, name: str, role: Role = Role.MODERATOR) -> Account:
    account = await Accounts(database).get_or_create("moderator", name, "en")
    await Rights(database).role(account.id, role, by=None)
    return replace(account, role=role)


def scene(shift: int = 0) -> Image.Image:
    """A picture with enough in it to be known again."""
    picture = Image.linear_gradient("L").resize((96, 96)).convert("RGB")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((10 + shift, 20, 50 + shift, 70), fill="red")
    draw.rectangle((60, 15 + shift, 90, 40), fill="blue")
    draw.line((0, 90, 95, 30 + shift), fill="white", width=4)
    return picture


def png(picture: Image.Image) -> bytes:
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


async def stored(
    database: Database, store: PictureStore, person: Account, picture: Image.Image, key: str = "k"
) -> str:
    """The id of a picture whose file is there."""
    (sha256,) = store.save(key, [png(picture)])
    new = NewPicture(1, sha256, *picture.size, bytes=9, fingerprint=fingerprint(picture))
    (one,) = await ended(database, person, [new], key)
    store.settle(key, keep=[sha256])
    return one


async def done(database: Database, by: Account) -> list[str]:
    """What the audit says of somebody, the latest first."""
    return [row.action for row in await Audit(database).page(None, 99, by=by.id)]


async def test_each_verb_is_for_those_who_may(
    database: Database, moderation: Moderation, person: Account, tmp_path: Path
) -> None:
    one = await held_one(database, person)
    (policy, *_) = await moderation.policies()
    who = {role: await moderator(database, role, role) for role in Role}
    everybody: list[Callable[[Account], Awaitable[object]]] = [
        moderation.counts,
        lambda by: moderation.take(by, View.HELD),
        lambda by: moderation.keep(by, [1]),
        lambda by: moderation.release(by, [1]),
        lambda by: moderation.case(by, 1),
        lambda by: moderation.decide(by, Review.APPROVED),
        moderation.last,
        lambda by: moderation.person(by, person.id),
        lambda by: moderation.pictures_of(by, person.id),
        lambda by: moderation.search(by, Search()),
        moderation.statistics,
        moderation.refusals,
    ]
    seniors: list[Callable[[Account], Awaitable[object]]] = [
        lambda by: moderation.take(by, View.APPEALS),
        moderation.audit,
        lambda by: moderation.ban(by, person.id, None, "rude"),
        lambda by: moderation.unban(by, person.id),
    ]
    admins: list[Callable[[Account], Awaitable[object]]] = [
        lambda by: moderation.export(by, tmp_path / f"{by.id}.zip"),
        lambda by: moderation.change_policy(by, policy),
        moderation.moderators,
    ]
    ranks = list(Role)
    least = {Role.MODERATOR: everybody, Role.SENIOR: seniors, Role.ADMIN: admins}
    for role, verbs in least.items():
        for verb in verbs:
            for other, account in who.items():
                if ranks.index(other) >= ranks.index(role):
                    await verb(account)
                    continue
                with pytest.raises(NotAllowed):
                    await verb(account)
    for look in (moderation.picture, moderation.thumbnail):
        with pytest.raises(NotAllowed):
            await look(who[Role.TRUSTED], one)


async def test_rights_are_read_anew(database: Database, moderation: Moderation) -> None:
    ann = await moderator(database, "ann")
    await moderation.counts(ann)
    await Rights(database).ban(ann.id, datetime.now(UTC) + timedelta(days=1), "away", by=None)
    with pytest.raises(NotAllowed):
        await moderation.counts(ann)
    await Rights(database).unban(ann.id, by=None)
    await Rights(database).role(ann.id, Role.USER, by=None)
    with pytest.raises(NotAllowed):
        await moderation.counts(ann)


async def test_a_moderator_signs_in_for_the_console_alone(
    database: Database, moderation: Moderation
) -> None:
    sessions = SignIn(database)
    ann = await sessions.create("ann", PASSWORD, Role.MODERATOR, by=None)
    token = await moderation.sign_in("ann", PASSWORD, "10.0.0.1")
    signed_in = await moderation.moderator(token)
    assert signed_in is not None
    assert signed_in.id == ann.id
    assert await moderation.moderator(await sessions.open(ann.id, "web", timedelta(1))) is None
    await Rights(database).role(ann.id, Role.USER, by=None)
    assert await moderation.moderator(token) is None
    await Rights(database).role(ann.id, Role.SENIOR, by=None)
    await moderation.sign_out(token)
    assert await moderation.moderator(token) is None
    assert "sign-in" in await done(database, ann)


async def test_wrong_passwords_make_one_wait(database: Database, moderation: Moderation) -> None:
    await SignIn(database).create("ann", PASSWORD, Role.MODERATOR, by=None)
    for _ in range(FREE):
        with pytest.raises(WrongPassword):
            await moderation.sign_in("ann", "wrong", "10.0.0.1")
    for name in ("Ann", "ann", "bob"):
        with pytest.raises(TooManyTries):
            await moderation.sign_in(name, PASSWORD, "10.0.0.1")
    failed = await Audit(database).page(None, 99, action="failed sign-in")
    assert [row.subject for row in failed] == ["ann"] * FREE
    assert PASSWORD not in str(failed)


async def test_strangers_keep_no_moderator_out(database: Database, moderation: Moderation) -> None:
    ann = await SignIn(database).create("ann", PASSWORD, Role.MODERATOR, by=None)
    for number in range(2 * FREE):
        with pytest.raises(WrongPassword):
            await moderation.sign_in("ann", "wrong", f"10.0.{number}.1")
    await moderation.sign_in("ann", PASSWORD, "10.1.0.1")
    for _ in range(FREE):
        with pytest.raises(WrongPassword):
            await moderation.sign_in("ann", "wrong", "10.2.0.1")
    token = await moderation.set_password(ann, PASSWORD, "another one, longer")
    assert await moderation.moderator(token) is not None


async def test_ones_own_wrong_passwords_make_one_wait(
    database: Database, moderation: Moderation
) -> None:
    ann = await SignIn(database).create("ann", PASSWORD, Role.MODERATOR, by=None)
    for _ in range(FREE):
        with pytest.raises(WrongPassword):
            await moderation.set_password(ann, "wrong", "another one, longer")
    with pytest.raises(TooManyTries):
        await moderation.set_password(ann, PASSWORD, "another one, longer")
    await moderation.sign_in("ann", PASSWORD, "10.0.0.1")


def test_many_wrong_ones_for_a_name_make_it_wait_for_a_minute_at_most() -> None:
    moment = 0.0
    tries = Tries(clock=lambda: moment, free=FROM_ANYWHERE, longest=MINUTE)
    for _ in range(FROM_ANYWHERE):
        tries.permit("ann")
        tries.count("ann")
    for _ in range(9):
        with pytest.raises(TooManyTries):
            tries.permit("ann")
        moment += MINUTE
        tries.permit("ann")
        tries.count("ann")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("unknown", "", False),
    ],
)
def test_where_somebody_is(one: str, other: str, same: bool) -> None:
    assert (place_of(one) == place_of(other)) is same


async def test_racing_tries_are_counted_before_they_are_checked(
    database: Database, moderation: Moderation
) -> None:
    await SignIn(database).create("ann", PASSWORD, Role.MODERATOR, by=None)
    tries = [moderation.sign_in("ann", "wrong", "10.0.0.1") for _ in range(12)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(one, WrongPassword) for one in outcomes) == FREE
    assert sum(isinstance(one, TooManyTries) for one in outcomes) == 12 - FREE


def test_pauses_grow_and_end() -> None:
    moment = 0.0
    tries = Tries(clock=lambda: moment)
    waited = []
    for _ in range(FREE + 4):
        try:
            tries.permit("ann")
        except TooManyTries as error:
            seconds = error.values["seconds"]
            assert isinstance(seconds, int)
            waited.append(seconds)
            moment += seconds
        tries.permit("ann")
        tries.count("ann")
    assert waited == [15, 30, 60, 120]
    tries.forget("ann")
    tries.permit("ann")


async def test_a_password_is_changed_by_who_knows_it(
    database: Database, moderation: Moderation
) -> None:
    ann = await SignIn(database).create("ann", PASSWORD, Role.MODERATOR, by=None)
    token = await moderation.sign_in("ann", PASSWORD, "10.0.0.1")
    with pytest.raises(WrongPassword):
        await moderation.set_password(ann, "wrong", "another one, longer")
    with pytest.raises(WeakPassword):
        await moderation.set_password(ann, PASSWORD, "short")
    await moderation.set_password(ann, PASSWORD, "another one, longer")
    assert await moderation.moderator(token) is None
    await moderation.sign_in("ann", "another one, longer", "10.0.0.1")


async def test_the_day_of_a_moderator(
    database: Database, moderation: Moderation, person: Account
) -> None:
    ann, bob = await moderator(database, "ann"), await moderator(database, "bob", Role.SENIOR)
    one = await held_one(database, person)
    (case,) = await moderation.take(ann, View.HELD)
    assert case.picture.id == one
    assert case.held_until is not None
    assert case.held_until - datetime.now(UTC) > timedelta(seconds=LEASE - 30)
    assert await moderation.take(bob, View.HELD) == []
    with pytest.raises(Taken):
        await moderation.decide(bob, Review.APPROVED, cases=[case.id])
    with pytest.raises(NotFound):
        await moderation.decide(ann, Review.REMOVED, cases=[case.id], policy="none such")
    with pytest.raises(OutOfRange):
        await moderation.decide(ann, Review.REMOVED, cases=[case.id], reason="x" * 1001)
    (decision,) = await moderation.decide(
        ann, Review.REMOVED, cases=[case.id], policy="gore", reason=" blood "
    )
    assert decision.reason == "blood"
    assert await moderation.last(ann) == decision
    assert (await moderation.case(ann, case.id)).closed_at is not None
    undone = await moderation.undo(ann, decision.id)
    assert (undone.undoes, undone.decision) == (decision.id, Review.HELD)
    assert (await moderation.counts(ann))[View.HELD].open == 1
    with pytest.raises(NotFound):
        await moderation.case(ann, 99)
    (made,) = await moderation.decide(bob, Review.APPROVED, pictures=[one])
    with pytest.raises(NotAllowed):
        await moderation.undo(ann, made.id)


async def test_an_appeal_goes_to_another_senior(
    database: Database, moderation: Moderation, person: Account
) -> None:
    ann = await moderator(database, "ann", Role.SENIOR)
    bob, carl = await moderator(database, "bob", Role.SENIOR), await moderator(database, "carl")
    notices = Notices(database, News())
    (one,) = await ended(database, person, [drawn(1)])
    await moderation.decide(ann, Review.REMOVED, pictures=[one], policy="gore")
    await notices.appeal(one, person, "It is paint.")
    assert await moderation.take(ann, View.APPEALS) == []
    with pytest.raises(AppealElsewhere):
        await moderation.decide(ann, Review.APPROVED, pictures=[one])
    with pytest.raises(AppealForSeniors):
        await moderation.decide(carl, Review.APPROVED, pictures=[one])
    (case,) = await moderation.take(bob, View.APPEALS)
    await moderation.decide(bob, Review.APPROVED, cases=[case.id], reason="It is.")
    assert await told(database, person) == [NoticeKind.REMOVED, NoticeKind.RESTORED]


async def test_who_removed_it_does_not_take_back_the_answer_to_an_appeal(
    database: Database, moderation: Moderation, person: Account
) -> None:
    ann, bob = [await moderator(database, name, Role.SENIOR) for name in ("ann", "bob")]
    (one,) = await ended(database, person, [drawn(1)])
    await moderation.decide(ann, Review.REMOVED, pictures=[one], policy="gore")
    await Notices(database, News()).appeal(one, person, "It is paint.")
    (answer,) = await moderation.decide(bob, Review.APPROVED, pictures=[one])
    with pytest.raises(AppealElsewhere):
        await moderation.undo(ann, answer.id)
    await Rights(database).role(bob.id, Role.MODERATOR, by=None)
    with pytest.raises(AppealForSeniors):
        await moderation.undo(bob, answer.id)


async def test_a_person_is_known_and_banned(
    database: Database, moderation: Moderation, person: Account
) -> None:
    senior, admin = [await moderator(database, role, role) for role in (Role.SENIOR, Role.ADMIN)]
    one, two, three = await ended(database, person, [drawn(n) for n in (1, 2, 3)])
    await moderation.decide(senior, Review.REMOVED, pictures=[two], policy="gore")
    known = await moderation.person(senior, person.id)
    assert known.counts[Review.REMOVED] == 1
    assert known.counts[Review.NONE] == 2
    assert [decision.picture_id for decision in known.decisions] == [two]
    page = await moderation.pictures_of(senior, person.id, limit=2)
    rest = await moderation.pictures_of(senior, person.id, before=page[-1].id)
    assert [picture.id for picture in [*page, *rest]] == [one, two, three]
    await moderation.ban(senior, person.id, None, "rude")
    banned = (await moderation.person(senior, person.id)).account
    assert (banned.banned_until is not None, banned.ban_reason) == (True, "rude")
    await moderation.unban(senior, person.id, "said sorry")
    assert (await told(database, person))[1:] == [NoticeKind.BANNED, NoticeKind.UNBANNED]
    for by, whom in ((senior, senior), (senior, admin), (admin, admin)):
        with pytest.raises(NotAllowed):
            await moderation.ban(by, whom.id, None, "rude")
    await moderation.ban(admin, senior.id, None, "rude")
    with pytest.raises(OutOfRange):
        await moderation.ban(admin, person.id, None, " ")
    with pytest.raises(NotFound):
        await moderation.ban(admin, 999, None, "rude")


async def test_any_picture_is_seen_and_that_is_written_down(
    database: Database, moderation: Moderation, person: Account, store: PictureStore
) -> None:
    ann = await moderator(database, "ann")
    one = await stored(database, store, person, scene())
    await moderation.decide(ann, Review.REMOVED, pictures=[one], policy="gore")
    await moderation.thumbnail(ann, one)
    assert "view" not in await done(database, ann)
    small = await moderation.thumbnail(ann, one, clear=True)
    assert (
        small.content
        == (await PictureFiles(store, Gallery(database)).thumbnail(small.record)).content
    )
    assert (await done(database, ann)).count("view") == 1
    seen = await moderation.picture(ann, one)
    assert seen.content == png(scene())
    assert (await done(database, ann))[0] == "view"
    with pytest.raises(NotFound):
        await moderation.picture(ann, "none")


async def test_nothing_can_be_made_out_behind_a_veil(
    database: Database, moderation: Moderation, person: Account, store: PictureStore
) -> None:
    ann = await moderator(database, "ann")
    board = Image.new("RGB", (96, 96))
    board.paste((255, 255, 255), (0, 0, 12, 96))
    for left in range(24, 96, 24):
        board.paste((255, 255, 255), (left, 0, left + 12, 96))
    one = await stored(database, store, person, board)
    file = (await moderation.thumbnail(ann, one)).content
    with Image.open(BytesIO(file)) as picture:
        assert max(picture.size) == SIDE
        bands = [picture.convert("L").getpixel((x, 16)) for x in range(8, 24)]
    levels = [band for band in bands if isinstance(band, int | float)]
    assert max(levels) - min(levels) < 64  # of 255 in the picture
    with Image.open(BytesIO(await veiled(png(Image.new("RGBA", (7, 3)))))) as picture:
        assert picture.size == (7, 3)


async def test_what_is_looked_at_is_written_down(
    database: Database, moderation: Moderation, person: Account
) -> None:
    ann = await moderator(database, "ann")
    await moderation.refusals(ann)
    await moderation.opened(ann, "person", person.id, "x")
    await moderation.search(ann, Search(text="fox"), before="made up")
    search, opened, refusals = await Audit(database).page(None, 99, by=ann.id)
    assert (search.action, search.details) == ("search", {"text": "fox", "before": "made up"})
    assert (opened.action, opened.subject) == ("person", str(person.id))
    assert (refusals.action, refusals.details) == ("refusals", {})
    with pytest.raises(NotAllowed):
        await moderation.opened(person, "person", person.id)


async def test_everything_is_found(
    database: Database, moderation: Moderation, person: Account
) -> None:
    ann = await moderator(database, "ann")
    bob = await Accounts(database).get_or_create("telegram", "bob", "en")
    first = await ended(database, person, [drawn(1), drawn(2)], "a")
    second = await ended(database, bob, [drawn(3, Review.HELD)], "b")

    async def look(**wanted: object) -> list[str]:
        meant = replace(Search(), **wanted)  # type: ignore[arg-type]
        return [one.picture.id for one in await moderation.search(ann, meant)]

    assert await look() == second + first
    assert await look(text=" FOX ") == second + first
    assert await look(text="owl") == await look(text="%") == []
    assert await look(account=bob.id) == await look(front_end="telegram") == second
    assert await look(review=Review.HELD) == second
    assert await look(mode="mix", model="mini", review=Review.NONE) == first
    assert await look(model="none") == []
    moment = datetime.now(UTC) - timedelta(hours=1)
    assert await look(since=moment) == second + first
    assert await look(until=moment) == []
    page = await moderation.search(ann, Search(), limit=2)
    rest = await moderation.search(ann, Search(), before=page[-1].picture.id)
    assert [one.picture.id for one in [*page, *rest]] == second + first
    assert page[0].account.id == bob.id
    assert await moderation.search(ann, Search(), before="none") == []
    await Gallery(database).delete([first[0]], person.id)
    assert await look(account=person.id) == first[1:]
    assert (await done(database, ann)).count("search") == 15
    with pytest.raises(OutOfRange):
        await look(text="x" * 201)


async def test_a_turned_copy_is_known_to_be_ours(
    database: Database, moderation: Moderation, person: Account, store: PictureStore
) -> None:
    ann = await moderator(database, "ann")
    assert await moderation.same(ann, png(scene())) == []
    one = await stored(database, store, person, scene(), "a")
    other = scene(25).transpose(Image.Transpose.ROTATE_90)
    await stored(database, store, person, other, "b")
    copy = scene().transpose(Image.Transpose.TRANSVERSE).resize((80, 80))
    match, *_ = await moderation.same(ann, png(copy))
    assert match.picture.id == one
    assert match.account.id == person.id
    assert match.distance < 32
    late = await stored(database, store, person, copy, "c")
    assert {found.picture.id for found in await moderation.same(ann, png(copy))} >= {one, late}


async def test_statistics_say_how_the_review_goes(
    database: Database, moderation: Moderation, person: Account
) -> None:
    ann = await moderator(database, "ann", Role.SENIOR)
    shown = [drawn(number, Review.WAITING, NewCase(Why.REVIEW)) for number in range(5)]
    one, two, three, _, _ = await ended(database, person, shown)
    await moderation.decide(ann, Review.APPROVED, pictures=[one])
    await moderation.decide(ann, Review.REMOVED, pictures=[two], policy="gore")
    (wrong,) = await moderation.decide(ann, Review.REMOVED, pictures=[three], policy="hate")
    await moderation.undo(ann, wrong.id)
    told = await moderation.statistics(ann)
    waiting = told.waiting[View.WAITING]
    assert waiting.open == 3
    assert waiting.p50 is not None
    assert waiting.p95 is not None
    assert 0 <= waiting.p50 <= waiting.p95 < 60
    assert told.waiting[View.APPEALS].p50 is None
    (day,) = told.decided
    assert (day.account_id, day.count, day.per_hour) == (ann.id, 2, 2.0)
    assert (told.overturned.removed, told.overturned.overturned) == (2, 1)
    assert told.overturned.share == 0.5
    assert [(one.low, one.approved, one.removed) for one in told.scores if one.approved] == [
        (0.5, 1, 1)
    ]
    assert told.policies == {"gore": 1}
    nothing = await moderation.statistics(ann, datetime.now(UTC) + timedelta(days=1))
    assert nothing.decided == ()
    assert nothing.overturned.share == 0.0


async def test_everything_written_down_is_exported_as_tables(
    database: Database, moderation: Moderation, person: Account, tmp_path: Path
) -> None:
    admin = await moderator(database, "admin", Role.ADMIN)
    one = await held_one(database, person)
    await moderation.decide(
        admin, Review.REMOVED, pictures=[one], policy="gore", reason="=1+1, «blood»"
    )
    file = tmp_path / "review.zip"
    count = await moderation.export(admin, file)
    with ZipFile(file) as archive:
        tables = {
            name: list(csv.DictReader(io.StringIO(archive.read(name).decode())))
            for name in archive.namelist()
        }
    assert set(tables) == {"decisions.csv", "cases.csv", "audit.csv"}
    assert sum(map(len, tables.values())) == count
    (decision,) = tables["decisions.csv"]
    assert (decision["picture_id"], decision["reason"]) == (one, "'=1+1, «blood»")
    assert tables["audit.csv"][-1]["action"] == "export"
    later = datetime.now(UTC) + timedelta(days=1)
    assert await moderation.export(admin, file, since=later) == 0


async def test_policies_are_changed_but_not_what_is_fixed(
    database: Database, moderation: Moderation
) -> None:
    admin = await moderator(database, "admin", Role.ADMIN)
    before = await moderation.policies()
    assert before[0].key == "minors"
    assert all({"en", "ru"} == set(one.names) == set(one.advice) for one in before)
    gore = next(policy for policy in before if policy.key == "gore")
    await moderation.change_policy(admin, replace(gore, action=Action.OFF, position=0))
    after = await moderation.policies()
    assert (after[0].key, after[0].action) == ("gore", Action.OFF)
    minors = after[1]
    for change in (replace(minors, action=Action.OFF), replace(minors, active=False)):
        with pytest.raises(NotAllowed):
            await moderation.change_policy(admin, change)
    with pytest.raises(NotFound):
        await moderation.change_policy(admin, replace(gore, key="rain"))
    assert "policy" in await done(database, admin)
