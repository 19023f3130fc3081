"""The webuiapi package, as it is, against the APIs in front of the twin engine."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import pytest_asyncio
import webuiapi  # type: ignore[import-untyped]
from PIL import Image

from engine import requests
from engine.studio import Studio
from engine.styles import STYLES
from storage.records import Account
from tests.twin import Twin
from tests.web.api.people import mask, opened, png

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def api(address: str, key: str, twin: Twin) -> Any:
    """A client that does not know of asyncio."""
    base = f"{address}/sdapi/v1"
    return await asyncio.to_thread(webuiapi.WebUIApi, baseurl=base, username="me", password=key)


def asked(twin: Twin) -> requests.Request:
    """The engine's newest request."""
    return twin.jobs[-1].request


async def test_words_become_pictures(api: Any, twin: Twin) -> None:
    answer = await asyncio.to_thread(
        api.txt2img,
        prompt="a fox",
        negative_prompt="rain",
        seed=7,
        styles=["anime"],
        batch_size=2,
        n_iter=2,
        sampler_name="DDPM",
        cfg_scale=7,
    )
    assert [picture.size for picture in answer.images] == [(512, 512)] * 4
    assert answer.info["all_seeds"] == [7, 8, 9, 10]
    assert answer.info["infotexts"][1].startswith("a fox\nNegative prompt: rain\nSteps: 20")
    assert answer.parameters["seed"] == 7
    assert answer.info["sampler_name"] == "DDPM"
    request = asked(twin)
    assert isinstance(request, requests.TextToImage)
    assert (request.count, request.steps, request.guidance) == (4, 20, 7)
    assert (request.style, request.sampler) == ("anime", "ddpm")


@pytest.mark.filterwarnings(
    "ignore:(BasicAuth|The 'auth' parameter) is deprecated:DeprecationWarning"
)
async def test_clients_that_await_are_answered_too(api: Any) -> None:
    answer = await api.txt2img(prompt="a fox", use_async=True, width=64, height=64)
    assert answer.image.size == (64, 64)


async def test_a_picture_is_changed(api: Any, twin: Twin) -> None:
    answer = await asyncio.to_thread(
        api.img2img, images=[opened(png())], prompt="snow", denoising_strength=0.4, width=128
    )
    assert answer.image.size == (128, 512)
    request = asked(twin)
    assert isinstance(request, requests.ImageToImage)
    assert (request.strength, request.seed is None) == (0.4, False)


@pytest.mark.parametrize("invert", [0, 1])
async def test_a_part_of_a_picture_is_painted_anew(api: Any, twin: Twin, invert: int) -> None:
    white = Image.new("L", (64, 64))
    white.paste(255, (0, 0, 32, 64))
    answer = await asyncio.to_thread(
        api.img2img,
        images=[opened(png())],
        mask_image=white,
        prompt="a hat",
        inpainting_mask_invert=invert,
    )
    assert answer.image.size == (64, 64)
    request = asked(twin)
    assert isinstance(request, requests.Inpaint)
    painted = request.mask.picture("L")
    assert painted.getpixel((0, 0)) == (0 if invert else 255)
    assert painted.getpixel((63, 0)) == (255 if invert else 0)


async def test_models_are_listed_and_chosen(
    api: Any, twin: Twin, studio: Studio, account: Account
) -> None:
    def choose() -> None:
        assert api.util_get_model_names() == ["Other Twin", "Twin"]
        assert api.util_get_current_model() == "Twin"
        api.util_set_model("other")
        assert api.util_get_current_model() == "Other Twin"
        api.txt2img(prompt="a fox")
        assert asked(twin).model == "other"
        api.txt2img(prompt="a fox", override_settings={"sd_model_checkpoint": "twin"})
        assert asked(twin).model == "twin"

    await asyncio.to_thread(choose)
    assert (await studio.preferences(account)).model == "other"


