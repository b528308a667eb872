"""The simulated days that every test run plays."""

from __future__ import annotations

from syncd.lab.simulate.scenario import draw_scenario

GATE = tuple(draw_scenario(seed) for seed in range(2))
"""`make test` plays these; `make prove` plays further seeds."""

FOUND = (902, 1006, 1022, 1075, 1106, 1125, 1133, 1136, 1148, 1181, 1233, 1254, 1336, 1354)
"""Further seeds that once broke a promise, or showed that the oracle was wrong.

They were found before acts known from complaints were drawn, and are played without them.
"""
