"""Moderators, and pictures for them to look at, put straight into a studio's database."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from PIL import Image, ImageDraw

from engine.requests import TextToImage
from storage.accounts import Accounts
from storage.database import Database
from storage.gallery import Gallery
from storage.ledger import Ledger
from storage.pictures import PictureStore
from storage.records import Account, JobRecord, JobState, NewCase, NewPicture, Review, Role, Why
from storage.rights import Rights
from storage.signin import CHANNEL, SignIn
from storage.tables import JobRow, SourceRow
from web.moderation.session import COOKIE

FRONT_END = "moderation"
DOUBT = NewCase(Why.DOUBT, "sexual", 0.55)
REVIEW = NewCase(Why.REVIEW, "", 0.04)
NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Scene:
    """One studio's tables and files, also while it runs."""

    database: Database
    store: PictureStore

    async def person(self, name: str = "ann", channel: str = "web") -> Account:
        return await Accounts(self.database).get_or_create(channel, name, "en")

    async def moderator(self, name: str, role: Role = Role.MODERATOR) -> Account:
        """Without a password; `token` is how such a one comes in."""
        accounts = Accounts(self.database)
        account = await accounts.get_or_create(CHANNEL, name, "en")
        await Rights(self.database).role(account.id, role, by=None)
        found = await accounts.account(account.id)
        assert found is not None
        return found

    async def token(self, account: Account, hours: float = 12) -> str:
        return await SignIn(self.database).open(account.id, FRONT_END, timedelta(hours=hours))

    async def cookie(self, account: Account) -> str:
        return f"{COOKIE}={await self.token(account)}"

    async def made(
        self,
        account: Account,
        words: str = "a fox",
        *,
        review: Review = Review.NONE,
        case: NewCase | None = None,
        score: float | None = None,
        count: int = 1,
        findings: Sequence[dict[str, Any]] = (),
        sources: Sequence[bytes] = (),
        **request: Any,
    ) -> JobRecord:
        """A job that is done, its pictures as the gate left them."""
        number = next(NUMBERS)
        files = [drawing(words, number + index) for index in range(count)]
        hashes = self.store.save(f"scene-{number}", [*files, *sources])
        whole = TextToImage(prompt=words or "none", seed=number, width=192, height=192)
        asked = whole.model_dump() | {"prompt": words} | request
        job_id = str(uuid4())
        async with self.database.write() as session:
            session.add(
                JobRow(  # running already, so that no studio draws it
                    id=job_id,
                    account_id=account.id,
                    key=f"scene:{job_id}",
                    mode=asked["mode"],
                    model="twin",
                    request=asked,
                    words=words.casefold(),
                    findings=list(findings) or None,
                    state=JobState.RUNNING,
                    attempt=1,
                    worker="scene",
                    lease_until=self.database.moment(60),
                )
            )
            await session.flush()
            session.add_all(SourceRow(job_id=job_id, sha256=one) for one in hashes[count:])
        pictures = [
            NewPicture(
                seed=number + index,
                sha256=sha256,
                width=192,
                height=192,
                bytes=len(files[index]),
                review=review,
                score=score if score is not None or case is None else case.score,
                fingerprint=f"{number * 7919 + index:064x}",
                policy=case.policy if case and review is Review.REMOVED else "",
                case=case,
            )
            for index, sha256 in enumerate(hashes[:count])
        ]
        assert await Ledger(self.database).finish(job_id, 1, pictures)
        self.store.settle(f"scene-{number}", keep=hashes)
        found = await Gallery(self.database).job(job_id, account.id)
        assert found is not None
        return found

    async def held(
        self, account: Account, words: str = "a fox", case: NewCase = DOUBT, **more: Any
    ) -> str:
        """The id of a picture that nobody but moderators may see."""
        job = await self.made(account, words, review=Review.HELD, case=case, **more)
        return job.withheld[0].id


def drawing(words: str, number: int) -> bytes:
    """A picture file that differs for each number."""
    image = Image.new("RGB", (192, 192), (number * 53 % 256, number * 97 % 256, number * 31 % 256))
    pen = ImageDraw.Draw(image)
    x, y = number * 37 % 120, number * 59 % 120
    pen.ellipse((x, y, x + 80, y + 80), fill=(255 - number * 29 % 256, number * 71 % 256, 90))
    pen.polygon([(20, 180), (180, 180), (100, 100 + number % 60)], fill=(240, 220, number % 256))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
