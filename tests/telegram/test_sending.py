from __future__ import annotations

from collections.abc import Awaitable, Callable
from io import BytesIO

import pytest
from aiogram import Bot
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramEntityTooLarge,
    TelegramForbiddenError,
)
from aiogram.types import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaDocument,
    KeyboardButton,
    ReactionTypeEmoji,
    ReplyKeyboardMarkup,
    ReplyKeyboardRemove,
    ReplyParameters,
    WebAppInfo,
)
from PIL import Image

from tests.telegram import ChatKind, Emulator, Person
from tests.telegram.bots import album_of, bot_of, buttons, file_of, picture

Sending = Callable[[Bot, int], Awaitable[object]]


@pytest.fixture
async def anna(telegram: Emulator) -> Person:
    telegram.limits.burst = 99
    anna = telegram.person("Anna")
    await anna.says("hello")
    return anna


async def refusal(call: Awaitable[object]) -> str:
    with pytest.raises(TelegramAPIError) as refused:
        await call
    return refused.value.message.removeprefix("Bad Request: ")


async def test_a_message_is_seen_as_it_was_sent(bot: Bot, anna: Person) -> None:
    sent = await bot.send_message(
        anna.id, "a <b>fox</b>", parse_mode="HTML", reply_markup=buttons(Stop="stop:1")
    )
    (_, seen) = anna.chat.messages
    assert (seen.id, seen.text, seen.html) == (sent.message_id, "a fox", "a <b>fox</b>")
    assert (seen.sender, seen.from_bot, seen.buttons) == ("Kandinsky", True, (("Stop",),))
    assert sent.entities
    assert sent.entities[0].type == "bold"
    assert sent.html_text == "a <b>fox</b>"


async def test_texts_have_limits(bot: Bot, anna: Person) -> None:
    await bot.send_message(anna.id, f"<b>{'a' * 4096}</b>", parse_mode="HTML")
    assert await refusal(bot.send_message(anna.id, "a" * 4097)) == "message is too long"
    assert await refusal(bot.send_message(anna.id, "")) == "message text is empty"
    assert await refusal(bot.send_message(anna.id, "<b> </b>", parse_mode="HTML")) == (
        "text must be non-empty"
    )
    error = await refusal(bot.send_photo(anna.id, file_of(picture()), caption="a" * 1025))
    assert error == "message caption is too long"


async def test_only_html_is_read(telegram: Emulator, bot: Bot, anna: Person) -> None:
    error = await refusal(bot.send_message(anna.id, "a <p>", parse_mode="HTML"))
    assert error == 'can\'t parse entities: Unsupported start tag "p" at byte offset 2'
    assert telegram.violations == []
    await refusal(bot.send_message(anna.id, "*a*", parse_mode="MarkdownV2"))
    assert "unsupported parse_mode MarkdownV2" in telegram.violations[0]


async def test_a_photo_is_recompressed_and_can_be_sent_again(bot: Bot, anna: Person) -> None:
    sent = await bot.send_photo(anna.id, file_of(picture(1600, 800)), caption="<i>fox</i>")
    assert sent.photo
    assert [size.width for size in sent.photo] == [90, 320, 800, 1280]
    await bot.send_photo(anna.id, sent.photo[0].file_id)
    (_, first, second) = anna.chat.messages
    assert first.caption == "<i>fox</i>"
    assert first.photo == second.photo
    image = Image.open(BytesIO(first.photo or b""))
    assert (image.format, image.size) == ("JPEG", (1280, 640))


async def test_a_document_stays_byte_for_byte(bot: Bot, anna: Person) -> None:
    content = picture()
    sent = await bot.send_document(anna.id, file_of(content, "fox.png"))
    assert sent.document
    assert (sent.document.mime_type, sent.document.thumbnail) == ("image/png", None)
    seen = anna.chat.messages[-1]
    assert (seen.document, seen.name, seen.photo) == (content, "fox.png", None)
    error = await refusal(bot.send_photo(anna.id, sent.document.file_id))
    assert error == "can't use file of type Document as Photo"


async def test_for_load_the_bot_s_files_are_not_kept() -> None:
    async with Emulator.open(keep_files=False) as telegram, bot_of(telegram) as bot:
        anna = telegram.person("Anna")
        await anna.sends_file(b"abc")
        sent = await bot.send_photo(anna.id, file_of(picture(1600, 800)))
        assert sent.photo
        assert [size.width for size in sent.photo] == [90, 320, 800, 1280]
        assert [seen.document or seen.photo for seen in anna.chat.messages] == [b"abc", b""]


