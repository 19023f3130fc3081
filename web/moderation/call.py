"""One request of a moderator: who asks, in which language, and the pages in that language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path
from starlette.requests import Request
from starlette.responses import Response

from engine.desk import at_least
from engine.errors import UserError
from engine.moderation import Moderation
from storage.records import Account, Policy, Role
from web.moderation.refusals import status_of
from web.moderation.scripts import sentences
from web.moderation.session import moderator
from web.moderation.vocabulary import Vocabulary
from web.plain import Plain, Plains
from web.printable import readable

NUMBER_LIMIT = 2**31 - 1  # ids of accounts and rows


@dataclass(frozen=True, slots=True)
class Call:
    """`thresholds` are the picture gate's: up to the first one passes, from the second it blocks;
    `models` are titles by name."""

    moderation: Moderation
    by: Account
    plain: Plain
    words: Vocabulary
    thresholds: tuple[float, float]
    models: dict[str, str]

    @property
    def language(self) -> str:
        return self.plain.texts.language

    @property
    def senior(self) -> bool:
        return at_least(self.by, Role.SENIOR)

    @property
    def admin(self) -> bool:
        return at_least(self.by, Role.ADMIN)

    async def page(self, name: str, place: str, status: int = 200, **values: object) -> Response:
        """A whole page; `place` is its name in the navigation."""
        return self.plain.page(
            f"moderation/{name}",
            status,
            **(await self.shared()),
            place=place,
            sentences=sentences(self.plain.texts),
            **values,
        )

    def piece(self, name: str, shared: Mapping[str, object], **values: object) -> str:
        """A part of a page; `shared` is that of this call."""
        return self.plain.render(
            f"moderation/{name}", when=self.plain.when, **shared, **values
        ).strip()

    async def shared(self) -> dict[str, object]:
        """What every template of the console may show."""
        return {
            "me": self.by,
            "senior": self.senior,
            "admin": self.admin,
            "policies": await self.policies(),
            "names": await self.names(),
            "thresholds": self.thresholds,
            **self.words.all(),
        }

    async def names(self) -> dict[int, str]:
        """Of moderators, by account: admins know all of them, everybody knows themselves."""
        known = await self.moderation.moderators(self.by) if self.admin else []
        own = {self.by.id: self.plain.texts.say("you")}
        return {one.id: one.external_id for one in known} | own

    async def policies(self) -> dict[str, Policy]:
        """By key, in their order."""
        return {one.key: one for one in await self.moderation.policies()}

    async def refusal(self, error: UserError) -> Response:
        """A page that says nothing but what is wrong."""
        texts = self.plain.texts
        title, said = texts.say("That did not work"), texts.error(error)
        return await self.page("fault", "fault", status_of(error), title=title, said=said)


async def call(request: Request) -> Call:
    """Raises SignedOut, and UnreadableText for an address that asks for what cannot be read."""
    state = request.app.state
    plains: Plains = state.plains
    plain = plains.of(request)
    by = await moderator(request, state.studio.moderation)
    for asked in request.query_params.values():
        readable(asked)
    return Call(
        moderation=state.studio.moderation,
        by=by,
        plain=plain,
        words=Vocabulary(plain.texts),
        thresholds=state.thresholds,
        models={card.name: card.title for card in state.studio.models()},
    )


Called = Annotated[Call, Depends(call)]
Number = Annotated[int, Path(ge=1, le=NUMBER_LIMIT)]
