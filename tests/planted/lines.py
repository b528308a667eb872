"""Requirements for unusual people and platforms, each with bugs that break it.

A bug of the simulator is caught by the day that is given with it in `tests/lab/simulate/plants.py`.
Bugs that no simulated day can show are in `tests/planted/named.py`, and are caught by the tests
that are named here.
"""

from __future__ import annotations

from tests.planted.bounds import BOUNDS, PACES
from tests.planted.hostile import HOSTILE
from tests.planted.line import Line
from tests.planted.lines_of_cleanup import CLEANUP
from tests.planted.lines_of_consent import CONSENT
from tests.planted.measuring import MEASURING
from tests.planted.operators import OPERATORS, UNREAD
from tests.planted.pausing import PAUSING

NO_HARM = (
    Line(
        "Only its id makes a block ours; copies of a block and of its text belong to people",
        ("every_tag_is_ours", "a_tag_makes_a_meeting_ours"),
        also=("tests/engine/test_planted_bugs.py::test_a_planted_bug_is_caught",),
    ),
    Line(
        "A user with a new address or id, a merged or unlisted user frees nothing",
        (
            "an_owner_change_is_believed",
            "an_empty_user_list_is_proof",
            "lists_of_a_missing_user_are_proof",
            "what_comes_back_has_no_news",
        ),
    ),
    Line(
        "An update that replaces a record sends back all other fields, and is compared afterwards",
        (
            "updates_leave_the_status_out",
            "updates_leave_the_texts_out",
            "a_move_carries_the_status",
            "updates_are_not_compared",
        ),
    ),
    Line(
        "A lost, older or restored state keeps the ownership that the file of created ids proves",
        (
            "the_file_of_created_ids_is_ignored",
            "an_old_database_is_believed",
            "proven_blocks_go_unseen",
        ),
    ),
    Line(
        "Times out of range are cut or refused before any calculation",
        ("any_time_is_believed", "an_end_for_ever_is_not_cut"),
    ),
    Line(
        "No answer ends a cycle or a job; an odd answer is a fault of its system only",
        ("an_odd_answer_ends_the_cycle", "an_odd_answer_to_a_write_means_that_nothing_happened"),
    ),
    Line(
        "Waits that a platform asks for are capped",
        named=(
            (
                "waits_have_no_cap",
                "tests/systems/test_rate_limiter.py::test_waits_that_a_platform_asks_for_are_capped",
            ),
        ),
    ),
    Line(
        "A text cut in the middle of a character does not lose the list",
        ("a_list_is_decoded_as_a_whole",),
    ),
    Line(
        "Root follows no link that the service's user created in the state's folder",
        named=(
            (
                "files_of_the_state_may_be_links",
                (
                    "tests/daemon/test_lock.py::"
                    "test_a_lock_that_is_a_link_is_refused_and_its_target_kept"
                ),
            ),
        ),
    ),
)

