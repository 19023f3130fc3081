"""Telegram for tests: a server that speaks the Bot API, people in chats, and what goes wrong.

async with Emulator.open() as telegram:
    anna = telegram.person("Anna", language="ru")
    said = await anna.says("a fox")
    seen = await anna.sees(lambda message: message.photo, after=said)
    telegram.check()
"""

from tests.telegram.chats import Chat, ChatKind
from tests.telegram.emulator import Emulator
from tests.telegram.faults import Fault
from tests.telegram.inline import Result, Results
from tests.telegram.people import Person
from tests.telegram.queries import Pressed
from tests.telegram.refusals import Refused
from tests.telegram.seen import Seen
from tests.telegram.server import Call

__all__ = [
    "Call",
    "Chat",
    "ChatKind",
    "Emulator",
    "Fault",
    "Person",
    "Pressed",
    "Refused",
    "Result",
    "Results",
    "Seen",
]
