"""Promise 17: what is secret is in no log, no row and no answer."""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from storage.database import Database
from storage.tables import Table
from tests import postgres
from tests.e2e.program import ROOT, START_LIMIT, STOP_LIMIT, environment, free_port
from tests.telegram.emulator import Emulator

pytestmark = [pytest.mark.slow, pytest.mark.system]

PAGES = (
    *("/", "/en/", "/ru/", "/en/account", "/en/privacy", "/en/history", "/healthz", "/nothing"),
    *("/media/nothing", "/s/nothing", "/api/docs", "/api/openapi.json", "/api/jobs", "/api/models"),
    *("/v1/models", "/sdapi/v1/options", "/en/config", "/moderation", "/moderation/sign-in"),
    *("/moderation/audit", "/static/nothing.js", "/en/gradio_api/info", "/manifest.json"),
)


def canary(name: str) -> str:
    return f"canary{name}{secrets.token_hex(12)}"


@dataclass
class Secrets:
    """What nobody may read, and the answers in which somebody looks for it."""

    signing: str = field(default_factory=lambda: canary("signing"))
    push: str = field(default_factory=lambda: canary("push"))
    database: str = field(default_factory=lambda: canary("database"))
    storage: str = field(default_factory=lambda: canary("storage"))
    password: str = field(default_factory=lambda: canary("password"))
    mistyped: str = field(default_factory=lambda: canary("mistyped"))
    token: str = field(default_factory=lambda: f"7000000001:AAE{canary('token')}")
    key: str = ""  # of the API, once it was made
    session: str = ""  # of a moderator, once signed in
    answers: list[bytes] = field(default_factory=list)

    def all(self) -> list[str]:
        plain = [self.signing, self.push, self.database, self.storage, self.password]
        found = [*plain, self.mistyped, self.token, self.token.split(":")[1], self.key]
        return [one for one in [*found, self.session] if one]

    def heard(self, answer: httpx.Response) -> httpx.Response:
        headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
        self.answers += [headers.encode(), answer.content]
        return answer


async def test_secrets_are_nowhere(tmp_path: Path, postgres_server: postgres.Server) -> None:
    known = Secrets()
    plain = postgres_server.new_database()
    url = plain.replace("postgres@", f"postgres:{known.database}@")
    database, data, log = Database(plain), tmp_path / "data", tmp_path / "log"
    async with Emulator.open(token=known.token) as telegram:
        port = free_port()
        own = {
            "database_url": url,
            "secret": known.signing,
            "bot_token": known.token,
            "bot_secret": known.push,
            "telegram_api": telegram.url,
            "bot_port": str(free_port()),
        }
        cloud = {"AWS_SECRET_ACCESS_KEY": known.storage, "AWS_ACCESS_KEY_ID": "somebody"}
        with log.open("wb") as output:
            program = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "deploy.start"),
                cwd=ROOT,
                env=environment(data, port, **own) | cloud,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as browser:
                    await _answers(browser)
                    await _moderator(url, known)
                    await _visit(browser, known)
                    await _talk(telegram)
                    telegram.faults.silence(3)
                    await asyncio.to_thread(postgres_server.stop)
                    for page in PAGES:
                        known.heard(await browser.get(page))
                    await asyncio.to_thread(postgres_server.start)
                    await _answers(browser)
            finally:
                program.terminate()
                await asyncio.wait_for(program.wait(), STOP_LIMIT)
    rows = await _rows(database)
    await database.close()
    texts = {"the log": log.read_bytes(), "the answers": b"\n".join(known.answers), "rows": rows}
    assert len(known.answers) > 100
    for place in ("rows", "the answers"):  # what is no secret is found there
        assert b"a fox on a blue background" in texts[place], place
    hits = [
        f"{secret[:16]} in {place}"
        for place, text in texts.items()
        for secret in known.all()
        if secret.encode() in text
    ]
    assert hits == []


async def _answers(browser: httpx.AsyncClient) -> None:
    async with asyncio.timeout(START_LIMIT):
        while True:
            try:
                if (await browser.get("/healthz")).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.2)


async def _moderator(url: str, known: Secrets) -> None:
    """Made as an operator does it."""
    making = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "storage", "account", "create-moderator", "mo"),
        *("--role", "admin", "--password-stdin", "--database", url),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said, _ = await making.communicate(f"{known.password}\n".encode())
    assert making.returncode == 0, said
    known.answers.append(said)


async def _visit(browser: httpx.AsyncClient, known: Secrets) -> None:
    """Everything that handles a secret, rightly and wrongly."""
    made = await browser.post("/en/account/keys", data={"name": "mine"})
    found = [
        word for word in made.text.replace("<", " ").replace(">", " ").split() if "ks_" in word
    ]
    known.key = found[0][found[0].index("ks_") :].split('"')[0]  # said this once
    ours = {"authorization": f"Bearer {known.key}"}
    body = {"mode": "text_to_image", "prompt": "a fox on a blue background", "steps": 4}
    known.heard(await browser.post("/api/jobs", json=body, headers=ours))
    known.heard(await browser.post("/api/jobs", content=b"{", headers=ours))
    known.heard(await browser.post("/v1/images/generations", json={"n": "x"}, headers=ours))
    known.heard(await browser.get("/api/jobs", headers={"authorization": f"Bearer {known.key}x"}))
    for page in PAGES:
        known.heard(await browser.get(page, headers=ours))
    sign_in = "/moderation/sign-in"
    wrong = {"name": "mo", "password": known.mistyped}
    known.heard(await browser.post(sign_in, data=wrong))
    entered = await browser.post(sign_in, data={"name": "mo", "password": known.password})
    known.session = entered.cookies["studio-moderator"]
    for page in ("/moderation", "/moderation/audit", "/moderation/policies", *PAGES):
        known.heard(await browser.get(page, follow_redirects=True))


async def _talk(telegram: Emulator) -> None:
    anna = telegram.person("Anna")
    await anna.says("a fox on a blue background --steps 4")
    await anna.sees(lambda message: bool(message.photo), timeout=60)


async def _rows(database: Database) -> bytes:
    """All that the database holds, as text."""
    rows = []
    async with database.read() as session:
        for table in Table.metadata.sorted_tables:
            rows += [dict(row) for row in (await session.execute(table.select())).mappings()]
    return json.dumps(rows, default=str, ensure_ascii=False).encode()