READING = (
    Line(
        "Busy time of weeks is seen even if it began long ago, and followed while it runs",
        (
            "lists_start_with_the_window",
            "running_events_are_not_followed",
            "what_a_window_touches_counts_as_read",
        ),
    ),
    Line(
        "A meeting blocks the time of each of its hosts",
        (
            "further_hosts_are_ignored",
            "a_removed_host_stays_closed",
            "a_renamed_host_is_freed",
            "a_further_host_s_event_is_written_to",
        ),
    ),
    Line(
        "An unknown status is busy time; every spelling of a known status is known",
        (
            "only_the_documented_words_are_known",
            "an_unknown_word_frees_the_time",
            "a_word_goes_back_as_it_came",
        ),
        also=(
            "tests/systems/test_seen_payloads.py::test_planted_a_bug_that_misreads_it_is_seen",
            (
                "tests/end_to_end/test_sporadic_401.py::"
                "test_planted_a_first_401_that_is_believed_is_seen"
            ),
            (
                "tests/config/test_control_characters.py::"
                "test_planted_a_check_for_line_breaks_only_is_seen"
            ),
        ),
    ),
    Line(
        "An unreadable record is reported until it is gone, and stops nothing else",
        (
            "an_unnamed_row_takes_its_system_down",
            "an_unnamed_row_leaves_its_calendars_unwritable",
            "nobody_is_told_of_broken_rows",
            "what_is_reported_never_ends",
            "a_near_read_ends_what_lies_ahead",
            "a_list_with_an_unnamed_row_explains_everything",
            "a_row_without_an_id_is_no_block_of_ours",
            "an_unreadable_record_is_no_record",
        ),
    ),
    Line(
        "An all-day event is the whole day in the location's zone",
        ("a_day_ends_as_it_starts", "a_day_is_one_of_utc"),
    ),
    Line(
        "A list that a platform cuts silently does not count as complete",
        ("a_capped_list_counts_as_whole", "a_block_is_gone_as_a_list_shows_others"),
    ),
    Line(
        "A list proves an absence only by readable rows inside its window",
        ("any_row_proves_that_a_list_works",),
    ),
    Line(
        "Directories are read again when a known event is missing from its list",
        ("directories_are_kept",),
    ),
    Line(
        "Until group lists are measured, they are compared with the lists of their calendars",
        also=(
            (
                "tests/end_to_end/test_group_lists.py::"
                "test_a_planted_comparison_that_is_never_made_is_seen"
            ),
        ),
    ),
    Line(
        "A list that hides events shown by id proves nothing, and is reported",
        ("a_hidden_list_is_believed", "every_missed_event_makes_its_lists_outdated"),
        also=("tests/engine/test_planted_proof.py::test_a_planted_bug_is_caught",),
    ),
    Line(
        "An id that cannot be read is unknown, for that event only; absence needs two proofs",
        ("a_refused_id_is_gone", "one_proof_is_enough", "absence_believed_at_once"),
    ),
    Line(
        "A moved series is one change; its instances are not written to until this is proven safe",
        (
            "instances_are_matched_one_by_one",
            "instances_are_written_to",
            "siblings_are_not_compared",
        ),
        also=(
            (
                "tests/end_to_end/test_series.py::"
                "test_planted_siblings_that_are_not_compared_are_carried_elsewhere"
            ),
            (
                "tests/end_to_end/test_series.py::"
                "test_planted_writes_to_instances_that_are_not_held_are_found"
            ),
        ),
    ),
    Line(
        "If no user is listed, team members are used; `discover` says what calendars alone do not "
        "show",
        named=(
            (
                "nobody_is_found_where_no_user_is_listed",
                (
                    "tests/systems/test_discover.py::"
                    "test_an_empty_list_of_users_on_v2_falls_back_to_team_members_with_names"
                ),
            ),
            (
                "what_calendars_alone_do_not_show_is_not_mentioned",
                (
                    "tests/cli/test_discover.py::"
                    "test_a_provider_mapped_only_by_calendar_gets_a_warning_on_unseen_events"
                ),
            ),
        ),
    ),
    Line(
        "Rows of LeadSquared without owner or end are read, completed tasks keep their length, and "
        "a deletion that deleted nothing is refused",
        (
            "the_end_of_a_completed_task_is_believed",
            "an_assumed_length_replaces_the_known_one",
            "a_row_without_an_end_is_unreadable",
            "an_owner_is_known_by_address_only",
        ),
        (
            (
                "a_deletion_in_words_is_done",
                (
                    "tests/systems/leadsquared/test_writing.py::"
                    "test_a_deletion_that_deleted_nothing_is_rejected_with_its_reason"
                ),
            ),
        ),
    ),
    Line(
        "Free slots under unknown names are reported, and do not count as none",
        named=(
            (
                "slots_with_unknown_names_offer_nothing",
                (
                    "tests/systems/leadsquared/test_system.py::"
                    "test_free_slots_with_unknown_fields_are_an_error"
                ),
            ),
        ),
    ),
    Line(
        "Own blocks that no list shows are followed by their ids, also after a lost state",
        (
            "own_blocks_that_no_list_shows_are_not_followed",
            "created_blocks_are_not_looked_for_by_id",
        ),
    ),
    Line(
        "A block is read by its id if the location supports this",
        named=(
            (
                "blocks_are_always_listed",
                (
                    "tests/systems/leadconnector/test_blocks.py::"
                    "test_a_block_that_is_answered_by_its_id_takes_one_call"
                ),
            ),
        ),
    ),
)

