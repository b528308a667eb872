"""Preview and apply the resolution of a held conflict."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.conflicts.resolution import InvalidResolutionError, Resolution, ResolutionKind
from syncd.core.merging.rules import Choice, Rules
from syncd.engine.operator.resolve import ResolutionOutcome, preview, resolve_conflict
from syncd.model import Action
from syncd.systems.errors import RejectedError
from tests.core.kit import SYSTEMS, v
from tests.engine.conftest import Rig


async def test_a_preview_writes_where_the_engine_would_and_nowhere_else(rig: Rig) -> None:
    # The provider is a room of c, which gets no blocks, and b is read-only.
    rules = Rules(prefer=SYSTEMS, double_booked=Choice.HOLD)
    rig.engine.policy = replace(
        rig.engine.policy,
        rules={"p": rules, "q": rules},
        resources={"p": "c"},
        read_only=frozenset({("p", "b")}),
    )
    rig.engine.resources.quantities["p"] = 1
    event, other = rig.a.book("p", v(9)), rig.b.book("p", v(9.5))
    await rig.engine.resync()
    (held,) = rig.store.open_conflicts()
    foreseen = preview(rig.engine, held, Resolution(ResolutionKind.TAKE, "b", other))
    assert foreseen is not None
    assert [(o.action, o.system, o.event) for o in foreseen.operations] == [
        (Action.SET_STATUS, "a", event)
    ]


async def test_a_resolution_for_an_unmapped_provider_is_refused(rig: Rig) -> None:
    # Seed 30059: the file had lost the provider, and the daemon's job ended with a KeyError.
    rules = Rules(prefer=SYSTEMS, double_booked=Choice.HOLD)
    rig.engine.policy = replace(rig.engine.policy, rules={"p": rules, "q": rules})
    rig.a.book("p", v(9))
    rig.b.book("p", v(9.5))
    await rig.engine.resync()
    (held,) = rig.store.open_conflicts()
    rig.engine.mapping = {"q": SYSTEMS}
    before = rig.writes()
    assert preview(rig.engine, held, Resolution(ResolutionKind.KEEP_BOTH)) is None
    with pytest.raises(InvalidResolutionError, match="p is no longer in the configuration"):
        await resolve_conflict(rig.engine, held.id, Resolution(ResolutionKind.KEEP_BOTH))
    assert rig.engine.answers == {}
    assert (rig.writes(), rig.store.open_conflicts()) == (before, [held])
    await rig.engine.resync()
    rig.engine.mapping = {"p": SYSTEMS, "q": SYSTEMS}
    assert (
        await resolve_conflict(rig.engine, held.id, Resolution(ResolutionKind.KEEP_BOTH))
    ).outcome == "resolved"


async def test_a_resolution_that_a_system_refuses_is_not_resolved(rig: Rig) -> None:
    rules = Rules(prefer=SYSTEMS, double_booked=Choice.HOLD)
    rig.engine.policy = replace(rig.engine.policy, rules={"p": rules, "q": rules})
    rig.a.book("p", v(9))
    other = rig.b.book("p", v(9.5))
    await rig.engine.resync()
    (held,) = rig.store.open_conflicts()
    rig.a.faults["write"] = [RejectedError("a", "PUT", detail="no")] * 9
    done = await resolve_conflict(rig.engine, held.id, Resolution(ResolutionKind.TAKE, "b", other))
    assert (done.outcome, done.code) == (ResolutionOutcome.REFUSED, 3)
    (now,) = [h for h in rig.store.open_conflicts() if h.conflict.held]
    assert now.id != held.id
