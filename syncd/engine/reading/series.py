"""Make a decision consider the whole series if an instance of the series changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from syncd.engine.reading.observation import Observation
from syncd.model import Kind, TrackedEvent, Window, series_of
from syncd.store.queries.series import absent_instances
from syncd.store.store import Store


def complete_series(store: Store, seen: Observation) -> list[str]:
    """Mark all instances of changed series as changed; return providers with vanished instances.

    Called after each read. Rescheduled instances are matched by their order, so a decision needs
    all instances of the series. If an instance vanished, more must be read: the following
    instances may lie beyond the window that was read.
    """
    news = [r for r in _touched(store, seen) if series_of(r)]
    for provider in sorted({r.provider for r in news}):
        for record in absent_instances(store, seen.system, provider):
            seen.add_changed(provider, record.id)
    return sorted({r.provider for r in news if r.observed is None and r.provider})


def _touched(store: Store, seen: Observation) -> Iterable[TrackedEvent]:
    ids = sorted({event for events in seen.changed_ids.values() for system, event in events})
    return [r for r in store.records(seen.system, ids) if r.kind is Kind.APPOINTMENT]


def unread_rest(
    store: Store, system: str, providers: Collection[str], read: Window, whole: Window
) -> Window | None:
    """Return the part of the whole window that still has to be read; None if there is none.

    ``read`` is the window that was read. The part begins with the known instances that overlap the
    end of ``read``: an instance that lies in no read as a whole could not be proven gone.
    """
    if read.end >= whole.end:
        return None
    values = [r.observed for p in providers for r in store.events_of(system, p) if series_of(r)]
    cut = [v.start for v in values if v is not None and v.start < read.end < v.end]
    return Window(min(cut, default=read.end), whole.end)


def join_observations(seen: Observation, more: Observation) -> None:
    """Add the result of a second read of the same system (``more``) to an observation."""
    seen.coverage = [*seen.coverage, *more.coverage]
    for provider, events in more.changed_ids.items():
        seen.changed_ids.setdefault(provider, set()).update(events)
    seen.news += more.news
    seen.suspect(more.recheck_at, more.suspected)
    seen.remarks += more.remarks
    seen.without_user = {*seen.without_user, *more.without_user}
    if more.fault is not None:
        seen.fail(more.fault)
