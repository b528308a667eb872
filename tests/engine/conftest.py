"""Provide a small business in three systems in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path

import pytest

from syncd.core.inputs import GuardLimits
from syncd.core.merging.rules import Rules
from syncd.engine.deciding.customer_lookup import CustomerLookup
from syncd.engine.engine import Engine
from syncd.engine.policy import EnginePolicy, IdSource
from syncd.store.store import Store
from tests.core.kit import SYSTEMS
from tests.engine.fakes import FakeClock, FakeSystem


@dataclass
class Rig:
    """Providers p and q in systems a, b and c, and an engine that can be restarted."""

    path: Path
    clock: FakeClock
    a: FakeSystem
    b: FakeSystem
    c: FakeSystem
    store: Store
    engine: Engine
    rows: Iterator[int]

    @property
    def systems(self) -> tuple[FakeSystem, FakeSystem, FakeSystem]:
        return (self.a, self.b, self.c)

    def writes(self) -> int:
        """Return how many writes were made so far, in all systems."""
        return sum(len(s.writes) for s in self.systems)

    def blocks(self, provider: str = "p") -> dict[str, list[tuple[datetime, datetime]]]:
        """Return the existing blocks by system."""
        return {s.name: s.blocks(provider) for s in self.systems}

    def restart(self) -> None:
        """Restart the engine with the stored state only."""
        self.store.close()
        self.store = Store.open(self.path)
        self.engine = make_engine(self.store, self.clock, self.systems, self.rows)


def make_engine(
    store: Store,
    clock: FakeClock,
    systems: tuple[FakeSystem, ...],
    numbers: Iterator[int],
) -> Engine:
    """Build an engine over fake systems, with counted ids."""
    return Engine(
        systems={s.name: s for s in systems},
        mapping={"p": SYSTEMS, "q": SYSTEMS},
        store=store,
        clock=clock,
        ids=IdSource(
            row=lambda: f"row{next(numbers):06}",
            key=lambda: f"key{next(numbers):06}x".translate(str.maketrans("0189", "abcd"))[:10],
        ),
        customers=CustomerLookup(b"secret"),
        policy=EnginePolicy(rules={p: Rules(prefer=SYSTEMS) for p in "pq"}, limits=GuardLimits()),
    )


def open_rig(path: Path) -> Rig:
    """Open an empty business whose state is at this path."""
    clock = FakeClock()
    a, b, c = (FakeSystem(name, ("p", "q"), clock) for name in SYSTEMS)
    store = Store.open(path)
    numbers = count()
    engine = make_engine(store, clock, (a, b, c), numbers)
    return Rig(path, clock, a, b, c, store, engine, numbers)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """Open an empty business."""
    found = open_rig(tmp_path / "state.db")
    yield found
    found.store.close()
