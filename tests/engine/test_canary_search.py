"""Test what the search for a probe's block concludes from a read that does not show the block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from syncd.model import Kind, Unproven, Window
from syncd.model.canary import Canary
from syncd.systems.errors import RetryableError
from syncd.systems.port import Snapshot
from tests.core.kit import at
from tests.engine.conftest import Rig

CANARY = Canary("tag", "a", "p", at(30), at(31), at(0))
CUT = Unproven("p", frozenset({Kind.BLOCK}), Window(at(29), at(32)), incomplete=True)


@pytest.mark.parametrize(
    ("read", "gives_up"),
    [
        pytest.param({"faults": [RetryableError("a", "read")]}, False, id="failed"),
        pytest.param({"unproven": [CUT]}, False, id="cut"),
        pytest.param({}, True, id="shows no blocks"),
    ],
)
async def test_only_a_read_without_a_failure_says_that_no_list_shows_the_block(
    rig: Rig, read: Mapping[str, Any], *, gives_up: bool
) -> None:
    inner = rig.a.read

    async def uncovered(*args: Any, **named: Any) -> Snapshot:
        return replace(await inner(*args, **named), coverage=[], **read)

    rig.a.read = uncovered  # type: ignore[method-assign]
    rig.engine.canaries.begin(CANARY)
    rig.clock.pass_(hours=1)
    with capture_logs() as logs:
        found = await rig.engine.canaries.look_for(CANARY)
    ended = found is not None and found.ended_at is not None
    warned = any("no list shows" in each["event"] for each in logs)
    assert (ended, warned) == (gives_up, gives_up)
