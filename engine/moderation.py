"""What moderators see and decide: the service behind the review console.

Every verb takes `by`, who asks. Their role and ban are read anew each time, and NotAllowed is
raised unless they may. What they do is written down in the audit.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from engine.desk import Desk, at_least, at_work
from engine.errors import (
    AppealElsewhere,
    AppealForSeniors,
    NotAllowed,
    NotFound,
    OutOfRange,
    Taken,
    UndoTooLate,
)
from engine.files import PictureFile, PictureFiles
from engine.intake import Intake
from engine.likeness import Likeness, Match
from engine.news import News
from engine.refusals import refusing
from engine.veil import veiled
from storage import decisions, found, statistics
from storage.accounts import Accounts
from storage.audit import Audit
from storage.cases import Cases
from storage.database import Database
from storage.policies import Policies
from storage.record_files import write_records
from storage.records import (
    Account,
    AuditRecord,
    Case,
    Decision,
    Found,
    Line,
    PictureRecord,
    Policy,
    Refusal,
    Report,
    Review,
    Role,
    Search,
    View,
)
from storage.refusals import Refusals
from storage.rights import FOREVER, Rights
from storage.statistics import Statistics
from storage.story import Story, made_from, story
from storage.survey import survey

LEASE = 300.0  # seconds for which a case is a moderator's alone
TAKE_LIMIT = 100  # cases at a time
PAGE_LIMIT = 500  # of what is listed
REASON_LIMIT = 1000  # characters
TEXT_LIMIT = 200  # characters that are searched for

__all__ = ["LEASE", "Match", "Moderation", "Person"]


@dataclass(frozen=True, slots=True)
class Person:
    """Whose pictures are looked at: what came of them, and of what the person reported."""

    account: Account
    counts: dict[Review, int]  # pictures that were not deleted
    decisions: tuple[Decision, ...]  # about their pictures, the newest first
    reports: tuple[Report, ...]  # that they made, the newest first
    refusals: int  # requests of theirs that were not accepted of late


class Moderation:
    """The review of one studio."""

    def __init__(self, database: Database, files: PictureFiles, intake: Intake, news: News) -> None:
        self._database = database
        self._files = files
        self._news = news
        self._accounts = Accounts(database)
        self._rights = Rights(database)
        self._cases = Cases(database)
        self._policies = Policies(database)
        self._audit = Audit(database)
        self._refusals = Refusals(database)
        self._desk = Desk(database)
        self._likeness = Likeness(database, intake)

    # Signing in

    async def sign_in(self, name: str, password: str, address: str) -> str:
        """The token of a new session, for 12 hours; `address` is where the person is.

        Raises WrongPassword, and TooManyTries after five of them from there.
        """
        return await self._desk.sign_in(name, password, address)

    async def moderator(self, token: str) -> Account | None:
        """Who has signed in under that token, as they are now; None unless they may moderate."""
        return await self._desk.moderator(token)

    async def sign_out(self, token: str) -> None:
        """Ends the session; nothing happens if there is none."""
        await self._desk.sign_out(token)

    async def set_password(self, by: Account, old: str, new: str) -> str:
        """Whoever had signed in with the old one has to sign in again; the token of a new session.

        Raises WrongPassword, TooManyTries or WeakPassword.
        """
        await self._may(by)
        return await self._desk.set_password(by, old, new)

    # The queue

    async def counts(self, by: Account) -> dict[View, Line]:
        """How many cases of each view are open, and since when the oldest is."""
        await self._may(by)
        return await self.waiting()

    async def waiting(self) -> dict[View, Line]:
        """The same for whoever only counts: the moderators' chat."""
        with refusing():
            return await self._cases.counts()

    async def take(
        self,
        by: Account,
        view: View,
        count: int = 1,
        person: int | None = None,
        without: Collection[int] = (),
    ) -> list[Case]:
        """The next cases of a view, the oldest first, the moderator's alone for LEASE seconds.

        Those that the moderator holds already come first. `person` is the account whose pictures
        are meant, if not everybody's; `without` are the ids of cases to leave out, which were
        skipped. Appeals come to seniors, and to nobody about their own removals.
        """
        account = await self._may(by, Role.SENIOR if view is View.APPEALS else Role.MODERATOR)
        with refusing():
            most = min(count, TAKE_LIMIT)
            return await self._cases.take(account.id, view, most, LEASE, person, without)

    async def keep(self, by: Account, cases: Collection[int]) -> set[int]:
        """Puts the end of the moderator's leases off; those that the moderator still holds."""
        await self._may(by)
        with refusing():
            return await self._cases.keep(by.id, cases, LEASE)

    async def release(self, by: Account, cases: Collection[int]) -> None:
        """Gives back those of the cases that the moderator holds."""
        await self._may(by)
        with refusing():
            await self._cases.release(by.id, cases)

    async def case(self, by: Account, case_id: int) -> Case:
        """One case, open or closed, whoever holds it. Raises NotFound."""
        await self._may(by)
        with refusing():
            case = await self._cases.case(case_id)
        if case is None:
            raise NotFound()
        return case

    # Decisions

    async def decide(
        self,
        by: Account,
        decision: Review,
        *,
        cases: Collection[int] = (),
        pictures: Collection[str] = (),
        policy: str = "",
        reason: str = "",
    ) -> list[Decision]:
        """Approves or removes pictures, all or none, by their cases or their ids.

        A removal has a policy; `reason` is for the owner to read. The same again changes nothing.
        Raises Taken if another moderator holds one or has decided it, NotFound, OutOfRange, and
        NotAllowed for an appeal that is for somebody else to decide.
        """
        account = await self._may(by)
        if len(reason) > REASON_LIMIT:
            raise OutOfRange(name="reason", low=0, high=REASON_LIMIT, value=len(reason))
        if decision is Review.REMOVED and policy not in {one.key for one in await self.policies()}:
            raise NotFound()
        with refusing():
            try:
                outcome = await decisions.decide(
                    self._database,
                    account.id,
                    decision,
                    cases=cases,
                    pictures=pictures,
                    policy=policy if decision is Review.REMOVED else "",
                    reason=reason.strip(),
                    appeals=at_least(account, Role.SENIOR),
                )
            except decisions.NoPicture as error:
                raise NotFound() from error
            except decisions.HeldByAnother as error:
                raise Taken() from error
            except decisions.OwnRemoval as error:
                raise AppealElsewhere() from error
            except decisions.NotSenior as error:
                raise AppealForSeniors() from error
        self._tell(outcome.told)
        return list(outcome.decisions)

    async def undo(self, by: Account, decision_id: int) -> Decision:
        """Makes the picture, its case and its reports what they were before the decision.

        One's own for 30 minutes, anybody's for seniors, but of one's own removals no answer to an
        appeal. The same again changes nothing. Raises NotFound, NotAllowed, UndoTooLate, and Taken
        if the picture was decided again since.
        """
        account = await self._may(by)
        with refusing():
            try:
                outcome = await decisions.undo(
                    self._database, account.id, decision_id, any_=at_least(account, Role.SENIOR)
                )
            except decisions.NoPicture as error:
                raise NotFound() from error
            except decisions.NotOwn as error:
                raise NotAllowed() from error
            except decisions.TooLate as error:
                raise UndoTooLate() from error
            except decisions.HeldByAnother as error:
                raise Taken() from error
            except decisions.OwnRemoval as error:
                raise AppealElsewhere() from error
            except decisions.NotSenior as error:
                raise AppealForSeniors() from error
        self._tell(outcome.told)
        return outcome.decisions[0]

    async def last(self, by: Account) -> Decision | None:
        """The moderator's last decision that is not undone, if it may still be."""
        await self._may(by)
        with refusing():
            return await decisions.last(self._database, by.id)

    # People

    async def person(self, by: Account, account_id: int) -> Person:
        """What is known of an account. Raises NotFound."""
        await self._may(by)
        with refusing():
            account = await self._accounts.account(account_id)
            if account is None:
                raise NotFound()
            known = await survey(self._database, account_id)
        return Person(account, known.counts, known.decisions, known.reports, known.refusals)

    async def pictures_of(
        self, by: Account, account_id: int, before: str | None = None, limit: int = 50
    ) -> list[PictureRecord]:
        """A person's pictures in any state, the newest first; `before` is the last one's id."""
        await self._may(by)
        wanted = Search(account=account_id)
        with refusing():
            page = await found.search(self._database, wanted, before, min(limit, PAGE_LIMIT))
        return [one.picture for one in page]

    async def ban(self, by: Account, account_id: int, until: datetime | None, reason: str) -> None:
        """Until then, or for good, the account may ask for nothing; its owner reads the reason.

        For seniors; moderators are banned by admins alone, nobody by themselves. Raises NotFound
        and OutOfRange.
        """
        senior = await self._may(by, Role.SENIOR)
        if not 0 < len(reason.strip()) <= REASON_LIMIT:
            raise OutOfRange(name="reason", low=1, high=REASON_LIMIT, value=len(reason))
        await self._may_touch(senior, account_id)
        with refusing():
            await self._rights.ban(account_id, until or FOREVER, reason.strip(), by=senior.id)
        self._news.tell(account_id)

    async def unban(self, by: Account, account_id: int, reason: str = "") -> None:
        """Ends a ban, for seniors; the reason is for the audit. Raises NotFound."""
        senior = await self._may(by, Role.SENIOR)
        await self._may_touch(senior, account_id)
        with refusing():
            await self._rights.unban(account_id, by=senior.id, reason=reason.strip())
        self._news.tell(account_id)

    # Pictures

    async def picture(self, by: Account, picture_id: str) -> PictureFile:
        """Anybody's picture in any state; that it was looked at is written down.

        Raises NotFound, also once it was deleted, and PictureGone if its file is lost.
        """
        account = await self._may(by)
        record = await self._record(picture_id)
        with refusing():
            await self._audit.add("view", account.id, picture_id)
        return await self._files.picture(record)

    async def thumbnail(self, by: Account, picture_id: str, *, clear: bool = False) -> PictureFile:
        """The same, small: so blurred that nothing can be made out, or clear, which is written
        down."""
        account = await self._may(by)
        record = await self._record(picture_id)
        if clear:
            with refusing():
                await self._audit.add("view", account.id, picture_id)
        file = await self._files.thumbnail(record)
        return file if clear else replace(file, content=await veiled(file.content))

    async def story(self, by: Account, picture_id: str) -> Story:
        """All that happened to a picture. Raises NotFound, also once it was deleted."""
        await self._may(by)
        with refusing():
            known = await story(self._database, picture_id)
        if known is None:
            raise NotFound()
        return known

    async def source(
        self,
        by: Account,
        picture_id: str,
        sha256: str,
        *,
        small: bool = False,
        clear: bool = False,
    ) -> bytes:
        """The file of a picture that the picture was made from. Small, it is blurred unless it is
        to be clear; what can be made out is written down.

        Raises NotFound and PictureGone.
        """
        account = await self._may(by)
        with refusing():
            if not await made_from(self._database, picture_id, sha256):
                raise NotFound()
            if clear or not small:
                await self._audit.add("view", account.id, picture_id, {"source": sha256})
        file = await (self._files.small if small else self._files.read)(sha256)
        return await veiled(file) if small and not clear else file

    async def search(
        self, by: Account, wanted: Search, before: str | None = None, limit: int = 50
    ) -> list[Found]:
        """Pictures that were not deleted, those asked for last first; `before` is the id of the
        last picture already shown. Each page is written down."""
        account = await self._may(by)
        if len(wanted.text) > TEXT_LIMIT:
            raise OutOfRange(name="text", low=0, high=TEXT_LIMIT, value=len(wanted.text))
        with refusing():
            page = {} if before is None else {"before": before}
            await self._audit.add("search", account.id, "", found.told(wanted) | page)
            return await found.search(self._database, wanted, before, min(limit, PAGE_LIMIT))

    async def same(self, by: Account, file: bytes) -> list[Match]:
        """The stored pictures that look like this one, turned or mirrored too, the nearest first.

        Raises what Intake.take does.
        """
        account = await self._may(by)
        with refusing():
            matches = await self._likeness.same(file)
            await self._audit.add("same", account.id, "", {"found": len(matches)})
        return matches

    # What was done, and the rules

    async def opened(
        self, by: Account, page: str, subject: object, before: str | None = None
    ) -> None:
        """Writes down that a page was looked at: a "person"'s, or a "picture"'s story."""
        account = await self._may(by)
        details = {} if before is None else {"before": before}
        with refusing():
            await self._audit.add(page, account.id, str(subject), details)

    async def statistics(
        self, by: Account, since: datetime | None = None, until: datetime | None = None
    ) -> Statistics:
        """Of the decisions from `since` to `until`, and of what is open now."""
        await self._may(by)
        with refusing():
            return await statistics.statistics(self._database, since, until)

    async def audit(
        self,
        by: Account,
        before: int | None = None,
        limit: int = 100,
        action: str | None = None,
        account: int | None = None,
    ) -> list[AuditRecord]:
        """What was done with rights, the newest first, for seniors; of one kind, by one account."""
        await self._may(by, Role.SENIOR)
        with refusing():
            return await self._audit.page(before, min(limit, PAGE_LIMIT), action, account)

    async def export(
        self,
        by: Account,
        file: Path,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> int:
        """Writes a zip file of decisions.csv, cases.csv and audit.csv, for admins; how many rows.

        It holds no pictures.
        """
        admin = await self._may(by, Role.ADMIN)
        with refusing():
            details = {"since": since and since.isoformat(), "until": until and until.isoformat()}
            await self._audit.add("export", admin.id, "", details)
            return await write_records(self._database, file, since, until)

    async def policies(self) -> list[Policy]:
        """All of them, in their order."""
        with refusing():
            return await self._policies.all()

    async def change_policy(self, by: Account, policy: Policy) -> None:
        """Its names, advice, action, place and whether it is active, for admins.

        Raises NotFound for one that is not there, and NotAllowed for a change of what is fixed.
        """
        admin = await self._may(by, Role.ADMIN)
        with refusing():
            known = {one.key: one for one in await self._policies.all()}.get(policy.key)
            if known is None:
                raise NotFound()
            if known.fixed and (policy.action is not known.action or not policy.active):
                raise NotAllowed()
            await self._policies.change(policy, by=admin.id)

    async def refusals(
        self, by: Account, before: int | None = None, limit: int = 100
    ) -> list[Refusal]:
        """Requests that a gate did not accept, the newest first; that is written down."""
        account = await self._may(by)
        with refusing():
            page = {} if before is None else {"before": before}
            await self._audit.add("refusals", account.id, "", page)
            return await self._refusals.page(before, min(limit, PAGE_LIMIT))

    async def moderators(self, by: Account) -> list[Account]:
        """Everybody who may moderate, for admins."""
        await self._may(by, Role.ADMIN)
        with refusing():
            return await self._rights.moderators()

    async def _may(self, by: Account, least: Role = Role.MODERATOR) -> Account:
        """Who asks, as they are now. Raises NotAllowed."""
        with refusing():
            account = await self._accounts.account(by.id)
        if account is None or not at_work(account) or not at_least(account, least):
            raise NotAllowed()
        return account

    async def _may_touch(self, senior: Account, account_id: int) -> None:
        """Whether the rights of that account are for them to change. Raises NotAllowed."""
        with refusing():
            other = await self._accounts.account(account_id)
        if other is None:
            raise NotFound()
        above = at_least(other, Role.MODERATOR) and senior.role is not Role.ADMIN
        if other.id == senior.id or above:
            raise NotAllowed()

    async def _record(self, picture_id: str) -> PictureRecord:
        with refusing():
            record = await found.picture(self._database, picture_id)
        if record is None:
            raise NotFound()
        return record

    def _tell(self, account_ids: Collection[int]) -> None:
        for account_id in account_ids:
            self._news.tell(account_id)
