"""Tell from the store whose the tagged blocks of a provider are (see `core.ownership`)."""

from __future__ import annotations

from collections.abc import Iterable

from syncd.core.ownership import Ownership, is_tagged, may_be_proven
from syncd.model import Id, ProviderState, Record
from syncd.store.proof import bearers, created_ids, is_unanswered, owned_with
from syncd.store.store import Store


def ownership_of(store: Store, state: ProviderState, *, whole: bool) -> Ownership:
    """Return whose the tagged blocks in this state are."""
    tagged = [record for record in state.records if is_tagged(record)]
    unproven = [record for record in state.records if may_be_proven(record)]
    proven: set[Id] = set()
    for system in {record.system for record in unproven}:
        ids = [record.id for record in unproven if record.system == system]
        proven |= {(system, event) for event in created_ids(store, system, ids)}
    copies: set[Id] = set()
    doubtful: set[Id] = set()
    for tag in {record.key for record in tagged if record.key is not None}:
        bearing = bearers(store, tag)
        mine = {(r.system, r.id) for r in tagged if r.key == tag} - proven
        if owned_with(store, tag, bearing) - mine:
            copies |= mine
        elif is_unanswered(store, tag) or sum(map(is_tagged, bearing)) > 1:
            doubtful |= mine
    return Ownership(frozenset(proven), frozenset(copies), frozenset(doubtful), whole)


def bearing_providers(store: Store, records: Iterable[Record]) -> set[str]:
    """Return the providers whose calendars hold events with the tags of these records."""
    tags = {record.key for record in records if record.key is not None}
    return {bearer.provider for tag in tags for bearer in bearers(store, tag)}
