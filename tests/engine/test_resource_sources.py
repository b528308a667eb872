"""What the engine learns of rooms besides their bookings."""

from __future__ import annotations

from syncd.engine.observation import Observation
from syncd.engine.resource_sources import ResourceSources


def test_another_number_of_pieces_is_news_and_the_same_number_is_none() -> None:
    annexes = ResourceSources()
    assert annexes.update_quantities([Observation("clinic", units={"laser": 2})]) == {"laser"}
    assert (
        annexes.update_quantities([Observation("clinic", units={"laser": 2}), Observation("crm")])
        == set()
    )
    # Where nothing is told, what was last told stands.
    assert annexes.quantities == {"laser": 2}
    assert annexes.update_quantities([Observation("clinic", units={"laser": 1})]) == {"laser"}
