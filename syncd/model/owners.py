"""Owners of events: the users of an account, and events that moved to another owner."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from syncd.model.types import Value


class UserState(StrEnum):
    """Whether the account still has the user to whom a calendar is mapped.

    - PRESENT: the user is active and has the same id and e-mail address.
    - MISSING: the account lists users, and this user is not among them.
    - UNKNOWN: the list of users is empty or could not be read, which proves nothing.
    """

    PRESENT = "present"
    MISSING = "missing"
    UNKNOWN = "unknown"


class OwnerProof(StrEnum):
    """What is proven of an event that was found under another owner.

    - HANDED_OVER: the mapped user is present, and the new owner is another user of the account.
    - DELETED: the mapped user is present, and the event was deleted under its new owner.

    The others prove nothing, so the time stays blocked: the mapped user is missing (USER_MISSING),
    the users are not known (USERS_UNKNOWN), or the new owner is not a known user (OWNER_UNKNOWN).
    """

    HANDED_OVER = "handed-over"
    DELETED = "deleted"
    USER_MISSING = "user-missing"
    USERS_UNKNOWN = "users-unknown"
    OWNER_UNKNOWN = "owner-unknown"


@dataclass(frozen=True, slots=True)
class UserDirectory:
    """The users of one account, from one read.

    ``users`` holds the ids of active users, ``calendars`` the ids of calendars that belong to no
    single user. ``mapped`` gives the id of the user behind each provider's calendar, or None if the
    account lists no such user. ``listed`` is false if the list was empty or could not be read.
    """

    users: AbstractSet[str] = frozenset()
    calendars: AbstractSet[str] = frozenset()
    mapped: Mapping[str, str | None] = field(default_factory=dict)
    listed: bool = False

    def state_of(self, provider: str, known: str = "") -> UserState:
        """Return whether the user to whom a provider's calendar is mapped is present.

        ``known`` is the id that this user had at the last read ('' if not known).
        """
        if not self.listed:
            return UserState.UNKNOWN
        user = self.mapped.get(provider)
        same = user is not None and known in {"", user}
        return UserState.PRESENT if same else UserState.MISSING

    def proof(
        self, provider: str, owner: str, holder: str = "", *, place: str = "", known: str = ""
    ) -> OwnerProof:
        """Return what is proven of an event that belonged to this provider.

        ``owner`` is the id of its present owner, ``holder`` the provider that is mapped to this
        owner, if any. ``place`` is the event's calendar: it counts as the owner if calendars are
        mapped and not users. For ``known`` see `state_of`.
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
    """An event of a calendar that was found under another owner, and what that proves.

    ``owner`` is the platform's id of the new owner ('' for none), ``holder`` the provider that is
    mapped to this owner ('' for none). ``value`` is the last value under the old owner. ``since``
    is when the change was first seen, ``asked_at`` when the users were last read.
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
        """Return true if it is proven that the event left the calendar."""
        return self.proof in {OwnerProof.HANDED_OVER, OwnerProof.DELETED}


@dataclass(frozen=True, slots=True)
class CalendarUser:
    """The user id behind a calendar that is mapped by e-mail address.

    The id is the one that the calendar's events last showed.
    """

    system: str
    provider: str
    user: str
