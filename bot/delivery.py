"""Sends what has ended to who asked for it, from the outbox."""

from __future__ import annotations

from bot.asked import Asked
from bot.metrics import Metrics
from bot.posting import Post
from bot.results import Results
from engine.errors import NotFound
from engine.studio import Studio
from storage.outbox import Outbox
from storage.records import Delivery


class Deliveries(Post[Delivery]):
    """The results of jobs, one letter a job."""

    def __init__(
        self, studio: Studio, outbox: Outbox, results: Results, metrics: Metrics, lease: float
    ) -> None:
        super().__init__(outbox, _name, self._deliver, metrics, lease)
        self._studio = studio
        self._results = results

    async def _deliver(self, delivery: Delivery) -> str:
        """Once more, if there may be more to send since: a picture was released."""
        while True:
            reference = await self._job(delivery)
            if (newest := self.newest(delivery)) is delivery:
                return reference
            delivery = newest

    async def _job(self, delivery: Delivery) -> str:
        """What Telegram calls the message; nothing for what nobody waits for any more."""
        try:
            account = await self._studio.owner(delivery.account_id)
            job = await self._studio.job(delivery.job_id, account)
        except NotFound:
            return ""
        asked = Asked.read(job.key)
        if asked is None:
            return ""
        return await self._results.send(job, account, asked)


def _name(delivery: Delivery) -> str:
    return f"job {delivery.job_id}"
