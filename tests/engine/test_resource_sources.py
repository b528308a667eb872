"""Track the number of units of rooms and equipment."""

from __future__ import annotations

from syncd.engine.reading.observation import Observation
from syncd.engine.resources.sources import ResourceSources


def test_only_a_changed_number_of_units_is_a_change() -> None:
    annexes = ResourceSources()
    assert annexes.update_quantities([Observation("clinic", units={"laser": 2})]) == {"laser"}
    assert (
        annexes.update_quantities([Observation("clinic", units={"laser": 2}), Observation("crm")])
        == set()
    )
    # Without a new number, the last one stays.
    assert annexes.quantities == {"laser": 2}
    assert annexes.update_quantities([Observation("clinic", units={"laser": 1})]) == {"laser"}
