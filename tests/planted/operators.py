"""Requirements of operators for the running daemon, and the bugs planted against them."""

from __future__ import annotations

from tests.planted.line import Line

UNREAD = (
    Line(
        "A new block waits until its time was read since the meeting became known",
        ("a_block_is_made_where_nobody_has_looked",),
    ),
)

OPERATORS = (
    Line(
        "Beside the daemon, too, a plan is written as it stands or not at all",
        ("a_plan_that_differs_is_carried_out",),
    ),
    Line(
        "When it is answered that a customer is erased, the file of the state says nothing of them",
        ("an_erased_customer_is_still_in_the_file", "an_erased_customer_is_still_linked"),
    ),
    Line(
        "What is cleaned up beside the daemon stays so until a person ends the pause",
        (
            "the_next_poll_takes_a_cleanup_back",
            "a_cleanup_beside_the_daemon_takes_every_block",
        ),
    ),
)
