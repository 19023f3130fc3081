from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InlineQueryResultArticle,
    InlineQueryResultCachedPhoto,
    InputTextMessageContent,
    Update,
)

from tests.telegram import Emulator, Person, Pressed, Seen
from tests.telegram.bots import bot_of, buttons, echo, file_of, picture, polling


@pytest.fixture
async def working(telegram: Emulator, bot: Bot) -> AsyncIterator[Emulator]:
    """Telegram with a bot at work."""
    telegram.limits.burst = 99
    async with polling(echo(), bot):
        yield telegram
    telegram.check()
    assert telegram.refused == []


def anything(seen: Seen) -> bool:
    return True


async def heard(bot: Bot) -> list[Update]:
    updates = await bot.get_updates()
    if updates:
        await bot.get_updates(offset=updates[-1].update_id + 1)
    return updates


async def test_a_conversation(working: Emulator) -> None:
    anna = working.person("Anna", language="ru")
    said = await anna.says("a <fox>")
    answer = await anna.sees(lambda seen: "fox" in seen.text, after=said)
    assert (answer.html, answer.reply_to) == ("You said: <i>a &lt;fox&gt;</i>", said.id)
    assert await anna.presses(answer, "Louder") == Pressed("Louder!")
    louder = await anna.sees(lambda seen: "FOX" in seen.text, after=answer)
    assert (louder.id, louder.edits, louder.buttons) == (answer.id, 1, ())
    assert (answer.text, anna.looks_at(answer)) == ("You said: a <fox>", louder)


async def test_pictures_there_and_back(working: Emulator) -> None:
    anna = working.person("Anna")
    sent = await anna.sends_photo(picture(), caption="mine")
    same = await anna.sees(lambda seen: seen.photo, after=sent)
    assert (same.caption, same.reply_to, same.name) == ("The same", sent.id, None)
    assert await anna.presses(same, "Again") == Pressed("Not now", show_alert=True)
    sent = await anna.sends_file(b"abc", "a.txt")
    assert (await anna.sees(lambda seen: seen.document, after=sent)).document == b"abc"


async def test_albums_there_and_back(working: Emulator) -> None:
    anna = working.person("Anna")
    sent = await anna.sends_album([picture(), picture(colour="red")], caption="two")
    assert len({seen.album for seen in sent}) == 1
    assert [seen.caption for seen in sent] == ["two", ""]
    await anna.says("/album")
    album = await anna.sees(lambda seen: seen.album)
    await working.settled(0.1)
    items = [seen for seen in anna.chat.messages if seen.album == album.album]
    assert [bool(seen.photo) for seen in items] == [True] * 3


async def test_who_waits_in_vain_is_told_what_is_there(telegram: Emulator, bot: Bot) -> None:
    anna = telegram.person("Anna")
    await anna.says("hello")
    await bot.send_message(anna.id, "a dog", reply_markup=buttons(Stop="stop"))
    with pytest.raises(AssertionError) as failed:
        await anna.sees(lambda seen: "fox" in seen.text, timeout=0.05)
    assert str(failed.value).endswith("  Anna: 'hello'\n  Kandinsky: 'a dog' [Stop]")


async def test_long_texts_are_sent_in_parts(telegram: Emulator, bot: Bot) -> None:
    anna = telegram.person("Anna")
    await anna.says("a" * 5000)
    assert [len(seen.text) for seen in anna.chat.messages] == [4096, 904]


async def test_buttons_are_found_by_text_data_or_part(telegram: Emulator, bot: Bot) -> None:
    anna = telegram.person("Anna")
    said = await anna.says("hello")
    markup = InlineKeyboardMarkup(
        inline_keyboard=[
            [InlineKeyboardButton(text="❌ Cancel", callback_data="cancel:1")],
            [InlineKeyboardButton(text="Open", url="https://example.org")],
        ]
    )
    await bot.send_message(anna.id, "a", reply_markup=markup)
    seen = anna.chat.messages[-1]
    for button in ("❌ Cancel", "cancel:1", "Cancel"):
        press = asyncio.create_task(anna.presses(seen, button))
        await asyncio.sleep(0)
        *_, update = await heard(bot)
        assert update.callback_query
        assert update.callback_query.data == "cancel:1"
        await bot.answer_callback_query(update.callback_query.id)
        assert await press == Pressed()
    assert await anna.presses(seen, "Open") == Pressed(url="https://example.org")
    with pytest.raises(LookupError, match="no button 'Stop'; there are: ❌ Cancel, Open"):
        await anna.presses(seen, "Stop")
    with pytest.raises(LookupError, match="there are: none"):
        await anna.presses(said, "Stop")


async def test_a_press_is_answered_once_and_in_time() -> None:
    async with Emulator.open(query_age=0.2) as telegram, bot_of(telegram) as bot:
        anna = telegram.person("Anna")
        await anna.says("hello")
        await bot.send_message(anna.id, "a", reply_markup=buttons(Stop="stop"))
        seen = anna.chat.messages[-1]
        began = time.monotonic()
        assert await anna.presses(seen, "Stop") is None
        assert time.monotonic() - began >= 0.2
        query = (await heard(bot))[-1].callback_query
        assert query
        with pytest.raises(TelegramBadRequest, match="query is too old and response timeout"):
            await bot.answer_callback_query(query.id)
        press = asyncio.create_task(anna.presses(seen, "Stop"))
        await asyncio.sleep(0)
        query = (await heard(bot))[-1].callback_query
        assert query
        await bot.answer_callback_query(query.id, text="Stopped")
        assert await press == Pressed("Stopped")
        with pytest.raises(TelegramBadRequest, match="query ID is invalid"):
            await bot.answer_callback_query(query.id)
        with pytest.raises(TelegramBadRequest, match="MESSAGE_TOO_LONG"):
            await bot.answer_callback_query(query.id, text="a" * 201)


