from __future__ import annotations

from typing import Any

import httpx
import pytest

from engine.settings import Settings
from engine.studio import Studio
from tests.twin import Twin
from tests.web.api.people import SITE, coded, front_end, key_of, made, mask, png, program

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOX = {"mode": "text_to_image", "prompt": "a fox", "seed": 7}


async def upload(client: httpx.AsyncClient, file: bytes, **query: str) -> str:
    answer = await client.post("/api/uploads", content=file, params=query)
    assert answer.status_code == 201, answer.text
    sha256: str = answer.json()["sha256"]
    return sha256


async def test_a_job_is_accepted_and_told_of(ann: httpx.AsyncClient) -> None:
    accepted = await ann.post("/api/jobs", json=FOX)
    assert accepted.status_code == 201
    assert accepted.json()["request"]["steps"] == 3  # the model's own
    job = await made(ann, **FOX, count=2)
    assert (job["state"], job["mode"], job["model"]) == ("done", "text_to_image", "twin")
    assert job["error"] is None
    first, second = job["pictures"]
    assert (first["seed"], second["seed"]) == (7, 8)
    assert first["url"] == f"/media/{first['id']}"
    assert first["thumbnail"] == f"/media/{first['id']}?small=1"
    assert first["shared"] is None
    assert first["job"] == job["id"]
    assert job["finished_at"].endswith("Z")


@pytest.mark.parametrize("given", ["sha256", "id", "base64"])
async def test_every_mode_takes_pictures_in_each_way(
    ann: httpx.AsyncClient, twin: Twin, given: str
) -> None:
    masked = {"base64": coded(mask())}
    match given:
        case "sha256":
            picture = {"sha256": await upload(ann, png())}
            masked = {"sha256": await upload(ann, mask(), mask="1")}
        case "id":
            picture = {"id": (await made(ann, **FOX))["pictures"][0]["id"]}
        case _:
            picture = {"base64": f"data:image/png;base64,{coded(png())}"}
    bodies: list[dict[str, Any]] = [
        {"mode": "image_to_image", "prompt": "snow", "picture": picture, "strength": 0.5},
        {"mode": "mix", "parts": [{"picture": picture, "weight": 0.5}, {"words": "glass"}]},
        {"mode": "variations", "picture": picture},
        {"mode": "inpaint", "picture": picture, "mask": masked, "prompt": "a hat"},
        {"mode": "outpaint", "picture": picture, "left": -32, "top": 0, "width": 96},
    ]
    for body in bodies:
        job = await made(ann, **body)
        assert job["state"] == "done", job
        assert all(source.file for source in twin.jobs[-1].request.sources())


