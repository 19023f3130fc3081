from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Hashable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path
from time import monotonic

import pytest
from PIL import Image

from engine.safety.fingerprints import fingerprint
from engine.safety.pictures import Classifier, PictureGate
from engine.safety.verdicts import KNOWN, UNCHECKED, Outcome, Verdict
from storage.database import DatabaseAway
from tests.engine.canvas.photos import clouds
from tests.safety import odd_classifiers
from tests.safety.drawn import CHANGES, pictures

ROOT = Path(__file__).parents[2]
ODD = "tests.safety.odd_classifiers"
SOON = 0.05  # seconds
RED = Image.new("RGB", (64, 64), (255, 0, 0))
PINK = Image.new("RGB", (64, 64), (255, 130, 130))
WHITE = Image.new("RGB", (64, 64), "white")


class Removed:
    """A blocklist in memory."""

    def __init__(self, *rows: tuple[str, str]) -> None:
        self.all = [(number, *row) for number, row in enumerate(rows)]
        self.read = 0
        self.trouble: Exception | None = None

    async def version(self) -> Hashable:
        if self.trouble:
            raise self.trouble
        return len(self.all)

    async def rows(self) -> Sequence[tuple[int, str, str]]:
        self.read += 1
        return list(self.all)


class Silent(Removed):
    """One that does not answer."""

    async def version(self) -> Hashable:
        await asyncio.sleep(3600)
        return 0


@pytest.fixture(autouse=True)
def freed() -> Iterator[None]:
    """What hangs ends with the test."""
    odd_classifiers.goes_on.clear()
    yield
    odd_classifiers.goes_on.set()


def gate(
    classifiers: Mapping[str, Classifier] | None = None,
    blocklist: Removed | None = None,
    timeout: float = 10.0,
) -> PictureGate:
    by_rule = {"redness": odd_classifiers.redness} if classifiers is None else classifiers
    return PictureGate((0.2, 0.8), blocklist or Removed(), by_rule, timeout)


def says(said: object) -> Classifier:
    return lambda picture: said


@asynccontextmanager
async def opened(*classifiers: str) -> AsyncIterator[PictureGate]:
    async with PictureGate.open((0.2, 0.8), Removed(), classifiers) as gate:
        yield gate


async def test_scores_decide() -> None:
    red, pink, white = await gate().check([RED, PINK, WHITE])
    assert red == Verdict(Outcome.BLOCK, "gore", "redness", 1.0)
    assert pink == Verdict(Outcome.HOLD, "gore", "redness", 125 / 255)
    assert white == Verdict(Outcome.PASS, score=0.1)


@pytest.mark.parametrize(
    ("score", "outcome"),
    [
        (0, Outcome.PASS),
        (0.19, Outcome.PASS),
        (0.2, Outcome.HOLD),
        (0.8, Outcome.HOLD),
        (0.81, Outcome.BLOCK),
        (1, Outcome.BLOCK),
    ],
)
async def test_thresholds_belong_to_the_middle(score: float, outcome: Outcome) -> None:
    (verdict,) = await gate({"one": says({"sexual": score})}).check([WHITE])
    assert (verdict.outcome, verdict.score) == (outcome, score)


async def test_the_highest_score_of_all_counts() -> None:
    two = {"one": says({"gore": 0.3, "hate": 0.9}), "two": says({"sexual": 0.85})}
    (verdict,) = await gate(two).check([WHITE])
    assert verdict == Verdict(Outcome.BLOCK, "hate", "one", 0.9)


async def test_nothing_to_check_and_nobody_to_ask() -> None:
    assert await gate().check([]) == []
    assert await gate({}).check([WHITE]) == [Verdict(Outcome.PASS)]


async def test_each_picture_has_its_fingerprint() -> None:
    drawn = list(pictures(6))
    verdicts = await gate().check(drawn)
    assert [one.fingerprint for one in verdicts] == [fingerprint(one) for one in drawn]


