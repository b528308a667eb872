"""The errors of a call to a system.

The errors are divided by what must be done next, not by cause (docs/design.md#replies)::

    PlatformError
    ├── RetryableError           nothing happened, or repeating is harmless: try again later
    │   ├── IncompleteReadError  a read is incomplete: its rows count, its gaps prove nothing
    │   ├── DelayedError         a write was not sent because its deadline passed in the queue
    │   └── StoppingError        a call was not sent because syncd is stopping
    ├── RateLimitedError         wait `wait` seconds
    ├── UnauthorizedError        the operator must renew the secret or its permissions
    ├── RejectedError            repeating cannot help; `why` is the reason
    └── UnknownOutcomeError      sent, but the result is unknown: read before anything else
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum

from syncd.model import Topic, capped_wait


class PlatformError(Exception):
    """A failed call to a system. `remedies` turns the error into a message with a remedy.

    ``call`` is the method and path without query. ``status`` is the HTTP status, None without a
    response. ``detail`` is the platform's error text, without secrets and personal data.
    """

    without_status = "failed without a response"
    """The text of the error if there is no status."""

    def __init__(
        self, system: str, call: str = "", *, status: int | None = None, detail: str = ""
    ) -> None:
        """Keep the data of the failure."""
        super().__init__(system, call, status, detail)
        self.system = system
        self.call = call
        self.status = status
        self.detail = detail

    def __str__(self) -> str:
        """Return one line for a log: the system, the call and the failure."""
        failure = self.without_status if self.status is None else f"returned HTTP {self.status}"
        start = " ".join(filter(None, (f"{self.system}:", self.call, failure)))
        return f"{start}: {self.detail}" if self.detail else start


class RetryableError(PlatformError):
    """The call had no effect, or repeating it is harmless: the engine tries again later."""


class IncompleteReadError(RetryableError):
    """A read is incomplete, or its body is not what was expected."""

    without_status = "received a malformed response"


class DelayedError(RetryableError):
    """The request was not sent: the rate limit would have allowed it only after its deadline."""


class StoppingError(RetryableError):
    """The request was not sent because syncd is stopping; the system itself may be fine."""

    without_status = "was not sent: syncd is stopping"


class RateLimitedError(PlatformError):
    """The account's rate limit is reached. ``wait`` is the time to wait in seconds, capped."""

    def __init__(
        self,
        system: str,
        call: str = "",
        *,
        wait: float,
        status: int | None = None,
        detail: str = "",
    ) -> None:
        """Keep the data of the failure."""
        super().__init__(system, call, status=status, detail=detail)
        self.wait = capped_wait(wait, daily=True)


class UnauthorizedError(PlatformError):
    """The system rejects the key or token, or it lacks a permission or access to the location."""


class RejectionReason(StrEnum):
    """Why a system permanently refused a call.

    GONE proves that an event does not exist. UNKNOWN_ID only means that the system cannot find an
    id that the call contains: that does not prove that an event was deleted.
    """

    GONE = "gone"
    UNKNOWN_ID = "unknown_id"
    SLOT_TAKEN = "slot_taken"
    OWNER_MISSING = "owner_missing"
    UNFIT = "unfit"


class RejectedError(PlatformError):
    """The system refuses the call permanently; ``why`` is the reason.

    ``each``: every row of a bulk call is refused, so splitting the call cannot help. Otherwise one
    bad row may have caused the refusal of all rows.
    """

    def __init__(
        self,
        system: str,
        call: str = "",
        *,
        why: RejectionReason = RejectionReason.UNFIT,
        status: int | None = None,
        detail: str = "",
        each: bool = False,
    ) -> None:
        """Keep the data of the failure."""
        super().__init__(system, call, status=status, detail=detail)
        self.why, self.each = why, each


class UnknownOutcomeError(PlatformError):
    """A write was sent, and no trustworthy response came: the write may have taken effect."""


class UnreadableError(ValueError):
    """A record that cannot be read, or only with an assumption; ``topic`` says which.

    ``event`` is the record's id, or the name of a list. ``provider`` is the provider in whose
    calendar the record is; '' if that may be any of ``providers``. ``began`` is the record's start
    if that is known and in the past.
    """

    def __init__(
        self,
        system: str,
        event: str,
        reason: str,
        topic: Topic = Topic.UNREADABLE,
        provider: str = "",
        providers: Collection[str] = (),
        began: datetime | None = None,
    ) -> None:
        """Keep the data of the record. ``reason`` is shown, so it must have no personal data."""
        super().__init__(f"{system}: event {event or '(no id)'}: {reason}")
        self.system, self.event = system, event
        self.reason, self.topic = reason, topic
        self.provider, self.providers, self.began = provider, providers, began
