from __future__ import annotations

import httpx
import pytest

from engine.intake import FILE_LIMIT
from engine.studio import Studio
from storage.records import Account
from tests.web.api.people import made, mask, opened, png
from web.bounds import LIMIT, LIMITS

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("how", ["raw", "form"])
async def test_a_picture_is_kept(
    ann: httpx.AsyncClient, studio: Studio, account: Account, how: str
) -> None:
    body = {"content": png()} if how == "raw" else {"files": {"file": ("a.png", png())}}
    answer = await ann.post("/api/uploads", **body)
    assert answer.status_code == 201
    told = answer.json()
    assert (told["width"], told["height"]) == (64, 64)
    assert told["url"] == f"/media/source/{told['sha256']}"
    assert opened((await studio.uploads.kept(told["sha256"], account)).file).size == (64, 64)


async def test_a_mask_is_kept_as_one(
    ann: httpx.AsyncClient, studio: Studio, account: Account
) -> None:
    told = (await ann.post("/api/uploads", content=mask(), params={"mask": "1"})).json()
    kept = opened((await studio.uploads.kept(told["sha256"], account)).file)
    assert (kept.mode, kept.getpixel((0, 0)), kept.getpixel((63, 0))) == ("L", 255, 0)


async def test_a_picture_made_here_is_worked_on(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    picture = (await made(ann))["pictures"][0]["id"]
    told = await ann.post("/api/uploads", json={"picture": picture})
    assert (told.status_code, told.json()["width"]) == (201, 64)
    assert (await bob.post("/api/uploads", json={"picture": picture})).status_code == 404
    assert (await ann.post("/api/uploads", json={"file": "?"})).status_code == 400


@pytest.mark.parametrize("path", ["/api/uploads", "/api/recall"])
@pytest.mark.parametrize("how", ["raw", "form"])
async def test_a_heavy_file_is_refused(ann: httpx.AsyncClient, path: str, how: str) -> None:
    for size in (FILE_LIMIT + 1, FILE_LIMIT + 2**22):
        heavy = b"\x89PNG\r\n\x1a\n" + bytes(size)
        body = {"content": heavy} if how == "raw" else {"files": {"file": heavy}}
        answer = await ann.post(path, **body)
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] in ("picture_too_heavy", "call_too_heavy")


async def test_a_heavy_call_is_refused(ann: httpx.AsyncClient) -> None:
    for path, size in (("/api/jobs", LIMITS["/api/jobs"]), ("/api/pictures/delete", LIMIT)):
        answer = await ann.post(
            path, content=b'"' + bytes(size), headers={"content-type": "application/json"}
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "call_too_heavy")


@pytest.mark.parametrize(
    ("file", "code"),
    [(b"", "not_a_picture"), (b"GIF89a", "not_a_picture"), (png()[:60], "picture_broken")],
)
async def test_what_is_no_picture_is_refused(
    ann: httpx.AsyncClient, file: bytes, code: str
) -> None:
    answer = await ann.post("/api/uploads", content=file)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)


async def test_a_form_without_a_file_is_refused(ann: httpx.AsyncClient) -> None:
    answer = await ann.post("/api/uploads", files={"picture": png()})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_field")


async def test_a_picture_tells_its_request(
    ann: httpx.AsyncClient, studio: Studio, account: Account
) -> None:
    job = await made(ann, mode="text_to_image", prompt="a fox", seed=7, count=2)
    file = (await studio.picture(job["pictures"][1]["id"], account)).content
    recalled = await ann.post("/api/recall", content=file)
    assert recalled.status_code == 200
    assert recalled.json().items() >= {"prompt": "a fox", "seed": 8, "count": 1}.items()
    assert (await ann.post("/api/jobs", json=recalled.json())).status_code == 201
    nothing = await ann.post("/api/recall", content=png())
    assert (nothing.status_code, nothing.json()["error"]["code"]) == (422, "nothing_to_recall")
