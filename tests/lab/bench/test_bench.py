"""The cells of the benchmark run correctly on a small agency that is in sync."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from syncd.lab.bench import floor
from syncd.lab.bench.__main__ import Bench
from syncd.lab.bench.cells import _agreed, changed, engine, first, lasting
from syncd.systems.port import NOTHING_KNOWN


async def test_an_agency_that_agrees_costs_its_list_calls_and_no_other(tmp_path: Path) -> None:
    cell = await engine(tmp_path, 31, rounds=1)
    # LeadSquared in one page; v2 in a group and two users' blocks; v1 by two users.
    assert cell["calls"] == 1 + 3 + 2
    assert cell["bytes"] > 0


async def test_no_row_of_an_unchanged_agency_is_looked_at(tmp_path: Path) -> None:
    site = await _agreed(30, tmp_path)
    engine_ = site.app.engine
    window = engine_.window(near=False)
    for name, system in site.app.systems.items():
        known = engine_.store.fingerprints(name, window)
        first_rows = {row.provider for row in (await system.read(window, None, known)).rows}
        rows = (await system.read(window, None, known)).rows
        # LeadSquared learns how each address is spelt from one row of each user.
        assert len(rows) == (len(first_rows) if name == "crm" else 0)
        assert len((await system.read(window, None, NOTHING_KNOWN)).rows) == 20
    await site.app.aclose()


async def test_a_past_changes_nothing(tmp_path: Path) -> None:
    site = await _agreed(30, tmp_path, past=50)
    await site.app.aclose()
    with closing(sqlite3.connect(tmp_path / "state.db")) as state:
        assert state.execute("SELECT count(*) FROM event").fetchone() == (60 + 50,)
        assert state.execute("SELECT count(*) FROM history").fetchone() == (50,)
        retired = "SELECT count(*) FROM booking WHERE retired"
        assert state.execute(retired).fetchone() == (50,)


@pytest.mark.parametrize(("cell", "writes"), [(changed, "moved"), (first, "writes")])
async def test_the_plan_contains_exactly_the_changes(
    tmp_path: Path, cell: Any, writes: str
) -> None:
    measured: Mapping[str, Any] = await cell(tmp_path, 30)
    assert measured[writes] == (3 if cell is changed else 30)


async def test_the_floor_reads_the_same_events(tmp_path: Path) -> None:
    site = await _agreed(30, tmp_path)
    pages = [body for way in site.ways.values() for body in way.bodies()]
    with closing(sqlite3.connect(":memory:")) as state:
        floor.fill(state, pages)
        assert state.execute("SELECT count(*) FROM e").fetchone() == (60,)
        assert floor.cycle(state, pages) == 0
        state.execute("UPDATE e SET f = 'other' WHERE rowid < 4")
        assert floor.cycle(state, pages) == 3
    await site.app.aclose()


@pytest.mark.prove
@pytest.mark.slow
def test_whole_processes_agree_over_http_too() -> None:
    bench = Bench()
    with bench.served(size=31) as home:
        bench.cell("seed", "state", home=home)
        assert bench.cell("over_http", "http", home=home, rounds=1)["calls"] == 6
        assert bench.cell("bulk", "bulk", home=home, moves=10)["calls"] == 1
    assert {b.get_name() for b in bench.benchmarks} == {"http: cpu", "http: wall", "bulk: cpu"}


async def test_cycles_last_with_writes_among_them(tmp_path: Path) -> None:
    measured = await lasting(tmp_path, 30, 50, every=5)
    assert (len(measured["memory"]), measured["moved"]) == (10, 10)
