"""The uncertain facts of LeadConnector v1."""

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

_V1 = PlatformKind.V1
_PROBE, _READS, _MOVE, _PERSON = (
    MeasuredBy.PROBE,
    MeasuredBy.READS,
    MeasuredBy.MOVE,
    MeasuredBy.PERSON,
)
_NOBODY = MeasuredBy.NOBODY

V1_FACTS: tuple[PlatformFact, ...] = (
    PlatformFact(
        _V1,
        "lists_blocks",
        "lists show event blocks",
        NO,
        _PROBE,
        "A canary event block is made and looked for in the list.",
        "No more than one block is under way at a time, as none is found again after a crash. Our "
        "own blocks are read by their ids: a share in each far read, all in a resync.",
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
        "The record is read after each update. A block that did not get its end is replaced, the "
        "new one first; a customer's appointment keeps its end, and a block closes the time. "
        "Where they do, only the moves of appointments are read: no block's.",
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
        "checks_slots",
        "a booking at a time that is not offered is refused",
        YES,
        _NOBODY,
        "A booking shows it.",
        "Nothing: a refusal for a taken slot is understood, and none is needed.",
    ),
    unknown_groups(_V1),
    *common_facts(_V1, "30"),
)
