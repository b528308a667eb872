"""Compare the customers of one meeting after one of its events named another customer.

A twin is linked because it has the same customer. Customers are looked up again only if the id of
the customer in an event changed, so a cycle without such a change makes no lookup.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from syncd.core.matching.match import CustomerIndex
from syncd.core.workspace import Workspace
from syncd.model import Id, Kind, Replica, Role, TrackedEvent


@dataclass(frozen=True, slots=True)
class CustomerComparison:
    """The events of one meeting that were compared.

    ``other`` is the event that has another customer than the origin; None if there is none.
    """

    events: tuple[Id, ...]
    other: Id | None = None


def customers_to_compare(workspace: Workspace) -> list[TrackedEvent]:
    """Return the events whose customers must be looked up before `compare_customers`."""
    return [record for pairs in _changed_meetings(workspace) for _, record in pairs]


def compare_customers(
    workspace: Workspace, customers: CustomerIndex
) -> tuple[list[CustomerComparison], int]:
    """Compare the customers of each meeting in which one changed.

    Return the comparisons, and how many customers are not in ``customers`` (their meetings are
    compared later). A customer without a known e-mail or phone never counts as different.
    """
    comparisons: list[CustomerComparison] = []
    unknown = 0
    for pairs in _changed_meetings(workspace):
        missing = [r for _, r in pairs if (r.system, r.customer or "") not in customers]
        if missing:
            unknown += len(missing)
            continue
        hashes = [customers[r.system, r.customer or ""] for _, r in pairs]
        different = [
            (record.system, record.id)
            for (_, record), own in zip(pairs, hashes, strict=True)
            if own and hashes[0] and own.isdisjoint(hashes[0])
        ]
        comparisons.append(
            CustomerComparison(tuple((r.system, r.id) for _, r in pairs), *different[:1])
        )
        for replica, record in pairs:
            if replica.customer != record.customer:
                workspace.link(replace(replica, customer=record.customer))
    return comparisons, unknown


def _changed_meetings(workspace: Workspace) -> Iterator[list[tuple[Replica, TrackedEvent]]]:
    """Yield the events that have a customer, of each meeting with several such events.

    The origin is first. Only meetings with an event whose customer changed since the last
    comparison are yielded.
    """
    for booking in workspace.bookings.values():
        if booking.kind is not Kind.APPOINTMENT or not booking.agreed.busy:
            continue
        pairs = [
            p for p in workspace.pairs(booking.id) if p[1].observed is not None and p[1].customer
        ]
        pairs.sort(key=lambda pair: pair[0].role is not Role.ORIGIN)
        if len(pairs) > 1 and any(_customer_changed(*pair) for pair in pairs):
            yield pairs


def _customer_changed(replica: Replica, record: TrackedEvent) -> bool:
    """Return true if an event has another customer than when it was linked or last compared."""
    return replica.customer is not None and replica.customer != record.customer
