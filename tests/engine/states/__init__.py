"""States that earlier versions left in the middle of everything, each with what stood outside.

``before_ownership``: every record that bore a known tag counted as ours. Made by the code of the
last commit before ownership by id: `python -m tests.engine.states` in a checkout of it. It is
never made anew.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from syncd.model import Kind, Operation, Status, Value
from syncd.store import Store
from tests.engine.conftest import Rig, make_engine, open_rig
from tests.engine.fakes import Held

HERE = Path(__file__).parent


def keep(rig: Rig, name: str) -> None:
    """Write down a state and the world around it."""
    rig.store.close()
    with closing(sqlite3.connect(rig.path)) as database:
        text = "\n".join(database.iterdump()) + "\n"
    (HERE / f"{name}.sql").write_text(text)
    world = {
        "now": rig.clock.now().isoformat(),
        "events": {s.name: {e: _spelt(h) for e, h in s.events.items()} for s in rig.systems},
        "queues": {s.name: [o.event for o in s.queue] for s in rig.systems},
    }
    (HERE / f"{name}.json").write_text(json.dumps(world, indent=1) + "\n")


def restored(path: Path, name: str) -> Rig:
    """Open a kept state, with the world that stood around it."""
    with closing(sqlite3.connect(path)) as database:
        database.executescript((HERE / f"{name}.sql").read_text())
    world = json.loads((HERE / f"{name}.json").read_text())
    rig = open_rig(path.with_name("empty.db"))
    rig.store.close()
    rig.clock.time = datetime.fromisoformat(world["now"])
    for system in rig.systems:
        system.events = {e: _read(h) for e, h in world["events"][system.name].items()}
        for _ in range(1000):
            next(system.numbers)
    for _ in range(100_000):
        next(rig.rows)
    rig.path = path
    rig.store = Store.open(path)
    rig.engine = make_engine(rig.store, rig.clock, rig.systems, rig.rows)
    return rig


def queued(rig: Rig, name: str) -> dict[str, list[Operation]]:
    """What the platforms were still to carry out, by system."""
    world = json.loads((HERE / f"{name}.json").read_text())
    rows = rig.store.pending_intents()
    return {
        system: [i.operation for i in rows if i.operation.event in events and i.job]
        for system, events in world["queues"].items()
    }


def _spelt(held: Held) -> dict[str, str | None]:
    value = held.value
    return {
        "provider": held.provider,
        "kind": str(held.kind),
        "start": value.start.isoformat(),
        "end": value.end.isoformat(),
        "status": str(value.status),
        "person": held.customer,
        "title": held.title,
        "updated_at": held.updated_at.isoformat() if held.updated_at else None,
    }


def _read(kept: dict[str, str]) -> Held:
    start, end = (datetime.fromisoformat(kept[name]) for name in ("start", "end"))
    changed = datetime.fromisoformat(kept["updated_at"]) if kept["updated_at"] else None
    value = Value(start, end, Status(kept["status"]))
    kind = Kind(kept["kind"])
    return Held(kept["provider"], kind, value, kept["person"], kept["title"], changed)
