"""Preview and apply the resolution of a held conflict."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.resolution import InvalidResolutionError, Resolution, ResolutionKind
from syncd.core.rules import Choice, Rules
from syncd.engine.resolve import ResolutionOutcome, preview, resolve_conflict
from syncd.model import Action
from syncd.systems.port import RejectedError
from tests.core.kit import SYSTEMS, v
from tests.engine.conftest import EngineHarness


async def test_a_preview_writes_where_the_engine_would_and_nowhere_else(
    harness: EngineHarness,
) -> None:
    # The provider is a room of c, which gets no blocks, and b is read-only.
    rules = Rules(prefer=SYSTEMS, double_booked=Choice.HOLD)
    harness.engine.policy = replace(
        harness.engine.policy,
        rules={"p": rules, "q": rules},
        resources={"p": "c"},
        read_only=frozenset({("p", "b")}),
    )
    harness.engine.resources.quantities["p"] = 1
    event, other = harness.a.book("p", v(9)), harness.b.book("p", v(9.5))
    await harness.engine.resync()
    (held,) = harness.store.open_conflicts()
    foreseen = preview(harness.engine, held, Resolution(ResolutionKind.TAKE, "b", other))
    assert foreseen is not None
    assert [(o.action, o.system, o.event) for o in foreseen.operations] == [
        (Action.SET_STATUS, "a", event)
    ]


async def test_a_resolution_for_an_unmapped_provider_is_refused(harness: EngineHarness) -> None:
    # Seed 30059: the file had lost the provider, and the daemon's job ended with a KeyError.
    rules = Rules(prefer=SYSTEMS, double_booked=Choice.HOLD)
    harness.engine.policy = replace(harness.engine.policy, rules={"p": rules, "q": rules})
    harness.a.book("p", v(9))
    harness.b.book("p", v(9.5))
    await harness.engine.resync()
    (held,) = harness.store.open_conflicts()
    harness.engine.mapping = {"q": SYSTEMS}
    before = harness.writes()
    assert preview(harness.engine, held, Resolution(ResolutionKind.KEEP_BOTH)) is None
    with pytest.raises(InvalidResolutionError, match="p is no longer in the configuration"):
        await resolve_conflict(harness.engine, held.id, Resolution(ResolutionKind.KEEP_BOTH))
    assert harness.engine.answers == {}
    assert (harness.writes(), harness.store.open_conflicts()) == (before, [held])
    await harness.engine.resync()
    harness.engine.mapping = {"p": SYSTEMS, "q": SYSTEMS}
    assert (
        await resolve_conflict(harness.engine, held.id, Resolution(ResolutionKind.KEEP_BOTH))
    ).outcome == "resolved"


async def test_a_resolution_that_a_system_refuses_is_not_resolved(harness: EngineHarness) -> None:
    rules = Rules(prefer=SYSTEMS, double_booked=Choice.HOLD)
    harness.engine.policy = replace(harness.engine.policy, rules={"p": rules, "q": rules})
    harness.a.book("p", v(9))
    other = harness.b.book("p", v(9.5))
    await harness.engine.resync()
    (held,) = harness.store.open_conflicts()
    harness.a.faults["write"] = [RejectedError("a", "PUT", detail="no")] * 9
    done = await resolve_conflict(
        harness.engine, held.id, Resolution(ResolutionKind.TAKE, "b", other)
    )
    assert (done.outcome, done.code) == (ResolutionOutcome.REFUSED, 3)
    (now,) = [h for h in harness.store.open_conflicts() if h.conflict.held]
    assert now.id != held.id
