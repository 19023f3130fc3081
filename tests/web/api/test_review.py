"""What the APIs say of pictures that wait for a moderator, or were removed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from engine import errors
from engine.settings import Settings
from engine.studio import Studio
from engine.texts import Texts
from storage.records import Account
from tests.twin import Twin
from tests.web.api.people import front_end, key_of, program
from tests.web.pages import ann, drawn
from tests.web.reviewing import REASON, approve, remove, reviewed
from web.api.refusals import openai_form, openai_status, status_of

FOX = {"prompt": "a fox", "seed": 7}
ADVICE = {"en": "Ask for something else.", "ru": "Попросите о другом."}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return reviewed(tmp_path)


@pytest.fixture
async def studio(settings: Settings, twin: Twin) -> AsyncIterator[Studio]:
    async with Studio.open(settings, twin) as studio:
        yield studio


@pytest.fixture
async def client(settings: Settings, studio: Studio) -> AsyncIterator[httpx.AsyncClient]:
    async with program(front_end(settings, studio), await key_of(studio, "ann")) as client:
        yield client


@pytest.fixture
async def owner(studio: Studio) -> Account:
    return await ann(studio)


@pytest.mark.slow
async def test_a_job_tells_what_is_withheld(
    client: httpx.AsyncClient, studio: Studio, owner: Account
) -> None:
    made = await drawn(studio, owner)
    job = (await client.get(f"/api/jobs/{made.id}")).json()
    picture = made.withheld[0].id
    assert job["pictures"] == []
    assert job["withheld"] == [{"id": picture, "index": 0, "state": "held", "policy": None}]
    assert (await client.get(f"/api/pictures/{picture}")).status_code == 404
    await approve(studio, picture)
    job = (await client.get(f"/api/jobs/{made.id}")).json()
    assert ([one["id"] for one in job["pictures"]], job["withheld"]) == ([picture], [])
    await remove(studio, picture)
    job = (await client.get(f"/api/jobs/{made.id}")).json()
    assert job["withheld"][0] | {"id": ""} == {
        "id": "",
        "index": 0,
        "state": "removed",
        "policy": "gore",
    }


@pytest.mark.slow
async def test_openai_clients_are_told_that_it_waits(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/images/generations", json=FOX)
    assert answer.status_code == 403
    error = answer.json()["error"]
    assert (error["code"], error["type"]) == ("held_for_review", "permission_error")
    assert "moderator" in error["message"]


@pytest.mark.slow
async def test_a_key_brings_what_was_approved_since(
    client: httpx.AsyncClient, studio: Studio, owner: Account
) -> None:
    key = {"idempotency-key": "mine"}
    asked = FOX | {"n": 2}
    assert (await client.post("/v1/images/generations", json=asked, headers=key)).is_error
    job = (await studio.history(owner))[0]
    await approve(studio, job.withheld[1].id)
    answer = await client.post("/v1/images/generations", json=asked, headers=key)
    assert len(answer.json()["data"]) == 1
    await remove(studio, *(one.id for one in job.withheld))
    refused = await client.post("/v1/images/generations", json=asked, headers=key)
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "content_policy_violation"


@pytest.mark.slow
async def test_a_stream_ends_with_that_it_waits(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/images/generations", json=FOX | {"stream": True})
    assert "held_for_review" in answer.text
    assert "completed" not in answer.text


@pytest.mark.slow
async def test_automatic1111_clients_are_told_that_it_waits(client: httpx.AsyncClient) -> None:
    answer = await client.post("/sdapi/v1/txt2img", json={"prompt": "a fox", "steps": 2})
    assert answer.status_code == 403
    assert answer.json()["error"] == "HeldForReview"


@pytest.mark.slow
async def test_notices_are_listed_read_and_appealed_against(
    client: httpx.AsyncClient, studio: Studio, owner: Account
) -> None:
    made = await drawn(studio, owner)
    picture = made.withheld[0].id
    await remove(studio, picture)
    headers = {"accept-language": "ru"}
    (told,) = (await client.get("/api/notices", headers=headers)).json()["notices"]
    assert (told["kind"], told["picture"], told["policy"]) == ("removed", picture, "gore")
    assert told["reason"] == REASON
    assert told["message"].startswith("Модераторы удалили вашу картинку: ")
    text = {"text": "It is only a fox."}
    assert (await client.post(f"/api/pictures/{picture}/appeal", json=text)).status_code == 201
    again = await client.post(f"/api/pictures/{picture}/appeal", json=text)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "already_appealed")
    bad = await client.post(f"/api/pictures/{picture}/appeal", json={"text": "a\0b"})
    assert bad.status_code == 422
    assert (await client.post(f"/api/notices/{told['id']}/seen")).json() == {"seen": True}
    assert (await client.get("/api/notices")).json() == {"notices": []}
    for wrong in ("0", "x", str(2**40)):
        assert (await client.post(f"/api/notices/{wrong}/seen")).status_code == 422


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.PromptRefused(advice=ADVICE), 422, "content_policy_violation"),
        (errors.UploadRefused(advice=ADVICE), 422, "content_policy_violation"),
        (errors.PictureRefused(policy="gore"), 422, "content_policy_violation"),
        (errors.HeldForReview(), 403, "held_for_review"),
    ],
)
def test_refusals_have_the_codes_of_each_api(
    error: errors.UserError, status: int, code: str
) -> None:
    said = Texts("ru").error(error)
    assert status_of(error) == status
    assert openai_status(error) == (400 if status == 422 else status)
    assert openai_form(error, said)["error"]["code"] == code
    assert "advice" not in error.values or ADVICE["ru"] in said
