"""Whatever is said: words make pictures at once, or change the picture that they answer."""

from __future__ import annotations

from aiogram import F, Router
from aiogram.enums import ChatType, ContentType
from aiogram.types import Message

from bot.talk import Talk
from engine import flags
from engine.requests import ImageToImage, TextToImage

PRIVATE = F.chat.type == ChatType.PRIVATE  # groups have many bots: others may be meant

SPOKEN = {  # what a person sends, as opposed to what happens in a chat
    ContentType.ANIMATION,
    ContentType.AUDIO,
    ContentType.CONTACT,
    ContentType.DICE,
    ContentType.LOCATION,
    ContentType.POLL,
    ContentType.STICKER,
    ContentType.STORY,
    ContentType.VENUE,
    ContentType.VIDEO,
    ContentType.VIDEO_NOTE,
    ContentType.VOICE,
}


def router() -> Router:
    router = Router(name="words")
    router.message.register(change, F.text, ~F.text.startswith("/"), F.reply_to_message)
    router.message.register(make, F.text, ~F.text.startswith("/"))
    router.message.register(unknown, F.text, PRIVATE)
    router.message.register(neither, PRIVATE)
    return router


async def make(message: Message, talk: Talk, words: str) -> None:
    said = flags.read(words)
    request = TextToImage(prompt=said.words, **said.fields_of(TextToImage))
    await talk.draw(request, message, said.aspect)


async def change(message: Message, talk: Talk, words: str) -> None:
    """What is answered may be no picture: then these are words like any others."""
    piece = await talk.pointed_at(message)
    if piece is None:
        await make(message, talk, words)
        return
    said = flags.read(words)
    source = await talk.source(piece)
    request = ImageToImage(picture=source, prompt=said.words, **said.fields_of(ImageToImage))
    await talk.draw(request, message)


async def unknown(message: Message, talk: Talk) -> None:
    await message.reply(talk.texts.say("I do not know this command. See /help."))


async def neither(message: Message, talk: Talk) -> None:
    """Voices, videos, places; what Telegram itself says in a chat is nothing to answer."""
    if message.content_type in SPOKEN:
        await message.reply(talk.texts.say("Write what to draw, or send a picture. See /help."))
