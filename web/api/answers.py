"""What the jobs API answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from engine.cards import ModelCard
from engine.requests import Mode, Sampler
from engine.tidings import tidings
from storage import records
from storage.records import JobRecord, JobState, NoticeKind, PictureRecord, Review
from web.api.call import Call


class Picture(BaseModel):
    """A picture that was made; its addresses are the caller's alone, but for `shared`."""

    id: str
    job: str = Field(description="The id of the job that made it.")
    index: int = Field(description="Which one of the job's pictures it is, from 0.")
    seed: int = Field(description="With it and the same request, it is made again.")
    width: int
    height: int
    url: str = Field(description="The original: a PNG file.")
    thumbnail: str = Field(description="The same, small: a WebP file.")
    favourite: bool
    shared: str | None = Field(description="Where anybody can see it; null while nobody else can.")
    created_at: datetime


class Withheld(BaseModel):
    """A picture that is not shown: it waits for a moderator, or was removed under a policy."""

    id: str
    index: int
    state: Literal["held", "removed"]
    policy: str | None = Field(description="The key of the policy; null for one that waits.")


class JobError(BaseModel):
    """Why a job has no pictures."""

    key: str
    message: str


class Job(BaseModel):
    """A request that was accepted, and what has become of it."""

    id: str
    state: JobState
    mode: Mode
    model: str
    request: dict[str, Any] = Field(
        description="With every default and the seed filled in: the same again makes the same."
    )
    error: JobError | None
    step: int = Field(description="Denoising steps that were done when this was last written down.")
    steps: int = Field(description="All of them; 0 until the first one.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    pictures: list[Picture]
    withheld: list[Withheld] = Field(description="The job's pictures that are not shown.")


class Jobs(BaseModel):
    """A page of the history, the newest first."""

    jobs: list[Job]
    next: str | None = Field(description="The `before` of the next page; null for the last one.")


class Card(BaseModel):
    """A model and what it can do. Sizes are width and height in pixels."""

    name: str
    title: str
    modes: list[Mode]
    sizes: list[tuple[int, int]] = Field(description="The first is the default.")
    side_limit: tuple[int, int] = Field(description="The shortest and the longest side.")
    count_limit: int
    steps: int
    guidance: float
    prior_steps: int = Field(description="0 for a model without a prior.")
    prior_guidance: float
    samplers: list[Sampler] = Field(description="The first is the default.")
    strength: float
    licence: str


class Cards(BaseModel):
    """The first is the default model."""

    models: list[Card]


class Style(BaseModel):
    """Words that are added to one's own."""

    name: str
    title: str
    words: str
    negative: str


class Styles(BaseModel):
    styles: list[Style]


class Upload(BaseModel):
    """A picture to work on: name it in requests by its hash, within 24 hours."""

    sha256: str
    width: int
    height: int
    url: str = Field(description="The picture as it was understood: a PNG file.")


class Deleted(BaseModel):
    deleted: int


class Shared(BaseModel):
    url: str | None = Field(description="Where anybody can see the picture; null: nobody else.")


class Reported(BaseModel):
    reported: bool


class Appealed(BaseModel):
    appealed: bool


class Notice(BaseModel):
    """What the caller is to be told of their pictures, reports or account."""

    id: int
    kind: NoticeKind
    message: str
    reason: str = Field(description="What a moderator wrote; may be empty.")
    picture: str | None
    job: str | None
    policy: str | None
    until: datetime | None = Field(description="The end of a ban.")
    created_at: datetime


class Notices(BaseModel):
    """Those that the caller has not seen, the oldest first."""

    notices: list[Notice]


class Seen(BaseModel):
    seen: bool


def job(record: JobRecord, call: Call) -> Job:
    error = None
    if record.error_key is not None:
        said = call.texts.error_record(record.error_key, record.error_values)
        error = JobError(key=record.error_key, message=said)
    return Job(
        id=record.id,
        state=record.state,
        mode=record.mode,  # type: ignore[arg-type]  # checked when it was accepted
        model=record.model,
        request=record.request,
        error=error,
        step=record.step,
        steps=record.steps,
        created_at=record.created_at,
        started_at=record.started_at,
        finished_at=record.finished_at,
        pictures=[picture(one, call) for one in record.pictures],
        withheld=[withheld(one) for one in record.withheld],
    )


def picture(record: PictureRecord, call: Call) -> Picture:
    url = f"{call.root}/media/{record.id}"
    return Picture(
        id=record.id,
        job=record.job_id,
        index=record.index,
        seed=record.seed,
        width=record.width,
        height=record.height,
        url=url,
        thumbnail=f"{url}?small=1",
        favourite=record.favourite,
        shared=call.shared(record.shared) if record.shared else None,
        created_at=record.created_at,
    )


def withheld(one: records.Withheld) -> Withheld:
    state: Literal["held", "removed"] = "held" if one.review is Review.HELD else "removed"
    return Withheld(id=one.id, index=one.index, state=state, policy=one.policy or None)


def notice(one: records.Notice, policies: Mapping[str, str], call: Call) -> Notice:
    """`policies` are their names, by key."""
    return Notice(
        id=one.id,
        kind=one.kind,
        message=tidings(one, policies, call.texts).said,
        reason=one.reason,
        picture=one.picture_id,
        job=one.job_id,
        policy=one.policy or None,
        until=one.until,
        created_at=one.created_at,
    )


def card(model: ModelCard) -> Card:
    return Card.model_validate(model, from_attributes=True)
