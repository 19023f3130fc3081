from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from itsdangerous import URLSafeSerializer

from engine.intake import MB
from engine.requests import TextToImage
from engine.settings import Settings
from engine.studio import Finished, Studio
from engine.styles import STYLES
from tests.twin import Twin
from web.app import build
from web.visitors import VISITOR

ADDRESS = "http://studio.test"
PRESS = "/en/gradio_api/run/predict"  # what a press on the page calls
SECRET = "a secret of the tests"


# Building the pages takes a second, so the tests of this file share one studio.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(data=tmp_path_factory.mktemp("data"), secret=SECRET)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def studio(settings: Settings) -> AsyncIterator[Studio]:
    async with Studio.open(settings, Twin()) as studio:
        yield studio


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(settings: Settings, studio: Studio) -> FastAPI:
    return build(settings, studio)


def browser(app: FastAPI, address: str = ADDRESS) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=address)


@pytest_asyncio.fixture(loop_scope="module")
async def ann(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(app) as client:
        yield client


async def picture(studio: Studio, client: httpx.AsyncClient) -> str:
    """The address of a picture that this browser's visitor made."""
    await client.get("/")
    visitor = URLSafeSerializer(SECRET, salt="visitor").loads(client.cookies[VISITOR])
    account = await studio.account("web", visitor, "en")
    job = await studio.submit(TextToImage(prompt="a fox", seed=7), account, "k")
    *_, last = [event async for event in studio.watch(job.id, account)]
    assert isinstance(last, Finished)
    return f"/media/{last.job.pictures[0].id}"


async def test_a_picture_is_shown_to_its_owner_only(
    studio: Studio, app: FastAPI, ann: httpx.AsyncClient
) -> None:
    address = await picture(studio, ann)
    shown = await ann.get(address)
    assert shown.status_code == 200
    assert shown.headers["content-type"] == "image/png"
    assert shown.headers["cache-control"] == "private, no-cache"
    known = {"if-none-match": shown.headers["etag"]}
    assert (await ann.get(address, headers=known)).status_code == 304
    small = await ann.get(address, params={"small": "1"})
    assert small.headers["content-type"] == "image/webp"
    assert shown.headers["x-content-type-options"] == "nosniff"
    async with browser(app) as bob:
        hidden = await bob.get(address, headers={"accept-language": "ru"})
        assert hidden.status_code == 404
        assert hidden.text.startswith("Такой картинки")
        assert hidden.headers["cache-control"] == "no-store"


async def test_a_download_has_a_file_name(studio: Studio, ann: httpx.AsyncClient) -> None:
    address = await picture(studio, ann)
    file = await ann.get(address, params={"download": "1"})
    name = address.rsplit("/", 1)[1]
    assert file.headers["content-disposition"] == f'attachment; filename="kandinsky-{name}.png"'


@pytest.mark.parametrize("name", ["nothing", "..%2F..%2Fstudio.sqlite3", "1'--", "%00", "x" * 500])
async def test_a_picture_that_is_none_is_not_found(ann: httpx.AsyncClient, name: str) -> None:
    assert (await ann.get(f"/media/{name}")).status_code == 404


async def test_a_visitor_keeps_one_signed_cookie(ann: httpx.AsyncClient) -> None:
    first = await ann.get("/")
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert "set-cookie" not in (await ann.get("/")).headers


@pytest.mark.parametrize("forged", ["nonsense", "ImFubiI.AAAA", ""])
async def test_a_forged_cookie_is_replaced(app: FastAPI, forged: str) -> None:
    async with browser(app) as client:
        answer = await client.get("/", headers={"cookie": f"{VISITOR}={forged}"})
        assert f"{VISITOR}=" in answer.headers["set-cookie"]


@pytest.mark.parametrize("path", ["/healthz", "/static/page.css", "/api/models"])
async def test_programs_get_no_cookie(ann: httpx.AsyncClient, path: str) -> None:
    assert "set-cookie" not in (await ann.get(path)).headers


async def test_the_cookie_is_secure_over_https(app: FastAPI) -> None:
    async with browser(app, "https://studio.test") as client:
        assert "Secure" in (await client.get("/")).headers["set-cookie"]


async def test_the_cookie_is_secure_where_the_public_address_is_https(
    settings: Settings, studio: Studio
) -> None:
    public = settings.model_copy(update={"public_url": "https://studio.example"})
    async with browser(build(public, studio)) as client:
        assert "Secure" in (await client.get("/")).headers["set-cookie"]


@pytest.mark.parametrize(
    ("accepted", "page"),
    [
        ("", "/en/"),
        ("ru-RU,ru;q=0.9,en;q=0.8", "/ru/"),
        ("de,en;q=0.5,ru;q=0.7", "/ru/"),
        ("en-GB,ru;q=0.9", "/en/"),
        ("ru;q=0", "/en/"),
        ("ru;q=much,,;", "/en/"),
    ],
)
async def test_the_front_door_leads_to_the_visitors_language(
    ann: httpx.AsyncClient, accepted: str, page: str
) -> None:
    answer = await ann.get("/", headers={"accept-language": accepted})
    assert (answer.status_code, answer.headers["location"]) == (307, page)


async def test_a_chosen_language_is_remembered(ann: httpx.AsyncClient) -> None:
    chosen = await ann.get("/language/ru")
    assert chosen.headers["location"] == "/ru/"
    assert (await ann.get("/")).headers["location"] == "/ru/"


async def test_an_unknown_language_is_not_remembered(ann: httpx.AsyncClient) -> None:
    chosen = await ann.get("/language/xx")
    assert chosen.headers["location"] == "/"
    assert "language" not in ann.cookies


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://studio.test.evil", "http://["]
)
async def test_another_sites_page_cannot_write(ann: httpx.AsyncClient, origin: str) -> None:
    for headers in ({}, {"authorization": "Bearer x"}):
        answer = await ann.post(PRESS, json={}, headers={"origin": origin} | headers)
        assert answer.status_code == 403


