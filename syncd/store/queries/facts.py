"""Load measured facts (`model.Fact`)."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from syncd.model import Fact
from syncd.store.store import Store
from syncd.store.tables.tables import FACT

_OF_SYSTEM = select(FACT).where(FACT.c.system == bindparam("of_system"))
_NAMED = select(FACT).where(FACT.c.name == bindparam("named"))


def facts(store: Store, system: str) -> list[Fact]:
    """Load all measured facts of a system."""
    return [Fact(**row) for row in store.query(_OF_SYSTEM, {"of_system": system})]


def facts_named(store: Store, name: str) -> list[Fact]:
    """Load the measured fact with this name of each system."""
    return [Fact(**row) for row in store.query(_NAMED, {"named": name})]
