"""What a cleanup demands, and the bugs that are planted in it."""

from __future__ import annotations

from tests.planted.line import Line

CLEANUP = (
    Line(
        "A cleanup removes what is ours by id, and nothing of it comes back",
        ("a_cleanup_pauses_nothing", "every_block_counts_as_ours", "a_copy_counts_as_ours"),
        named=(
            (
                "a_repeated_tag_is_proposed",
                (
                    "tests/cli/test_cleanup.py::"
                    "test_without_a_state_blocks_whose_tag_stands_once_go_and_copies_stay"
                ),
            ),
        ),
    ),
)
