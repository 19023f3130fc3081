"""The methods by which updates reach the bot."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiogram.methods import DeleteWebhook, GetUpdates, GetWebhookInfo, SetWebhook

from tests.telegram.contents import Uploads
from tests.telegram.messages import Wire
from tests.telegram.refusals import bad, not_simulated
from tests.telegram.webhook import Address
from tests.telegram.world import World

SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
CONNECTIONS = range(1, 101)


@dataclass(frozen=True, slots=True)
class Ready:
    """A result that is JSON already."""

    text: str


async def get_updates(world: World, call: GetUpdates, uploads: Uploads) -> Ready:
    world.updates.allow(call.allowed_updates)
    updates = await world.updates.get(
        call.offset or 0, 100 if call.limit is None else call.limit, call.timeout or 0
    )
    return Ready(f"[{','.join(update.text for update in updates)}]")


async def set_webhook(world: World, call: SetWebhook, uploads: Uploads) -> bool:
    if call.certificate is not None:
        raise not_simulated("certificates of webhooks")
    if call.secret_token is not None and not SECRET.fullmatch(call.secret_token):
        raise bad("secret token contains unallowed characters")
    if call.url and urlsplit(call.url).scheme not in ("http", "https"):
        raise bad("bad webhook: An HTTPS URL must be provided for webhook")
    connections = 40 if call.max_connections is None else call.max_connections
    if call.drop_pending_updates:
        world.updates.clear()
    world.updates.allow(call.allowed_updates)
    if not call.url:
        await world.webhook.delete()
        return True
    world.updates.end_poll("terminated by setWebhook request")
    connections = min(max(connections, CONNECTIONS[0]), CONNECTIONS[-1])
    await world.webhook.set(Address(call.url, call.secret_token, connections))
    return True


async def delete_webhook(world: World, call: DeleteWebhook, uploads: Uploads) -> bool:
    if call.drop_pending_updates:
        world.updates.clear()
    await world.webhook.delete()
    return True


async def get_webhook_info(world: World, call: GetWebhookInfo, uploads: Uploads) -> Wire:
    return world.webhook.wire()