@pytest.mark.slow
async def test_files_that_are_too_large_are_refused(bot: Bot, anna: Person) -> None:
    with pytest.raises(TelegramEntityTooLarge, match="Request Entity Too Large"):
        await bot.send_document(anna.id, file_of(bytes(50 * 1024 * 1024 + 1)))
    large = await anna.sends_file(bytes(20 * 1024 * 1024 + 1), "large.bin")
    (message,) = [seen for seen in anna.chat.messages if seen.id == large.id]
    assert message.name == "large.bin"


async def test_people_s_files_are_downloaded(telegram: Emulator, bot: Bot, anna: Person) -> None:
    content = picture()
    await anna.sends_file(content, "fox.png")
    await anna.sends_file(bytes(20 * 1024 * 1024 + 1), "large.bin")
    small, large = (update.message for update in (await bot.get_updates())[1:])
    assert small
    assert small.document
    assert large
    assert large.document
    file = await bot.download(small.document)
    assert file
    assert file.read() == content
    assert await refusal(bot.get_file(large.document.file_id)) == "file is too big"
    assert "wrong file_id" in await refusal(bot.get_file("AgAC"))


async def test_an_album_has_two_to_ten_items_of_a_kind(
    telegram: Emulator, bot: Bot, anna: Person
) -> None:
    sent = await bot.send_media_group(anna.id, album_of(picture(), picture(colour="red")))
    first, second = anna.chat.messages[1:]
    assert first.album == second.album == sent[0].media_group_id
    assert [first.id, second.id] == [message.message_id for message in sent]
    error = await refusal(bot.send_media_group(anna.id, album_of(*[picture()] * 11)))
    assert error == "too many messages to send as an album"
    mixed = [*album_of(picture()), InputMediaDocument(media=file_of(picture()))]
    error = await refusal(bot.send_media_group(anna.id, mixed))
    assert error == "document can't be mixed with other media types"
    telegram.check()
    await refusal(bot.send_media_group(anna.id, album_of(picture())))
    assert "2-10 items" in telegram.violations[0]


@pytest.mark.parametrize(
    ("button", "error"),
    [
        ({"callback_data": "я" * 33}, "BUTTON_DATA_INVALID"),
        (
            {},
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
        ),
        (
            {"url": "http://localhost:7860/"},
            "inline keyboard button URL 'http://localhost:7860/' is invalid: Wrong HTTP URL",
        ),
        (
            {"web_app": WebAppInfo(url="http://example.org")},
            "inline keyboard button Web App URL 'http://example.org' is invalid: "
            "Only HTTPS links are allowed",
        ),
        ({"text": " ", "callback_data": "a"}, "inline keyboard button text must be non-empty"),
    ],
)
async def test_buttons_that_telegram_does_not_take(
    bot: Bot, anna: Person, button: dict[str, str], error: str
) -> None:
    wrong = InlineKeyboardButton.model_validate({"text": "a"} | button)
    markup = InlineKeyboardMarkup(inline_keyboard=[[wrong]])
    assert await refusal(bot.send_message(anna.id, "a", reply_markup=markup)) == error


async def test_keyboards_have_a_size(telegram: Emulator, bot: Bot, anna: Person) -> None:
    none = InlineKeyboardMarkup(inline_keyboard=[[], []])
    await bot.send_message(anna.id, "a", reply_markup=none)
    assert anna.chat.messages[-1].buttons == ()
    rows = [[InlineKeyboardButton(text="a" * 300, callback_data="a")] for _ in range(50)]
    large = InlineKeyboardMarkup(inline_keyboard=rows)
    error = await refusal(bot.send_message(anna.id, "a", reply_markup=large))
    assert error == "reply markup is too long"
    telegram.check()
    wide = buttons(**{f"a{number}": "a" for number in range(9)})
    await refusal(bot.send_message(anna.id, "a", reply_markup=wide))
    assert "would not be shown" in telegram.violations[0]


async def test_a_reply_keyboard_stays_until_it_is_removed(bot: Bot, anna: Person) -> None:
    keyboard = ReplyKeyboardMarkup(keyboard=[[KeyboardButton(text="Again")]])
    sent = await bot.send_message(anna.id, "a", reply_markup=keyboard)
    assert anna.chat.answers == {"keyboard": [[{"text": "Again"}]]}
    error = await refusal(bot.edit_message_text("b", chat_id=anna.id, message_id=sent.message_id))
    assert error == "message can't be edited"
    await bot.send_message(anna.id, "a", reply_markup=ReplyKeyboardRemove())
    assert anna.chat.answers is None


