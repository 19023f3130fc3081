"""People who talk with the bot about one thing after another, and see what comes of each."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from sqlalchemy import select

from storage.database import Database
from storage.tables import UpdateRow
from tests.bot.scene import labels, png
from tests.bot.test_editing import file_of, painted_over, scenery
from tests.telegram import Emulator, Person, Seen
from tests.telegram.chats import Pulse

LIMIT = 300.0  # seconds until the bot answers, at most; a busy machine is slow
LOOK = 0.1  # seconds
PAUSE = 1.5  # seconds between what a person wants, at most
COLOURS = ("red", "green", "blue", "orange")


class Attention:
    """Whom the bot has listened to: all that they did is handled, in SQL."""

    def __init__(self, telegram: Emulator, database: Database) -> None:
        self._telegram = telegram
        self._database = database
        self._begun = self._ended = 0  # rounds
        self._behind: set[int] = set()
        self._pulse = Pulse()

    async def watch(self) -> None:
        """Until it is cancelled."""
        unhandled = select(UpdateRow.person).where(UpdateRow.handled_at.is_(None)).distinct()
        while True:
            self._begun += 1
            behind = {update.queue for update in self._telegram.world.updates.pending()}
            async with self._database.read() as session:
                behind |= {int(person or 0) for person in await session.scalars(unhandled)}
            self._behind, self._ended = behind, self._begun
            self._pulse.beat()
            await asyncio.sleep(LOOK)

    async def given(self, person: Person) -> None:
        """Waits until all that the person has done so far is handled. Raises TimeoutError."""
        since = self._begun
        async with asyncio.timeout(LIMIT):
            while self._ended <= since or person.id in self._behind:
                await self._pulse.next()


class Talker:
    """`updates` counts what the bot is to hear, `jobs` what it is asked to make."""

    def __init__(self, person: Person, attention: Attention, chance: random.Random) -> None:
        self.updates = self.jobs = 0
        self._person = person
        self._attention = attention
        self._chance = chance
        self._last: Seen | None = None  # a result whose buttons were not pressed yet
        self._topics: list[Callable[[], Awaitable[None]]] = [
            self.words,
            self.burst,
            self.patience,
            self.variation,
            self.change,
            self.album,
            self.mix,
            self.edit,
            self.more,
            self.more,
        ]

    async def talk(self, enough: asyncio.Event) -> None:
        """About one thing after another. Raises AssertionError if something does not come."""
        await asyncio.sleep(self._chance.uniform(0, PAUSE))
        while not enough.is_set():
            await self._chance.choice(self._topics)()
            await asyncio.sleep(self._chance.uniform(0, PAUSE))

    async def words(self) -> None:
        said = await self._wants(f"a fox --count {self._chance.randint(1, 3)}")
        await self._result(said)

    async def burst(self) -> None:
        """Three wishes at once."""
        said = [await self._wants(f"{animal} --count 2") for animal in ("a cat", "a dog", "an owl")]
        for one in said:
            await self._result(one)

    async def patience(self) -> None:
        """Something that takes so long that the bot tells how it goes."""
        await self._result(await self._wants("a slow snail --steps 15"))

    async def variation(self) -> None:
        await self._pressed(await self._question(), "Vary")

    async def change(self) -> None:
        await self._pressed(await self._question("a blue fox"), "Change it")

    async def album(self) -> None:
        """Two photos sent together are mixed."""
        self.updates += 2
        await self._person.sends_album([png(self._colour()), png(self._colour())])
        draft = await self._draft()
        assert draft.text.count("a picture") == 2, draft.text
        await self._pressed(draft, "✨ Mix")

    async def mix(self) -> None:
        """Words and words, the first of which counts more."""
        await self._says("/mix a fox")
        await self._says("a cat")
        await self._press(await self._draft(), "1 +")
        draft = await self._draft()
        assert ("a fox”: 125" in draft.text, "a cat”: 100" in draft.text) == (True, True), draft
        await self._pressed(draft, "✨ Mix")

    async def edit(self) -> None:
        """A photo is painted over."""
        question = await self._question()
        await self._press(question, "🖌")
        await self._person.sees(
            lambda seen: "paint brightly" in seen.text and seen.id > question.id, timeout=LIMIT
        )
        self.updates += 1
        self.jobs += 1
        painted = painted_over(file_of(scenery()))
        await self._result(await self._person.sends_photo(painted, caption="a red ball"))

    async def more(self) -> None:
        """Something that is like the last result."""
        last, self._last = self._last, None
        if last is None:
            await self.words()
            return
        vary = self._chance.random() < 0.5 and any("🔀" in label for label in labels(last))
        await self._pressed(last, "🔀" if vary else "🔄")

    async def _wants(self, words: str) -> Seen:
        self.jobs += 1
        return await self._says(words)

    async def _says(self, words: str) -> Seen:
        self.updates += 1
        return await self._person.says(words)

    async def _question(self, caption: str = "") -> Seen:
        """What the bot asks about a photo."""
        self.updates += 1
        photo = await self._person.sends_photo(file_of(scenery()), caption=caption)
        return await self._person.sees(
            lambda seen: seen.reply_to == photo.id and seen.buttons, timeout=LIMIT
        )

    async def _draft(self) -> Seen:
        """The mix, once the bot has heard all of it."""
        await self._attention.given(self._person)
        drafts = [seen for seen in self._person.chat.messages if "A mix" in seen.text]
        assert drafts, "the mix is lost"
        return drafts[-1]

    async def _press(self, message: Seen, button: str) -> None:
        self.updates += 1
        await self._person.presses(message, button)

    async def _pressed(self, message: Seen, button: str) -> None:
        """A button that makes something."""
        self.jobs += 1
        await self._press(message, button)
        await self._result(message)

    async def _result(self, asked: Seen) -> None:
        """What came of it, or why nothing did, has its buttons."""
        self._last = await self._person.sees(
            lambda seen: seen.reply_to == asked.id and "🔄" in str(labels(seen)), timeout=LIMIT
        )

    def _colour(self) -> str:
        return self._chance.choice(COLOURS)
