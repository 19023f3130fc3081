"""What storage refuses, and a database or a disk that fails, in words for a person."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from engine.errors import (
    AccountBanned,
    AccountGone,
    Busy,
    TooManyToday,
    TooManyWaiting,
    UnreadableText,
    WentWrong,
)
from storage import quotas
from storage.database import BadText, DatabaseAway
from storage.locked import NoAccount

log = logging.getLogger(__name__)


@contextmanager
def refusing() -> Iterator[None]:
    try:
        yield
    except DatabaseAway as error:
        raise WentWrong() from error
    except OSError as error:
        log.exception("the pictures cannot be written")
        raise WentWrong() from error
    except BadText as error:
        raise UnreadableText() from error
    except NoAccount as error:
        raise AccountGone() from error
    except quotas.Banned as error:
        until = f"{error.until:%Y-%m-%d %H:%M} UTC"
        raise AccountBanned(until=until, reason=error.reason) from error
    except quotas.TooManyWaiting as error:
        raise TooManyWaiting(limit=error.limit) from error
    except quotas.TooManyToday as error:
        raise TooManyToday(limit=error.limit) from error
    except quotas.QueueFull as error:
        raise Busy() from error
