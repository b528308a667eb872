"""Random rules: every table, with up to three overrides."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from syncd.core.merging.rules import Rules, all_overrides, all_rules
from tests.core.kit import SYSTEMS


def rules(systems: tuple[str, ...] = SYSTEMS) -> st.SearchStrategy[Rules]:
    """Draw any valid rules for these systems."""
    exceptions = st.lists(st.sampled_from(list(all_overrides(systems))), max_size=3)
    tables = st.sampled_from(list(all_rules(systems)))
    return st.builds(lambda t, o: replace(t, overrides=tuple(o)), tables, exceptions)