async def test_our_own_page_can_write(settings: Settings, studio: Studio) -> None:
    public = settings.model_copy(update={"public_url": "https://studio.example"})
    async with browser(build(public, studio)) as client:
        for origin in (ADDRESS, "https://studio.example"):
            answer = await client.post(PRESS, json={}, headers={"origin": origin})
            assert answer.status_code == 422  # Gradio's word on an empty body


async def test_no_other_origin_is_let_in(ann: httpx.AsyncClient) -> None:
    answer = await ann.get("/en/config", headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers
    assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "same-origin"


async def test_gradio_gives_away_nothing_but_the_page(
    settings: Settings, ann: httpx.AsyncClient
) -> None:
    config = (await ann.get("/en/config")).json()
    assert config["footer_links"] == []
    assert config["show_error"] is False
    assert config["analytics_enabled"] is False
    for path in (settings.data / "secret", settings.data / "studio.sqlite3"):
        assert (await ann.get(f"/en/gradio_api/file={path}")).status_code in (403, 404)


@pytest.mark.parametrize(
    "address",
    [
        *("GET /login", "POST /login", "GET /logout", "GET /monitoring", "GET /monitoring/summary"),
        *("GET /gradio_api/info", "GET /gradio_api/openapi.json", "GET /gradio_api/deep_link"),
        *("POST /gradio_api/upload", "GET /gradio_api/upload_progress?upload_id=x"),
        *("GET /gradio_api/file=x", "GET /gradio_api/file/x", "GET /gradio_api/proxy=http://x"),
        *("POST /gradio_api/component_server", "POST /gradio_api/process_recording"),
        *("POST /gradio_api/queue/join", "GET /gradio_api/queue/data?session_hash=x"),
        *("POST /gradio_api/stream/x", "GET /gradio_api/heartbeat/x", "POST /gradio_api/cancel"),
        *("POST /gradio_api/call/submit", "POST /gradio_api/api/submit", "POST /gradio_api/run/x"),
        *("POST /gradio_api/vibe-edit", "GET /gradio_api/vibe-code", "GET /gradio_api/run/predict"),
        *("GET /custom_component/x/client/x/x.js", "GET //config", "GET /svelte/x", "GET /user"),
    ],
)
async def test_what_the_page_does_not_use_is_not_there(
    ann: httpx.AsyncClient, address: str
) -> None:
    method, path = address.split(" ")
    assert (await ann.request(method, f"/en{path}")).status_code == 404


@pytest.mark.parametrize("announced", [True, False])
async def test_a_heavy_body_is_refused(ann: httpx.AsyncClient, announced: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield bytes(MB // 2)

    body = bytes(MB + 1) if announced else pieces()
    assert (await ann.post(PRESS, content=body)).status_code == 413


async def test_health_names_the_models(ann: httpx.AsyncClient) -> None:
    answer = await ann.get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "database": "reachable", "models": ["twin"]}


@pytest.mark.parametrize("path", ["/favicon.ico", "/manifest.json", "/static/page.css"])
async def test_what_browsers_ask_for_is_there(ann: httpx.AsyncClient, path: str) -> None:
    assert (await ann.get(path)).status_code == 200


async def test_the_studio_can_be_installed(ann: httpx.AsyncClient) -> None:
    assert '<link rel="manifest" href="/manifest.json"' in (await ann.get("/en/")).text
    manifest = (await ann.get("/manifest.json")).json()
    assert manifest["display"] == "standalone"
    for icon in manifest["icons"]:
        assert (await ann.get(icon["src"])).headers["content-type"] == icon["type"]


async def test_samples_of_the_styles_are_there(ann: httpx.AsyncClient) -> None:
    for name in ("none", *STYLES):
        sample = await ann.get(f"/styles/{name}.webp")
        assert sample.headers["content-type"] == "image/webp"
    assert (await ann.get("/styles/..%2Fru.po.webp")).status_code == 404


async def test_a_job_is_shown_to_its_owner_only(
    studio: Studio, app: FastAPI, ann: httpx.AsyncClient
) -> None:
    address = await picture(studio, ann)
    visitor = URLSafeSerializer(SECRET, salt="visitor").loads(ann.cookies[VISITOR])
    (job, *_) = await studio.history(await studio.account("web", visitor, "en"))
    shown = await ann.get(f"/en/job/{job.id},nonsense")
    assert shown.status_code == 200
    assert address in shown.text
    assert (await ann.get(f"/xx/job/{job.id}")).status_code == 404
    async with browser(app) as bob:
        await bob.get("/")
        assert (await bob.get(f"/en/job/{job.id}")).status_code == 404


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_the_page_names_nothing_to_load_from_elsewhere(
    ann: httpx.AsyncClient, language: str
) -> None:
    page = (await ann.get(f"/{language}/")).text
    assert "Kandinsky Studio" in page
    for loading in ('src="http', "fonts.googleapis", 'rel="stylesheet" href="http'):
        assert loading not in page
