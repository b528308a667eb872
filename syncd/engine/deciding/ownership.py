"""Find out from the store which tagged blocks syncd created (see `core.ownership.blocks`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from syncd.core.ownership.blocks import Ownership, is_tagged, may_be_proven
from syncd.model import Id, ProviderState, Topic, TrackedEvent
from syncd.model.former_calendars import is_former
from syncd.store.backup.ownership_proof import (
    created_ids,
    events_with_tag,
    is_unanswered,
    owned_ids_with_tag,
    providers_created_for,
)
from syncd.store.queries.reported import open_items
from syncd.store.store import Store


def ownership_of(
    store: Store, state: ProviderState, providers: Collection[str], *, whole: bool
) -> Ownership:
    """Return which tagged blocks of this provider's state are ours, copies, or in doubt.

    Used before each decision. ``whole``: every system of the provider was read in full since the
    state was lost, so all blocks are known. ``providers``: those of the configuration.
    """
    tagged = [record for record in state.records if is_tagged(record)]
    unproven = [record for record in state.records if may_be_proven(record)]
    created: set[Id] = set()
    for system in {record.system for record in unproven}:
        ids = [record.id for record in unproven if record.system == system]
        created |= {(system, event) for event in created_ids(store, system, ids)}
    of_others = {
        id_ for id_ in created if _made_for_another(store, *id_, state.provider, providers)
    }
    proven = created - of_others
    copies: set[Id] = set()
    doubtful: set[Id] = set()
    for tag in {record.key for record in tagged if record.key is not None}:
        bearers_of_tag = events_with_tag(store, tag)
        bearing_here = {(r.system, r.id) for r in tagged if r.key == tag} - proven
        if owned_ids_with_tag(store, tag, bearers_of_tag) - bearing_here:
            copies |= bearing_here
        elif is_unanswered(store, tag) or sum(map(is_tagged, bearers_of_tag)) > 1:
            doubtful |= bearing_here
    served = {(replica.system, replica.event) for replica in state.replicas}
    unserved = any(
        r.created_by_us and r.observed and (r.system, r.id) not in served for r in state.records
    )
    return Ownership(
        frozenset(proven),
        frozenset(copies),
        frozenset(doubtful),
        frozenset(of_others),
        whole,
        unread_systems(store, state.provider) if proven or unserved else frozenset(),
    )


def unread_systems(store: Store, provider: str) -> frozenset[str]:
    """Return the systems that list an event of this provider which syncd could never parse."""
    unreadable: dict[str, set[str]] = {}
    for item in open_items(store):
        if item.topic is Topic.UNREADABLE and (provider in item.calendars or not item.calendars):
            unreadable.setdefault(item.system, set()).add(item.event)
    known = {
        system: {r.id for r in store.records(system, sorted(events)) if r.observed is not None}
        for system, events in unreadable.items()
    }
    return frozenset(system for system, events in unreadable.items() if events - known[system])


def is_left_behind(store: Store, record: TrackedEvent, shown_for: str) -> bool:
    """Return true if our block was created for a calendar that is no longer configured.

    ``shown_for`` is the provider whose calendar shows the block now, for example after two users
    were merged; the block does not belong to that provider. Such a block stays until `syncd
    cleanup`, and `left_behind` lists it.
    """
    if not record.created_by_us or (record.provider and not is_former(record.provider)):
        return False
    known = {row.provider for row in store.baselines() if row.mapping}
    return _made_for_another(store, record.system, record.id, shown_for, known)


def _made_for_another(
    store: Store, system: str, event: str, shown_for: str, known: Collection[str]
) -> bool:
    """Return true if our block was created for other providers than the one who shows it now.

    If none of them is ``known`` any more, a provider may only have been renamed: false.
    """
    made_for = providers_created_for(store, system, event)
    return shown_for not in made_for and not made_for.isdisjoint(known)


def bearing_providers(store: Store, records: Iterable[TrackedEvent]) -> set[str]:
    """Return the providers whose calendars contain an event with a tag of these records."""
    tags = {record.key for record in records if record.key is not None}
    return {bearer.provider for tag in tags for bearer in events_with_tag(store, tag)}
