"""Bounds on the cost of a hostile answer: memory, event loop, pages, compression ratio."""

from __future__ import annotations

from tests.planted.line import Line

BOUNDS = (
    Line(
        "Any number of unreadable rows is listed up to a limit, and stored at once",
        named=(
            (
                "every_unreadable_row_is_listed",
                (
                    "tests/engine/test_flooded.py::"
                    "test_a_flood_is_listed_up_to_a_bound_with_one_item_for_the_rest"
                ),
            ),
        ),
    ),
    Line(
        "The head and the trailer of an answer are bounded, however they arrive",
        named=(
            (
                "heads_are_parsed_in_one_piece",
                (
                    "tests/systems/test_long_heads.py::"
                    "test_a_head_or_trailer_of_a_mb_in_one_piece_is_not_parsed"
                ),
            ),
        ),
    ),
    Line(
        "A compressed body that expands too much is refused before it uses the memory",
        named=(
            (
                "a_body_may_grow_without_bound",
                (
                    "tests/systems/test_sizes.py::"
                    "test_a_body_that_grows_beyond_the_ratio_is_refused_while_it_is_short"
                ),
            ),
        ),
    ),
    Line(
        "A list has a maximum number of pages",
        named=(
            (
                "lists_may_have_any_number_of_pages",
                ("tests/systems/test_sizes.py::test_pages_that_never_end_are_no_list"),
            ),
        ),
    ),
    Line(
        "The answers of one read are bounded in memory together",
        named=(
            (
                "a_read_may_keep_any_amount",
                (
                    "tests/systems/test_sizes.py::"
                    "test_the_memory_of_one_read_is_bounded_and_usual_lists_have_room"
                ),
            ),
        ),
    ),
    Line(
        "A stored fault holds neither the answer nor the rows of its read",
        named=(
            (
                "faults_keep_their_frames",
                "tests/hostile/test_kept.py::test_a_failed_read_leaves_no_stack_frame_in_memory",
            ),
        ),
    ),
    Line(
        "Large answers of one account are received one after the other",
        named=(
            (
                "large_answers_come_all_at_once",
                "tests/hostile/test_large.py::test_of_ten_large_answers_one_is_in_memory_at_a_time",
            ),
        ),
    ),
    Line(
        "A host that cannot be resolved blocks no connection to another",
        named=(
            (
                "a_name_server_keeps_all_connections",
                (
                    "tests/systems/test_addresses.py::"
                    "test_an_unresolvable_host_does_not_delay_other_hosts"
                ),
            ),
        ),
    ),
    Line(
        "A due poll runs while a run waits for a platform to confirm",
        named=(
            (
                "polls_wait_for_a_run_that_pauses",
                (
                    "tests/engine/test_run_pause.py::"
                    "test_a_poll_that_is_due_brings_the_next_cycle_of_a_run_forward"
                ),
            ),
        ),
    ),
    Line(
        "Other tasks run while a long list is processed",
        named=(
            (
                "rows_are_taken_in_one_go",
                (
                    "tests/systems/test_time_slices.py::test_other_tasks_have_a_turn_after_each_slice"
                ),
            ),
        ),
    ),
    Line(
        "Old rows are deleted in short steps, however many there are",
        named=(
            (
                "old_rows_go_in_one_step",
                ("tests/store/test_compact.py::test_old_rows_are_deleted_in_short_steps"),
            ),
        ),
    ),
)

PACES = Line(
    "A system with few allowed calls is polled less often, the others as configured",
    ("all_have_the_slowest_pace", "no_account_is_tight"),
    named=(
        (
            "the_slowest_pace_is_everybody_s",
            (
                "tests/core/test_poll_rate.py::"
                "test_a_tight_account_slows_down_its_own_system_and_no_other"
            ),
        ),
        (
            "what_was_not_asked_for_counts_as_seen",
            "tests/end_to_end/test_paces.py::test_a_poll_that_leaves_out_a_tight_system_is_whole",
        ),
    ),
)
