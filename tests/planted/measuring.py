"""Requirements for facts that only a live account can show, each with bugs that break it."""

from __future__ import annotations

from tests.planted.line import Line

MEASURING = (
    Line(
        "An interrupted probe removes its block, keeps its call limit, stores only answers, and "
        "is invisible to cycles",
        also=("tests/engine/test_planted_probing.py::test_a_planted_bug_in_the_probe_is_caught",),
    ),
    Line(
        "A first read does not treat a probe's block as lost or hidden",
        named=(
            (
                "the_block_of_a_probe_is_a_lost_one",
                (
                    "tests/engine/test_probing_first.py::"
                    "test_a_resync_that_removes_what_a_dead_probe_left_contradicts_no_fact"
                ),
            ),
        ),
    ),
    Line(
        "Measured facts are deleted on request",
        named=(
            (
                "what_was_measured_is_kept_for_ever",
                ("tests/engine/test_probing.py::test_forgotten_facts_are_at_their_safe_side_again"),
            ),
        ),
    ),
    Line(
        "`check` asks for a new probe after 90 days",
        named=(
            (
                "what_was_measured_never_ages",
                (
                    "tests/cli/test_measured_facts.py::"
                    "test_check_shows_dated_values_and_asks_for_a_new_probe_after_90_days"
                ),
            ),
        ),
    ),
    Line(
        "The first writes of an account are made alone and compared; a difference stops them",
        (
            "moves_go_on_after_a_difference",
            "the_first_moves_are_made_at_once",
            "lost_hosts_go_unnoticed",
        ),
    ),
    Line(
        "A measured fact is used at once; a contradicting answer resets it to its safe side "
        "permanently",
        also=(
            "tests/end_to_end/test_planted_facts.py::test_the_story_fails_under_the_planted_bug",
        ),
    ),
    Line(
        "syncd relies only on facts that were measured, or are safe on each side",
        (
            "a_block_that_is_not_read_by_its_id_is_gone",
            "tags_come_back_whatever_was_measured",
            "lists_show_at_once_what_was_written",
            "updates_keep_the_end_whatever_an_answer_said",
        ),
    ),
    Line(
        "A block that an update did not lengthen is replaced, the new one first",
        named=(
            (
                "a_kept_length_is_the_wanted_one",
                (
                    "tests/end_to_end/test_kept_length.py::"
                    "test_no_time_is_open_while_a_block_is_replaced"
                ),
            ),
        ),
    ),
    Line(
        "`check` and `status` say so while it is unknown whether lists show service bookings",
        named=(
            (
                "unknown_service_bookings_are_not_mentioned",
                (
                    "tests/cli/test_measured_facts.py::"
                    "test_unmeasured_service_bookings_are_named_by_status_and_check"
                ),
            ),
        ),
    ),
    Line(
        "The page on platform facts matches the table in the code",
        named=(
            (
                "the_table_is_not_the_page",
                "tests/cli/test_measured_facts.py::test_the_page_matches_the_generated_one",
            ),
        ),
    ),
    Line(
        "The simulator performs each act often enough, instead of only drawing it",
        also=(
            (
                "tests/lab/simulate/test_performed.py::"
                "test_planted_an_act_without_a_target_counts_as_not_performed"
            ),
        ),
    ),
)
