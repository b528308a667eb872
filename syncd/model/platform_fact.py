"""What a row of the table of platform facts is, and the rows that all platforms share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

YES, NO = "yes", "no"


class PlatformKind(StrEnum):
    """The platforms, as `type` in the configuration names them."""

    V2 = "leadconnector"
    V1 = "leadconnector-v1"
    LEADSQUARED = "leadsquared"


class MeasuredBy(StrEnum):
    """Who measures a fact."""

    PROBE = "probe"
    """`syncd probe`, on a canary event of its own."""
    READS = "reads"
    """Ordinary reads: the fact shows in what they bring."""
    MOVE = "first move"
    """The first real move of an appointment in the account, compared field by field."""
    PERSON = "person"
    """Nothing that syncd may try shows it; a person says it in the configuration."""
    NOBODY = "nobody"
    """It is not measured, as syncd works in the same way on each side."""


@dataclass(frozen=True, slots=True)
class PlatformFact:
    """One uncertain fact of one platform.

    - ``name``: the same everywhere.
    - ``meaning``: what is true if the value is "yes", or what the value says.
    - ``sides``: the values that an account may have, at least those that are tried in tests;
      ``safe``: the one assumed until measured.
    - ``measured``: who measures it, and ``how``.
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
    "Until it is measured, such writes are made one at a time; measured no, they wait for a person."
)


def common_facts(platform: PlatformKind, lag: str) -> tuple[PlatformFact, ...]:
    """Return the rows that every platform has; ``lag`` is the safe side of its lists' lag."""
    return (
        PlatformFact(
            platform,
            "list_cap",
            "how many rows a list shows at most, without saying that there are more",
            "unknown",
            MeasuredBy.READS,
            "An answer of a suspicious length is read again in two halves; kept for each list.",
            "Lists of a suspicious length, or of the cap, are read in parts.",
            ("none", "100", "150", "200", "250", "500", "1000"),
        ),
        PlatformFact(
            platform,
            "list_lag",
            "how many seconds pass before a list shows what was written",
            lag,
            MeasuredBy.PROBE,
            "The canary event is listed until it appears.",
            "An observation equal to the former value is ignored for so long after a write: for "
            "twice what was measured, at least 5 s.",
            ("0", "5"),
        ),
        PlatformFact(
            platform,
            "moves_change_only_time",
            "a move of an appointment changes its time, and nothing else of the record",
            NO,
            MeasuredBy.MOVE,
            "The first move is made alone, and all fields are compared afterwards.",
            _ALONE,
        ),
        PlatformFact(
            platform,
            "status_changes_only_status",
            "a change of an appointment's status changes nothing else of the record",
            NO,
            MeasuredBy.MOVE,
            "The first change of a status is made alone, and all fields are compared afterwards.",
            _ALONE,
        ),
        PlatformFact(
            platform,
            "lists_overlapping",
            "lists show events that began before the time asked for and reach into it",
            NO,
            MeasuredBy.PROBE,
            "A list from the middle of the canary event on is read.",
            "Nothing yet: reads look back as far as an event may last, which takes no more calls.",
        ),
        PlatformFact(
            platform,
            "keeps_tag",
            "the tag in a block's text comes back on a read",
            YES,
            MeasuredBy.PROBE,
            "The canary event is read again.",
            "A create with a lost reply is found by its tag; otherwise by calendar, interval and "
            "time.",
        ),
        PlatformFact(
            platform,
            "tells_times",
            "records say when they were made and last changed",
            NO,
            MeasuredBy.NOBODY,
            "Each record shows it.",
            "Nothing: where a record does not say it, rules that need its times do not apply.",
        ),
        PlatformFact(
            platform,
            "refuses_unknown_users",
            "a list of a user that is not there is refused, rather than empty",
            NO,
            MeasuredBy.NOBODY,
            "A mapped user that is deleted shows it.",
            "Nothing: a refusal leads to a read of the users, and an empty list proves nothing.",
        ),
    )


def unknown_groups(platform: PlatformKind) -> PlatformFact:
    """Return the row about lists of groups, or teams, that are not there."""
    return PlatformFact(
        platform,
        "refuses_unknown_groups",
        "a list of a group that is not there is refused, rather than empty",
        NO,
        MeasuredBy.NOBODY,
        "A group that is deleted shows it.",
        "Nothing: the groups are read again on a refusal, and when a list lacks known events.",
    )
