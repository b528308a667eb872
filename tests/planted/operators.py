"""Requirements of operators for the running daemon, and the bugs planted against them."""

from __future__ import annotations

from tests.planted.line import Line

UNREAD = (
    Line(
        "A new block waits until its time was read after the meeting became known",
        ("a_block_is_made_where_nobody_has_looked",),
    ),
)

OPERATORS = (
    Line(
        "Also through the daemon, a plan is carried out exactly or not at all",
        ("a_plan_that_differs_is_carried_out",),
    ),
    Line(
        "When `forget-person` returns, the state file holds nothing of the customer",
        ("an_erased_customer_is_still_in_the_file", "an_erased_customer_is_still_linked"),
    ),
    Line(
        "After a clean-up through the daemon, no block is made before a person ends the pause",
        (
            "the_next_poll_takes_a_cleanup_back",
            "a_cleanup_beside_the_daemon_takes_every_block",
        ),
    ),
)
