"""Requirements for pauses and observe mode, and the bugs planted against them."""

from __future__ import annotations

from tests.planted.line import Line

PAUSING = (
    Line(
        "Once `pause` returns, nothing is written there; it stays a source, and its writes are "
        "reported as held back",
        (
            "a_pause_is_not_looked_at",
            "a_pause_of_a_provider_is_forgotten",
            "what_is_paused_counts_as_waiting",
            "what_is_paused_is_no_source_any_more",
            "what_is_open_because_of_a_pause_is_not_told_so",
        ),
        named=(
            (
                "a_pause_waits_for_the_next_decision",
                "tests/engine/test_write_pauses.py::test_a_pause_between_plan_and_write_stops_the_write",
            ),
            (
                "a_pause_is_answered_at_once",
                ("tests/engine/test_write_pauses.py::test_a_pause_waits_for_the_write_in_flight"),
            ),
        ),
    ),
    Line(
        "In observe mode nothing is written, and each held-back write is logged once",
        named=(
            (
                "observe_mode_is_not_heeded",
                (
                    "tests/engine/test_write_pauses.py::"
                    "test_observe_mode_writes_nothing_anywhere_and_logs_what_it_would_write"
                ),
            ),
            (
                "each_cycle_logs_its_wishes_anew",
                (
                    "tests/engine/test_write_pauses.py::"
                    "test_a_held_back_write_is_one_entry_with_first_seen_and_end"
                ),
            ),
        ),
    ),
)
