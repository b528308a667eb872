"""Store what `syncd provision` created, and the last request for each resource."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import and_, delete, select

from syncd.store.store import Store
from syncd.store.tables.tables import PROVISIONED


class ProvisionState(StrEnum):
    """How far syncd got with creating or updating a resource."""

    MAKING = "making"
    """A create was about to be sent. Whether it succeeded is not known."""
    MADE = "made"
    """syncd created the resource."""
    KEPT = "kept"
    """Somebody else created the resource; syncd only updated it."""


@dataclass(frozen=True, slots=True)
class Provisioned:
    """One room, team, service or other resource that `syncd provision` manages in a system.

    ``sort`` is the type of the resource. ``sent`` are the fields of the last request, under the
    names of the configuration. ``id`` is the platform's id, or '' while a create has no response.
    """

    system: str
    sort: str
    name: str
    state: ProvisionState
    sent: Mapping[str, Any]
    at: datetime
    id: str = ""


def provisioned(store: Store) -> dict[tuple[str, str, str], Provisioned]:
    """Load all provisioned resources, by (system, sort, name). Raises StateError."""
    loaded = (
        Provisioned(**{**row, "state": ProvisionState(row["state"])})
        for row in store.query_once(select(PROVISIONED))
    )
    return {(p.system, p.sort, p.name): p for p in loaded}


def save_provisioned(store: Store, thing: Provisioned) -> None:
    """Store one resource. Raises StateError."""
    store.replace(PROVISIONED, [{**asdict(thing), "state": str(thing.state)}])


def forget_provisioned(store: Store, system: str, sort: str, name: str) -> None:
    """Delete one resource from the state. Raises StateError."""
    condition = and_(
        PROVISIONED.c.system == system, PROVISIONED.c.sort == sort, PROVISIONED.c.name == name
    )
    store.execute([delete(PROVISIONED).where(condition)])
