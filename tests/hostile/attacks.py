"""The table of attacks: what a hostile or broken platform may send instead of a list."""

from __future__ import annotations

from tests.hostile.attack import Attack
from tests.hostile.attacks_bodies import ENCODINGS, JSON, ROWS
from tests.hostile.attacks_http import (
    COMPRESSION,
    EARLY,
    FRAMING,
    HEADERS,
    KNOWN,
    SIZES,
    SPEEDS,
    STATUSES,
)

ATTACKS: tuple[Attack, ...] = (
    *KNOWN, *STATUSES, *FRAMING, EARLY, *COMPRESSION, *HEADERS, *ENCODINGS, *JSON, *ROWS, *SIZES,
    *SPEEDS,
)  # fmt: skip
"""All attacks. Names never change: the tables of two runs are compared by name."""
