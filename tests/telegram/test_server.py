from __future__ import annotations

import asyncio
import json
import time

import aiohttp
import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramServerError
from aiogram.methods import SendDice, SendMessage
from aiogram.types import (
    BotCommand,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    MenuButtonCommands,
)

from tests.telegram import ChatKind, Emulator, Person
from tests.telegram.bots import bot_of, buttons
from tests.telegram.schema import METHODS


async def asked(telegram: Emulator, method: str, **fields: object) -> tuple[int, dict[str, object]]:
    """As JSON, without aiogram."""
    url = f"{telegram.url}/bot{telegram.token}/{method}"
    async with aiohttp.ClientSession() as session, session.post(url, json=fields) as answer:
        return answer.status, await answer.json()


async def test_every_method_of_aiogram_is_known(telegram: Emulator) -> None:
    assert len(METHODS) > 150
    status, _ = await asked(telegram, "GETme")
    assert status == 200


async def test_unknown_methods_and_tokens_are_refused(telegram: Emulator, bot: Bot) -> None:
    status, answer = await asked(telegram, "sendMesage")
    assert (status, answer["ok"], answer["error_code"]) == (404, False, 404)
    assert telegram.violations
    url = f"{telegram.url}/bot123:abc/getMe"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.status == 401
        assert await response.json() == {
            "ok": False,
            "error_code": 401,
            "description": "Unauthorized",
        }


@pytest.mark.parametrize(
    ("fields", "unknown"),
    [
        ({"wrong": 1}, "wrong"),
        ({"reply_parameters": {"message_id": 1, "wrong": 1}}, "reply_parameters.wrong"),
        (
            {"reply_markup": {"inline_keyboard": [[{"text": "a", "callback": "a"}]]}},
            "reply_markup.inline_keyboard.callback",
        ),
    ],
)
async def test_fields_that_are_not_in_the_schema_fail(
    telegram: Emulator, fields: dict[str, object], unknown: str
) -> None:
    anna = telegram.person("Anna")
    await anna.says("a")
    status, answer = await asked(telegram, "sendMessage", chat_id=anna.id, text="a", **fields)
    assert (status, answer["description"]) == (
        400,
        f"Bad Request: sendMessage has no field {unknown}",
    )
    assert telegram.violations == [f"sendMessage: {answer['description']}"]


async def test_values_of_another_type_fail(telegram: Emulator) -> None:
    status, answer = await asked(telegram, "sendMessage", chat_id=1, text=["a"])
    assert status == 400
    assert "text" in str(answer["description"])
    status, answer = await asked(telegram, "sendMessage", text="a")
    assert (status, answer["description"]) == (400, "Bad Request: chat_id is empty")
    assert len(telegram.violations) == 1


async def test_nested_values_may_be_json_text(telegram: Emulator) -> None:
    anna = telegram.person("Anna")
    await anna.says("a")
    markup = json.dumps(buttons(a="b").model_dump(exclude_none=True))
    url = f"{telegram.url}/bot{telegram.token}/sendMessage"
    form = {"chat_id": str(anna.id), "text": "[1]", "reply_markup": markup}
    async with aiohttp.ClientSession() as session, session.post(url, data=form) as answer:
        assert answer.status == 200
    assert (anna.chat.messages[-1].text, anna.chat.messages[-1].buttons) == ("[1]", (("a",),))


async def test_a_photo_may_come_under_its_own_name(telegram: Emulator) -> None:
    anna = telegram.person("Anna")
    await anna.says("a")
    form = aiohttp.FormData({"chat_id": str(anna.id)})
    form.add_field("document", b"abc", filename="a.txt")
    url = f"{telegram.url}/bot{telegram.token}/sendDocument"
    async with aiohttp.ClientSession() as session, session.post(url, data=form) as answer:
        assert answer.status == 200
    assert anna.chat.messages[-1].document == b"abc"


async def test_what_is_not_simulated_fails(telegram: Emulator, bot: Bot) -> None:
    anna = telegram.person("Anna")
    await anna.says("a")
    with pytest.raises(TelegramServerError):
        await bot(SendDice(chat_id=anna.id))
    with pytest.raises(TelegramServerError):
        await bot(SendMessage(chat_id=anna.id, text="a", business_connection_id="1"))
    assert len(telegram.violations) == 2
    assert "does not simulate sendDice" in telegram.violations[0]


