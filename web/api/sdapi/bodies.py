"""What Automatic1111's clients ask for, and the engine's request that it stands for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from engine import requests
from engine.cards import ModelCard
from engine.errors import BadField, UnknownModel
from engine.recall import OURS
from engine.requests import Sampler
from engine.sources import Source

CHECKPOINT = "sd_model_checkpoint"  # the option that names the model

Times = Annotated[int, Field(ge=1, le=1000)]  # the model's own limit is stricter


class Drawing(BaseModel):
    """What is not named here is ignored, but for what would change the picture a lot."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    prompt: str = ""
    negative_prompt: str = ""
    styles: Annotated[list[str] | None, Field(description="One of /sdapi/v1/prompt-styles.")] = None
    seed: Annotated[int | None, Field(description="-1 takes a random one.")] = None
    sampler_name: Annotated[
        str | None,
        Field(max_length=64, description="One that the model lacks is its own default one."),
    ] = None
    steps: int | None = None
    cfg_scale: float | None = None
    width: int | None = None
    height: int | None = None
    batch_size: Times = 1
    n_iter: Annotated[Times, Field(description="Times `batch_size`: how many pictures.")] = 1
    override_settings: Annotated[
        dict[str, Any] | None, Field(description="`sd_model_checkpoint` names the model.")
    ] = None
    send_images: bool = True
    enable_hr: Annotated[bool | None, Field(description="Not offered.")] = None
    script_name: Annotated[str | None, Field(description="Not offered.")] = None
    alwayson_scripts: Annotated[dict[str, Any] | None, Field(description="Not offered.")] = None


class FromPicture(Drawing):
    """`mask` is white where the picture is to be painted anew; it stays as it is elsewhere."""

    init_images: Annotated[list[str], Field(description="One picture, in base64.")]
    mask: str | None = None
    inpainting_mask_invert: int | bool | None = None
    denoising_strength: float | None = None


def from_words(asked: Drawing, model: ModelCard) -> requests.Request:
    return requests.TextToImage.model_validate(_common(asked, model) | _size(asked))


def from_picture(
    asked: FromPicture, picture: Source, mask: Source | None, model: ModelCard
) -> requests.Request:
    """The result of a mask is as large as the picture."""
    fields = _common(asked, model) | {"picture": picture}
    if mask is not None:
        return requests.Inpaint.model_validate(fields | {"mask": mask})
    fields |= _size(asked) | {"strength": asked.denoising_strength}
    return requests.ImageToImage.model_validate(fields)


def named(name: object, cards: Sequence[ModelCard]) -> ModelCard:
    """The model of that name or title, in any case. Raises UnknownModel."""
    asked = str(name).strip().casefold()
    for card in cards:
        if asked in (card.name.casefold(), card.title.casefold()):
            return card
    raise UnknownModel(name=str(name), known=", ".join(card.name for card in cards))


def _common(asked: Drawing, model: ModelCard) -> dict[str, Any]:
    _offered(asked)
    return {
        "prompt": asked.prompt,
        "negative_prompt": asked.negative_prompt,
        "style": _style(asked.styles or []),
        "seed": None if asked.seed in (None, -1) else asked.seed,
        "sampler": _sampler(asked.sampler_name, model),
        "steps": asked.steps,
        "guidance": asked.cfg_scale,
        "count": asked.batch_size * asked.n_iter,
        "model": model.name,
    }


def _offered(asked: Drawing) -> None:
    """Raises BadField for what would be drawn otherwise than was asked."""
    for field in ("enable_hr", "script_name", "alwayson_scripts"):
        if getattr(asked, field):
            raise BadField(field=field, reason="this is not offered here")


def _style(styles: list[str]) -> str | None:
    if len(styles) > 1:
        raise BadField(field="styles", reason="one at a time")
    return styles[0] if styles else None


def _sampler(name: str | None, model: ModelCard) -> Sampler | None:
    """Clients always name one, mostly one that only other models have."""
    lowered = (name or "").lower()
    ours = OURS.get(lowered, lowered)
    return next((one for one in model.samplers if one == ours), None)


def _size(asked: Drawing) -> dict[str, int | None]:
    return {"width": asked.width, "height": asked.height}
