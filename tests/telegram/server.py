"""The Bot API over HTTP: takes calls, lets them fail where a test wants it, and answers."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

from aiogram.methods import GetUpdates
from aiohttp import BodyPartReader, ClientResponse, web
from aiohttp.multipart import MultipartReader

from tests.telegram import answers, schema
from tests.telegram.faults import Failure, Fault
from tests.telegram.meter import Meter
from tests.telegram.receiving import Ready
from tests.telegram.refusals import Misused, Refused, flooded
from tests.telegram.schema import Form, Method
from tests.telegram.world import World

REASONS = {500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable"}
BODY_LIMIT = 256 * 1024 * 1024  # bytes, so that what is too large is refused by us


@dataclass(slots=True)
class Call:
    """A call that reached Telegram, and the status that it was answered with, if it was."""

    time: float
    method: str
    fields: dict[str, Any] = field(default_factory=dict)
    status: int | None = None
    description: str = ""
    injected: bool = False  # the failure is one that the test wanted


class Server:
    """What stands between the bot and the world."""

    def __init__(self, world: World, token: str, meter: Meter) -> None:
        self.calls: list[Call] = []
        self._world = world
        self._token = token
        self._meter = meter
        self._closing = asyncio.Event()
        self.last_call = time.monotonic()  # that was no poll: when it came, or was answered
        world.webhook.reply = self._reply

    def app(self) -> web.Application:
        app = web.Application(client_max_size=BODY_LIMIT)
        app.router.add_route("*", "/bot{token:[^/]+}/{method}", self._method)
        app.router.add_get("/file/bot{token:[^/]+}/{path:.+}", self._file)
        return app

    def close(self) -> None:
        """Calls that wait for an answer get none."""
        self._closing.set()

    async def _method(self, request: web.Request) -> web.StreamResponse:
        call = Call(time.time(), request.match_info["method"])
        self.calls.append(call)
        if self._silent():
            return await self._never(request)
        try:
            method = self._named(request.match_info["token"], call)
            form = await schema.read(request)
        except Refused as refused:
            return self._refusal(call, refused)
        call.fields = form.fields
        self._touch(call)
        fault = self._world.faults.drawn(call.method, answers.chat_of(form))
        call.injected = fault is not None
        if fault and not fault.after:
            return await self._failed(fault, call, method, form, request)
        answer = await self._answered(call, method, form)
        if fault or (method is GetUpdates and self._silent()):
            return await self._unheard(fault, answer, request)
        self._touch(call)
        return answer

    def _named(self, token: str, call: Call) -> type[Method]:
        """The method that is called. Raises Refused."""
        if token != self._token:
            raise Refused(401, "Unauthorized")
        method = schema.method(call.method)
        if method is None:
            raise Misused(404, "Not Found: method not found")
        call.method = method.__api_method__
        return method

    async def _answered(self, call: Call, method: type[Method], form: Form) -> web.Response:
        try:
            result = await answers.answer(self._world, self._meter, method, form)
        except Refused as refused:
            if refused.retry_after is not None:
                answers.hold(self._world, self._meter, method, form, refused.retry_after)
            return self._refusal(call, refused)
        call.status = 200
        text = result.text if isinstance(result, Ready) else _json(result)
        return _response(200, f'{{"ok":true,"result":{text}}}')

    def _refusal(self, call: Call, refused: Refused) -> web.Response:
        call.status, call.description = refused.code, refused.description
        if isinstance(refused, Misused):
            self._world.violation(f"{call.method}: {refused.description}")
        return _response(refused.code, _json(refused.wire()))

    async def _failed(
        self, fault: Fault, call: Call, method: type[Method], form: Form, request: web.Request
    ) -> web.StreamResponse:
        """The call fails without an effect."""
        match fault.failure:
            case Failure.FLOOD:
                answers.hold(self._world, self._meter, method, form, fault.retry_after)
                return self._refusal(call, flooded(fault.retry_after))
            case Failure.BROKEN:
                reason = REASONS.get(fault.status, "Internal Server Error")
                return self._refusal(call, Refused(fault.status, reason))
            case Failure.HANG:
                return await self._never(request)
            case _:
                return _cut(request)

    async def _unheard(
        self, fault: Fault | None, answer: web.Response, request: web.Request
    ) -> web.StreamResponse:
        """The call had its effect, but its answer comes late or not at all."""
        if fault is None or fault.failure is Failure.HANG:
            return await self._never(request)
        if fault.failure is Failure.RESET:
            return _cut(request)
        await asyncio.sleep(fault.delay)
        return answer

    async def _never(self, request: web.Request) -> web.StreamResponse:
        await self._closing.wait()
        return _cut(request)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        if self._silent():
            return await self._never(request)
        file = self._world.files.at(request.match_info["path"])
        if request.match_info["token"] != self._token or file is None:
            return _response(404, _json(Refused(404, "Not Found").wire()))
        return web.Response(body=file.content, content_type="application/octet-stream")

    async def _reply(self, answer: ClientResponse) -> None:
        """A call in the bot's answer to an update; nobody hears what becomes of it."""
        form = await _embedded(answer)
        if form is None:
            return
        name = form.fields["method"]
        call = Call(time.time(), name, form.fields)
        self.calls.append(call)
        try:
            method = self._named(self._token, call)
        except Refused as refused:
            self._refusal(call, refused)
            return
        await self._answered(call, method, form)

    def _silent(self) -> bool:
        return self._world.faults.silent

    def _touch(self, call: Call) -> None:
        if call.method != "getUpdates":
            self.last_call = time.monotonic()


async def _embedded(answer: ClientResponse) -> Form | None:
    form = Form({}, {})
    if answer.content_type == "application/json":
        content = await answer.json()
        form.fields.update(content if isinstance(content, dict) else {})
    elif answer.content_type.startswith("multipart/"):
        parts = MultipartReader.from_response(answer)
        while (part := await parts.next()) is not None:
            assert isinstance(part, BodyPartReader)
            await schema.take_part(part, form)
    return form if "method" in form.fields else None


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _response(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text, content_type="application/json")


def _cut(request: web.Request) -> web.Response:
    """Ends the connection without an answer."""
    if request.transport:
        request.transport.abort()
    return web.Response()
