"""txt2img and img2img. A client that goes away before the end stops its job."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from typing import Any

from fastapi import APIRouter
from PIL import Image, ImageOps
from pydantic import BaseModel
from starlette.requests import Request

from engine import requests
from engine.cards import ModelCard
from engine.errors import BadField, Stopped
from engine.sources import Source
from storage.png import SAMPLERS, infotext
from storage.records import JobRecord
from web.api.asked import decoded
from web.api.call import Call, Called
from web.api.refusals import SDRefused, refusals
from web.api.sdapi.bodies import CHECKPOINT, Drawing, FromPicture, from_picture, from_words, named
from web.api.waiting import drawn

UNSAID = {"init_images", "mask", "sampler_name", "override_settings", "alwayson_scripts"}
API = "sdapi"  # in the keys of jobs that were asked for here
REFUSED = refusals(400, 401, 403, 404, 409, 413, 422, 429, 503, model=SDRefused)

router = APIRouter(prefix="/sdapi/v1", tags=["Automatic1111"], responses=REFUSED)


class Drawn(BaseModel):
    """The pictures as PNG files in base64; `info` is JSON in a string, as Automatic1111 has it."""

    images: list[str]
    parameters: dict[str, Any]
    info: str


@router.post("/txt2img")
async def txt2img(asked: Drawing, request: Request, call: Called) -> Drawn:
    """Words to pictures."""
    return await _answer(from_words(asked, await _model(asked, call)), asked, request, call)


@router.post("/img2img")
async def img2img(asked: FromPicture, request: Request, call: Called) -> Drawn:
    """A picture changed after words or, with a mask, painted anew in that part."""
    if len(asked.init_images) != 1:
        raise BadField(field="init_images", reason="one picture at a time")
    picture = await call.take(decoded(asked.init_images[0]))
    mask = await _mask(asked, call) if asked.mask else None
    wanted = from_picture(asked, picture, mask, await _model(asked, call))
    return await _answer(wanted, asked, request, call)


async def chosen(call: Call) -> ModelCard:
    """The model that the caller's options name, which are the preferences of the account."""
    cards = call.studio.models()
    preferred = (await call.studio.preferences(call.account)).model
    return next((card for card in cards if card.name == preferred), cards[0])


async def _model(asked: Drawing, call: Call) -> ModelCard:
    name = (asked.override_settings or {}).get(CHECKPOINT)
    return named(name, call.studio.models()) if name else await chosen(call)


async def _mask(asked: FromPicture, call: Call) -> Source:
    mask = await call.take_mask(decoded(asked.mask or ""))
    if not asked.inpainting_mask_invert:
        return mask
    return await asyncio.to_thread(_inverted, mask)


def _inverted(mask: Source) -> Source:
    inverted: Image.Image = ImageOps.invert(mask.picture("L"))
    return Source.of(inverted)


async def _answer(wanted: requests.Request, asked: Drawing, request: Request, call: Call) -> Drawn:
    job = await call.studio.submit(wanted, call.account, call.key(API, secrets.token_hex(16)))
    try:
        done = await drawn(job, call, request.receive)
    except Stopped:  # as Automatic1111 answers to what was interrupted: with what there is
        done = await call.studio.job(job.id, call.account)
    parameters = asked.model_dump(mode="json", exclude=UNSAID)
    files = await _files(done, call) if asked.send_images else []
    return Drawn(images=files, parameters=parameters, info=json.dumps(_info(done)))


async def _files(job: JobRecord, call: Call) -> list[str]:
    files = [await call.studio.picture(one.id, call.account) for one in job.pictures]
    return [base64.b64encode(file.content).decode() for file in files]


def _info(job: JobRecord) -> dict[str, Any]:
    """What Automatic1111 says of its pictures, as far as there is such a thing here."""
    request, seeds = job.request, [picture.seed for picture in job.pictures]
    return {
        "prompt": request["prompt"],
        "all_prompts": [request["prompt"]] * len(seeds),
        "negative_prompt": request["negative_prompt"],
        "all_negative_prompts": [request["negative_prompt"]] * len(seeds),
        "seed": request["seed"],
        "all_seeds": seeds,
        "width": request["width"],
        "height": request["height"],
        "sampler_name": SAMPLERS.get(request["sampler"], request["sampler"]),
        "cfg_scale": request["guidance"],
        "steps": request["steps"],
        "batch_size": len(seeds),
        "sd_model_name": job.model,
        "denoising_strength": request.get("strength"),
        "styles": [request["style"]] if request["style"] else [],
        "index_of_first_image": 0,
        "infotexts": [infotext(request, seed) for seed in seeds],
        "job_timestamp": f"{job.created_at:%Y%m%d%H%M%S}",
    }
