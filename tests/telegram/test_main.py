from __future__ import annotations

import asyncio
import os
import re
import signal
import sys

import aiohttp
import pytest

from tests.e2e.program import ROOT, free_port

pytestmark = pytest.mark.slow


async def test_the_program_serves_its_page_and_stops() -> None:
    port = free_port()
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.telegram", "--no-bot", "--port", str(port)),
        cwd=ROOT,
        env=dict(os.environ),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert program.stdout
        async with asyncio.timeout(60):
            address = (await program.stdout.readline()).decode().split()[-1]
        async with aiohttp.ClientSession() as session, session.get(address) as answer:
            page = await answer.text()
            assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
            for path in re.findall(r'(?:src|href)="(/[^"]+)"', page):
                async with session.get(f"http://127.0.0.1:{port}{path}") as piece:
                    assert piece.status == 200
        program.send_signal(signal.SIGINT)
        async with asyncio.timeout(20):
            assert await program.wait() == 0
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
