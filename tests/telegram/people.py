"""People in the chats: what they do, and what they see."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any, TypeVar

from tests.telegram.chats import Chat, ChatKind, Standing
from tests.telegram.contents import CAPTION_LIMIT, TEXT_LIMIT
from tests.telegram.inline import Result, Results, shown
from tests.telegram.messages import Content, Message, Wire
from tests.telegram.queries import Pressed
from tests.telegram.seen import Seen, look
from tests.telegram.words import tidy
from tests.telegram.world import World

Answer = TypeVar("Answer")


class Person:
    """Somebody with a private chat with the bot. Without `chat`, all happens there."""

    def __init__(self, world: World, chat: Chat) -> None:
        self._world = world
        self.chat = chat
        (self.user,) = chat.members.values()

    @property
    def id(self) -> int:
        return self.user.id

    @property
    def name(self) -> str:
        return self.user.name

    async def says(
        self,
        text: str,
        chat: Chat | None = None,
        reply_to: Seen | None = None,
        thread: int | None = None,
    ) -> Seen:
        """Text too long for one message goes in several, as apps do it; the last is returned."""
        parts = [text[at : at + TEXT_LIMIT] for at in range(0, len(text), TEXT_LIMIT)]
        sent = [self._send(_words(part), chat, reply_to, thread) for part in parts]
        return look(sent[-1])

    async def sends_photo(
        self,
        picture: bytes,
        caption: str = "",
        chat: Chat | None = None,
        reply_to: Seen | None = None,
        thread: int | None = None,
    ) -> Seen:
        """Telegram makes a JPEG of it. Raises Refused for what is no picture."""
        photo = await self._world.files.photo(picture)
        content = replace(_caption(caption), photo=photo)
        return look(self._send(content, chat, reply_to, thread))

    async def sends_file(
        self,
        content: bytes,
        name: str = "picture.png",
        caption: str = "",
        chat: Chat | None = None,
        reply_to: Seen | None = None,
        thread: int | None = None,
    ) -> Seen:
        """Byte for byte."""
        document = self._world.files.document(PurePath(name).name, content)
        shown = replace(_caption(caption), document=document)
        return look(self._send(shown, chat, reply_to, thread))

    async def sends_album(
        self,
        pictures: Sequence[bytes],
        caption: str = "",
        chat: Chat | None = None,
        reply_to: Seen | None = None,
        thread: int | None = None,
    ) -> list[Seen]:
        """Photos that belong together; the first has the caption."""
        photos = await asyncio.gather(*map(self._world.files.photo, pictures))
        captions = [_caption(caption if number == 0 else "") for number in range(len(photos))]
        album = str(self._world.random.randrange(10**16, 10**17))
        return [
            look(self._send(replace(words, photo=photo), chat, reply_to, thread, album))
            for words, photo in zip(captions, photos, strict=True)
        ]

    async def sends(self, chat: Chat | None = None, **other: Any) -> Seen:
        """Anything else, as the Bot API writes it: `sends(dice={"emoji": "🎲", "value": 3})`."""
        return look(self._send(Content(other=other), chat, None, None))

    async def forwards(self, message: Seen, chat: Chat | None = None) -> Seen:
        original = self._message(message)
        origin = original.forwarded or {
            "type": "user",
            "date": original.date,
            "sender_user": original.sender.wire(),
        }
        return look(self._send(original.content, chat, None, None, forwarded=origin))

    async def edits(self, message: Seen, words: str) -> Seen:
        """The text or the caption of a message of theirs."""
        own = self._message(message)
        assert own.sender is self.user, "people edit only what they wrote"
        shown = _words(words)
        content = replace(own.content, words=shown.words, entities=shown.entities)
        self._world.edit(own, content, own.keyboard)
        self._world.tell_message(own, "edited_message")
        return look(own)

    def deletes(self, message: Seen) -> None:
        """For all in the chat; the bot is not told."""
        self._world.delete(self._message(message))

    def deletes_chat(self) -> None:
        """All of the private chat, for both sides."""
        for message in self.chat.log.values():
            if not message.deleted:
                self._world.delete(message)

    async def presses(self, message: Seen, button: str) -> Pressed | None:
        """A button under the message, by its text, its data, or a part of its text.

        Returns what the bot answers, None if it does not. Raises LookupError without such a button.
        """
        pressed = self._message(message)
        found = _button(pressed, button)
        if "callback_data" not in found:
            return Pressed(found.get("copy_text", {}).get("text", ""), url=_address(found))
        query = str(self._world.random.randrange(10**17, 10**18))
        answer = self._world.presses.ask(query)
        asked: Wire = {"id": query, "from": self.user.wire(), "data": found["callback_data"]}
        if pressed.inline:
            asked["inline_message_id"] = pressed.inline
        else:
            asked["message"] = pressed.wire()
        asked["chat_instance"] = str(pressed.chat.id * 7919)
        self._world.tell("callback_query", asked, pressed.chat)
        age = self._world.presses.age / self._world.settings.speed
        return await _in_time(answer, age)

    async def asks_inline(
        self, query: str, offset: str = "", chat: Chat | None = None
    ) -> Results | None:
        """What the bot offers for `@bot query`; None if it does not answer.

        Answers are kept as long as the bot says, for all people unless they are personal.
        """
        kept = self._world.kept_results(query, offset, self.id)
        if kept is None:
            kept = await self._asked(query, offset, chat or self.chat)
        if kept is None:
            return None
        self._world.keep_results(query, offset, self.id, kept)
        return Results(query, kept)

    async def chooses(self, result: Result, chat: Chat | None = None) -> Seen:
        """Sends what an inline result stands for."""
        content, keyboard = await shown(self._world, result.wire)
        inline = None
        if keyboard:
            inline = "AgAAA" + str(self._world.random.randrange(10**20, 10**21))
        sent = self._send(
            content, chat, None, None, via=self._world.bot, keyboard=keyboard, inline=inline
        )
        if inline:
            self._world.inline[inline] = sent
        if self._world.settings.feedback:
            chosen = {"result_id": result.id, "from": self.user.wire(), "query": result.query}
            chosen |= {"inline_message_id": inline} if inline else {}
            self._world.tell("chosen_inline_result", chosen, person=self.id)
        return look(sent)

    async def sees(
        self,
        what: Callable[[Seen], object],
        after: Seen | None = None,
        timeout: float = 20.0,  # noqa: ASYNC109
        chat: Chat | None = None,
    ) -> Seen:
        """The first message of somebody else for which `what` is true, waiting for it if need be.

        With `after`: one that came, or was changed into this, after that one was seen. Raises
        AssertionError, with what is there instead.
        """
        chat, since = chat or self.chat, after.change if after else 0
        try:
            async with asyncio.timeout(timeout):
                while (found := self._found(chat, what, since)) is None:
                    await chat.pulse.next()
                return found
        except TimeoutError:
            there = "\n".join(f"  {_line(seen)}" for seen in chat.messages) or "  nothing"
            raise AssertionError(f"{self.name} sees after {timeout:g} s:\n{there}") from None

    def looks_at(self, message: Seen) -> Seen:
        """The message as it is now, deleted perhaps."""
        return look(self._world.chats[message.chat_id].log[message.id])

    def action(self, chat: Chat | None = None) -> str | None:
        """What the bot is doing, as the line under its name says."""
        shown = (chat or self.chat).action
        return shown[0] if shown and shown[1] > self._world.now() else None

    def menu(self, chat: Chat | None = None) -> dict[str, str]:
        """The commands that the bot offers here, and what it says of them."""
        commands = self._world.profile.commands_in(chat or self.chat, self.user)
        return {command["command"]: command["description"] for command in commands}

    def blocks_bot(self) -> None:
        self._world.stand(self.chat, Standing.KICKED, self.user)

    def unblocks_bot(self) -> None:
        self._world.stand(self.chat, Standing.MEMBER, self.user)

    def adds_bot(self, group: Chat) -> None:
        self._world.stand(group, Standing.MEMBER, self.user)

    def promotes_bot(self, group: Chat) -> None:
        self._world.stand(group, Standing.ADMINISTRATOR, self.user)

    def kicks_bot(self, group: Chat) -> None:
        self._world.stand(group, Standing.KICKED, self.user)

    def _send(
        self,
        content: Content,
        chat: Chat | None,
        reply_to: Seen | None,
        thread: int | None,
        album: str | None = None,
        **more: Any,
    ) -> Message:
        chat = chat or self.chat
        assert self.id in chat.members, f"{self.name} is not in {chat.title}"
        if chat.kind is ChatKind.PRIVATE:
            assert chat.standing is not Standing.KICKED, f"{self.name} has blocked the bot"
        chat.started = True
        replied = self._message(reply_to) if reply_to else None
        if thread is None and replied:
            thread = replied.thread
        message = self._world.post(
            chat, self.user, content, reply_to=replied, thread=thread, album=album, **more
        )
        self._world.tell_message(message)
        return message

    def _message(self, seen: Seen) -> Message:
        message = self._world.chats[seen.chat_id].there(seen.id)
        if message is None:
            raise LookupError(f"message {seen.id} is deleted")
        return message

    def _found(self, chat: Chat, what: Callable[[Seen], object], since: int) -> Seen | None:
        for message in chat.log.values():
            if message.deleted or message.change <= since or message.sender is self.user:
                continue
            if what(seen := look(message)):
                return seen
        return None

    async def _asked(self, query: str, offset: str, chat: Chat) -> Wire | None:
        query_id = str(self._world.random.randrange(10**17, 10**18))
        answer = self._world.inline_queries.ask(query_id)
        kind = "sender" if chat is self.chat else chat.kind.value
        asked = {"id": query_id, "from": self.user.wire(), "query": query, "offset": offset}
        self._world.tell("inline_query", asked | {"chat_type": kind}, person=self.id)
        age = self._world.inline_queries.age / self._world.settings.speed
        return await _in_time(answer, age)


async def _in_time(answer: asyncio.Future[Answer], seconds: float) -> Answer | None:
    """None if there is no answer."""
    done, _ = await asyncio.wait([answer], timeout=seconds)
    return answer.result() if done else None


def _words(text: str) -> Content:
    words, entities = tidy(text, [])
    return Content(words, tuple(entities))


def _caption(text: str) -> Content:
    assert len(text) <= CAPTION_LIMIT, "apps do not take a longer caption"
    return _words(text)


def _button(message: Message, wanted: str) -> Wire:
    rows = (message.keyboard or {}).get("inline_keyboard", [])
    buttons: list[Wire] = [button for row in rows for button in row]
    for fits in (
        lambda button: button["text"] == wanted,
        lambda button: button.get("callback_data") == wanted,
        lambda button: wanted in button["text"],
    ):
        found = [button for button in buttons if fits(button)]
        if found:
            return found[0]
    texts = ", ".join(button["text"] for button in buttons) or "none"
    raise LookupError(f"no button {wanted!r}; there are: {texts}")


def _address(button: Wire) -> str | None:
    address: str | None = button.get("url") or button.get("web_app", {}).get("url")
    return address


def _line(seen: Seen) -> str:
    parts = [f"{seen.sender}: {seen.words!r}"]
    parts += ["photo"] if seen.photo is not None else []
    parts += [seen.name] if seen.name is not None else []
    parts += ["".join(f"[{text}]" for row in seen.buttons for text in row)]
    return " ".join(filter(None, parts))
