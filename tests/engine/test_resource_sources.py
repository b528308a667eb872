"""What the engine learns of rooms besides their bookings."""

from __future__ import annotations

from syncd.engine.observation import Observation
from syncd.engine.resource_sources import ResourceSources


def test_only_a_changed_number_of_units_is_a_change() -> None:
    annexes = ResourceSources()
    assert annexes.update_quantities([Observation("clinic", units={"laser": 2})]) == {"laser"}
    assert (
        annexes.update_quantities([Observation("clinic", units={"laser": 2}), Observation("crm")])
        == set()
    )
    # Where nothing is told, what was last told stands.
    assert annexes.quantities == {"laser": 2}
    assert annexes.update_quantities([Observation("clinic", units={"laser": 1})]) == {"laser"}