DECIDING = (
    Line(
        "A block that a rule released stays away until its booking changes",
        ("ended_records_are_not_loaded",),
    ),
    Line(
        "A write that is wanted and cannot be made waits, and is reported",
        ("what_cannot_be_written_is_dropped",),
    ),
    Line(
        "The guard counts meetings, not records; it stops one calendar only, and new times are "
        "still blocked",
        (
            "records_are_counted",
            "a_stop_is_of_the_whole_system",
            "the_new_time_of_a_stopped_move_stays_open",
            "what_was_carried_lately_does_not_count",
            "a_list_proves_that_all_is_gone",
            "a_stop_forgets_what_has_passed",
        ),
    ),
    Line(
        "A cancellation and new booking within minutes is a reschedule; a weekly customer's is not",
        (
            "the_time_does_not_count",
            "the_first_hit_counts",
            "a_cancellation_is_always_the_end",
            "what_opened_a_booking_is_another_meeting",
        ),
    ),
    Line(
        "Accepting a run accepts the changes that it listed, and no others",
        ("everything_is_accepted",),
        (
            (
                "any_run_accepts_all",
                (
                    "tests/engine/test_guard_stops.py::"
                    "test_what_a_run_did_not_list_stays_stopped_when_it_is_accepted"
                ),
            ),
        ),
    ),
    Line(
        "A resync reads an id once, and ends when another round would change nothing",
        also=(
            (
                "tests/end_to_end/test_hidden_lists.py::"
                "test_the_planted_bug_that_asks_in_each_cycle_is_caught"
            ),
        ),
    ),
    Line(
        "Blocks of providers, calendars and systems that left the configuration are reported",
        named=(
            (
                "nothing_is_left_behind",
                (
                    "tests/cli/test_left_behind_view.py::"
                    "test_calendars_that_left_the_configuration_are_named_with_their_blocks"
                ),
            ),
        ),
    ),
    Line(
        "All moves of a cycle in LeadSquared go into one call",
        ("each_action_has_a_call_of_its_own",),
    ),
    Line(
        "A rate limit is recognised in any wording, and survives restarts",
        ("limits_are_forgotten_at_restart", "a_limit_told_as_403_is_a_lost_right"),
    ),
    PACES,
    Line(
        "A slow system delays no other; a late answer counts from the time of its request",
        ("a_cycle_waits_for_the_slowest_read", "a_hanging_write_holds_all"),
        also=("tests/engine/test_system_tasks.py::test_a_planted_bug_is_caught",),
    ),
    Line(
        "An unknown association key counts as absent; a fault of one resource type stops no other",
        also=(
            "tests/cli/test_provision_faults.py::test_planted_bug_a_400_for_an_unknown_key_counts_as_a_failure",
            (
                "tests/cli/test_provision_faults.py::"
                "test_planted_bug_a_failure_stops_its_whole_system"
            ),
        ),
    ),
    Line(
        "Exit codes say what a person must do; an acknowledged item is silent until it changes",
        (
            "double_bookings_end_with_zero",
            "double_bookings_are_not_counted",
            "an_acknowledged_item_that_changed_stays_silent",
            "an_acknowledged_double_booking_stays_silent_when_one_moves",
            "unreadable_records_end_with_zero",
        ),
    ),
    Line(
        "A meeting deleted in one system follows the rule, and returns if the deletion is undone",
        ("deleted_twins_are_always_cancelled", "whoever_called_it_off_is_not_asked"),
    ),
    Line(
        "A meeting moved into the window moves its twin too",
        (
            "nobody_looks_beyond_the_window",
            "the_twin_counts_as_told",
            "the_nearest_candidate_counts",
            "counterparts_do_not_count",
            "whatever_is_new_was_moved_in",
        ),
    ),
    Line(
        "Two systems that name different customers for one meeting are reported",
        named=(
            (
                "other_customers_are_not_reported",
                (
                    "tests/engine/test_other_customers.py::"
                    "test_a_person_mismatch_is_one_item_until_the_systems_agree"
                ),
            ),
        ),
    ),
    Line(
        "With a known bulk cancel, LeadSquared appointments are cancelled, blocks never; a queued "
        "one counts once it is read",
        (
            "blocks_are_cancelled",
            "the_base_moves_before_a_read",
            "what_is_at_a_wrong_address_counts_as_done",
        ),
    ),
    Line(
        "Error texts are not masked as private text",
        named=(
            (
                "error_words_are_private",
                (
                    "tests/systems/test_redact.py::"
                    "test_error_words_stay_and_private_ones_go_in_any_mixture"
                ),
            ),
        ),
    ),
    Line(
        "`check` says that v1 is out of support",
        named=(
            (
                "v1_is_in_support",
                (
                    "tests/systems/leadconnector_v1/test_checks.py::"
                    "test_check_says_once_that_v1_is_out_of_support_and_is_no_warning"
                ),
            ),
        ),
    ),
    Line(
        "Nothing is freed while this machine's clock is wrong",
        (
            "a_wrong_clock_frees_time",
            "a_clock_s_error_holds_nothing_back",
            "what_is_over_by_a_wrong_clock_is_not_closed",
            "a_clock_that_was_set_back_hides_changes",
        ),
    ),
    Line(
        "Blocks cover the buffers of a calendar if configured",
        (
            "a_block_has_no_buffer",
            "a_twin_moves_with_the_buffer",
            "every_meeting_has_the_buffer",
        ),
        also=("tests/end_to_end/test_buffers.py::test_planted_a_block_without_the_buffer_is_seen",),
    ),
)

CHAPTERS = (
    ("No input of people or platforms destroys data", NO_HARM),
    ("Every existing event is read", READING),
    ("Decisions are right, and undone work is reported", (*DECIDING, *UNREAD, *PAUSING)),
    ("Facts of an account are measured, and each of their sides is safe", MEASURING),
    ("One command removes everything that syncd made, and nothing else", CLEANUP),
    ("Nothing is written or stored without consent", (*CONSENT, *OPERATORS)),
    ("Hostile and broken files, answers and requests do no harm", (*BOUNDS, *HOSTILE)),
)
LINES: tuple[Line, ...] = tuple(line for _, lines in CHAPTERS for line in lines)
