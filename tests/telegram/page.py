"""The page on which anyone can be the people in the chats. Its files are in page/."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import BodyPartReader, web

from tests.telegram.chats import Chat, ChatKind, Standing
from tests.telegram.inline import Result
from tests.telegram.messages import Message, Wire
from tests.telegram.people import Person
from tests.telegram.refusals import Refused
from tests.telegram.seen import Seen, look

if TYPE_CHECKING:
    from tests.telegram.emulator import Emulator

FOLDER = Path(__file__).parent / "page"
POLICY = "default-src 'self'; img-src 'self' blob: data:; base-uri 'none'; frame-ancestors 'none'"
GATHER = 0.03  # seconds in which changes become one event
ALIVE = 15.0  # seconds after which a silent stream says that it lives

Doing = Callable[[Wire], Awaitable[object]]


class Page:
    """What the page shows, and what people do on it."""

    def __init__(self, telegram: Emulator) -> None:
        self._telegram = telegram
        self._world = telegram.world
        self._streams: set[asyncio.Task[Any]] = set()

    def add_to(self, app: web.Application) -> None:
        verbs: dict[str, Doing] = {
            "say": self._say,
            "edit": self._edit,
            "delete": self._delete,
            "press": self._press,
            "inline": self._inline,
            "choose": self._choose,
            "person": self._person,
            "group": self._group,
            "block": self._block,
        }
        app.router.add_get("/", self._index)
        app.router.add_get("/page/events", self._events)
        app.router.add_get("/page/file/{path:.+}", self._file)
        app.router.add_post("/page/send", self._send)
        for name, doing in verbs.items():
            app.router.add_post(f"/page/{name}", self._verb(doing))
        app.router.add_static("/page/", FOLDER)
        app.on_response_prepare.append(_protect)
        app.on_shutdown.append(self._close)

    async def _index(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(FOLDER / "index.html")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        file = self._world.files.at(request.match_info["path"])
        if file is None:
            raise web.HTTPNotFound()
        kind = "image/jpeg" if file.width else "application/octet-stream"
        response = web.Response(body=file.content, content_type=kind)
        response.headers["Cache-Control"] = "max-age=86400, immutable"
        return response

    def _verb(self, doing: Doing) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def verb(request: web.Request) -> web.StreamResponse:
            try:
                return web.json_response(await doing(await request.json()))
            except (Refused, LookupError, AssertionError, NotImplementedError) as error:
                return web.json_response({"error": str(error)}, status=400)

        return verb

    async def _say(self, asked: Wire) -> object:
        await self._who(asked).says(asked["text"], self._chat(asked), self._replied(asked))
        return None

    async def _send(self, request: web.Request) -> web.StreamResponse:
        """Photos, several of them as an album, or files."""
        asked: Wire = {}
        files: list[tuple[str, bytes]] = []
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            if part.filename is None:
                asked[part.name or ""] = await part.text()
            else:
                files.append((part.filename, bytes(await part.read(decode=False))))
        try:
            await self._sent(asked | json.loads(asked["about"]), files)
        except (Refused, AssertionError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(None)

    async def _sent(self, asked: Wire, files: list[tuple[str, bytes]]) -> None:
        person, chat, reply_to = self._who(asked), self._chat(asked), self._replied(asked)
        caption = asked["caption"]
        if asked["as_files"]:
            for number, (name, content) in enumerate(files):
                words = "" if number else caption
                await person.sends_file(content, name, words, chat, reply_to)
        elif len(files) == 1:
            await person.sends_photo(files[0][1], caption, chat, reply_to)
        else:
            await person.sends_album([content for _, content in files], caption, chat, reply_to)

    async def _edit(self, asked: Wire) -> object:
        await self._who(asked).edits(self._seen(asked), asked["text"])
        return None

    async def _delete(self, asked: Wire) -> object:
        self._who(asked).deletes(self._seen(asked))
        return None

    async def _press(self, asked: Wire) -> object:
        answer = await self._who(asked).presses(self._seen(asked), asked["data"])
        if answer is None:
            return None
        return {"text": answer.text, "alert": answer.show_alert, "url": answer.url}

    async def _inline(self, asked: Wire) -> object:
        results = await self._who(asked).asks_inline(
            asked["query"], asked.get("offset", ""), self._chat(asked)
        )
        if results is None:
            return None
        shown = [self._result(result) for result in results]
        return {"results": shown, "next": results.next_offset, "button": results.button}

    async def _choose(self, asked: Wire) -> object:
        result = Result(asked["query"], asked["result"])
        await self._who(asked).chooses(result, self._chat(asked))
        return None

    async def _person(self, asked: Wire) -> object:
        person = self._telegram.person(asked["name"], asked["language"])
        return {"id": person.id}

    async def _group(self, asked: Wire) -> object:
        people = [one for one in self._telegram.people if one.id in asked["people"]]
        group = self._telegram.group(asked["title"], people)
        self._world.show(group)
        return {"id": group.id}

    async def _block(self, asked: Wire) -> object:
        person = self._who(asked)
        if person.chat.standing is Standing.KICKED:
            person.unblocks_bot()
        else:
            person.blocks_bot()
        self._world.show(person.chat)
        return None

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Everything there is for a person, then every change, until the page is closed."""
        person = self._asking(request)
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        changed = asyncio.Event()
        dirty = set(self._world.chats)

        def watch(chat: Chat) -> None:
            dirty.add(chat.id)
            changed.set()

        task = asyncio.current_task()
        assert task
        self._streams.add(task)
        self._world.watchers.add(watch)
        try:
            await self._stream(person, stream, changed, dirty)
        except ConnectionError:
            pass
        finally:
            self._world.watchers.discard(watch)
            self._streams.discard(task)
        return stream

    async def _stream(
        self, person: Person, stream: web.StreamResponse, changed: asyncio.Event, dirty: set[int]
    ) -> None:
        shown: dict[int, int] = {}  # the last change of each chat that is on the page
        await _event(stream, "everyone", self._everyone() | {"you": person.id})
        while True:
            for chat in [self._world.chats[chat_id] for chat_id in sorted(dirty)]:
                if person.id in chat.members:
                    since = shown.get(chat.id, 0)
                    await _event(stream, "chat", self._shown(person, chat, since))
                    changes = [message.change for message in chat.log.values()]
                    shown[chat.id] = max(changes, default=0)
            dirty.clear()
            changed.clear()
            try:
                async with asyncio.timeout(ALIVE):
                    await changed.wait()
            except TimeoutError:
                await stream.write(b": alive\n\n")
            await asyncio.sleep(GATHER)

    async def _close(self, app: web.Application) -> None:
        for task in self._streams:
            task.cancel()

    def _everyone(self) -> Wire:
        people = [
            {"id": person.id, "name": person.name, "language": person.user.language}
            for person in self._telegram.people
        ]
        bot = self._telegram.bot
        return {"people": people, "bot": {"name": bot.name, "username": bot.username}}

    def _shown(self, person: Person, chat: Chat, since: int) -> Wire:
        changed = [message for message in chat.log.values() if message.change > since]
        private = chat.kind is ChatKind.PRIVATE
        return {
            "id": chat.id,
            "private": private,
            "title": self._telegram.bot.name if private else chat.title,
            "members": len(chat.members) + 1,
            "blocked": chat.standing is Standing.KICKED,
            "action": person.action(chat),
            "answers": chat.answers,
            "menu": person.menu(chat),
            "messages": [self._message(message) for message in changed],
            "violations": self._telegram.violations[-50:],
        }

    def _message(self, message: Message) -> Wire:
        seen, content = look(message), message.content
        wire: Wire = {
            "id": seen.id,
            "sender": {"id": message.sender.id, "name": seen.sender, "bot": seen.from_bot},
            "html": seen.html,
            "words": seen.words,
            "date": seen.date,
            "edited": message.edited is not None,
            "deleted": seen.deleted,
            "album": seen.album,
            "keyboard": (message.keyboard or {}).get("inline_keyboard", []),
            "via": message.via.username if message.via else None,
            "forwarded": message.forwarded is not None,
            "reactions": seen.reactions,
            "spoiler": content.spoiler,
            "above": content.above,
            "other": next(iter(content.other), None),
        }
        if content.photo:
            size = content.photo[-1]
            wire["photo"] = {"path": size.path, "width": size.width, "height": size.height}
        if content.document:
            file = content.document
            wire["document"] = {"path": file.path, "name": file.name, "size": file.size}
        if message.reply_to:
            replied = message.reply_to
            wire["reply"] = {
                "id": replied.id,
                "name": replied.sender.name,
                "words": _short(replied),
                "photo": replied.content.photo[0].path if replied.content.photo else None,
            }
        return wire

    def _result(self, result: Result) -> Wire:
        """With the address of its picture, if it is one of ours."""
        picture = result.wire.get("photo_file_id")
        path = self._world.files.downloadable(picture).path if picture else None
        return {"result": result.wire, "title": result.title, "path": path} | {
            "description": result.description or result.wire.get("caption", "")
        }

    def _named(self, person_id: int) -> Person:
        return next(person for person in self._telegram.people if person.id == person_id)

    def _asking(self, request: web.Request) -> Person:
        """Whoever the page was before, or the first if those are gone."""
        known = {str(person.id): person for person in self._telegram.people}
        return known.get(request.query.get("person", ""), self._telegram.people[0])

    def _who(self, asked: Wire) -> Person:
        return self._named(asked["person"])

    def _chat(self, asked: Wire) -> Chat:
        return self._world.chats[asked["chat"]]

    def _seen(self, asked: Wire) -> Seen:
        return look(self._chat(asked).log[asked["message"]])

    def _replied(self, asked: Wire) -> Seen | None:
        message = self._chat(asked).there(asked.get("reply_to"))
        return look(message) if message else None


def _short(message: Message) -> str:
    content = message.content
    if content.words or not content.media:
        return content.words[:90]
    if content.document:
        return content.document.name
    return "Photo" if content.photo else next(iter(content.other))


async def _protect(request: web.Request, response: web.StreamResponse) -> None:
    """Nothing on the page comes from elsewhere, and no text in it runs."""
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Cache-Control", "no-cache")


async def _event(stream: web.StreamResponse, kind: str, what: Wire) -> None:
    await stream.write(f"event: {kind}\ndata: {json.dumps(what)}\n\n".encode())
