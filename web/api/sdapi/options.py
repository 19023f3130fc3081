"""What Automatic1111's clients look up before they draw, and the one option that there is."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from engine.errors import NothingToRecall
from engine.styles import STYLES
from storage.png import SAMPLERS, TEXT, infotext
from web.api.asked import decoded
from web.api.call import Called
from web.api.refusals import SDRefused, refusals
from web.api.sdapi.bodies import CHECKPOINT, named
from web.api.sdapi.drawing import chosen

router = APIRouter(
    prefix="/sdapi/v1",
    tags=["Automatic1111"],
    responses=refusals(401, 429, 503, model=SDRefused),
)
WRITES = refusals(400, 413, 422, model=SDRefused)

NONE = (
    "sd-vae",
    "upscalers",
    "latent-upscale-modes",
    "loras",
    "hypernetworks",
    "face-restorers",
    "realesrgan-models",
)  # lists of what there is none of


class Checkpoint(BaseModel):
    """A model; its title or its name choose it."""

    model_config = ConfigDict(protected_namespaces=())

    title: str
    model_name: str
    hash: str | None = None
    sha256: str | None = None
    filename: str
    config: str | None = None


class SamplerName(BaseModel):
    name: str
    aliases: list[str]
    options: dict[str, str]


class Scheduler(BaseModel):
    """Samplers have their own here."""

    name: str = "automatic"
    label: str = "Automatic"
    aliases: list[str] | None = None
    default_rho: float = -1.0
    need_inner_model: bool = False


class PromptStyle(BaseModel):
    name: str
    prompt: str
    negative_prompt: str


class Options(BaseModel):
    """All others that Automatic1111 has are taken and ignored."""

    model_config = ConfigDict(extra="ignore")

    sd_model_checkpoint: str | None = None


class File(BaseModel):
    """A PNG file in base64."""

    image: str


class PngInfo(BaseModel):
    """How a picture was made; empty if its file does not say."""

    info: str
    items: dict[str, str]
    parameters: dict[str, Any]


@router.get("/sd-models")
async def sd_models(call: Called) -> list[Checkpoint]:
    """The models that are served; the first is the default one."""
    return [
        Checkpoint(title=card.title, model_name=card.name, filename=card.name)
        for card in call.studio.models()
    ]


@router.get("/samplers")
async def samplers(call: Called) -> list[SamplerName]:
    """All that any model has."""
    had = {one for card in call.studio.models() for one in card.samplers}
    return [
        SamplerName(name=name, aliases=[ours], options={})
        for ours, name in SAMPLERS.items()
        if ours in had
    ]


@router.get("/schedulers")
async def schedulers(call: Called) -> list[Scheduler]:
    return [Scheduler()]


@router.get("/prompt-styles")
async def prompt_styles(call: Called) -> list[PromptStyle]:
    """The styles; a request names one of them."""
    return [
        PromptStyle(name=style.name, prompt=style.words, negative_prompt=style.negative)
        for style in STYLES.values()
    ]


@router.get("/options")
async def options(call: Called) -> dict[str, str]:
    """Which model draws where a request names none."""
    return {CHECKPOINT: (await chosen(call)).title, "samples_format": "png"}


@router.post("/options", responses=WRITES)
async def set_options(asked: Options, call: Called) -> None:
    """Choose the model for the caller's requests, here and in the bot."""
    if asked.sd_model_checkpoint is not None:
        card = named(asked.sd_model_checkpoint, call.studio.models())
        preferences = await call.studio.preferences(call.account)
        preferred = preferences.model_copy(update={"model": card.name})
        await call.studio.prefer(call.account, preferred)


@router.post("/png-info", responses=WRITES)
async def png_info(asked: File, call: Called) -> PngInfo:
    """How a picture was made, from its file."""
    try:
        recalled = await call.recall(decoded(asked.image))
    except NothingToRecall:
        return PngInfo(info="", items={}, parameters={})
    made = recalled.request.model_dump(mode="json", exclude_none=True)
    text = infotext(made, recalled.seed or 0)
    return PngInfo(info=text, items={TEXT: text}, parameters=made)


@router.get("/scripts")
async def scripts(call: Called) -> dict[str, list[str]]:
    return {"txt2img": [], "img2img": []}


@router.get("/embeddings")
async def embeddings(call: Called) -> dict[str, dict[str, str]]:
    return {"loaded": {}, "skipped": {}}


@router.get("/cmd-flags")
async def cmd_flags(call: Called) -> dict[str, str]:
    return {}


@router.get("/memory")
async def memory(call: Called) -> dict[str, dict[str, str]]:
    """What the machine has is nobody's business."""
    return {"ram": {}, "cuda": {}}


@router.post("/refresh-checkpoints")
async def refresh(call: Called) -> None:
    """The models are those that the studio was started with."""


async def nothing(call: Called) -> list[str]:
    """There is none."""
    return []


for _name in NONE:
    router.add_api_route(f"/{_name}", nothing, methods=["GET"])
