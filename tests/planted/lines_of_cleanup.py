"""Requirements for the clean-up, and the bugs planted against them."""

from __future__ import annotations

from tests.planted.line import Line

_UNREAD = "tests/end_to_end/test_cleanup_unread.py"

CLEANUP = (
    Line(
        "A clean-up removes our blocks by id, and none is made again",
        ("a_cleanup_pauses_nothing", "every_block_counts_as_ours", "a_copy_counts_as_ours"),
        named=(
            (
                "a_repeated_tag_is_proposed",
                (
                    "tests/cli/test_cleanup.py::"
                    "test_without_a_state_blocks_with_a_unique_tag_are_removed_and_copies_stay"
                ),
            ),
        ),
    ),
    Line(
        "A clean-up reports no block as removed without proof, and says what it cannot know",
        named=(
            (
                "a_refusal_alone_proves_a_block_gone",
                (
                    f"{_UNREAD}::"
                    "test_existing_blocks_that_are_refused_and_unlisted_do_not_count_as_deleted"
                ),
            ),
            (
                "the_list_of_a_missing_user_is_believed",
                (
                    "tests/end_to_end/test_cleanup_moved.py::"
                    "test_an_empty_list_of_a_missing_user_proves_no_deletion"
                ),
            ),
            (
                "an_unanswered_removal_waits_for_ever",
                (
                    "tests/engine/test_cleanup_interrupts.py::"
                    "test_a_cleanup_that_died_is_resumed_by_the_next_one"
                ),
            ),
        ),
    ),
    Line(
        "An unreadable row does not prove that its user exists",
        named=(
            (
                "an_unreadable_row_shows_its_user",
                (
                    "tests/end_to_end/test_missing_users.py::"
                    "test_a_row_that_cannot_be_read_is_no_sign_of_a_user"
                ),
            ),
        ),
    ),
    Line(
        "After the clock was set back, earlier requests count as made long ago",
        named=(
            (
                "an_instant_to_come_is_recent",
                (
                    "tests/engine/test_clock_back.py::"
                    "test_a_long_event_is_read_again_at_once_after_the_clock_was_set_back"
                ),
            ),
        ),
    ),
    Line(
        "A failed read does not keep a cleanup from reading again",
        named=(
            (
                "a_cleanup_leaves_the_breaker_open",
                (
                    "tests/end_to_end/test_cleanup_unread.py::"
                    "test_a_cleanup_reads_again_although_failed_reads_opened_the_breaker"
                ),
            ),
        ),
    ),
    Line(
        "An accepted change that is observed again later is a new change",
        named=(
            (
                "an_acceptance_covers_every_later_change",
                (
                    "tests/engine/test_guarded.py::"
                    "test_an_acceptance_by_a_clock_that_was_ahead_covers_no_later_change"
                ),
            ),
        ),
    ),
)