@pytest.mark.parametrize("turn", [None, *Image.Transpose])
async def test_a_removed_picture_is_known_however_it_is_held(turn: Image.Transpose | None) -> None:
    picture = clouds((256, 200), 1)
    copy = CHANGES["JPEG 40"](picture if turn is None else picture.transpose(turn))
    removed = Removed((fingerprint(clouds((256, 256), 2)), "gore"), (fingerprint(picture), "hate"))
    known, other = await gate(blocklist=removed).check([copy, clouds((256, 200), 3)])
    assert (known.outcome, known.policy, known.rule) == (Outcome.BLOCK, "hate", KNOWN)
    assert known.fingerprint == fingerprint(copy)
    assert other.outcome is Outcome.PASS


async def test_the_blocklist_is_read_when_it_has_changed() -> None:
    picture, removed = clouds((256, 256), 1), Removed()
    one = gate(blocklist=removed)
    for _ in range(3):
        (verdict,) = await one.check([picture])
        assert verdict.outcome is Outcome.PASS
    assert removed.read == 1
    removed.all.append((7, fingerprint(picture), "person"))
    (verdict,) = await one.check([picture])
    assert (verdict.policy, removed.read) == ("person", 2)


async def test_flat_pictures_are_never_known() -> None:
    (verdict,) = await gate(blocklist=Removed(("", "hate"))).check([WHITE])
    assert verdict.outcome is Outcome.PASS


async def test_a_classifier_gets_rgb_and_cannot_change_the_picture() -> None:
    def spoils(picture: Image.Image) -> dict[str, float]:
        assert picture.mode == "RGB"
        picture.paste("black", (0, 0, 64, 64))
        return {}

    drawn = [Image.new(mode, (64, 64), "white") for mode in ("RGB", "RGBA", "L")]
    verdicts = await gate({"spoils": spoils}).check(drawn)
    assert [one.outcome for one in verdicts] == [Outcome.PASS] * 3
    assert all(one.convert("L").getextrema() == (255, 255) for one in drawn)


@pytest.mark.slow
async def test_open_nsfw_passes_what_is_drawn_here() -> None:
    async with opened() as real:
        verdicts = await real.check(list(pictures(9)))
    assert {one.outcome for one in verdicts} == {Outcome.PASS}
    assert all(one.score is not None and 0 < one.score < 0.2 for one in verdicts)


@pytest.mark.slow
async def test_operators_name_functions_of_their_own() -> None:
    async with opened(f"{ODD}:redness", f"{ODD}:hangs_at_red") as real:
        (verdict,) = await real.check([PINK])
    assert (verdict.outcome, verdict.policy, verdict.rule) == (
        Outcome.HOLD,
        "gore",
        f"{ODD}:redness",
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("no.such.module:function", "ModuleNotFoundError: No module named 'no'"),
        (f"{ODD}:no_such_function", "AttributeError"),
        (f"{ODD}:NO_FUNCTION", "is no function"),
        ("redness", "ModuleNotFoundError"),
        ("", "ValueError: Empty module name"),
    ],
)
async def test_a_function_that_is_not_there_is_named(name: str, why: str) -> None:
    with pytest.raises(ValueError, match=rf"^KANDINSKY_CLASSIFIERS: {name}") as refused:
        async with opened(name):
            pass
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


NONSENSE: list[object] = [
    None,
    0.5,
    [0.1],
    {"sexual": float("nan")},
    {"sexual": float("inf")},
    {"sexual": -0.1},
    {"sexual": 1.1},
    {"sexual": "0.1"},
    {"sexual": None},
    {"sexual": True},
    {"no such policy": 0.0},
    {3: 0.0},
]


