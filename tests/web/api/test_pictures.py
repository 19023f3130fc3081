from __future__ import annotations

import io
import zipfile
from contextlib import ExitStack

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from engine.studio import Studio
from tests.web.api.people import SITE, made
from web.api.app import ZIPS, APIs

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATHS = (
    ("GET", ""),
    ("DELETE", ""),
    ("PUT", "/favourite"),
    ("DELETE", "/favourite"),
    ("PUT", "/share"),
    ("DELETE", "/share"),
    ("POST", "/report"),
)


@pytest_asyncio.fixture(loop_scope="module")
async def picture(ann: httpx.AsyncClient) -> str:
    """Ann's."""
    found: str = (await made(ann))["pictures"][0]["id"]
    return found


async def test_a_picture_is_told_of(ann: httpx.AsyncClient, picture: str) -> None:
    told = (await ann.get(f"/api/pictures/{picture}")).json()
    assert (told["id"], told["width"], told["seed"]) == (picture, 64, 7)


async def test_a_picture_is_marked(ann: httpx.AsyncClient, picture: str) -> None:
    assert (await ann.put(f"/api/pictures/{picture}/favourite")).json()["favourite"] is True
    assert (await ann.get(f"/api/pictures/{picture}")).json()["favourite"] is True
    assert (await ann.delete(f"/api/pictures/{picture}/favourite")).json()["favourite"] is False


async def test_a_picture_is_shared_until_it_is_not(
    ann: httpx.AsyncClient, studio: Studio, picture: str
) -> None:
    url = (await ann.put(f"/api/pictures/{picture}/share")).json()["url"]
    assert url.startswith(f"{SITE}/s/")
    assert (await ann.put(f"/api/pictures/{picture}/share")).json()["url"] == url
    assert (await studio.links.shared(url.rpartition("/")[2])).record.id == picture
    assert (await ann.get(f"/api/pictures/{picture}")).json()["shared"] == url
    assert (await ann.get("/api/jobs")).json()["jobs"][0]["pictures"][0]["shared"] == url
    assert (await ann.delete(f"/api/pictures/{picture}/share")).json() == {"url": None}
    assert (await ann.get(f"/api/pictures/{picture}")).json()["shared"] is None


async def test_a_picture_is_reported(ann: httpx.AsyncClient, picture: str) -> None:
    path = f"/api/pictures/{picture}/report"
    assert (await ann.post(path, json={"reason": "It is ugly."})).status_code == 201
    assert (await ann.post(path, json={"reason": "  "})).status_code == 422
    assert (await ann.post(path, json={"reason": "\0"})).status_code == 422
    assert (await ann.post(path, json={})).status_code == 422


async def test_a_picture_is_deleted(ann: httpx.AsyncClient, picture: str) -> None:
    assert (await ann.delete(f"/api/pictures/{picture}")).json() == {"deleted": 1}
    assert (await ann.get(f"/api/pictures/{picture}")).status_code == 404
    assert (await ann.delete(f"/api/pictures/{picture}")).status_code == 404


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_a_picture_is_nobody_elses(
    bob: httpx.AsyncClient, picture: str, method: str, path: str
) -> None:
    body = {"reason": "no"} if path == "/report" else None
    answer = await bob.request(method, f"/api/pictures/{picture}{path}", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("id", ["nothing", "%00", "..%2F..", "x" * 500])
async def test_a_picture_that_is_none_is_not_found(ann: httpx.AsyncClient, id: str) -> None:
    assert (await ann.get(f"/api/pictures/{id}")).status_code == 404


async def test_several_are_deleted_but_ones_own_alone(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    mine = [(await made(ann))["pictures"][0]["id"] for _ in range(2)]
    theirs = (await made(bob))["pictures"][0]["id"]
    deleted = await ann.post("/api/pictures/delete", json={"ids": [*mine, theirs]})
    assert deleted.json() == {"deleted": 2}
    assert (await bob.get(f"/api/pictures/{theirs}")).status_code == 200
    assert (await ann.post("/api/pictures/delete", json={"ids": [theirs]})).status_code == 404
    assert (await ann.post("/api/pictures/delete", json={"ids": ["\0"]})).status_code == 404
    assert (await ann.post("/api/pictures/delete", json={"ids": []})).status_code == 422


@pytest.mark.parametrize("how", ["json", "data"])
async def test_several_are_downloaded_as_one_file(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, how: str
) -> None:
    job = await made(ann, mode="text_to_image", prompt="a fox", count=2)
    body = {how: {"ids": [one["id"] for one in job["pictures"]]}}
    answer = await ann.post("/api/pictures/zip", **body)  # type: ignore[arg-type]
    assert answer.headers["content-type"] == "application/zip"
    assert "kandinsky-pictures.zip" in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        assert len(packed.namelist()) == 2
    assert (await bob.post("/api/pictures/zip", **body)).status_code == 404  # type: ignore[arg-type]
    assert (await ann.post("/api/pictures/zip", **{how: {}})).status_code == 422  # type: ignore[arg-type]


async def test_too_many_files_for_one_account_are_refused(
    app: FastAPI, studio: Studio, ann: httpx.AsyncClient, picture: str, key: str
) -> None:
    """While readers dawdle over as many as one may have."""
    (apis,) = [route for route in app.router.routes if isinstance(route, APIs)]
    owner = await studio.access.holder(key)
    assert owner is not None
    with ExitStack() as stack:
        for _ in range(ZIPS):
            stack.enter_context(apis.app.state.zips.taken(owner.id))
        refused = await ann.post("/api/pictures/zip", json={"ids": [picture]})
        assert refused.json()["error"]["code"] == "too_many_at_once"
    assert (await ann.post("/api/pictures/zip", json={"ids": [picture]})).status_code == 200
