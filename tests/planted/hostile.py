"""Requirements for hostile or broken files, answers and requests."""

from __future__ import annotations

from tests.planted.line import Line

HOSTILE = (
    Line(
        "Requests are bounded, also through the socket, and end when their client disconnects",
        named=(
            (
                "any_window_is_taken",
                (
                    "tests/daemon/test_bounds.py::"
                    "test_an_absurd_window_is_refused_through_the_socket"
                ),
            ),
            (
                "who_left_is_still_served",
                (
                    "tests/daemon/test_control_socket.py::"
                    "test_a_client_that_leaves_ends_its_request_and_the_next_is_served"
                ),
            ),
            (
                "a_further_line_is_leaving",
                "tests/daemon/test_clients_left.py::test_extra_lines_do_not_count_as_a_disconnect",
            ),
        ),
    ),
    Line(
        "A restored or copied state with code or unreadable values is refused; its first cycle "
        "removes nothing",
        named=(
            (
                "a_state_may_hold_code",
                (
                    "tests/store/test_hostile_files.py::"
                    "test_a_state_with_code_in_it_is_not_opened_and_not_touched"
                ),
            ),
            (
                "any_value_of_a_state_is_taken",
                (
                    "tests/store/test_hostile_files.py::"
                    "test_a_backup_put_in_place_by_hand_with_unreadable_values_is_refused"
                ),
            ),
            (
                "a_copied_state_is_believed",
                (
                    "tests/store/test_hostile_files.py::"
                    "test_a_backup_copied_into_place_by_hand_is_distrusted_once"
                ),
            ),
        ),
    ),
    Line(
        "The status page's socket replaces nothing but a stale socket",
        named=(
            (
                "the_page_may_be_at_any_path",
                "tests/config/test_odd_files.py::test_the_page_takes_the_place_of_no_file",
            ),
            (
                "the_page_removes_what_is_in_its_place",
                ("tests/daemon/test_bounds.py::test_only_a_stale_socket_is_removed"),
            ),
        ),
    ),
    Line(
        "A cut answer, or an error inside a success, is not a complete list",
        also=("tests/systems/test_whole_answers.py::test_a_planted_bug_is_caught",),
    ),
    Line(
        "Pipes and invalid process ids in syncd's files, and too few open files, give clear errors",
        named=(
            (
                "a_pipe_is_a_plain_file",
                (
                    "tests/config/test_odd_files.py::"
                    "test_a_pipe_in_place_of_a_secret_is_refused_at_once"
                ),
            ),
            (
                "any_process_may_hold_a_lock",
                (
                    "tests/daemon/test_bounds.py::test_a_lock_with_an_absurd_process_id_has_no_holder"
                ),
            ),
            (
                "any_number_of_open_files_is_enough",
                (
                    "tests/systems/test_open_files.py::"
                    "test_a_limit_that_cannot_be_raised_far_enough_is_refused"
                ),
            ),
        ),
    ),
)