async def test_who_blocks_the_bot_is_no_member(telegram: Emulator, bot: Bot) -> None:
    anna = telegram.person("Anna")
    await anna.says("hello")
    anna.blocks_bot()
    anna.unblocks_bot()
    _, blocked, unblocked = await heard(bot)
    assert blocked.my_chat_member
    assert blocked.my_chat_member.new_chat_member.status == "kicked"
    assert unblocked.my_chat_member
    assert unblocked.my_chat_member.new_chat_member.status == "member"


async def test_in_groups_the_bot_hears_only_what_is_meant_for_it(
    telegram: Emulator, bot: Bot
) -> None:
    anna, boris = telegram.person("Anna"), telegram.person("Boris")
    group = telegram.group("Painters", [anna, boris])
    (added,) = await heard(bot)
    assert added.my_chat_member
    answer = await bot.send_message(group.id, "a")
    mine = group.messages[-1]
    for words in ("hello", "/draw", "/draw@kandinsky_test_bot", "/draw@other_bot", "to @other_bot"):
        await anna.says(words, chat=group)
    await boris.says("@Kandinsky_test_bot a fox", chat=group)
    await boris.says("more", chat=group, reply_to=mine)
    messages = [update.message for update in await heard(bot)]
    assert [message.text for message in messages if message] == [
        "/draw",
        "/draw@kandinsky_test_bot",
        "@Kandinsky_test_bot a fox",
        "more",
    ]
    assert messages[-1]
    assert messages[-1].reply_to_message
    assert messages[-1].reply_to_message.message_id == answer.message_id
    anna.promotes_bot(group)
    await anna.says("hello", chat=group)
    assert len(await heard(bot)) == 2


async def test_people_do_other_things(telegram: Emulator, bot: Bot) -> None:
    anna = telegram.person("Anna")
    await anna.sends(dice={"emoji": "🎲", "value": 3})
    said = await anna.says("one")
    await anna.edits(said, "two")
    await anna.forwards(said)
    dice, one, edited, forwarded = await heard(bot)
    assert dice.message
    assert dice.message.dice
    assert one.message
    assert edited.edited_message
    assert (one.message.text, edited.edited_message.text) == ("one", "two")
    assert forwarded.message
    assert forwarded.message.forward_origin
    anna.deletes_chat()
    assert anna.chat.messages == []


async def test_inline_results_become_messages(telegram: Emulator, bot: Bot) -> None:
    anna = telegram.person("Anna")
    await anna.says("hello")
    sent = await bot.send_photo(anna.id, file_of(picture()))
    assert sent.photo
    cached = InlineQueryResultCachedPhoto(
        id="2", photo_file_id=sent.photo[-1].file_id, caption="fox", reply_markup=buttons(More="m")
    )
    asked = asyncio.create_task(anna.asks_inline("fox", offset="10"))
    await asyncio.sleep(0)
    query = (await heard(bot))[-1].inline_query
    assert query
    assert (query.query, query.offset, query.from_user.id) == ("fox", "10", anna.id)
    await bot.answer_inline_query(query.id, [article("1"), cached], next_offset="20")
    results = await asked
    assert results is not None
    assert ([result.title for result in results], results.next_offset) == (["About 1", ""], "20")
    text = await anna.chooses(results[0])
    photo = await anna.chooses(results[1])
    assert (text.html, photo.caption, photo.buttons) == ("<b>1</b>", "fox", (("More",),))
    _, _, message, chosen = await heard(bot)
    assert message.message
    assert message.message.via_bot
    assert chosen.chosen_inline_result
    inline = chosen.chosen_inline_result.inline_message_id
    await bot.edit_message_caption(inline_message_id=inline, caption="wolf")
    assert anna.looks_at(photo).caption == "wolf"


def article(id: str) -> InlineQueryResultArticle:
    content = InputTextMessageContent(message_text=f"<b>{id}</b>", parse_mode="HTML")
    return InlineQueryResultArticle(id=id, title=f"About {id}", input_message_content=content)


@pytest.mark.parametrize(("personal", "asked"), [(False, 1), (True, 2)])
async def test_inline_answers_are_kept(
    telegram: Emulator, bot: Bot, personal: bool, asked: int
) -> None:
    people: list[Person] = [telegram.person("Anna"), telegram.person("Boris")]
    answered = 0
    for person in [*people, *people]:
        asks = asyncio.create_task(person.asks_inline("fox"))
        await asyncio.sleep(0)
        for update in await heard(bot):
            assert update.inline_query
            await update.inline_query.answer([article("1")], is_personal=personal)
            answered += 1
        assert await asks
    assert answered == asked


async def test_wrong_inline_answers_are_refused(telegram: Emulator, bot: Bot) -> None:
    for results, error in (
        ([article("1"), article("1")], "RESULT_ID_DUPLICATE"),
        ([article("a" * 65)], "RESULT_ID_INVALID"),
        ([article(str(number)) for number in range(51)], "RESULTS_TOO_MUCH"),
        ([article("1")], "query ID is invalid"),
    ):
        with pytest.raises(TelegramBadRequest, match=error):
            await bot.answer_inline_query("1", list(results))


async def test_the_bot_at_work_offers_inline_results(working: Emulator) -> None:
    anna = working.person("Anna")
    (result,) = await anna.asks_inline("fox") or []
    assert (await anna.chooses(result)).text == "Found: fox"
