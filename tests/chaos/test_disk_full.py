"""The disk of the pictures is full: no half file, no row without its file; later all is well."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.requests import TextToImage, Variations
from engine.settings import Settings
from engine.studio import Studio
from storage.database import Database
from storage.records import JobRecord, JobState
from tests.chaos.checker import check
from tests.chaos.desk import a_source, checked, ended
from tests.chaos.program import Painter

pytestmark = [pytest.mark.slow, pytest.mark.system]

SIZE = 512  # KiB; a picture of noise takes 12 and its folders some


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small real one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}k", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a small disk cannot be mounted here: {error}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def noise(number: int) -> TextToImage:
    return TextToImage(prompt="a fox", seed=2 * number + 1)


@pytest.fixture
def settings(database_url: str, disk: Path, tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, database_url=database_url, pictures_url=str(disk), lease=5)


async def test_a_full_disk_leaves_nothing_half(settings: Settings, disk: Path) -> None:
    async with Studio.open(settings, Painter(places=4)) as studio:
        account = await studio.account("web", "ann", "en")

        async def made(first: int, jobs: int) -> list[JobRecord]:
            asked = [
                await studio.submit(noise(one), account, str(one))
                for one in range(first, first + jobs)
            ]
            return [await ended(studio, job, account) for job in asked]

        jobs = await made(0, 60)
        done = [job for job in jobs if job.state is JobState.DONE]
        failed = [job for job in jobs if job.state is JobState.FAILED]
        print(f"disk full: {len(done)} done, {len(failed)} failed, of {len(jobs)}")
        assert done
        assert failed
        assert len(done) + len(failed) == len(jobs)
        assert {job.error_key for job in failed} == {"WentWrong"}
        async with Database.open(settings.database) as database:
            assert await check(database, settings.pictures, [job.id for job in jobs]) == []
        await studio.delete([job.pictures[0].id for job in done], account)
        assert {job.state for job in await made(100, 5)} == {JobState.DONE}
        acknowledged = [job.id for job in await studio.history(account, limit=100)]
    assert await checked(settings, acknowledged) == []


def fill(file: Path) -> None:
    """Raises OSError when there is no more space."""
    with file.open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(2**12))


async def test_a_source_on_a_full_disk_is_refused_in_words(settings: Settings, disk: Path) -> None:
    async with Studio.open(settings, Painter(places=0)) as studio:
        account = await studio.account("web", "ann", "en")
        with pytest.raises(OSError, match="No space"):
            fill(disk / "filler")
        request = Variations(picture=a_source(1), seed=1)
        with pytest.raises(UserError):
            await studio.submit(request, account, "k")
        assert await studio.history(account) == []
        (disk / "filler").unlink()
        job = await studio.submit(request, account, "k")
        await studio.cancel(job.id, account)
    assert await checked(settings, [job.id]) == []
