"""The policies: everybody reads them, admins change what they are called and what they do."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter
from fastapi import Path as InPath
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from engine.errors import BadCall, NotFound, OutOfRange, UserError
from engine.texts import LANGUAGES
from storage.records import Action, Policy
from web.moderation.call import Call, Called
from web.moderation.refusals import FRESH, status_of
from web.moderation.session import PLACE
from web.moderation.vocabulary import TONGUES
from web.plain import filled

NAME_LIMIT, ADVICE_LIMIT = 100, 500  # characters
PLACES = 99

router = APIRouter(prefix=PLACE)


@router.get("/policies")
async def page(call: Called, done: bool = False) -> Response:
    return await _page(call, done=done)


@router.post("/policies/{key}")
async def change(
    request: Request, call: Called, key: Annotated[str, InPath(max_length=64)]
) -> Response:
    policy = (await call.policies()).get(key)
    if policy is None:
        raise NotFound()
    try:
        await call.moderation.change_policy(call.by, _changed(policy, await filled(request)))
    except UserError as error:
        return await _page(call, error)
    return RedirectResponse("/moderation/policies?done=1", 303, FRESH)


async def _page(call: Call, error: UserError | None = None, *, done: bool = False) -> Response:
    return await call.page(
        "policies",
        "policies",
        status_of(error) if error else 200,
        rows=list((await call.policies()).values()),
        tongues=TONGUES,
        done=done,
        problem=call.plain.texts.error(error) if error else "",
    )


def _changed(policy: Policy, form: dict[str, str]) -> Policy:
    """The policy as the form has it. Raises OutOfRange; what is fixed stays."""
    action, position = form.get("action", policy.action), form.get("position", "")
    if action not in list(Action):
        raise BadCall()
    place = int(position) if position.isdecimal() and len(position) < 10 else 0
    if not 1 <= place <= PLACES:
        raise OutOfRange(name="number", low=1, high=PLACES, value=position[:10])
    return replace(
        policy,
        names={one: _text(form, f"name-{one}", NAME_LIMIT) for one in LANGUAGES},
        advice={one: _text(form, f"advice-{one}", ADVICE_LIMIT) for one in LANGUAGES},
        action=policy.action if policy.fixed else Action(action),
        active=policy.fixed or "active" in form,
        position=place,
    )


def _text(form: dict[str, str], name: str, limit: int) -> str:
    text = form.get(name, "").strip()
    if not 0 < len(text) <= limit:
        raise OutOfRange(name="text", low=1, high=limit, value=len(text))
    return text