async def test_calls_are_noted(telegram: Emulator, bot: Bot) -> None:
    await bot.get_me()
    await asked(telegram, "sendmessage", chat_id=1, text="a")
    first, second = telegram.calls
    assert (first.method, first.status) == ("getMe", 200)
    assert (second.method, second.status) == ("sendMessage", 400)
    assert second.description == "Bad Request: chat not found"
    assert second.fields == {"chat_id": 1, "text": "a"}


@pytest.mark.slow
async def test_hundreds_of_calls_a_second_are_no_burden(telegram: Emulator) -> None:
    telegram.limits.burst = telegram.limits.total = 10_000
    people = [telegram.person(f"Anna {number}") for number in range(20)]
    for person in people:
        await person.says("a")
    url = f"{telegram.url}/bot{telegram.token}/sendMessage"
    began = time.monotonic()
    async with aiohttp.ClientSession() as session:

        async def send(person: Person) -> None:
            form = {"chat_id": person.id, "text": "<b>a fox</b>", "parse_mode": "HTML"}
            for _ in range(50):
                async with session.post(url, data=form) as answer:
                    assert answer.status == 200

        await asyncio.gather(*map(send, people))
    assert time.monotonic() - began < 4  # with the client in the same process
    telegram.check()


async def test_the_bot_knows_itself(telegram: Emulator, bot: Bot) -> None:
    me = await bot.me()
    assert me.username == "kandinsky_test_bot"
    assert (me.can_read_all_group_messages, me.supports_inline_queries) == (False, True)
    async with Emulator.open(privacy=False) as open_one, bot_of(open_one) as other:
        assert (await other.me()).can_read_all_group_messages


async def test_people_see_the_commands_of_their_language(telegram: Emulator, bot: Bot) -> None:
    anna, boris = telegram.person("Anna"), telegram.person("Борис", language="ru")
    group = telegram.group("Painters", [anna, boris])
    await bot.set_my_commands([BotCommand(command="start", description="Begin")])
    private = BotCommandScopeAllPrivateChats()
    draw = [BotCommand(command="draw", description="Нарисовать")]
    await bot.set_my_commands(draw, scope=private, language_code="ru")
    assert anna.menu() == {"start": "Begin"}
    assert boris.menu() == {"draw": "Нарисовать"}
    assert boris.menu(group) == {"start": "Begin"}
    await boris.says("a")
    only = [BotCommand(command="only", description="For you")]
    await bot.set_my_commands(only, scope=BotCommandScopeChat(chat_id=boris.id))
    assert boris.menu() == {"only": "For you"}
    (command,) = await bot.get_my_commands(scope=private, language_code="ru")
    assert command.command == "draw"
    await bot.delete_my_commands()
    assert anna.menu() == {}


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (BotCommand(command="Draw", description="a"), "BOT_COMMAND_INVALID"),
        (BotCommand(command="draw", description="a" * 257), "BOT_COMMAND_DESCRIPTION_INVALID"),
    ],
)
async def test_wrong_commands_are_refused(bot: Bot, command: BotCommand, error: str) -> None:
    with pytest.raises(Exception, match=error):
        await bot.set_my_commands([command])


async def test_what_the_bot_says_of_itself_depends_on_the_language(bot: Bot) -> None:
    await bot.set_my_description("Draws")
    await bot.set_my_description("Рисует", language_code="ru")
    await bot.set_my_short_description("Short")
    await bot.set_my_name("Painter")
    assert (await bot.get_my_description("ru")).description == "Рисует"
    assert (await bot.get_my_description("de")).description == "Draws"
    assert (await bot.get_my_short_description()).short_description == "Short"
    assert (await bot.get_my_name()).name == "Painter"
    await bot.set_chat_menu_button(menu_button=MenuButtonCommands())
    assert isinstance(await bot.get_chat_menu_button(), MenuButtonCommands)
    with pytest.raises(Exception, match="BOT_DESCRIPTION_TOO_LONG"):
        await bot.set_my_description("a" * 513)


async def test_chats_and_members_are_told(telegram: Emulator, bot: Bot) -> None:
    anna = telegram.person("Anna", username="anna")
    group = telegram.group("Painters", [anna], ChatKind.SUPERGROUP)
    chat = await bot.get_chat(group.id)
    assert (chat.title, chat.type) == ("Painters", "supergroup")
    assert str(group.id).startswith("-100")
    member = await bot.get_chat_member(group.id, anna.id)
    assert (member.status, member.user.username) == ("member", "anna")
    anna.promotes_bot(group)
    assert (await bot.get_chat_member(group.id, bot.id)).status == "administrator"
