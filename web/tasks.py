"""What the visitor has before them when they press Draw, and the requests that it makes.

The page's scripts tell it as JSON: which tab is open, and the pictures there, by their hashes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from engine.canvas import extend
from engine.errors import EmptyMask, PictureMissing
from engine.extending import to_aspect
from engine.preferences import Aspect
from engine.requests import SIZE_LIMIT, ImageToImage, Inpaint, Mix, Outpaint, Request, TextToImage
from engine.sources import Source
from engine.studio import Studio
from storage.records import Account
from web.form import checked, explained, shape

SWEEP = (0.0, 0.25, 0.5, 0.75, 1.0)  # how much of the second part each picture of a sweep has
COMMON = (
    "count",
    "negative_prompt",
    "negative_decoder_prompt",
    "seed",
    "model",
    "sampler",
    "steps",
    "guidance",
    "prior_steps",
    "prior_guidance",
)

Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Edge = Annotated[int, Field(ge=0, le=SIZE_LIMIT[1])]
Fields = Mapping[str, Any]


class Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    failed: bool = False  # the browser could not prepare it: an upload broke off


class Create(Told):
    tab: Literal["create"]
    picture: Hash | None = None


class Mixed(Told):
    class Piece(BaseModel):
        words: str = ""
        sha256: Hash | None = None
        weight: float = 1.0

    tab: Literal["mix"]
    parts: tuple[Piece, ...] = ()
    normalise: bool = False
    sweep: bool = False


class Edit(Told):
    class Margins(BaseModel):
        left: Edge = 0
        top: Edge = 0
        right: Edge = 0
        bottom: Edge = 0

    tab: Literal["edit"]
    kind: Literal["fill", "extend", "change"] = "fill"
    picture: Hash | None = None
    mask: Hash | None = None
    aspect: Aspect | None = None
    margins: Margins = Margins()


Task = Create | Mixed | Edit
_TASK: TypeAdapter[Task] = TypeAdapter(Annotated[Task, Field(discriminator="tab")])


def read(told: object) -> Task:
    """Raises a UserError for what is no task."""
    try:
        task = _TASK.validate_json(told if isinstance(told, str) else "")
    except ValidationError as error:
        raise explained(error) from error
    if task.failed:
        raise PictureMissing()
    return task


async def requests(
    task: Task, fields: Fields, studio: Studio, account: Account
) -> Sequence[Request]:
    """What to ask for. Raises a UserError for what cannot be made."""
    common = {name: fields[name] for name in COMMON if name in fields}
    cards = studio.models()
    if isinstance(task, Mixed):
        return _mixes(task, common | shape(fields, cards))
    if isinstance(task, Edit):
        return [await _edit(task, fields, common, studio, account)]
    prompt = fields.get("prompt", "")
    if task.picture is not None:
        picture = await studio.uploads.kept(task.picture, account)
        return [_changed(picture, prompt, fields, common)]
    words = {"prompt": prompt, "style": fields.get("style")}
    return [checked(TextToImage, common | words | shape(fields, cards))]


def _changed(picture: Source, prompt: str, fields: Fields, common: Fields) -> ImageToImage:
    own = {"picture": picture, "prompt": prompt, "strength": fields.get("strength")}
    return checked(ImageToImage, {**common, **own, "style": _style(prompt, fields)})


def _style(prompt: str, fields: Fields) -> str | None:
    """A style goes with words: a picture that is changed without any stays itself."""
    return fields.get("style") if prompt else None


async def _edit(
    task: Edit, fields: Fields, common: Fields, studio: Studio, account: Account
) -> Request:
    if task.picture is None:
        raise PictureMissing()
    picture = await studio.uploads.kept(task.picture, account)
    prompt = fields.get("edit_prompt", "")
    if task.kind == "change":
        return _changed(picture, prompt, fields, common)
    own = {**common, "prompt": prompt, "style": _style(prompt, fields)}
    if task.kind == "fill":
        if task.mask is None:
            raise EmptyMask()
        mask = await studio.uploads.kept(task.mask, account)
        return checked(Inpaint, {**own, "picture": picture, "mask": mask})
    edge = task.margins
    if task.aspect is not None:
        frame = to_aspect(picture.size, task.aspect)
    else:
        frame = extend(picture.size, edge.left, edge.top, edge.right, edge.bottom)
    place = {"left": frame.left, "top": frame.top, "width": frame.width, "height": frame.height}
    return checked(Outpaint, {**own, **place, "picture": picture})


def _mixes(task: Mixed, fields: Fields) -> list[Request]:
    parts = [part for part in task.parts if part.sha256 or part.words.strip()]
    weights = [part.weight for part in parts]
    if task.sweep and len(parts) == 2:
        return [_mix(parts, [1 - share, share], fields) for share in SWEEP]
    total = sum(abs(weight) for weight in weights)
    if task.normalise and total:
        weights = [weight / total for weight in weights]
    return [_mix(parts, weights, fields)]


def _mix(parts: Sequence[Mixed.Piece], weights: Sequence[float], fields: Fields) -> Mix:
    whole = [
        {"weight": weight}
        | ({"picture": Source(sha256=part.sha256)} if part.sha256 else {"words": part.words})
        for part, weight in zip(parts, weights, strict=True)
    ]
    return checked(Mix, {**fields, "parts": whole})