async def test_the_same_key_is_the_same_job(ann: httpx.AsyncClient, twin: Twin) -> None:
    first = await ann.post("/api/jobs", json=FOX, headers={"idempotency-key": "k"})
    again = await ann.post("/api/jobs", json=FOX, headers={"idempotency-key": "k"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    other = await ann.post("/api/jobs", json=FOX | {"seed": 8}, headers={"idempotency-key": "k"})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "key_reused")
    assert len((await ann.get("/api/jobs")).json()["jobs"]) == 1


async def test_keys_of_two_people_are_two(ann: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    jobs = [
        (await client.post("/api/jobs", json=FOX, headers={"idempotency-key": "k"})).json()["id"]
        for client in (ann, bob)
    ]
    assert jobs[0] != jobs[1]


async def test_a_job_is_nobody_elses(ann: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    job = (await made(ann))["id"]
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/events")):
        answer = await bob.request(method, f"/api/jobs/{job}{path}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert (await bob.get("/api/jobs")).json() == {"jobs": [], "next": None}
    assert (await bob.get("/api/jobs", params={"before": job})).json()["jobs"] == []


async def test_a_foreign_picture_cannot_be_worked_on(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    for picture in (
        {"sha256": await upload(ann, png())},
        {"id": (await made(ann))["pictures"][0]["id"]},
    ):
        answer = await bob.post("/api/jobs", json={"mode": "variations", "picture": picture})
        assert answer.status_code in (404, 422)
        assert answer.json()["error"]["code"] in ("not_found", "source_missing")


async def test_a_hash_cannot_bring_a_file_of_its_own(ann: httpx.AsyncClient) -> None:
    picture = {"sha256": await upload(ann, png()), "file": "something else"}
    answer = await ann.post("/api/jobs", json={"mode": "variations", "picture": picture})
    assert answer.status_code == 422


async def test_a_job_is_stopped(ann: httpx.AsyncClient, twin: Twin) -> None:
    twin.paused = True
    job = (await ann.post("/api/jobs", json=FOX)).json()["id"]
    working = await twin.job(1)
    stopped = await ann.delete(f"/api/jobs/{job}")
    assert (stopped.status_code, stopped.json()["state"]) == (200, "cancelled")
    assert working.cancelled
    assert (await ann.delete(f"/api/jobs/{job}")).status_code == 200


async def test_the_history_is_paged_and_filtered(ann: httpx.AsyncClient) -> None:
    jobs = [await made(ann, mode="text_to_image", prompt=f"fox {n}") for n in range(3)]
    newest = await ann.get("/api/jobs", params={"limit": 2})
    assert [job["id"] for job in newest.json()["jobs"]] == [jobs[2]["id"], jobs[1]["id"]]
    rest = await ann.get("/api/jobs", params={"limit": 2, "before": newest.json()["next"]})
    assert [job["id"] for job in rest.json()["jobs"]] == [jobs[0]["id"]]
    assert rest.json()["next"] is None
    await ann.put(f"/api/pictures/{jobs[1]['pictures'][0]['id']}/favourite")
    for query, found in (
        ({"search": "FOX 2"}, [2]),
        ({"mode": "mix"}, []),
        ({"model": "twin"}, [2, 1, 0]),
        ({"model": "x\0"}, []),
        ({"favourites": "1"}, [1]),
        ({"since": "2020-01-01"}, [2, 1, 0]),
        ({"until": "2020-01-01T00:00:00+03:00"}, []),
    ):
        answer = await ann.get("/api/jobs", params=query)
        expected = [jobs[n]["id"] for n in found]
        assert [job["id"] for job in answer.json()["jobs"]] == expected, query


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"mode": "text_to_image", "prompt": ""}, "empty_prompt"),
        ({"mode": "text_to_image", "prompt": "x" * 1001}, "prompt_too_long"),
        ({"mode": "text_to_image", "prompt": "x", "count": 99}, "out_of_range"),
        ({"mode": "text_to_image", "prompt": "x", "model": "dall-e"}, "unknown_model"),
        ({"mode": "text_to_image", "prompt": "x", "style": "none"}, "unknown_style"),
        ({"mode": "text_to_image", "prompt": "x", "steps": "many"}, "bad_field"),
        ({"mode": "text_to_image", "prompt": "x", "colour": "red"}, "bad_field"),
        ({"mode": "animate", "prompt": "x"}, "bad_field"),
        ({"mode": "mix", "parts": [{"words": "one"}]}, "too_few_parts"),
        ({"mode": "variations", "picture": {"base64": "not base64!"}}, "unreadable_picture"),
        ({"mode": "variations", "picture": {"base64": coded(b"text")}}, "not_a_picture"),
        ({"mode": "variations", "picture": {"sha256": "0" * 64}}, "source_missing"),
        ({"mode": "variations", "picture": {"sha256": "0"}}, "bad_field"),
    ],
)
async def test_what_cannot_be_drawn_is_refused(
    ann: httpx.AsyncClient, body: dict[str, Any], code: str
) -> None:
    answer = await ann.post("/api/jobs", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)
    assert (await ann.get("/api/jobs")).json()["jobs"] == []


async def test_refusals_speak_the_callers_language(ann: httpx.AsyncClient) -> None:
    body = {"mode": "text_to_image", "prompt": ""}
    answer = await ann.post("/api/jobs", json=body, headers={"accept-language": "ru"})
    assert answer.json()["error"]["message"].startswith("Опишите")


@pytest.mark.parametrize(
    "body",
    [
        r'{"mode": "text_to_image", "prompt": "\ud800"}',
        r'{"mode": "text_to_image", "prompt": "x", "model": "\ud800"}',
        r'{"mode": "text_to_image", "prompt": "x", "style": "\u0000"}',
        r'{"mode": "text_to_image", "prompt": "x", "guidance": NaN}',
        '{"mode": "text_to_image", "prompt": "x", "seed": 1' + "0" * 4000 + "}",
        r'{"mode": "text_to_image", "prompt": "x", "\ud800": 1}',
        r'{"mode": "variations", "picture": {"id": "\u0000"}}',
        '{"mode": "mix", "parts": ' + "[" * 9000 + "]" * 9000 + "}",
    ],
)
async def test_odd_json_is_refused(ann: httpx.AsyncClient, body: str) -> None:
    answer = await ann.post(
        "/api/jobs", content=body.encode(), headers={"content-type": "application/json"}
    )
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["error"]["message"]


async def test_broken_json_is_told_apart(ann: httpx.AsyncClient) -> None:
    answer = await ann.post("/api/jobs", content=b"{", headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_call")


async def test_limits_say_when_to_come_back(settings: Settings) -> None:
    strict = settings.model_copy(
        update={"quotas": {"user": (1, 0)}, "data": settings.data / "strict"}
    )
    async with (
        Studio.open(strict, Twin(paused=True)) as other,
        program(front_end(strict, other), await key_of(other, "ann")) as client,
    ):
        assert (await client.post("/api/jobs", json=FOX)).status_code == 201
        refused = await client.post("/api/jobs", json=FOX)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_waiting")
    assert refused.headers["retry-after"] == "5"


async def test_links_begin_at_the_public_address(settings: Settings, studio: Studio) -> None:
    public = settings.model_copy(update={"public_url": "https://studio.example/art/"})
    async with program(front_end(public, studio), await key_of(studio, "ann")) as client:
        picture = (await made(client))["pictures"][0]["id"]
        shared = await client.put(f"/api/pictures/{picture}/share")
        assert shared.json()["url"].startswith("https://studio.example/art/s/")
    assert SITE not in shared.text
