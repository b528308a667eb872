"""What provisioning remembers: which things syncd made, and what it last sent for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import and_, delete, select

from syncd.store.store import Store
from syncd.store.tables import PROVISIONED


class ProvisionState(StrEnum):
    """How far syncd's part in a thing went."""

    MAKING = "making"
    """It was not there, and a create was about to be sent: nobody knows yet whether it took."""
    MADE = "made"
    """syncd created it."""
    KEPT = "kept"
    """Somebody else's, which syncd only brought up to date."""


@dataclass(frozen=True, slots=True)
class Provisioned:
    """One thing; ``sent`` are the fields of the last request, in the configuration's words."""

    system: str
    sort: str
    name: str
    state: ProvisionState
    sent: Mapping[str, Any]
    at: datetime
    id: str = ""


def provisioned(store: Store) -> dict[tuple[str, str, str], Provisioned]:
    """All that is remembered, by system, sort and name. Raises StateError."""
    found = (
        Provisioned(**{**row, "state": ProvisionState(row["state"])})
        for row in store.query_once(select(PROVISIONED))
    )
    return {(p.system, p.sort, p.name): p for p in found}


def save_provisioned(store: Store, thing: Provisioned) -> None:
    """Keep what is known of a thing. Raises StateError."""
    store.replace(PROVISIONED, [{**asdict(thing), "state": str(thing.state)}])


def forget_provisioned(store: Store, system: str, sort: str, name: str) -> None:
    """Let go of a thing. Raises StateError."""
    here = and_(
        PROVISIONED.c.system == system, PROVISIONED.c.sort == sort, PROVISIONED.c.name == name
    )
    store.execute([delete(PROVISIONED).where(here)])
