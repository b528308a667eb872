"""Planted bugs in which blocks are made, moved and removed; `plants` names their days."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from syncd.core.blocks import planning as block_planning
from syncd.core.blocks import wanted as blocks
from syncd.core.blocks.wanted import BlockPlan
from syncd.model import Action, Operation
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
FAR_OFF = LONG_AGO + timedelta(days=99_999)


def blocks_are_never_removed(patch: Patch) -> None:
    """A block whose meeting is off stays."""
    plan_blocks = blocks.plan_blocks

    def without_removals(*given: Any) -> BlockPlan:
        plan = plan_blocks(*given)
        kept = [o for o in plan.operations if o.action is not Action.REMOVE_BLOCK]
        return replace(plan, operations=tuple(kept))

    swap(patch, plan_blocks, without_removals)


def blocks_never_follow(patch: Patch) -> None:
    """A moved meeting gets a new block, and the old one stays."""
    # Blocks that have ended are neither moved nor removed.
    _plan_blocks_at(patch, FAR_OFF)


def _plan_blocks_at(patch: Patch, now: datetime) -> None:
    """Let blocks be planned as if it were another time, with the intervals wanted now."""
    plan_blocks = blocks.plan_blocks

    def plan_at(provider: str, calendar: Any, wanted: Any, ours: Any, _now: datetime) -> BlockPlan:
        return plan_blocks(provider, calendar, wanted, ours, now)

    swap(patch, plan_blocks, plan_at)


def taken_calendars_get_a_block_on_top(patch: Patch) -> None:
    """A calendar that has the meeting itself is blocked all the same."""
    patch.setattr(block_planning, "holds_meeting", lambda *_given: False)


def wrong_length(patch: Patch) -> None:
    """A block is a minute too short."""
    plan_blocks = blocks.plan_blocks

    def short(*given: Any) -> BlockPlan:
        plan = plan_blocks(*given)
        return replace(plan, operations=tuple(map(_a_minute_shorter, plan.operations)))

    swap(patch, plan_blocks, short)


def _a_minute_shorter(operation: Operation) -> Operation:
    value = operation.after
    if value is None:
        return operation
    return replace(operation, after=replace(value, end=value.end - timedelta(minutes=1)))


def ended_blocks_are_removed(patch: Patch) -> None:
    """History is tidied up."""
    _plan_blocks_at(patch, LONG_AGO)
