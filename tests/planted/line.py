"""One demand of the table of planted bugs."""

from __future__ import annotations

from typing import NamedTuple


class Line(NamedTuple):
    """One demand, the bugs that are planted in it, and who catches them."""

    demand: str
    simulated: tuple[str, ...] = ()
    named: tuple[tuple[str, str], ...] = ()
    also: tuple[str, ...] = ()
