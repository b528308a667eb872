"""Wrong assumptions about uncertain facts, each with a day on which the platform differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from syncd.lab.simulate.scenario import EventKind, Scenario
from syncd.systems.capability_cache import CapabilityCache
from syncd.systems.leadconnector.blocks import BlockFinder, BlockSearch
from syncd.systems.measured import MeasuredFacts
from tests.lab.simulate.days import EMPTIED, at, day
from tests.planted.swap import swap

if TYPE_CHECKING:
    from syncd.model import Value
    from syncd.systems.port import Capabilities

Patch = pytest.MonkeyPatch


def a_block_that_is_not_read_by_its_id_is_gone(patch: Patch) -> None:
    """Assume that v2 answers blocks by id, where it does not."""

    async def find(at: BlockFinder, id: str, _provider: str, _value: Value | None) -> BlockSearch:
        item, _ = await at.by_id(id)
        return BlockSearch(item) if item is not None else BlockSearch(by_id=True)

    swap(patch, BlockFinder.find, find)


def tags_come_back_whatever_was_measured(patch: Patch) -> None:
    """Look for a create with a lost response by a tag that the platform has stripped."""
    is_yes = MeasuredFacts.is_yes
    swap(patch, MeasuredFacts.is_yes, lambda at, name: name == "keeps_tag" or is_yes(at, name))


def lists_show_at_once_what_was_written(patch: Patch) -> None:
    """Treat what a list still shows of before a write as a change."""
    work_out = CapabilityCache.__call__

    def believing(able: CapabilityCache) -> Capabilities:
        return replace(work_out(able), lag=timedelta(0))

    swap(patch, CapabilityCache.__call__, believing)


def updates_keep_the_end_whatever_an_answer_said(patch: Patch) -> None:
    """Send the same end for ever to a block that an update cannot lengthen."""
    is_yes = MeasuredFacts.is_yes
    swap(
        patch, MeasuredFacts.is_yes, lambda at, name: name == "update_keeps_end" or is_yes(at, name)
    )


_UNTAGGED = replace(
    day(
        at(0.99, EventKind.FAULT, "legacy", slot=1, fault="odd-answer", times=4, spelling="empty"),
        at(1, EventKind.BOOK, "clinic", slot=70),
    ),
    facts=(("legacy", "keeps_tag", "no"),),
    measured=(("legacy", "keeps_tag"),),
)
_LAGGING = replace(
    day(
        at(1, EventKind.BOOK, "clinic", slot=70),
        at(2.997, EventKind.MOVE, "clinic", slot=30),
        *(at(3 + seconds / 3600, EventKind.RESYNC, "") for seconds in (3, 6)),
    ),
    facts=(("crm", "list_lag", "5"), ("legacy", "list_lag", "5")),
)
_KEPT_SHORT = replace(
    day(
        at(3, EventKind.CHANGE_FACT, "legacy", spelling="update_keeps_end"),
        at(5, EventKind.CHANGE_LEAVE, "clinic", slot=647),
    ),
    before=(at(0, EventKind.LEAVE, "clinic", slot=134, number=112),),
    measured=(("legacy", "update_keeps_end"),),
)

ABOUT_FACTS_DRAWN: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (
        a_block_that_is_not_read_by_its_id_is_gone,
        replace(EMPTIED, facts=(("clinic", "second_delete", "404"),)),
    ),
    (tags_come_back_whatever_was_measured, _UNTAGGED),
    (lists_show_at_once_what_was_written, _LAGGING),
    (updates_keep_the_end_whatever_an_answer_said, _KEPT_SHORT),
)
