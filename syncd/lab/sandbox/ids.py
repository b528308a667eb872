"""Ids in the form of each platform; the same seed gives the same ids."""

from __future__ import annotations

import string
from collections.abc import Callable
from random import Random
from uuid import UUID

Ids = Callable[[], str]


def alnum_ids(seed: int | str) -> Ids:
    """Return a generator of ids of 20 letters and digits, as in LeadConnector."""
    random = Random(f"alnum {seed}")  # noqa: S311 - ids of an emulator, not secrets
    letters = string.ascii_letters + string.digits
    return lambda: "".join(random.choices(letters, k=20))


def guid_ids(seed: int | str) -> Ids:
    """Return a generator of GUIDs, as in LeadSquared."""
    random = Random(f"guid {seed}")  # noqa: S311 - ids of an emulator, not secrets
    return lambda: str(UUID(int=random.getrandbits(128), version=4))
