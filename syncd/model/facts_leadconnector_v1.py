"""Facts about LeadConnector v1 that only a live account can show."""

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
        "A canary event block is created and looked for in the list.",
        "If they do not, blocks are created one at a time, because a lost one could not be found "
        "after a crash. Our blocks are read by their ids: some in each far read, all in a resync.",
    ),
    PlatformFact(
        _V1,
        "makes_blocks",
        "event blocks can be created",
        YES,
        _PROBE,
        "A canary event block is created.",
        'If they cannot, `check` recommends `blocks = "hold"`.',
    ),
    PlatformFact(
        _V1,
        "update_keeps_end",
        "an update sets the end that it sends",
        NO,
        _PROBE,
        "The canary block gets another length and is read again.",
        "If it does not, the record is read after each update. A block with a wrong end is "
        "replaced, the new one first. An appointment keeps its end, and a block covers the time. "
        "If it does, only moves of appointments are read afterwards, not those of blocks.",
    ),
    PlatformFact(
        _V1,
        "refuses_deleted",
        "a read of a deleted appointment by its id returns 400",
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
        "Nothing: syncd handles the refusal and does not rely on it.",
    ),
    unknown_groups(_V1),
    *common_facts(_V1, "30"),
)
