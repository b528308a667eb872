"""One requirement of the table of planted bugs."""

from __future__ import annotations

from typing import NamedTuple


class Line(NamedTuple):
    """One requirement, the bugs planted against it, and the tests that catch them.

    - ``simulated``: bugs that a simulated day shows;
    - ``named``: bugs of `tests/planted/named.py`, each with the test that catches it;
    - ``also``: tests that plant a bug themselves.
    """

    demand: str
    simulated: tuple[str, ...] = ()
    named: tuple[tuple[str, str], ...] = ()
    also: tuple[str, ...] = ()
