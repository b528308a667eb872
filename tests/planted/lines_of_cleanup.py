"""Requirements for the clean-up, and the bugs planted against them."""

from __future__ import annotations

from tests.planted.line import Line

_UNREAD = "tests/end_to_end/test_cleanup_unread.py"

CLEANUP = (
    Line(
        "A cleanup removes what is ours by id, and nothing of it comes back",
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
        "A cleanup calls no block gone without proof, and says what it cannot know",
        named=(
            (
                "a_refusal_alone_proves_a_block_gone",
                (
                    f"{_UNREAD}::"
                    "test_standing_blocks_that_are_refused_and_not_listed_are_never_called_gone"
                ),
            ),
            (
                "the_list_of_a_missing_user_is_believed",
                (
                    "tests/end_to_end/test_cleanup_moved.py::"
                    "test_the_empty_list_of_a_user_who_is_gone_proves_no_block_gone"
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
        "A row that cannot be read is no sign that its user is there",
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
        "After the clock was set back, what was asked before it counts as asked long ago",
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
)
