"""What the jobs API takes: a request of the engine, whose pictures can be named in three ways.

The limits written here are for the OpenAPI document; it is the engine that checks them, and says
in words what is wrong.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field

from engine import requests
from engine.errors import PictureTooHeavy, UnreadablePicture
from engine.intake import FILE_LIMIT, MB
from engine.requests import Mode, Sampler
from engine.sources import Source
from web.api.call import Call

CODED_LIMIT = FILE_LIMIT * 4 // 3 + 4  # characters of base64
DATA_URL = "data:"

FORBID = ConfigDict(extra="forbid", allow_inf_nan=False)


class Uploaded(BaseModel):
    """A picture that was sent to /api/uploads, or that an earlier job worked on."""

    model_config = FORBID | ConfigDict(title="Picture by its hash")
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Made(BaseModel):
    """A picture that was made here."""

    model_config = FORBID | ConfigDict(title="Picture by its id")
    id: str


class Inline(BaseModel):
    """A PNG, JPEG or WebP file in base64, with or without `data:image/png;base64,` before it."""

    model_config = FORBID | ConfigDict(title="Picture in base64")
    base64: str = Field(repr=False)


def _limits(about: str, low: float, high: float) -> Any:
    return Field(description=about, json_schema_extra={"minimum": low, "maximum": high})


def _words(about: str) -> Any:
    return Field(description=about, json_schema_extra={"maxLength": requests.PROMPT_LIMIT})


Given = Uploaded | Made | Inline
Text = Annotated[str, _words("Words, in any language.")]
Size = Annotated[int | None, _limits("Pixels; a model's card is stricter.", *requests.SIZE_LIMIT)]
Steps = Annotated[int | None, _limits("Denoising steps.", *requests.STEPS_LIMIT)]
Guidance = Annotated[
    float | None, _limits("How closely to keep to what was asked.", *requests.GUIDANCE_LIMIT)
]


class Asked(BaseModel):
    """What all modes have in common. Null, or nothing, takes the model's own default."""

    model_config = FORBID

    mode: Mode
    prompt: Text = ""
    negative_prompt: Text = ""
    negative_decoder_prompt: Text = ""
    width: Size = None
    height: Size = None
    count: Annotated[int, _limits("How many pictures.", 1, requests.COUNT_LIMIT)] = 1
    seed: Annotated[
        int | None, _limits("Picture i is made with seed + i.", 0, requests.SEED_LIMIT)
    ] = None
    steps: Steps = None
    guidance: Guidance = None
    prior_steps: Annotated[
        int | None, _limits("Steps of the prior.", *requests.PRIOR_STEPS_LIMIT)
    ] = None
    prior_guidance: Guidance = None
    sampler: Sampler | None = None
    style: Annotated[str | None, Field(description="One of /api/styles.")] = None
    model: Annotated[str | None, Field(description="One of /api/models.")] = None


class DepthGuided(Asked):
    depth: Annotated[Given | None, Field(description="A depth map; near is white.")] = None
    depth_of: Annotated[Given | None, Field(description="A picture whose depth is followed.")] = (
        None
    )


class TextToImage(DepthGuided):
    """Words to pictures."""

    mode: Literal["text_to_image"]
    prompt: Annotated[str, _words("What to draw.")]


class ImageToImage(DepthGuided):
    """A picture changed after words."""

    mode: Literal["image_to_image"]
    picture: Given
    strength: Annotated[float | None, _limits("How much is changed.", *requests.STRENGTH_LIMIT)] = (
        None
    )


class Part(BaseModel):
    """Words or a picture, and how much they count; less than 0 is away from them."""

    model_config = FORBID

    words: Text = ""
    picture: Given | None = None
    weight: Annotated[float, _limits("", *requests.WEIGHT_LIMIT)] = 1.0


class Mix(Asked):
    """Pictures after the weighted sum of what words and pictures mean."""

    mode: Literal["mix"]
    parts: list[Part] = Field(json_schema_extra={"minItems": 2}, max_length=requests.PARTS_LIMIT)


class Variations(Asked):
    """Pictures like this one."""

    mode: Literal["variations"]
    picture: Given


class Inpaint(Asked):
    """The picture painted anew where the mask is white or, if it has such parts, see-through."""

    mode: Literal["inpaint"]
    picture: Given
    mask: Given


class Outpaint(Asked):
    """A frame of `width` x `height` around or beside the picture; what is empty is painted."""

    mode: Literal["outpaint"]
    picture: Given
    left: Annotated[
        int, _limits("Of the frame, in the picture's pixels.", -4096, requests.SIZE_LIMIT[1])
    ]
    top: Annotated[int, _limits("Likewise.", -4096, requests.SIZE_LIMIT[1])]


KINDS = (TextToImage, ImageToImage, Mix, Variations, Inpaint, Outpaint)
AnyMode = Annotated[
    TextToImage | ImageToImage | Mix | Variations | Inpaint | Outpaint, Discriminator("mode")
]


async def request_of(asked: Asked, call: Call) -> requests.Request:
    """The engine's request. Raises what its checks do, and what the pictures' sources do."""
    fields: dict[str, Any] = {name: getattr(asked, name) for name in asked.model_fields_set}
    for name, value in fields.items():
        if isinstance(value, Given):
            fields[name] = await source(value, call, mask=name == "mask")
    if isinstance(asked, Mix):
        fields["parts"] = [await _part(part, call) for part in asked.parts]
    return requests.read(fields)


async def source(given: Given, call: Call, *, mask: bool = False) -> Source:
    """A picture, or a mask, that the caller may work on."""
    match given:
        case Uploaded(sha256=sha256):
            return Source(sha256=sha256)  # Studio looks whether it is the caller's
        case Made(id=id):
            return await call.studio.source(id, call.account)
        case Inline(base64=coded):
            file = decoded(coded)
            return await (call.take_mask if mask else call.take)(file)


def decoded(coded: str) -> bytes:
    """The file. Raises PictureTooHeavy or UnreadablePicture."""
    if coded.startswith(DATA_URL):
        coded = coded.partition(",")[2]
    if len(coded) > CODED_LIMIT:
        raise PictureTooHeavy(limit=FILE_LIMIT // MB)
    try:
        return base64.b64decode(coded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnreadablePicture() from error


async def _part(part: Part, call: Call) -> Mapping[str, Any]:
    fields: dict[str, Any] = {"words": part.words, "weight": part.weight}
    if part.picture is not None:
        fields["picture"] = await source(part.picture, call)
    return fields
