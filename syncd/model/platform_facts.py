"""The facts about the platforms that only a live account can tell: one row for each.

No one who builds syncd has a live account, so each such fact has one name, which is the same in the
adapters' capabilities, in the store, in the sandbox's knobs and in the simulator's draws. Until it
is measured in the user's account, its safe side is assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

YES, NO = "yes", "no"


class PlatformKind(StrEnum):
    """The platforms, as `type` in the configuration names them."""

    V2 = "leadconnector"
    V1 = "leadconnector-v1"
    LEADSQUARED = "leadsquared"


class Measure(StrEnum):
    """Who measures a fact."""

    PROBE = "probe"
    """`syncd probe`, on a canary event of its own."""
    READS = "reads"
    """Ordinary reads: the fact shows in what they bring."""
    MOVE = "first move"
    """The first real move of an appointment in the account, compared field by field."""
    PERSON = "person"
    """Nothing that syncd may try shows it; a person says it in the configuration."""


@dataclass(frozen=True, slots=True)
class PlatformFact:
    """One uncertain fact of one platform.

    - ``name``: the same everywhere.
    - ``meaning``: what is true if the value is "yes", or what the value says.
    - ``sides``: the values that an account may have; ``safe``: the one assumed until measured.
    - ``measured``: who measures it, and ``how``.
    - ``depends``: what syncd does differently because of it.
    """

    platform: PlatformKind
    name: str
    meaning: str
    safe: str
    measured: Measure
    how: str
    depends: str
    sides: tuple[str, ...] = (YES, NO)


_V2, _V1, _LSQ = PlatformKind.V2, PlatformKind.V1, PlatformKind.LEADSQUARED
_PROBE, _READS, _MOVE, _PERSON = Measure.PROBE, Measure.READS, Measure.MOVE, Measure.PERSON

_ALONE = (
    "Until it is measured, such writes are made one at a time; measured no, they wait for a person."
)

PLATFORM_FACTS: tuple[PlatformFact, ...] = (
    # --- LeadConnector v2 -----------------------------------------------------------------------
    PlatformFact(
        _V2,
        "update_replaces",
        "an update of an appointment resets every field that it leaves out",
        YES,
        _MOVE,
        "The first move of an appointment is compared with the record before it, field by field.",
        "Each update reads the record just before and sends all of it back.",
    ),
    PlatformFact(
        _V2,
        "block_update_replaces",
        "an update of a block without a title erases the title",
        YES,
        _PROBE,
        "The canary block is moved without a title and read again.",
        "Each update of a block sends the title.",
    ),
    PlatformFact(
        _V2,
        "block_by_id",
        "a block is answered by its id",
        NO,
        _PROBE,
        "The canary block is read by its id.",
        "An absent block is proven gone by one read; otherwise lists must prove it.",
    ),
    PlatformFact(
        _V2,
        "second_delete",
        "what deleting a deleted block answers",
        "any",
        _PROBE,
        "The canary block is deleted twice.",
        "A removal whose reply was lost is known to be done by the answer to the second call.",
        ("200", "400", "404"),
    ),
    PlatformFact(
        _V2,
        "block_closes_calendars",
        "a user's block closes the free slots of all calendars of that user",
        NO,
        _PROBE,
        "Free slots of each calendar are read with and without the canary block (2 calls each).",
        "`check` names the calendars that a block does not close; exposures are measured anyway.",
    ),
    PlatformFact(
        _V2,
        "group_lists_all",
        "a list by `groupId` shows every calendar of the group",
        NO,
        _PROBE,
        "The list of a group is compared with those of its calendars.",
        "Read by group; once a day the calendars are also read one by one and compared.",
    ),
    PlatformFact(
        _V2,
        "instance_writes",
        "an update or deletion of one instance of a series touches only that instance",
        NO,
        _PERSON,
        'A person allows it (`series = "write"`); each such write is checked on the siblings.',
        "Writes to instances of a series are held.",
    ),
    PlatformFact(
        _V2,
        "version_v3",
        "the calendar calls accept the header `Version: v3`",
        NO,
        _PROBE,
        "One list is read with that header.",
        "Nothing: syncd does not use it. `check` says whether it could be configured.",
    ),
    PlatformFact(
        _V2,
        "lists_service_bookings",
        "bookings made through v3 service menus appear in the lists of events",
        NO,
        _PROBE,
        "Service bookings of the next 60 days are listed and looked for in the lists of events.",
        "Where they do not appear, `check` and `status` say that their time is not closed.",
    ),
    PlatformFact(
        _V2,
        "lists_overlapping",
        "lists show events that began before the time asked for and reach into it",
        NO,
        _PROBE,
        "A list from the middle of the canary block on is read.",
        "Reads look back as far as an event may last.",
    ),
    PlatformFact(
        _V2,
        "keeps_tag",
        "the tag in a block's title comes back on a read",
        YES,
        _PROBE,
        "The canary block is read again.",
        "A create with a lost reply is found by its tag; otherwise by calendar, interval and time.",
    ),
    PlatformFact(
        _V2,
        "list_lag",
        "how many seconds pass before a list shows what was written",
        "30",
        _PROBE,
        "The canary block is listed until it appears.",
        "An observation equal to the former value is ignored for so long after a write.",
        ("0", "5", "20"),
    ),
    PlatformFact(
        _V2,
        "hosts_listed",
        "the list of a further host's user shows the meeting",
        NO,
        _READS,
        "Meetings with several hosts are looked for in each host's lists.",
        "Further hosts' meetings are found through the calendars that hold them.",
    ),
    PlatformFact(
        _V2,
        "users_name_owner",
        "`users` of a meeting names the assigned user, too",
        NO,
        _READS,
        "Rows of meetings with several hosts show it.",
        "The assigned user is a host whether or not `users` names them.",
    ),
    PlatformFact(
        _V2,
        "update_keeps_hosts",
        "an update of a meeting keeps its further hosts",
        NO,
        _MOVE,
        "The first move of a meeting with several hosts is compared with the record before it.",
        "Moves of meetings with further hosts are checked after each write.",
    ),
    PlatformFact(
        _V2,
        "moves_change_only_time",
        "a move of an appointment changes its time, and nothing else of the record",
        NO,
        _MOVE,
        "The first move of an appointment is made alone, and all fields are compared afterwards.",
        _ALONE,
    ),
    PlatformFact(
        _V2,
        "status_changes_only_status",
        "a change of an appointment's status changes nothing else of the record",
        NO,
        _MOVE,
        "The first change of a status is made alone, and all fields are compared afterwards.",
        _ALONE,
    ),
    # --- LeadConnector v1 -----------------------------------------------------------------------
    PlatformFact(
        _V1,
        "lists_blocks",
        "lists show event blocks",
        NO,
        _PROBE,
        "A canary event block is made and looked for in the list.",
        "No more than one block is under way at a time, as none is found again after a crash.",
    ),
    PlatformFact(
        _V1,
        "makes_blocks",
        "event blocks can be made",
        YES,
        _PROBE,
        "A canary event block is made.",
        'Where they cannot, `check` says to configure `blocks = "hold"`.',
    ),
    PlatformFact(
        _V1,
        "update_keeps_end",
        "an update brings about the end that it is sent",
        NO,
        _PROBE,
        "The canary block is given another length and read again.",
        "The record is read after each update, and its real end is carried on.",
    ),
    PlatformFact(
        _V1,
        "refuses_deleted",
        "a deleted appointment read by its id is answered with 400",
        YES,
        _PROBE,
        "The canary block is read by its id after it was deleted.",
        "Two complete lists of different cycles must prove a deletion.",
    ),
    PlatformFact(
        _V1,
        "lists_overlapping",
        "lists show events that began before the time asked for and reach into it",
        NO,
        _PROBE,
        "A list from the middle of the canary block on is read.",
        "Reads look back as far as an event may last.",
    ),
    PlatformFact(
        _V1,
        "keeps_tag",
        "the tag in a block's title comes back on a read",
        YES,
        _PROBE,
        "The canary block is read again.",
        "A create with a lost reply is found by its tag; otherwise by calendar, interval and time.",
    ),
    PlatformFact(
        _V1,
        "list_lag",
        "how many seconds pass before a list shows what was written",
        "30",
        _PROBE,
        "The canary block is listed until it appears.",
        "An observation equal to the former value is ignored for so long after a write.",
        ("0", "5", "20"),
    ),
    PlatformFact(
        _V1,
        "moves_change_only_time",
        "a move of an appointment changes its time, and nothing else of the record",
        NO,
        _MOVE,
        "The first move of an appointment is made alone, and all fields are compared afterwards.",
        _ALONE,
    ),
    PlatformFact(
        _V1,
        "status_changes_only_status",
        "a change of an appointment's status changes nothing else of the record",
        NO,
        _MOVE,
        "The first change of a status is made alone, and all fields are compared afterwards.",
        _ALONE,
    ),
    # --- LeadSquared ----------------------------------------------------------------------------
    PlatformFact(
        _LSQ,
        "rows_carry_owner",
        "rows name their owner's address",
        NO,
        _PROBE,
        "The row of the canary task is looked at.",
        "Otherwise the owner is found by id in the list of users.",
    ),
    PlatformFact(
        _LSQ,
        "rows_carry_end",
        "rows have an end",
        NO,
        _PROBE,
        "The row of the canary task is looked at.",
        "Otherwise the task type's length is assumed and reported.",
    ),
    PlatformFact(
        _LSQ,
        "date_zone",
        "in which zone the date filter of a list begins a day",
        "unknown",
        _PROBE,
        "The canary task is listed by days at both ends of the zones.",
        "The window is widened by a day on each side.",
        ("account", "UTC", "Pacific/Kiritimati", "Etc/GMT+12"),
    ),
    PlatformFact(
        _LSQ,
        "lists_cancelled",
        "lists show cancelled tasks",
        NO,
        _PROBE,
        "The canary task is cancelled where `cancel_path` is configured, and looked for in a list.",
        "A cancellation that waits for its confirmation is read by id.",
    ),
    PlatformFact(
        _LSQ,
        "completing_changes_end",
        "completing a task sets its end to that moment",
        YES,
        _PROBE,
        "The canary task is completed and read again.",
        "While a task is complete, its last known end counts.",
    ),
    PlatformFact(
        _LSQ,
        "instance_writes",
        "a time update of one task of a recurrence moves only that task",
        NO,
        _PERSON,
        'A person allows it (`series = "write"`); each such write is checked on the siblings.',
        "Writes to instances of a series are held.",
    ),
    PlatformFact(
        _LSQ,
        "slot_names",
        "what the two ends of a free slot are called",
        "unknown",
        _READS,
        "Free slots of a calendar are read.",
        "Slots with other names are reported as not understood, never as nothing offered.",
        ("StartTime/EndTime", "From/To"),
    ),
    PlatformFact(
        _LSQ,
        "bulk_rows",
        "how many rows a bulk call takes",
        "100",
        _READS,
        "A call that is refused for its size is halved.",
        "Bulk calls hold at most so many rows.",
        ("100", "1000"),
    ),
    PlatformFact(
        _LSQ,
        "list_lag",
        "how many seconds pass before a list shows what was written",
        "30",
        _PROBE,
        "The canary task is listed until it appears.",
        "An observation equal to the former value is ignored for so long after a write.",
        ("0", "5", "20"),
    ),
    PlatformFact(
        _LSQ,
        "moves_change_only_time",
        "a move of an appointment changes its time, and nothing else of the record",
        NO,
        _MOVE,
        "The first move of an appointment is made alone, and all fields are compared afterwards.",
        _ALONE,
    ),
    PlatformFact(
        _LSQ,
        "status_changes_only_status",
        "a change of an appointment's status changes nothing else of the record",
        NO,
        _MOVE,
        "The first change of a status is made alone, and all fields are compared afterwards.",
        _ALONE,
    ),
)
"""Every row: in the order in which the documentation shows them."""

_BY_NAME: Mapping[tuple[str, str], PlatformFact] = MappingProxyType(
    {(str(row.platform), row.name): row for row in PLATFORM_FACTS}
)


def platform_fact(platform: str, name: str) -> PlatformFact:
    """Return the row of a fact. Raises KeyError where the platform has none of that name."""
    return _BY_NAME[platform, name]


def platform_facts(platform: str) -> tuple[PlatformFact, ...]:
    """Return the rows of one platform, in order."""
    return tuple(row for row in PLATFORM_FACTS if row.platform == platform)
