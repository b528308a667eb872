"""The capabilities of a v2 location, from its documentation and measured facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.model import Kind, Status, Statuses
from syncd.systems.capability_cache import list_lag
from syncd.systems.leadconnector import slots
from syncd.systems.leadconnector.fields import FIELD_PURPOSES
from syncd.systems.measured import Side
from syncd.systems.port import Capabilities

if TYPE_CHECKING:
    from syncd.systems.leadconnector.account import Account
    from syncd.systems.measured import MeasuredFacts


def capabilities(account: Account, measured: MeasuredFacts) -> Capabilities:
    """Return the capabilities of a location.

    ``update_replaces`` is always set, whatever was measured, because `Updater` reads and compares
    every record. Instances of a series are written to if the configuration allows it and no
    measured fact contradicts that.
    """
    only_lists = not measured.is_yes("block_by_id")
    instance_writes = measured.side("instance_writes")
    may_write_instances = instance_writes is Side.SAFE or measured.is_yes("instance_writes")
    return Capabilities(
        lag=list_lag(measured),
        slots_ahead=slots.MAX_SPAN,
        statuses=Statuses.of(account.statuses).round_tripping(Status),
        key_survives=measured.is_yes("keeps_tag"),
        gone_by_list=frozenset({Kind.BLOCK} if only_lists else ()),
        update_replaces=True,
        update_sets_status=True,
        series_writes=account.series == "write" and may_write_instances,
        series_waits=account.series == "hold",
        field_purposes=FIELD_PURPOSES,
    )
