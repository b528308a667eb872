"""What the engine is told once: how to decide, and where new names come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from syncd.core.facts import Limits, Rules


@dataclass(frozen=True, slots=True)
class Policy:
    """What the configuration says of deciding: rules per provider, the guard's limits, spans.

    ``read_only`` holds the calendars, (provider, system), that are never written to.
    ``resources`` gives the system in which a provider is a room or equipment that others need.
    """

    rules: Mapping[str, Rules]
    limits: Limits = field(default_factory=Limits)
    past: timedelta = timedelta(days=1)
    future: timedelta = timedelta(days=60)
    ahead: timedelta = timedelta(days=2)
    read_only: frozenset[tuple[str, str]] = frozenset()
    resources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ids:
    """Where new names come from: rows' ids, and the keys that blocks carry."""

    row: Callable[[], str]
    key: Callable[[], str]
