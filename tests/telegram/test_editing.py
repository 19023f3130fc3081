from __future__ import annotations

from collections.abc import Awaitable

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import InputMediaDocument, InputMediaPhoto, Message

from tests.telegram import Emulator, Person
from tests.telegram.bots import album_of, buttons, file_of, picture


@pytest.fixture
async def anna(telegram: Emulator) -> Person:
    telegram.limits.burst = 99
    anna = telegram.person("Anna")
    await anna.says("hello")
    return anna


async def refusal(call: Awaitable[object]) -> str:
    with pytest.raises(TelegramBadRequest) as refused:
        await call
    return refused.value.message.removeprefix("Bad Request: ")


async def test_an_edit_is_seen(bot: Bot, anna: Person) -> None:
    sent = await bot.send_message(anna.id, "one", reply_markup=buttons(a="a"))
    edited = await sent.edit_text("two")
    assert isinstance(edited, Message)
    assert edited.edit_date
    seen = anna.chat.messages[-1]
    assert (seen.id, seen.text, seen.buttons, seen.edits) == (sent.message_id, "two", (), 1)


async def test_an_edit_changes_something(bot: Bot, anna: Person) -> None:
    sent = await bot.send_message(
        anna.id, "<b>a</b>", parse_mode="HTML", reply_markup=buttons(a="a")
    )
    error = await refusal(
        sent.edit_text("<b>a</b>", parse_mode="HTML", reply_markup=buttons(a="a"))
    )
    assert error == (
        "message is not modified: specified new message content and reply markup are exactly the "
        "same as a current content and reply markup of the message"
    )
    await sent.edit_text("a", reply_markup=buttons(a="a"))
    await sent.edit_reply_markup(reply_markup=buttons(b="b"))
    await sent.edit_reply_markup()
    assert "not modified" in await refusal(sent.edit_reply_markup())


async def test_only_own_messages_that_are_there_are_edited(bot: Bot, anna: Person) -> None:
    (said,) = anna.chat.messages
    sent = await bot.send_message(anna.id, "a")
    anna.deletes(anna.chat.messages[-1])
    edit = bot.edit_message_text
    assert (
        await refusal(edit("b", chat_id=anna.id, message_id=said.id)) == "message can't be edited"
    )
    assert await refusal(sent.edit_text("b")) == "message to edit not found"
    assert await refusal(edit("b", chat_id=anna.id)) == "message identifier is not specified"
    assert await refusal(edit("b", inline_message_id="AgAA")) == "MESSAGE_ID_INVALID"


async def test_words_are_edited_as_what_they_are(bot: Bot, anna: Person) -> None:
    text = await bot.send_message(anna.id, "a")
    photo = await bot.send_photo(anna.id, file_of(picture()), caption="a")
    assert await refusal(photo.edit_text("b")) == "there is no text in the message to edit"
    error = await refusal(text.edit_caption(caption="b"))
    assert error == "there is no caption in the message to edit"
    await photo.edit_caption(caption="<b>b</b>", parse_mode="HTML")
    assert anna.chat.messages[-1].html == "<b>b</b>"


async def test_a_text_becomes_a_photo_and_the_photo_a_file(bot: Bot, anna: Person) -> None:
    sent = await bot.send_message(anna.id, "a")
    media = InputMediaPhoto(media=file_of(picture()), caption="<i>b</i>", parse_mode="HTML")
    await sent.edit_media(media)
    seen = anna.chat.messages[-1]
    assert (seen.text, seen.html, bool(seen.photo)) == ("", "<i>b</i>", True)
    await sent.edit_media(InputMediaDocument(media=file_of(b"abc", "a.txt")))
    seen = anna.chat.messages[-1]
    assert (seen.name, seen.document, seen.photo, seen.edits) == ("a.txt", b"abc", None, 2)


async def test_an_album_keeps_its_kind(bot: Bot, anna: Person) -> None:
    first, _ = await bot.send_media_group(anna.id, album_of(picture(), picture()))
    await first.edit_media(InputMediaPhoto(media=file_of(picture(colour="red"))))
    error = await refusal(first.edit_media(InputMediaDocument(media=file_of(picture()))))
    assert error == "can't change media type in the album"


async def test_what_is_deleted_is_gone(bot: Bot, anna: Person) -> None:
    (said,) = anna.chat.messages
    sent = await bot.send_message(anna.id, "a")
    await sent.delete()
    assert await refusal(sent.delete()) == "message to delete not found"
    await bot.delete_messages(anna.id, [said.id, sent.message_id, 99])
    assert anna.chat.messages == []
    assert [seen.deleted for seen in anna.chat.history] == [True, True]


async def test_in_groups_only_administrators_delete_what_others_wrote(
    telegram: Emulator, bot: Bot, anna: Person
) -> None:
    group = telegram.group("Painters", [anna])
    said = await anna.says("hello", chat=group)
    error = await refusal(bot.delete_message(group.id, said.id))
    assert error == "message can't be deleted"
    anna.promotes_bot(group)
    await bot.delete_message(group.id, said.id)
