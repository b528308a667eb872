"""All platform facts: one row for each fact that only a live account can show.

A fact has one name in the adapters' capabilities, the store, the sandbox's knobs and the
simulator. Its safe side is assumed until it is measured in the user's account. The rows are in
`facts_leadconnector`, `facts_leadconnector_v1` and `facts_leadsquared`. `docs/platform-facts.md` is
generated from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from syncd.model.facts_leadconnector import V2_FACTS
from syncd.model.facts_leadconnector_v1 import V1_FACTS
from syncd.model.facts_leadsquared import LEADSQUARED_FACTS
from syncd.model.platform_fact import NO, YES, MeasuredBy, PlatformFact, PlatformKind

__all__ = [
    "NO",
    "PLATFORM_FACTS",
    "YES",
    "MeasuredBy",
    "PlatformFact",
    "PlatformKind",
    "platform_fact",
    "platform_facts",
]

PLATFORM_FACTS: tuple[PlatformFact, ...] = (*V2_FACTS, *V1_FACTS, *LEADSQUARED_FACTS)
"""All rows, in the order of the documentation."""

_BY_NAME: Mapping[tuple[str, str], PlatformFact] = MappingProxyType(
    {(str(row.platform), row.name): row for row in PLATFORM_FACTS}
)


def platform_fact(platform: str, name: str) -> PlatformFact:
    """Return the row of a fact. Raises KeyError if the platform has no fact of that name."""
    return _BY_NAME[platform, name]


def platform_facts(platform: str) -> tuple[PlatformFact, ...]:
    """Return the rows of one platform, in the order of the documentation."""
    return tuple(row for row in PLATFORM_FACTS if row.platform == platform)
