"""Whose events are: the users of an account, and events that were found at another owner."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from syncd.model.types import Value


class UserState(StrEnum):
    """Whether the user that a calendar is mapped to is still there.

    PRESENT: under the same id and address, and active. MISSING: the account lists users, and this
    one is not among them. UNKNOWN: the list is empty or could not be read, which proves nothing.
    """

    PRESENT = "present"
    MISSING = "missing"
    UNKNOWN = "unknown"


class OwnerProof(StrEnum):
    """What is proven of an event that was found at another owner.

    HANDED_OVER: the mapped user is present, and the new owner is another user of the account.
    DELETED: the mapped user is present, and the event was deleted at its new owner. The others
    prove nothing, so the time stays closed: the mapped user is missing (USER_MISSING), the users
    are not known (USERS_UNKNOWN), or the new owner is no known user (OWNER_UNKNOWN).
    """

    HANDED_OVER = "handed-over"
    DELETED = "deleted"
    USER_MISSING = "user-missing"
    USERS_UNKNOWN = "users-unknown"
    OWNER_UNKNOWN = "owner-unknown"


@dataclass(frozen=True, slots=True)
class UserDirectory:
    """The users of one account, read at one moment.

    ``users`` are the ids of those that are active, ``calendars`` those of calendars that are
    nobody's in particular; ``mapped`` gives the id behind each provider's calendar, None where the
    account lists no such user. ``listed`` is False where the list was empty or could not be read.
    """

    users: AbstractSet[str] = frozenset()
    calendars: AbstractSet[str] = frozenset()
    mapped: Mapping[str, str | None] = field(default_factory=dict)
    listed: bool = False

    def state_of(self, provider: str, known: str = "") -> UserState:
        """Whether a provider's user is there; ``known`` is the id it had when last seen."""
        if not self.listed:
            return UserState.UNKNOWN
        user = self.mapped.get(provider)
        same = user is not None and known in {"", user}
        return UserState.PRESENT if same else UserState.MISSING

    def proof(
        self, provider: str, owner: str, holder: str = "", *, place: str = "", known: str = ""
    ) -> OwnerProof:
        """What is proven of an event that was this provider's; ``known``: see `state_of`.

        ``owner`` is whose it is now, ``holder`` the provider that is mapped to it, if any, and
        ``place`` its calendar, which owns it where calendars are mapped and not users.
        """
        match self.state_of(provider, known):
            case UserState.UNKNOWN:
                return OwnerProof.USERS_UNKNOWN
            case UserState.MISSING:
                return OwnerProof.USER_MISSING
            case UserState.PRESENT:
                before = self.mapped.get(provider)
                now = owner or self.mapped.get(holder) or ""
                if not now and before in self.calendars:
                    now = place
                exists = now in self.users or now in self.calendars
                handed = exists and now != before
                return OwnerProof.HANDED_OVER if handed else OwnerProof.OWNER_UNKNOWN


@dataclass(frozen=True, slots=True)
class OwnerChange:
    """An event of a calendar that was found at another owner, and what that proves.

    ``owner`` is the platform's id of the new owner ('' for nobody), ``holder`` the provider that it
    is mapped to ('' for none). ``value`` is what the event showed while it was ``provider``'s.
    ``since`` is when it was first found there, ``asked_at`` when the users were last looked at.
    """

    system: str
    event: str
    provider: str
    owner: str
    holder: str
    proof: OwnerProof
    value: Value
    since: datetime
    asked_at: datetime

    @property
    def proven(self) -> bool:
        """Whether the event may leave the calendar."""
        return self.proof in {OwnerProof.HANDED_OVER, OwnerProof.DELETED}


@dataclass(frozen=True, slots=True)
class CalendarUser:
    """The id of the user behind a calendar that is mapped by address, as its events last told."""

    system: str
    provider: str
    user: str
