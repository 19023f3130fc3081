"""The methods by which the bot presents itself and knows itself."""

from __future__ import annotations

from aiogram.methods import (
    DeleteMyCommands,
    GetChatMenuButton,
    GetMe,
    GetMyCommands,
    GetMyDescription,
    GetMyName,
    GetMyShortDescription,
    SetChatMenuButton,
    SetMyCommands,
    SetMyDescription,
    SetMyName,
    SetMyShortDescription,
)
from aiogram.types import BotCommandScopeUnion

from tests.telegram.contents import Uploads
from tests.telegram.messages import Wire
from tests.telegram.profile import Scope, scope_of
from tests.telegram.schema import wire_of
from tests.telegram.world import World


async def get_me(world: World, call: GetMe, uploads: Uploads) -> Wire:
    return world.bot.wire() | {
        "can_join_groups": True,
        "can_read_all_group_messages": not world.settings.privacy,
        "supports_inline_queries": True,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }


async def set_my_commands(world: World, call: SetMyCommands, uploads: Uploads) -> bool:
    world.profile.set_commands(_scope(call.scope), call.language_code or "", call.commands)
    return True


async def get_my_commands(world: World, call: GetMyCommands, uploads: Uploads) -> list[Wire]:
    return world.profile.commands.get((_scope(call.scope), call.language_code or ""), [])


async def delete_my_commands(world: World, call: DeleteMyCommands, uploads: Uploads) -> bool:
    world.profile.commands.pop((_scope(call.scope), call.language_code or ""), None)
    return True


async def set_my_name(world: World, call: SetMyName, uploads: Uploads) -> bool:
    world.profile.set_text("name", call.language_code or "", call.name or "")
    return True


async def get_my_name(world: World, call: GetMyName, uploads: Uploads) -> Wire:
    return {"name": world.profile.text("name", call.language_code or "") or world.bot.name}


async def set_my_description(world: World, call: SetMyDescription, uploads: Uploads) -> bool:
    world.profile.set_text("description", call.language_code or "", call.description or "")
    return True


async def get_my_description(world: World, call: GetMyDescription, uploads: Uploads) -> Wire:
    return {"description": world.profile.text("description", call.language_code or "")}


async def set_my_short_description(
    world: World, call: SetMyShortDescription, uploads: Uploads
) -> bool:
    text = call.short_description or ""
    world.profile.set_text("short_description", call.language_code or "", text)
    return True


async def get_my_short_description(
    world: World, call: GetMyShortDescription, uploads: Uploads
) -> Wire:
    return {"short_description": world.profile.text("short_description", call.language_code or "")}


async def set_chat_menu_button(world: World, call: SetChatMenuButton, uploads: Uploads) -> bool:
    chat_id = world.chat(call.chat_id).id if call.chat_id else 0
    button = wire_of(call.menu_button) if call.menu_button else None
    world.profile.buttons[chat_id] = button or {"type": "default"}
    return True


async def get_chat_menu_button(world: World, call: GetChatMenuButton, uploads: Uploads) -> Wire:
    buttons = world.profile.buttons
    return buttons.get(call.chat_id or 0) or buttons.get(0) or {"type": "commands"}


def _scope(scope: BotCommandScopeUnion | None) -> Scope:
    return scope_of(scope.model_dump() if scope else None)