async def test_a_reply_needs_its_message(bot: Bot, anna: Person) -> None:
    (said,) = anna.chat.messages
    reply = await bot.send_message(
        anna.id, "a", reply_parameters=ReplyParameters(message_id=said.id)
    )
    assert reply.reply_to_message
    assert reply.reply_to_message.text == "hello"
    assert anna.chat.messages[-1].reply_to == said.id
    anna.deletes(said)
    gone = ReplyParameters(message_id=said.id)
    error = await refusal(bot.send_message(anna.id, "a", reply_parameters=gone))
    assert error == "message to be replied not found"
    anyway = ReplyParameters(message_id=said.id, allow_sending_without_reply=True)
    await bot.send_message(anna.id, "a", reply_parameters=anyway)
    assert anna.chat.messages[-1].reply_to is None


async def test_nobody_is_written_to_who_does_not_want_it(telegram: Emulator, bot: Bot) -> None:
    boris = telegram.person("Boris")
    assert await refusal(bot.send_message(boris.id, "a")) == "chat not found"
    await boris.says("hello")
    boris.blocks_bot()
    for call in (bot.send_message(boris.id, "a"), bot.send_chat_action(boris.id, "typing")):
        with pytest.raises(TelegramForbiddenError, match="bot was blocked by the user"):
            await call
    boris.unblocks_bot()
    await bot.send_message(boris.id, "a")


@pytest.mark.parametrize("kind", [ChatKind.GROUP, ChatKind.SUPERGROUP])
async def test_a_bot_that_was_kicked_is_silent(
    telegram: Emulator, bot: Bot, anna: Person, kind: ChatKind
) -> None:
    group = telegram.group("Painters", [anna], kind)
    await bot.send_message(group.id, "hello")
    anna.kicks_bot(group)
    with pytest.raises(TelegramForbiddenError, match=f"bot was kicked from the {kind} chat"):
        await bot.send_message(group.id, "hello")


async def test_a_thread_is_one_of_the_forum(telegram: Emulator, bot: Bot, anna: Person) -> None:
    forum = telegram.group("Painters", [anna], forum=True)
    foxes = telegram.topic(forum, "Foxes")
    said = await anna.says("/draw", chat=forum, thread=foxes)
    reply = await bot.send_message(
        forum.id, "a", reply_parameters=ReplyParameters(message_id=said.id)
    )
    assert reply.message_thread_id == foxes
    error = await refusal(bot.send_message(forum.id, "a", message_thread_id=7))
    assert error == "message thread not found"


async def test_a_copy_has_other_words_and_a_forward_its_origin(bot: Bot, anna: Person) -> None:
    sent = await bot.send_photo(anna.id, file_of(picture()), caption="one")
    copy = await bot.copy_message(anna.id, anna.id, sent.message_id, caption="two")
    forward = await bot.forward_message(anna.id, anna.id, sent.message_id)
    assert [seen.caption for seen in anna.chat.messages[1:]] == ["one", "two", "one"]
    assert copy.message_id == sent.message_id + 1
    assert forward.forward_origin


async def test_an_action_is_shown_until_the_message_comes(bot: Bot, anna: Person) -> None:
    await bot.send_chat_action(anna.id, "upload_photo")
    assert anna.action() == "upload_photo"
    await bot.send_message(anna.id, "a")
    assert anna.action() is None
    error = await refusal(bot.send_chat_action(anna.id, "paint"))
    assert error == "wrong parameter action in request"


async def test_a_reaction_is_seen(bot: Bot, anna: Person) -> None:
    (said,) = anna.chat.messages
    await bot.set_message_reaction(anna.id, said.id, [ReactionTypeEmoji(emoji="👀")])
    assert anna.looks_at(said).reactions == ("👀",)


async def test_what_is_sent_wrongly_is_a_refused_call(
    telegram: Emulator, bot: Bot, anna: Person
) -> None:
    with pytest.raises(TelegramBadRequest):
        await bot.send_photo(anna.id, "https://example.org/fox.png")
    (call,) = telegram.refused
    assert (call.method, call.status) == ("sendPhoto", 400)
    assert call.fields["photo"] == "https://example.org/fox.png"
