"""Strangers' pictures are refused or cleaned, and whatever happens to a child, the next one is
taken. That the pixels are right is for test_cleaner.py.

Pillow's own test pictures (`Tests/images` of its source) are taken too, if HOSTILE_PICTURES names
their folder.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import signal
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from functools import cache
from io import BytesIO
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from engine import Source, TextToImage
from engine.cleaner import MEMORY, PIXEL_LIMIT
from engine.errors import Busy, PictureBroken, UserError
from engine.intake import FILE_LIMIT, Intake
from engine.recall import recall
from storage.png import encode_png
from tests.hostile import GROUPS, bombs
from tests.hostile.extras import SECRET
from tests.hostile.files import (
    MB,
    SOUND,
    Hostile,
    blank,
    opened,
    saved,
    scene,
    sound,
)

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0  # seconds until a test gives up waiting

WORDS = ("EXIF", "Xt", "text", "empty")
WORDY = [one for one in bombs.pictures() if any(word in one.name for word in WORDS)]
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def intake() -> AsyncIterator[Intake]:
    async with Intake.open() as intake:
        yield intake


def hostile() -> Iterator[object]:
    for group in GROUPS:
        marks = [pytest.mark.slow] if group is bombs else []
        for one in group.pictures():
            yield pytest.param(one, id=one.name, marks=marks)


@pytest.mark.parametrize("hostile", list(hostile()))
async def test_a_hostile_picture_is_refused_or_cleaned(intake: Intake, hostile: Hostile) -> None:
    try:
        source = await intake.take(hostile.make())
    except UserError as error:
        assert type(error) in hostile.ends  # noqa: PT017 - which of many is not known
    else:
        assert Source in hostile.ends
        assert_clean(source)


@pytest.mark.skipif(
    not os.environ.get("HOSTILE_PICTURES"), reason="HOSTILE_PICTURES names no folder"
)
async def test_pillows_own_pictures_are_refused_or_cleaned(intake: Intake) -> None:
    folder = Path(os.environ["HOSTILE_PICTURES"])
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):  # noqa: ASYNC240
        with suppress(UserError):
            assert_clean(await intake.take(file.read_bytes()))


def assert_clean(source: Source) -> None:
    """Pixels and nothing else, in one of the two modes, as small as is allowed."""
    assert source.sha256 == hashlib.sha256(source.file).hexdigest()
    chunks = list(chunks_of(source.file))
    assert [kind for kind, _ in chunks if kind != b"IDAT"] == [b"IHDR", b"IEND"]
    pixels = b"".join(content for kind, content in chunks if kind == b"IDAT")
    assert SECRET not in zlib.decompress(pixels)
    with Image.open(BytesIO(source.file)) as picture:
        assert picture.width * picture.height <= PIXEL_LIMIT
        assert picture.mode in ("RGB", "RGBA")
        if picture.mode == "RGBA":
            assert picture.getchannel("A").getextrema()[0] != 255


def chunks_of(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    assert file.startswith(b"\x89PNG\r\n\x1a\n")
    place = 8
    while place < len(file):
        length = int.from_bytes(file[place : place + 4], "big")
        yield file[place + 4 : place + 8], file[place + 8 : place + 8 + length]
        place += 12 + length
    assert place == len(file)


noise = st.binary(max_size=4000)
starts = st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\xff\xff\0\0WEBPVP8X"])
untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@untimed
@given(starts, noise)
async def test_any_bytes_are_refused_or_cleaned(intake: Intake, start: bytes, rest: bytes) -> None:
    with suppress(UserError):
        assert_clean(await intake.take(start + rest))


@untimed
@given(
    st.sampled_from(sorted(SOUND)),
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=30), st.integers(0, 30)), max_size=9),
)
async def test_any_damage_is_refused_or_cleaned(
    intake: Intake, name: str, wounds: list[tuple[float, bytes, int]]
) -> None:
    """Bytes are put in, others taken out, at any place."""
    file = sound(name)
    for share, more, less in wounds:
        place = int(share * len(file))
        file = file[:place] + more + file[place + less :]
    with suppress(UserError):
        assert_clean(await intake.take(file))


# The children


async def assert_works(intake: Intake) -> None:
    """An ordinary picture is taken."""
    assert_clean(await intake.take(sound("png")))


@asynccontextmanager
async def at_work() -> AsyncIterator[tuple[Intake, asyncio.Task[Source], int]]:
    """A gate, a picture that takes long, and the only child, which is opening it."""
    others = children()
    async with Intake.open(1) as intake:
        await assert_works(intake)
        taking = asyncio.create_task(intake.take(bomb()))
        await asyncio.sleep(0.2)
        (child,) = children() - others
        yield intake, taking, child


@cache
def bomb() -> bytes:
    """A picture that keeps a child at work until it is killed."""
    return bombs.scans(3000)


def children() -> set[int]:
    """The processes that open pictures, of this process; none where there is no /proc."""
    lists = [file.read_text() for file in Path("/proc/self/task").glob("*/children")]
    found = {int(child) for pids in lists for child in pids.split()}
    return {child for child in found if "cleaner.py" in said_of(child, "cmdline")}


def said_of(process: int, name: str) -> str:
    """A file in /proc; empty for a process that has ended."""
    try:
        return Path(f"/proc/{process}/{name}").read_text()
    except OSError:
        return ""


def files_of(process: int) -> list[str]:
    return sorted(file.name for file in Path(f"/proc/{process}/fd").iterdir())


def limits_of(process: int) -> dict[str, str]:
    lines = said_of(process, "limits").splitlines()
    return {line[:26].strip(): line[26:].split()[0] for line in lines}


@linux
@pytest.mark.slow
@pytest.mark.parametrize("bomb", [pytest.param(one, id=one.name) for one in WORDY])
async def test_what_a_bomb_says_is_read_in_the_child_too(intake: Intake, bomb: Hostile) -> None:
    with suppress(UserError):
        texts = await intake.texts(bomb.make())
        assert texts.keys() <= {"parameters", "kandinsky"}
        assert all(len(text) <= 100_000 for text in texts.values())


async def test_what_a_file_says_is_told(intake: Intake) -> None:
    request = TextToImage(prompt="лиса", seed=7)
    file = encode_png(Image.new("RGB", (8, 8)), request.model_dump(mode="json"), 9)
    assert recall(await intake.texts(file)).request == request.model_copy(update={"seed": 9})


async def test_what_is_no_picture_starts_no_child() -> None:
    others = children()
    async with Intake.open() as intake:
        for file in (b"", b"<svg/>", sound("png").ljust(FILE_LIMIT + 1)):
            with pytest.raises(UserError):
                await intake.take(file)
        assert children() == others


async def test_twenty_at_once() -> None:
    """Each answer is that of its own question; no more children run than were asked for."""
    others = children()
    files = [saved(scene(size=(64 + n, 64), seed=n), "PNG") for n in range(20)]
    async with Intake.open(2) as intake:
        taken = await asyncio.gather(*(intake.take(file) for file in files))
        assert len(children() - others) <= 2
    assert [opened(source.file).tobytes() for source in taken] == [
        scene(size=(64 + n, 64), seed=n).tobytes() for n in range(20)
    ]
    assert children() == others


async def test_a_second_child_starts_only_when_it_is_needed() -> None:
    others = children()
    async with Intake.open(2) as intake:
        for _ in range(5):
            await intake.take(sound("png"))
        assert len(children() - others) <= 1


@linux
@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGTERM])
async def test_a_child_that_dies_takes_one_picture_with_it(death: signal.Signals) -> None:
    async with at_work() as (intake, taking, child):
        os.kill(child, death)
        with pytest.raises(PictureBroken):
            await taking
        await assert_works(intake)


@linux
async def test_a_child_that_died_in_its_sleep_takes_none() -> None:
    others = children()
    async with Intake.open(1) as intake:
        await intake.take(sound("png"))
        (child,) = children() - others
        os.kill(child, signal.SIGKILL)
        await asyncio.to_thread(os.waitid, os.P_PID, child, os.WEXITED | os.WNOWAIT)
        await assert_works(intake)


@pytest.mark.slow
async def test_a_picture_that_takes_too_long_is_refused() -> None:
    async with Intake.open(1) as intake:
        with pytest.raises(PictureBroken):
            await intake.take(bomb())
        await assert_works(intake)


@linux
@pytest.mark.slow
async def test_a_child_that_stands_still_is_replaced() -> None:
    async with at_work() as (intake, taking, child):
        os.kill(child, signal.SIGSTOP)
        with pytest.raises(PictureBroken):
            await taking
        await assert_works(intake)


@pytest.mark.parametrize("moment", [0, 0.001, 0.05, 0.3])
async def test_one_may_stop_waiting_at_any_moment(moment: float) -> None:
    others = children()
    async with Intake.open(1) as intake:
        taking = [
            asyncio.create_task(intake.take(file)) for file in (bomb(), sound("jpeg"), bomb())
        ]
        await asyncio.sleep(moment)
        for task in taking:
            task.cancel()
        assert all(
            isinstance(end, asyncio.CancelledError)
            for end in await asyncio.gather(*taking, return_exceptions=True)
        )
        await assert_works(intake)
        assert len(children() - others) <= 1


async def test_a_closed_gate_takes_nothing() -> None:
    async with Intake.open(1) as intake:
        await intake.take(sound("png"))
    with pytest.raises(Busy):
        await intake.take(sound("png"))


async def test_closing_lets_pictures_at_work_be_finished() -> None:
    others = children()
    async with Intake.open(1) as intake:
        taking = [asyncio.create_task(intake.take(sound("png"))) for _ in range(3)]
        await asyncio.sleep(0)
    first, *waiting = await asyncio.gather(*taking, return_exceptions=True)
    assert isinstance(first, Source)
    assert [type(end) for end in waiting] == [Busy, Busy]
    assert children() == others


@linux
@pytest.mark.slow
async def test_children_end_when_the_studio_is_killed() -> None:
    program = (
        "import asyncio, sys, signal, os\n"
        "from engine.intake import Intake\n"
        "async def main():\n"
        "    async with Intake.open(1) as intake:\n"
        "        asyncio.create_task(intake.take(sys.stdin.buffer.read()))\n"
        "        await asyncio.sleep(0.5)\n"
        "        print(open('/proc/self/task/%d/children' % os.getpid()).read(), flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())"
    )
    studio = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program), stdin=-1, stdout=-1, cwd=ROOT
    )
    said, _ = await studio.communicate(bomb())
    assert studio.returncode == -signal.SIGKILL
    async with asyncio.timeout(PATIENCE):
        while said_of(int(said), "cmdline"):  # noqa: ASYNC110 - nothing tells of a grandchild
            await asyncio.sleep(0.02)


@linux
async def test_a_child_can_do_little() -> None:
    """It has its three pipes and its limits, no environment, and no module of ours."""
    async with Intake.open(1) as intake:
        others = children()
        await intake.take(sound("png"))
        (child,) = children() - others
        assert files_of(child) == ["0", "1", "2"]
        assert said_of(child, "environ") == ""
        assert not {"torch", "pydantic"} & set(re.split(r"\W+", said_of(child, "maps")))
        assert os.getsid(child) == child  # the signals of a terminal go elsewhere
        assert LIMITS.items() <= limits_of(child).items()


LIMITS = {
    "Max address space": str(MEMORY),
    "Max file size": "0",
    "Max open files": "3",
    "Max processes": "0",
    "Max core file size": "0",
}


async def test_memory_of_the_studio_is_bounded(intake: Intake) -> None:
    """A small file of 48 MB of pixels costs no more than the clean file."""
    file = blank(4000, 3975)
    tracemalloc.start()
    try:
        source = await intake.take(file)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * len(source.file) + MB


async def test_importing_it_does_not_import_torch() -> None:
    program = "import sys, engine.intake; sys.exit('torch' in sys.modules)"
    finished = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", program], check=False, cwd=ROOT
    )
    assert finished.returncode == 0
