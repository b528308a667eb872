"""Make ``before_ownership``: see the package. Run with the code of the version that it is of."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from syncd.core.merging.rules import Choice, Rules
from syncd.model import Action, Kind, Person, Value
from syncd.systems.errors import RetryableError
from syncd.systems.port import Capabilities
from tests.core.kit import SYSTEMS, v
from tests.engine.conftest import Rig, open_rig
from tests.engine.fakes import FakeSystem, lost_reply
from tests.engine.states import keep


def _block(system: FakeSystem, provider: str, value: Value) -> str:
    return next(
        e
        for e, h in system.events.items()
        if (h.provider, h.kind, h.value) == (provider, Kind.BLOCK, value)
    )


def _copy(system: FakeSystem, event: str, value: Value, provider: str, **more: object) -> str:
    copied = replace(system.events[event], value=value, provider=provider)
    return system._put(replace(copied, **more))  # type: ignore[arg-type]


async def _days(rig: Rig) -> None:
    """What went on until the day of the upgrade."""
    a, b, c = rig.systems
    rules = Rules(prefer=SYSTEMS, moved_apart=Choice.HOLD)
    rig.engine.policy = replace(rig.engine.policy, rules={"p": rules, "q": rules})
    a.customers["ann"] = b.customers["7"] = Person(emails=("ann@example.com",))
    ends = a.book("p", v(9))
    a.book("p", v(11))
    moves = a.book("p", v(24 + 9))
    first, second = a.book("q", v(14), "ann"), b.book("q", v(14), "7")
    await rig.engine.resync()
    # Copies: one where nothing is wanted, one for q, one at a time at which a block gets wanted.
    b.faults["write"] = [RetryableError("b", "DELETE /")] * 50
    original = _block(b, "p", v(9))
    _copy(b, original, v(15), "p")
    _copy(b, original, v(10), "q")
    _copy(b, original, v(24 + 14), "p")
    _copy(b, original, v(17), "p", kind=Kind.APPOINTMENT, customer="kim")
    a.book("p", v(24 + 14))
    await rig.engine.poll(near=False)
    # A meeting ends and its block stays for now; twins are moved apart, and that is held.
    a.delete(ends)
    a.move(first, v(18))
    b.move(second, v(19))
    await rig.engine.poll(near=False)
    # A queued move of our own block, and a queued removal of somebody's copy.
    queues = frozenset({Action.MOVE_BLOCK, Action.REMOVE_BLOCK})
    c.capabilities = Capabilities(lag=timedelta(0), asynchronous=queues)
    c.queued = True
    _copy(c, _block(c, "p", v(11)), v(20), "p")
    a.move(moves, v(24 + 10))
    await rig.engine.poll(near=False)
    # Writes without an answer: two removals that did not arrive, one of them of somebody's copy,
    # and a create that did.
    a.book("p", v(48 + 9))
    b.faults["write"] = [lost_reply("b") for _ in range(50)]
    c.faults["reply"] = [lost_reply("c")]
    await rig.engine.poll(near=False)


def main() -> None:
    """Make it, and keep it."""
    with tempfile.TemporaryDirectory() as folder:
        rig = open_rig(Path(folder) / "state.db")
        asyncio.run(_days(rig))
        keep(rig, "before_ownership")


main()
