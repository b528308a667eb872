"""What the engine learns of rooms besides their bookings."""

from __future__ import annotations

from syncd.engine.annexes import Annexes
from syncd.engine.observation import Observation


def test_another_number_of_pieces_is_news_and_the_same_number_is_none() -> None:
    annexes = Annexes()
    assert annexes.count([Observation("clinic", units={"laser": 2})]) == {"laser"}
    assert annexes.count([Observation("clinic", units={"laser": 2}), Observation("crm")]) == set()
    # Where nothing is told, what was last told stands.
    assert annexes.units == {"laser": 2}
    assert annexes.count([Observation("clinic", units={"laser": 1})]) == {"laser"}