async def test_what_there_is_is_listed(api: Any) -> None:
    def look() -> None:
        assert api.util_get_sampler_names() == ["DDPM"]
        assert api.util_get_scheduler_names() == ["automatic"]
        assert [one["name"] for one in api.get_prompt_styles()] == list(STYLES)
        assert api.get_scripts() == {"txt2img": [], "img2img": []}
        assert api.get_options()["samples_format"] == "png"
        assert api.refresh_checkpoints() is None
        assert api.get_cmd_flags() == {}
        assert set(api.get_memory()) == {"ram", "cuda"}
        assert set(api.get_embeddings()) == {"loaded", "skipped"}
        for name in (
            "sd_vae",
            "upscalers",
            "latent_upscale_modes",
            "loras",
            "hypernetworks",
            "face_restorers",
            "realesrgan_models",
        ):
            assert getattr(api, f"get_{name}")() == []

    await asyncio.to_thread(look)


async def test_progress_is_ones_own(api: Any, twin: Twin, address: str, studio: Studio) -> None:
    twin.paused = True
    drawing = asyncio.create_task(asyncio.to_thread(api.txt2img, prompt="a fox"))
    working = await twin.job(1)
    working.step(5)
    told = await asyncio.to_thread(api.get_progress)
    while not told["progress"]:
        told = await asyncio.to_thread(api.get_progress)
    assert told["progress"] == 5 / 20
    assert (told["state"]["job_count"], told["state"]["sampling_steps"]) == (1, 20)
    other = await studio.access.make_key(await studio.account("web", "bob", "en"), "tests")
    bob = await asyncio.to_thread(
        webuiapi.WebUIApi, baseurl=f"{address}/sdapi/v1", username="bob", password=other
    )
    assert (await asyncio.to_thread(bob.get_progress))["state"]["job_count"] == 0
    await asyncio.to_thread(bob.interrupt)
    assert not working.cancelled
    working.done()
    assert len((await drawing).images) == 1
    await asyncio.to_thread(api.util_wait_for_ready, 0.01)


@pytest.mark.parametrize("how", ["interrupt", "skip"])
async def test_drawing_is_interrupted(api: Any, twin: Twin, how: str) -> None:
    twin.paused = True
    drawing = asyncio.create_task(asyncio.to_thread(api.txt2img, prompt="a fox"))
    working = await twin.job(1)
    assert await asyncio.to_thread(getattr(api, how)) == {}
    assert (await drawing).images == []
    assert working.cancelled


async def test_a_pictures_file_tells_how_it_was_made(api: Any) -> None:
    def look() -> None:
        made = api.txt2img(prompt="a fox", seed=7).image
        told = api.png_info(made)
        assert told.info.startswith("a fox\nSteps: 20, ")
        assert told.parameters["seed"] == 7
        assert api.png_info(opened(png())).info == ""

    await asyncio.to_thread(look)


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": ""},
        {"prompt": "x", "width": 5000},
        {"prompt": "x", "enable_hr": True},
        {"prompt": "x", "batch_size": 99},
        {"prompt": "x", "batch_size": -1, "n_iter": -1},
        {"prompt": "x", "n_iter": 10**15},
        {"prompt": "x", "styles": ["anime", "portrait-photo"]},
        {"prompt": "x", "override_settings": {"sd_model_checkpoint": "sdxl"}},
        {"prompt": "x", "alwayson_scripts": {"ControlNet": {}}},
    ],
)
async def test_what_cannot_be_drawn_is_refused(api: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(RuntimeError) as refused:
        await asyncio.to_thread(api.txt2img, **fields)
    assert refused.value.args[0] == 422


async def test_several_pictures_at_once_are_refused(api: Any) -> None:
    pictures = [opened(png()), opened(mask())]
    with pytest.raises(RuntimeError):
        await asyncio.to_thread(api.img2img, images=pictures, prompt="x")


async def test_upscaling_is_not_there(api: Any) -> None:
    with pytest.raises(RuntimeError) as refused:
        await asyncio.to_thread(api.extra_single_image, image=opened(png()))
    assert refused.value.args[0] == 404
