from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from PIL import Image

from engine.requests import Variations
from engine.settings import Settings
from engine.sources import Source
from engine.studio import Studio
from tests.web.pages import ann, browser, drawn, pages

RED = Source.of(Image.new("RGB", (600, 300), "red"))
MASK = Source.of(Image.new("L", (64, 64), 255))


@pytest.fixture
def app(settings: Settings, studio: Studio) -> FastAPI:
    return pages(settings, studio)


@pytest.fixture
async def visitor(app: FastAPI, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(app, settings, "ann") as client:
        yield client


async def test_an_upload_is_shown_to_its_owner_only(
    app: FastAPI, settings: Settings, studio: Studio, visitor: httpx.AsyncClient
) -> None:
    await studio.uploads.keep(RED, await ann(studio))
    path = f"/media/source/{RED.sha256}"
    shown = await visitor.get(path)
    assert shown.content == RED.file
    assert shown.headers["content-type"] == "image/png"
    assert shown.headers["cache-control"] == "private, no-cache"
    known = {"if-none-match": shown.headers["etag"]}
    assert (await visitor.get(path, headers=known)).status_code == 304
    async with browser(app, settings, "bob") as bob, browser(app, settings) as nobody:
        for client in (bob, nobody):
            assert (await client.get(path, headers=known)).status_code == 404
            assert (await client.get(path, params={"small": "1"})).status_code == 404


@pytest.mark.parametrize("source", [RED, MASK])
async def test_an_upload_is_shown_small(
    studio: Studio, visitor: httpx.AsyncClient, source: Source
) -> None:
    await studio.uploads.keep(source, await ann(studio))
    small = await visitor.get(f"/media/source/{source.sha256}", params={"small": "1"})
    assert small.headers["content-type"] == "image/webp"
    with Image.open(io.BytesIO(small.content)) as image:
        assert max(image.size) <= 256


async def test_what_a_job_was_made_from_is_shown(
    studio: Studio, visitor: httpx.AsyncClient
) -> None:
    await drawn(studio, await ann(studio), Variations(picture=RED))
    assert (await visitor.get(f"/media/source/{RED.sha256}")).content == RED.file


@pytest.mark.parametrize("name", ["nothing", "0" * 64, "..%2Fsecret", "%00", "'--"])
async def test_a_source_that_is_none_is_not_found(visitor: httpx.AsyncClient, name: str) -> None:
    assert (await visitor.get(f"/media/source/{name}")).status_code == 404


async def test_a_key_opens_its_owners_pictures(
    app: FastAPI, settings: Settings, studio: Studio, visitor: httpx.AsyncClient
) -> None:
    account = await ann(studio)
    [picture] = (await drawn(studio, account)).pictures
    key = await studio.access.make_key(account, "k")
    basic = base64.b64encode(f"anybody:{key}".encode()).decode()
    async with browser(app, settings, "bob") as bob:
        path = f"/media/{picture.id}"
        for header in (f"Bearer {key}", f"Basic {basic}"):
            shown = await bob.get(path, headers={"authorization": header})
            assert shown.headers["content-type"] == "image/png"
        assert (await bob.get(path)).status_code == 404
        wrong = {"authorization": f"Bearer {key[:-1]}"}
        assert (await visitor.get(path, headers=wrong)).status_code == 401
