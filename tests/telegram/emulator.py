"""Telegram for tests: the server, the people, and what can be asked about both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from tests.telegram.chats import Chat, ChatKind, Standing, User
from tests.telegram.faults import Faults
from tests.telegram.meter import Limits, Meter
from tests.telegram.page import Page
from tests.telegram.people import Person
from tests.telegram.server import Call, Server
from tests.telegram.world import Settings, World

TOKEN = "7000000001:AAE5emulated-token_of-the-test-bot0"
USERNAME = "kandinsky_test_bot"


class Emulator:
    """Open it with `async with Emulator.open() as telegram`.

    `url` is the Bot API server and `token` the bot's. `faults` is what goes wrong, `limits` how
    fast the bot may write.
    """

    def __init__(self, settings: Settings, token: str) -> None:
        self.token = token
        self.bot = User(int(token.split(":")[0]), "Kandinsky", USERNAME, is_bot=True)
        self.world = World(self.bot, settings)
        self.limits = Limits()
        self.server = Server(self.world, token, Meter(self.limits))
        self.people: list[Person] = []
        self.groups: list[Chat] = []
        self.url = ""

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        port: int = 0,
        token: str = TOKEN,
        speed: float = 1.0,
        keep_files: bool = True,
        privacy: bool = True,
        query_age: float = 15.0,
        feedback: bool = True,
        seed: int = 0,
        page: bool = False,
    ) -> AsyncIterator[Emulator]:
        """Listens on 127.0.0.1 until the end. See Settings for what the words mean.

        With `page`, there is a page at `url` to be the people by hand.
        """
        settings = Settings(
            speed=speed,
            keep_files=keep_files,
            privacy=privacy,
            query_age=query_age,
            feedback=feedback,
            seed=seed,
        )
        emulator = cls(settings, token)
        app = emulator.server.app()
        if page:
            Page(emulator).add_to(app)
        async with emulator._listening(app, port):
            yield emulator

    @asynccontextmanager
    async def _listening(self, app: web.Application, port: int) -> AsyncIterator[None]:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port, backlog=1024)
        try:
            await site.start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield
        finally:
            self.server.close()
            self.world.updates.end_poll("terminated")
            await self.world.webhook.delete()
            await runner.cleanup()

    @property
    def faults(self) -> Faults:
        return self.world.faults

    @property
    def calls(self) -> list[Call]:
        """All calls that reached Telegram, in order."""
        return self.server.calls

    @property
    def refused(self) -> list[Call]:
        """Those that Telegram did not do because they were wrong; failures on purpose left out."""
        return [
            call
            for call in self.calls
            if call.status is not None and call.status >= 400 and not call.injected
        ]

    @property
    def violations(self) -> list[str]:
        """What a correct bot does not do."""
        return self.world.violations

    def check(self) -> None:
        """Raises AssertionError with all violations, if there are any."""
        if self.violations:
            raise AssertionError("the bot broke Telegram's rules:\n" + "\n".join(self.violations))

    def person(self, name: str, language: str = "en", username: str = "") -> Person:
        """Somebody new, who has not written to the bot yet: it cannot write to them."""
        person = Person(self.world, self.world.new_person(name, language, username))
        self.people.append(person)
        return person

    def group(
        self,
        title: str,
        people: Sequence[Person],
        kind: ChatKind = ChatKind.GROUP,
        forum: bool = False,
    ) -> Chat:
        """A group; the first of the people adds the bot. Forums are supergroups."""
        kind = ChatKind.SUPERGROUP if forum else kind
        group = self.world.new_group(title, [person.user for person in people], kind, forum)
        group.standing = Standing.LEFT
        people[0].adds_bot(group)
        self.groups.append(group)
        return group

    def topic(self, group: Chat, name: str) -> int:
        """A new topic of a forum: its message_thread_id."""
        number = 1000 + len(group.threads)
        group.threads[number] = name
        return number

    async def settled(self, seconds: float) -> None:
        """Returns when the bot has called nothing but getUpdates for so long."""
        since = time.monotonic()
        while (left := self._until_settled(since, seconds)) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left)

    def _until_settled(self, since: float, seconds: float) -> float:
        return max(since, self.server.last_call) + seconds - time.monotonic()
