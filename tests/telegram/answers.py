"""Which function answers which method, and what all of them have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiogram import methods

from tests.telegram import answering, editing, presenting, receiving, sending
from tests.telegram.contents import Uploads
from tests.telegram.meter import Meter, whole
from tests.telegram.refusals import flooded, not_simulated
from tests.telegram.schema import Form, Method, call
from tests.telegram.world import World

Answer = Callable[[World, Any, Uploads], Awaitable[Any]]

ANSWERS: dict[type[Method], Answer] = {
    methods.GetUpdates: receiving.get_updates,
    methods.SetWebhook: receiving.set_webhook,
    methods.DeleteWebhook: receiving.delete_webhook,
    methods.GetWebhookInfo: receiving.get_webhook_info,
    methods.SendMessage: sending.send_message,
    methods.SendPhoto: sending.send_photo,
    methods.SendDocument: sending.send_document,
    methods.SendMediaGroup: sending.send_media_group,
    methods.SendChatAction: sending.send_chat_action,
    methods.CopyMessage: sending.copy_message,
    methods.ForwardMessage: sending.forward_message,
    methods.EditMessageText: editing.edit_message_text,
    methods.EditMessageCaption: editing.edit_message_caption,
    methods.EditMessageMedia: editing.edit_message_media,
    methods.EditMessageReplyMarkup: editing.edit_message_reply_markup,
    methods.DeleteMessage: editing.delete_message,
    methods.DeleteMessages: editing.delete_messages,
    methods.SetMessageReaction: editing.set_message_reaction,
    methods.AnswerCallbackQuery: answering.answer_callback_query,
    methods.AnswerInlineQuery: answering.answer_inline_query,
    methods.GetFile: answering.get_file,
    methods.GetChat: answering.get_chat,
    methods.GetChatMember: answering.get_chat_member,
    methods.LeaveChat: answering.leave_chat,
    methods.GetMe: presenting.get_me,
    methods.SetMyCommands: presenting.set_my_commands,
    methods.GetMyCommands: presenting.get_my_commands,
    methods.DeleteMyCommands: presenting.delete_my_commands,
    methods.SetMyName: presenting.set_my_name,
    methods.GetMyName: presenting.get_my_name,
    methods.SetMyDescription: presenting.set_my_description,
    methods.GetMyDescription: presenting.get_my_description,
    methods.SetMyShortDescription: presenting.set_my_short_description,
    methods.GetMyShortDescription: presenting.get_my_short_description,
    methods.SetChatMenuButton: presenting.set_chat_menu_button,
    methods.GetChatMenuButton: presenting.get_chat_menu_button,
}
METERED = (
    methods.SendMessage,
    methods.SendPhoto,
    methods.SendDocument,
    methods.SendMediaGroup,
    methods.CopyMessage,
    methods.ForwardMessage,
    methods.EditMessageText,
    methods.EditMessageCaption,
    methods.EditMessageMedia,
    methods.EditMessageReplyMarkup,
)
UNSIMULATED = {  # fields that would change what people see
    "business_connection_id",
    "direct_messages_topic_id",
    "suggested_post_parameters",
    "ephemeral_message_parameters",
    "receiver_user_id",
    "thumbnail",
    "cover",
}


async def answer(world: World, meter: Meter, method: type[Method], form: Form) -> Any:
    """Does what the form asks for. Raises Refused."""
    if method not in ANSWERS:
        raise not_simulated(method.__api_method__)
    asked = call(method, form)
    if strange := asked.model_fields_set & UNSIMULATED:
        raise not_simulated(f"{method.__api_method__} with {', '.join(sorted(strange))}")
    if isinstance(asked, METERED):
        _count(world, meter, asked)
    return await ANSWERS[method](world, asked, form.uploads)


def chat_of(form: Form) -> int | None:
    """The chat that a call is about, as far as it says."""
    chat = str(form.fields.get("chat_id", ""))
    return int(chat) if chat.removeprefix("-").isdigit() else None


def hold(world: World, meter: Meter, method: type[Method], form: Form, seconds: float) -> None:
    """The call is answered with 429 and so many real seconds."""
    chat = chat_of(form)
    if chat is not None and method in METERED:
        meter.hold(chat, world.now(), seconds * world.settings.speed)


def _count(world: World, meter: Meter, asked: Method) -> None:
    chat = getattr(asked, "chat_id", None)
    messages = len(asked.media) if isinstance(asked, methods.SendMediaGroup) else 1
    breach = meter.count(chat if isinstance(chat, int) else None, messages, world.now())
    if breach is None:
        return
    world.violation(f"too fast: {asked.__api_method__} to {chat}: {breach.what}")
    if meter.limits.enforce:
        raise flooded(whole(breach.wait / world.settings.speed))
