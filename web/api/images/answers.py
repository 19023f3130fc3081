"""What OpenAI's clients are answered."""

from __future__ import annotations

import base64
from typing import Literal

from pydantic import BaseModel, Field

from engine.cards import ModelCard
from storage.records import JobRecord, PictureRecord
from web.api.call import Call
from web.api.images.bodies import Variation


class Details(BaseModel):
    image_tokens: int = 0
    text_tokens: int = 0


class Usage(BaseModel):
    """Nothing is counted in tokens here."""

    input_tokens: int = 0
    input_tokens_details: Details = Field(default_factory=Details)
    output_tokens: int = 0
    total_tokens: int = 0


class Image(BaseModel):
    """One picture: a PNG file in base64, or where it is."""

    b64_json: str | None = None
    url: str | None = None


class Images(BaseModel):
    """The pictures of a call, in the order of their seeds."""

    created: int
    data: list[Image]
    output_format: Literal["png"] = "png"
    size: str
    usage: Usage = Field(default_factory=Usage)


class Model(BaseModel):
    """A model that is served here."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "kandinsky-studio"


class Models(BaseModel):
    """The first is the default one."""

    object: Literal["list"] = "list"
    data: list[Model]


async def images(job: JobRecord, asked: Variation, call: Call) -> Images:
    """Raises NotFound or PictureGone for a picture that was deleted meanwhile."""
    data = [await _image(one, asked, call) for one in job.pictures]
    created = job.finished_at or job.created_at
    return Images(created=int(created.timestamp()), data=data, size=size(job))


async def coded(picture: PictureRecord, call: Call) -> str:
    """The picture's file in base64."""
    file = await call.studio.picture(picture.id, call.account)
    return base64.b64encode(file.content).decode()


def size(job: JobRecord) -> str:
    return f"{job.request['width']}x{job.request['height']}"


def model(card: ModelCard) -> Model:
    return Model(id=card.name)


async def _image(picture: PictureRecord, asked: Variation, call: Call) -> Image:
    if asked.response_format == "url":
        token = await call.studio.links.share(picture.id, call.account)
        return Image(url=f"{call.shared(token)}.png")
    return Image(b64_json=await coded(picture, call))
