"""Pictures that are shown as they take shape, in the events of OpenAI's streams."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Literal

from engine.errors import Closing, UserError
from engine.events import Step
from engine.studio import Finished
from storage.records import JobRecord
from web.api.call import Call
from web.api.images.answers import Usage, coded, size
from web.api.refusals import openai_form
from web.api.stream import encoded, event
from web.api.waiting import outcome

Kind = Literal["image_generation", "image_edit"]


async def streamed(job: JobRecord, call: Call, kind: Kind, partials: int) -> AsyncGenerator[bytes]:
    """At most so many partial pictures, and one `completed` for each that is done. What goes
    wrong is told by an event, which OpenAI's package raises as an APIError."""
    try:
        async for told in _events(job, call, kind, partials):
            yield told
    except UserError as error:
        yield event("error", {"type": "error"} | openai_form(error, call.texts.error(error)))


async def _events(job: JobRecord, call: Call, kind: Kind, partials: int) -> AsyncGenerator[bytes]:
    sent = 0
    async with aclosing(call.studio.watch(job.id, call.account)) as events:
        async for one in events:
            if isinstance(one, Step) and one.preview and _due(one, sent, partials):
                told = _told(job, encoded(one.preview, "PNG")) | {"partial_image_index": sent}
                yield _event(f"{kind}.partial_image", told)
                sent += 1
            if isinstance(one, Finished):
                for picture in outcome(one.job).pictures:
                    told = _told(job, await coded(picture, call))
                    told["usage"] = Usage().model_dump()
                    yield _event(f"{kind}.completed", told)
                return
    raise Closing()


def _due(step: Step, sent: int, partials: int) -> bool:
    """Whether it is time for one more: they come evenly over the steps."""
    return sent < partials and step.index * (partials + 1) >= step.total * (sent + 1)


def _told(job: JobRecord, picture: str) -> dict[str, Any]:
    return {
        "b64_json": picture,
        "background": "opaque",
        "created_at": int(time.time()),
        "output_format": "png",
        "quality": "auto",
        "size": size(job),
    }


def _event(name: str, told: dict[str, Any]) -> bytes:
    return event(name, {"type": name} | told)
