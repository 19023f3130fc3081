"""`python -m web` says in one line why it cannot start."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from engine.settings import Settings
from tests.e2e.program import ROOT, environment, free_port
from web.__main__ import configured

pytestmark = pytest.mark.slow  # each starts the program


def refused(data: Path, port: int | str | None = None, **settings: str) -> str:
    """The one line that the program ends with."""
    ended = subprocess.run(
        [sys.executable, "-m", "web"],
        cwd=ROOT,
        env=environment(data, port or free_port(), **settings),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    ("proxies", "who"),
    [("", "127.0.0.1"), ("10.0.0.1, 127.0.0.1", "6.6.6.6"), ("10.0.0.1", "127.0.0.1")],
)
async def test_only_known_proxies_say_where_somebody_is(proxies: str, who: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        told = f"{scope['client'][0]} {scope['scheme']}"
        await PlainTextResponse(told)(scope, receive, send)

    config = configured(Settings(proxies=proxies), app)
    config.load()
    transport = httpx.ASGITransport(config.loaded_app, client=("127.0.0.1", 9))
    headers = {"x-forwarded-for": "6.6.6.6", "x-forwarded-proto": "https"}
    async with httpx.AsyncClient(transport=transport, base_url="http://studio.test") as client:
        told = (await client.get("/", headers=headers)).text
    assert told == f"{who} {'https' if who == '6.6.6.6' else 'http'}"


def test_a_busy_port(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        line = refused(tmp_path, port)
    assert line.startswith(f"Kandinsky Studio cannot start: 127.0.0.1:{port} cannot be used (")
    assert line.endswith("set KANDINSKY_PORT to another port.")


def test_an_unknown_model(tmp_path: Path) -> None:
    line = refused(tmp_path, models="dall-e")
    assert "There is no model called “dall-e” here." in line


def test_missing_weights(tmp_path: Path) -> None:
    line = refused(tmp_path, models=f"mine={tmp_path / 'nowhere'}")
    assert f"The weights of “mine” are not in {tmp_path / 'nowhere'}" in line


def test_a_corrupt_weights_file(tmp_path: Path) -> None:
    for part in ("prior/prior", "prior/text_encoder", "prior/image_encoder", "decoder/unet"):
        (tmp_path / part).mkdir(parents=True)
        (tmp_path / part / "config.json").write_text("{}")
        (tmp_path / part / "model.safetensors").write_bytes(b"not weights at all")
    line = refused(tmp_path, models=f"mine={tmp_path}")
    assert "model.safetensors of the model “mine” cannot be read" in line


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("port", "many", "KANDINSKY_PORT is 'many'"),
        ("dtype", "int8", "KANDINSKY_DTYPE is 'int8'"),
        ("nsfw", "0.9,0.1", "two numbers from 0 to 1, the lower one first, such as 0.2,0.8"),
        ("review", "web=sometimes", "KANDINSKY_REVIEW"),
        ("c2pa_key", "key.pem", "KANDINSKY_C2PA_CERTIFICATE and KANDINSKY_C2PA_KEY go together"),
        ("classifiers", "nothing:here", "KANDINSKY_CLASSIFIERS: nothing:here cannot be loaded"),
    ],
)
def test_a_wrong_setting(tmp_path: Path, name: str, value: str, said: str) -> None:
    assert said in refused(tmp_path, **{name: value})


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "data"
    assert f"the folder {folder} cannot be made" in refused(folder)


def test_a_database_that_is_away(tmp_path: Path) -> None:
    url = f"postgresql+asyncpg://nobody@127.0.0.1:{free_port()}/none"
    assert "the database cannot be reached" in refused(tmp_path, database_url=url)