async def test_of_100_failures_none_passes() -> None:
    """Whatever goes wrong, for as long as it does."""
    away = Removed()
    away.trouble = DatabaseAway("connection refused")
    broken = Removed()
    broken.trouble = KeyError("version")
    failing = [
        *[gate({"odd": says(said)}) for said in NONSENSE],
        gate({"odd": odd_classifiers.raises}),
        gate({"good": odd_classifiers.redness, "odd": odd_classifiers.raises}),
        gate({"odd": odd_classifiers.exits}),
        gate({"odd": odd_classifiers.hangs}, timeout=SOON),
        gate({"good": odd_classifiers.redness, "odd": odd_classifiers.hangs}, timeout=SOON),
        gate(blocklist=away),
        gate(blocklist=broken),
        gate(blocklist=Silent(), timeout=SOON),
    ]
    verdicts = []
    for one, _ in zip(cycle(failing), range(100), strict=False):
        verdicts += await one.check([WHITE])
    assert len(verdicts) == 100
    assert {one.outcome for one in verdicts} == {Outcome.UNCHECKED}
    assert {one.rule for one in verdicts} == {UNCHECKED}


async def test_what_is_sure_is_not_forgotten_for_a_failure() -> None:
    two = {"odd": odd_classifiers.raises, "good": odd_classifiers.redness}
    red, pink = await gate(two).check([RED, PINK])
    assert (red.outcome, red.policy) == (Outcome.BLOCK, "gore")
    assert (pink.outcome, pink.score) == (Outcome.UNCHECKED, 125 / 255)


async def test_a_picture_that_hangs_does_not_take_the_others_with_it() -> None:
    odd = gate({"odd": odd_classifiers.hangs_at_red}, timeout=SOON * 10)
    drawn = clouds((256, 256), 1)
    verdicts = await odd.check([WHITE, RED, drawn])
    assert [one.outcome for one in verdicts] == [
        Outcome.PASS,
        Outcome.UNCHECKED,
        Outcome.UNCHECKED,
    ]
    assert verdicts[2].fingerprint == fingerprint(drawn)


async def test_after_three_that_hang_no_more_is_begun_until_they_end() -> None:
    odd = gate({"odd": odd_classifiers.hangs_at_red}, timeout=SOON * 10)
    for _ in range(3):
        assert [one.outcome for one in await odd.check([RED])] == [Outcome.UNCHECKED]
    began = monotonic()
    assert [one.outcome for one in await odd.check([WHITE])] == [Outcome.UNCHECKED]
    assert monotonic() - began < SOON * 5
    odd_classifiers.goes_on.set()
    await asyncio.sleep(SOON)
    assert [one.outcome for one in await odd.check([WHITE])] == [Outcome.PASS]


async def test_many_check_at_once() -> None:
    one = gate()
    found = await asyncio.gather(*(one.check([RED, WHITE]) for _ in range(50)))
    assert [[verdict.outcome for verdict in verdicts] for verdicts in found] == [
        [Outcome.BLOCK, Outcome.PASS]
    ] * 50


async def test_what_hangs_counts_though_who_asked_gave_up_before() -> None:
    odd = gate({"odd": odd_classifiers.hangs_at_red}, timeout=SOON * 10)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SOON):
                await odd.check([RED])
    assert [one.outcome for one in await odd.check([WHITE])] == [Outcome.PASS]
    await asyncio.sleep(SOON * 10)
    assert [one.outcome for one in await odd.check([WHITE])] == [Outcome.UNCHECKED]


PROGRAM = f"""
import asyncio
from PIL import Image
from engine.safety.pictures import PictureGate
from tests.safety.test_pictures import Removed

async def main():
    picture = Image.new("RGB", (64, 64))
    names = ["{ODD}:hangs"]
    async with PictureGate.open((0.2, 0.8), Removed()) as gate:
        assert (await gate.check([picture]))[0].outcome == "pass"
    async with PictureGate.open((0.2, 0.8), Removed(), names, timeout=0.5) as gate:
        assert (await gate.check([picture]))[0].outcome == "unchecked"

asyncio.run(main())
"""


@pytest.mark.slow
def test_the_program_ends_while_a_check_hangs_and_the_model_prints_nothing() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (ran.returncode, ran.stdout) == (0, "")
    assert ran.stderr == "the picture gate hangs: pictures are held\n"
