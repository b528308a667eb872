"""Policies drawn at random: every table, with up to three exceptions."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from syncd.core.rules import Rules, every_override, every_rules
from tests.core.kit import SYSTEMS


def rules(systems: tuple[str, ...] = SYSTEMS) -> st.SearchStrategy[Rules]:
    """Any valid rules for these systems."""
    exceptions = st.lists(st.sampled_from(list(every_override(systems))), max_size=3)
    tables = st.sampled_from(list(every_rules(systems)))
    return st.builds(lambda t, o: replace(t, overrides=tuple(o)), tables, exceptions)
