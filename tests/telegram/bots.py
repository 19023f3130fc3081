"""A bot for the emulator's own tests, made with aiogram as any bot is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from io import BytesIO

from aiogram import Bot, Dispatcher, F
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.enums import ChatAction
from aiogram.filters import Command
from aiogram.types import (
    BotCommand,
    BufferedInputFile,
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InlineQuery,
    InlineQueryResultArticle,
    InputMediaPhoto,
    InputTextMessageContent,
    MediaUnion,
    Message,
)
from aiogram.utils.text_decorations import html_decoration
from PIL import Image

from tests.telegram import Emulator


class Session(AiohttpSession):
    """aiogram's own, without the quarter of a second that it waits for TLS at its end."""

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


@asynccontextmanager
async def bot_of(telegram: Emulator) -> AsyncIterator[Bot]:
    session = Session(api=TelegramAPIServer.from_base(telegram.url), timeout=5)
    async with Bot(telegram.token, session) as bot:
        yield bot


def buttons(**data: str) -> InlineKeyboardMarkup:
    """A row of buttons, each with what it sends when it is pressed."""
    row = [InlineKeyboardButton(text=text, callback_data=sent) for text, sent in data.items()]
    return InlineKeyboardMarkup(inline_keyboard=[row])


def picture(width: int = 64, height: int = 48, colour: str = "orange", kind: str = "PNG") -> bytes:
    file = BytesIO()
    Image.new("RGB", (width, height), colour).save(file, kind)
    return file.getvalue()


def file_of(content: bytes, name: str = "picture.png") -> BufferedInputFile:
    return BufferedInputFile(content, name)


def album_of(*pictures: bytes) -> list[MediaUnion]:
    return [InputMediaPhoto(media=file_of(content)) for content in pictures]


def echo() -> Dispatcher:
    """A bot that gives back what it gets, with a button."""
    dispatcher = Dispatcher()

    @dispatcher.message(Command("album"))
    async def album(message: Message) -> None:
        pictures = [picture(colour=colour) for colour in ("red", "green", "blue")]
        await message.answer_media_group(album_of(*pictures))

    @dispatcher.message(Command("start"))
    async def start(message: Message, bot: Bot) -> None:
        await bot.set_my_commands([BotCommand(command="album", description="Three pictures")])
        await message.answer("<b>Hello!</b> Say something.", parse_mode="HTML")

    @dispatcher.message(F.photo)
    async def photo(message: Message, bot: Bot) -> None:
        assert message.photo
        await bot.send_chat_action(message.chat.id, ChatAction.UPLOAD_PHOTO)
        file = await bot.download(message.photo[-1])
        assert file
        await message.reply_photo(
            file_of(file.read()), caption="The same", reply_markup=buttons(Again="again")
        )

    @dispatcher.message(F.document)
    async def document(message: Message) -> None:
        assert message.document
        await message.reply_document(message.document.file_id)

    @dispatcher.message(F.text)
    async def text(message: Message) -> None:
        said = html_decoration.quote(message.text or "")
        await message.reply(
            f"You said: <i>{said}</i>", parse_mode="HTML", reply_markup=buttons(Louder="louder")
        )

    @dispatcher.callback_query(F.data == "louder")
    async def louder(query: CallbackQuery) -> None:
        assert isinstance(query.message, Message)
        await query.message.edit_text((query.message.text or "").upper())
        await query.answer("Louder!")

    @dispatcher.callback_query()
    async def other(query: CallbackQuery) -> None:
        await query.answer("Not now", show_alert=True)

    @dispatcher.inline_query()
    async def inline(query: InlineQuery) -> None:
        content = InputTextMessageContent(message_text=f"Found: {query.query}")
        article = InlineQueryResultArticle(
            id="1", title=f"About {query.query}", input_message_content=content
        )
        await query.answer([article], cache_time=0)

    return dispatcher


@asynccontextmanager
async def polling(dispatcher: Dispatcher, bot: Bot) -> AsyncIterator[None]:
    """The bot works until the end."""
    task = asyncio.create_task(dispatcher.start_polling(bot, handle_signals=False))
    try:
        yield
    finally:
        with suppress(RuntimeError):  # it has not even started
            await dispatcher.stop_polling()
        task.cancel()
        await asyncio.wait([task])
