"""The uncertain facts of LeadConnector v2."""

from __future__ import annotations

from syncd.model.platform_fact import (
    NO,
    YES,
    MeasuredBy,
    PlatformFact,
    PlatformKind,
    common_facts,
    unknown_groups,
)

_V2 = PlatformKind.V2
_PROBE, _READS, _MOVE, _PERSON = (
    MeasuredBy.PROBE,
    MeasuredBy.READS,
    MeasuredBy.MOVE,
    MeasuredBy.PERSON,
)
_NOBODY = MeasuredBy.NOBODY

V2_FACTS: tuple[PlatformFact, ...] = (
    PlatformFact(
        _V2,
        "update_replaces",
        "an update of an appointment resets every field that it leaves out",
        YES,
        _MOVE,
        "The first move of an appointment is compared with the record before it, field by field.",
        "Each update reads the record just before and sends all of it back. Where it does not "
        "replace, an answer with the status is enough, and the record is not read afterwards.",
    ),
    PlatformFact(
        _V2,
        "block_update_replaces",
        "an update of a block without a title erases the title",
        YES,
        _PROBE,
        "The canary block is moved without a title and read again.",
        "Nothing: each update of a block sends the title, which takes no more calls.",
    ),
    PlatformFact(
        _V2,
        "block_by_id",
        "a block is answered by its id",
        NO,
        _PROBE,
        "The canary block is read by its id.",
        "Where it is, an absent block is gone once it is neither found by its id nor listed where "
        "it was; otherwise lists or free slots must prove it.",
    ),
    PlatformFact(
        _V2,
        "second_delete",
        "what deleting a deleted block answers",
        "any",
        _PROBE,
        "The canary block is deleted twice.",
        "Nothing: each of these answers to a removal means that the block is gone.",
        ("200", "400", "404"),
    ),
    PlatformFact(
        _V2,
        "block_closes_calendars",
        "a user's block closes the free slots of all calendars of that user",
        NO,
        _PROBE,
        "Free slots of each calendar are read with and without the canary block (2 calls each).",
        "Where all are closed, one offered slot proves that a block is gone; where they are not, "
        "or nothing is known, slots prove nothing.",
    ),
    PlatformFact(
        _V2,
        "group_lists_all",
        "a list by `groupId` shows every calendar of the group",
        NO,
        _PROBE,
        "The list of a group is compared with those of its calendars.",
        "Where it does not, calendars are read one by one. Until it is measured they are read by "
        "group, and compared with the lists of the calendars at the first read and once a day; a "
        "group whose list lacks an event is not believed from then on.",
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
        "Nothing closes the time of those that do not appear: `check` and `status` say so, also "
        "until it is measured.",
    ),
    PlatformFact(
        _V2,
        "hosts_listed",
        "the list of a further host's user shows the meeting",
        NO,
        _NOBODY,
        "Meetings with several hosts are looked for in each host's lists.",
        "Nothing: the meetings of further hosts are found through the calendars that hold them.",
    ),
    PlatformFact(
        _V2,
        "users_name_owner",
        "`users` of a meeting names the assigned user, too",
        NO,
        _NOBODY,
        "Rows of meetings with several hosts show it.",
        "Nothing: the assigned user is a host whether or not `users` names them.",
    ),
    PlatformFact(
        _V2,
        "update_keeps_hosts",
        "an update of a meeting keeps its further hosts",
        NO,
        _MOVE,
        "The first move of a meeting with several hosts is compared with the record before it.",
        "Where it does not, a meeting with further hosts is read after each update.",
    ),
    unknown_groups(_V2),
    *common_facts(_V2, "10"),
)
