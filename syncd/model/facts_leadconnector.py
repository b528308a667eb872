"""Facts about LeadConnector v2 that only a live account can show."""

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
        "Each update first reads the record and sends all of it back. If an update does not "
        "replace the record, a reply with the status is enough, and the record is not read after "
        "it.",
    ),
    PlatformFact(
        _V2,
        "block_update_replaces",
        "an update of a block without a title erases the title",
        YES,
        _PROBE,
        "The canary block is moved without a title and read again.",
        "Nothing: each update of a block sends the title, which takes no extra call.",
    ),
    PlatformFact(
        _V2,
        "block_by_id",
        "a block can be read by its id",
        NO,
        _PROBE,
        "The canary block is read by its id.",
        "If it can, an absent block is gone once it is neither found by its id nor listed at its "
        "place. If not, lists or free slots must prove it.",
    ),
    PlatformFact(
        _V2,
        "second_delete",
        "the HTTP status for deleting a block that is deleted already",
        "any",
        _PROBE,
        "The canary block is deleted twice.",
        "Nothing: each of these replies to a removal means that the block is gone.",
        ("200", "400", "404"),
    ),
    PlatformFact(
        _V2,
        "block_closes_calendars",
        "a user's block removes the free slots of all calendars of that user",
        NO,
        _PROBE,
        "Free slots of each calendar are read with and without the canary block (2 calls each).",
        "If it does, one offered slot proves that a block is gone. If not, or if it is not known, "
        "slots prove nothing.",
    ),
    PlatformFact(
        _V2,
        "group_lists_all",
        "a list by `groupId` shows every calendar of the group",
        NO,
        _PROBE,
        "The list of a group is compared with those of its calendars.",
        "If it does not, calendars are read one by one. Until it is measured, they are read by "
        "group and compared with the lists of the calendars at the first read and once a day. A "
        "group whose list lacks an event is no longer used.",
    ),
    PlatformFact(
        _V2,
        "instance_writes",
        "an update or deletion of one instance of a series touches only that instance",
        NO,
        _PERSON,
        'The operator allows such writes (`series = "write"`). After each, syncd reads the other '
        "instances.",
        "Writes to instances of a series wait.",
    ),
    PlatformFact(
        _V2,
        "version_v3",
        "the calendar calls accept the header `Version: v3`",
        NO,
        _PROBE,
        "One list is read with that header.",
        "Nothing: syncd does not use it. `check` shows whether it could be configured.",
    ),
    PlatformFact(
        _V2,
        "lists_service_bookings",
        "bookings made through v3 service menus appear in the lists of events",
        NO,
        _PROBE,
        "Service bookings of the next 60 days are listed and looked for in the lists of events.",
        "The time of bookings that do not appear is not blocked. `check` and `status` say so, also "
        "until it is measured.",
    ),
    PlatformFact(
        _V2,
        "hosts_listed",
        "the list of each further host shows the meeting",
        NO,
        _NOBODY,
        "Meetings with several hosts are looked for in each host's lists.",
        "Nothing: the meetings of further hosts are found through the calendars that hold them.",
    ),
    PlatformFact(
        _V2,
        "users_name_owner",
        "`users` of a meeting includes the assigned user",
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
        "If it does not, a meeting with further hosts is read after each update.",
    ),
    unknown_groups(_V2),
    *common_facts(_V2, "10"),
)
