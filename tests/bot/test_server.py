"""What the operator asks the bot."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import ClientSession

from bot import program
from engine.start import CannotStart
from engine.studio import Studio
from tests.bot.scene import Scene, running, settings_for
from tests.telegram import Emulator
from tests.twin import Twin

pytestmark = pytest.mark.slow


async def test_it_tells_that_it_is_well_and_what_it_did(talk: Scene) -> None:
    await talk.anna.says("a fox")
    await talk.anna.sees(lambda message: message.photo)
    await asyncio.sleep(0.2)
    url = f"http://127.0.0.1:{talk.settings.bot_port}"
    async with ClientSession() as session:
        async with session.get(f"{url}/healthz") as answer:
            assert answer.status == 200
            assert await answer.json() == {"healthy": True}
        async with session.get(f"{url}/metrics") as answer:
            assert answer.content_type == "text/plain"
            lines = (await answer.text()).splitlines()
        for path in ("/", "/telegram/webhook", "/favicon.ico"):  # it asks: there is no webhook
            async with session.get(url + path) as answer:
                assert answer.status == 404
    assert 'kandinsky_bot_calls_total{method="sendPhoto",outcome="sent"} 1.0' in lines
    assert 'kandinsky_bot_updates_total{outcome="handled"} 1.0' in lines
    assert 'kandinsky_bot_deliveries_total{outcome="sent"} 1.0' in lines
    assert "kandinsky_bot_updates_waiting 0.0" in lines
    assert "kandinsky_bot_store_seconds_count 1.0" in lines


async def test_it_is_not_well_without_its_database(tmp_path: Path) -> None:
    async with Emulator.open() as telegram:
        settings = settings_for(telegram, tmp_path)
        async with Studio.open(settings, Twin()) as studio, running(settings, studio):
            url = f"http://127.0.0.1:{settings.bot_port}/healthz"
            await _answers(url, 200)
            away = tmp_path / "away"
            await studio.database.engine.dispose()
            settings.data.rename(away)
            await _answers(url, 503)
            away.rename(settings.data)
            await _answers(url, 200)


async def _answers(url: str, status: int) -> None:
    """Waits for that."""
    async with ClientSession() as session, asyncio.timeout(10):
        while True:
            try:
                async with session.get(url) as answer:
                    if answer.status == status:
                        return
            except OSError:
                pass
            await asyncio.sleep(0.1)


async def test_it_says_why_it_cannot_start(tmp_path: Path) -> None:
    async with Emulator.open() as telegram, Emulator.open() as other:
        settings = settings_for(telegram, tmp_path)
        taken = settings.model_copy(update={"bot_port": int(other.url.rpartition(":")[2])})
        hook = {"bot_webhook": "gopher://a", "bot_secret": "x" * 40}
        async with Studio.open(settings, Twin()) as studio:
            for wrong, why in (
                (settings.model_copy(update={"bot_token": "nonsense"}), "not a token"),
                (settings.model_copy(update={"bot_token": "1:wrong"}), "does not know"),
                (settings.model_copy(update=hook), "does not take"),
                (taken, "KANDINSKY_BOT_PORT"),
            ):
                with pytest.raises(CannotStart, match=why):
                    await program.run(wrong, studio)


async def test_it_waits_until_telegram_can_be_reached(tmp_path: Path) -> None:
    async with Emulator.open() as telegram:
        settings = settings_for(telegram, tmp_path)
        telegram.faults.broken(502, method="getMe", times=4)
        anna = telegram.person("Anna")
        await anna.says("a fox")
        async with Studio.open(settings, Twin()) as studio, running(settings, studio):
            await anna.sees(lambda message: message.photo)


async def test_it_ends_soon_though_telegram_hangs(tmp_path: Path) -> None:
    """What was accepted is sent at the next start."""
    async with Emulator.open(speed=20) as telegram:
        settings = settings_for(telegram, tmp_path)
        anna = telegram.person("Anna")
        async with Studio.open(settings, Twin()) as studio:
            async with running(settings, studio):
                telegram.faults.hang(method="sendPhoto", times=1)
                await anna.says("a fox")
                await asyncio.sleep(2)
                started = asyncio.get_running_loop().time()
            assert asyncio.get_running_loop().time() - started < 12
            async with running(settings, studio):
                await anna.sees(lambda message: message.photo)
