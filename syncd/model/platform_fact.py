"""Platform facts: the type of one row, and the rows that all platforms share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

YES, NO = "yes", "no"


class PlatformKind(StrEnum):
    """The platforms, with the names that `type` has in the configuration."""

    V2 = "leadconnector"
    V1 = "leadconnector-v1"
    LEADSQUARED = "leadsquared"


class MeasuredBy(StrEnum):
    """How a fact is measured."""

    PROBE = "probe"
    """`syncd probe` measures the fact on an event of its own, the canary."""
    READS = "reads"
    """Ordinary reads show the fact."""
    MOVE = "first move"
    """The first real move of an appointment shows the fact.

    The records before and after the move are compared field by field.
    """
    PERSON = "person"
    """syncd cannot measure the fact safely. The operator states it in the configuration."""
    NOBODY = "nobody"
    """The fact is not measured, because syncd works the same way with each value."""


@dataclass(frozen=True, slots=True)
class PlatformFact:
    """One fact about a platform that only a live account can show.

    - ``name``: the name of the fact, the same everywhere.
    - ``meaning``: what is true if the value is "yes", or what the value means.
    - ``sides``: the possible values, at least those that the tests use.
    - ``safe``: the safe side, which is assumed until the fact is measured.
    - ``measured``, ``how``: how the fact is measured.
    - ``depends``: what syncd does differently because of it.
    """

    platform: PlatformKind
    name: str
    meaning: str
    safe: str
    measured: MeasuredBy
    how: str
    depends: str
    sides: tuple[str, ...] = (YES, NO)


_ALONE = (
    'Until it is measured, such writes are made one at a time. If it is "no", they wait for the '
    "operator."
)


def common_facts(platform: PlatformKind, lag: str) -> tuple[PlatformFact, ...]:
    """Return the rows that every platform has; ``lag`` is the safe side of ``list_lag`` (s)."""
    return (
        PlatformFact(
            platform,
            "list_cap",
            "the number of rows after which a list is cut without notice",
            "unknown",
            MeasuredBy.READS,
            "A list of a suspicious length is read again in two halves. The result is stored for "
            "each list.",
            "Lists of a suspicious length, or of the length of the cap, are read in parts.",
            ("none", "100", "150", "200", "250", "500", "1000"),
        ),
        PlatformFact(
            platform,
            "list_lag",
            "how many seconds pass before a list shows what was written",
            lag,
            MeasuredBy.PROBE,
            "The canary event is listed until it appears.",
            "After a write, a read that shows the former value is ignored for twice this time, at "
            "least 5 s.",
            ("0", "5"),
        ),
        PlatformFact(
            platform,
            "moves_change_only_time",
            "a move of an appointment changes its time and no other field of the record",
            NO,
            MeasuredBy.MOVE,
            "The first move is made alone, and all fields are compared afterwards.",
            _ALONE,
        ),
        PlatformFact(
            platform,
            "status_changes_only_status",
            "a change of an appointment's status changes no other field of the record",
            NO,
            MeasuredBy.MOVE,
            "The first change of a status is made alone, and all fields are compared afterwards.",
            _ALONE,
        ),
        PlatformFact(
            platform,
            "lists_overlapping",
            "lists show events that begin before the requested window and overlap it",
            NO,
            MeasuredBy.PROBE,
            "A list that begins in the middle of the canary event is read.",
            "Nothing yet: reads look back by the longest duration of an event, which takes no more "
            "calls.",
        ),
        PlatformFact(
            platform,
            "keeps_tag",
            "a read of a block shows its tag",
            YES,
            MeasuredBy.PROBE,
            "The canary event is read again.",
            "A create with a lost response is found by its tag, otherwise by calendar, interval "
            "and creation time.",
        ),
        PlatformFact(
            platform,
            "tells_times",
            "records show when they were created and last changed",
            NO,
            MeasuredBy.NOBODY,
            "Each record shows it.",
            "Nothing: rules that need these times do not apply to a record without them.",
        ),
        PlatformFact(
            platform,
            "refuses_unknown_users",
            "a list of a user that does not exist is refused, not empty",
            NO,
            MeasuredBy.NOBODY,
            "A mapped user that is deleted shows it.",
            "Nothing: after a refusal the users are read, and an empty list proves nothing.",
        ),
    )


def unknown_groups(platform: PlatformKind) -> PlatformFact:
    """Return the row about lists of groups, or teams, that do not exist."""
    return PlatformFact(
        platform,
        "refuses_unknown_groups",
        "a list of a group that does not exist is refused, not empty",
        NO,
        MeasuredBy.NOBODY,
        "A group that is deleted shows it.",
        "Nothing: the groups are read again after a refusal, or if a list lacks known events.",
    )
