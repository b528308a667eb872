"""Requirements for unusual people and platforms, each with bugs that break it.

A bug of the simulator is caught by the day that is given with it in `tests/simulate/plants.py`.
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
        "A block is ours by its id only: copies of one, and texts pasted from one, are people's",
        ("every_tag_is_ours", "a_tag_makes_a_meeting_ours"),
        also=("tests/engine/test_planted_bugs.py::test_a_planted_bug_is_caught",),
    ),
    Line(
        "Nothing is freed because a user has another address or id, is merged, or is not listed",
        (
            "an_owner_change_is_believed",
            "an_empty_user_list_is_proof",
            "lists_of_a_missing_user_are_proof",
            "what_comes_back_has_no_news",
        ),
    ),
    Line(
        "An update that replaces a record sends back all that was read, and is compared",
        (
            "updates_leave_the_status_out",
            "updates_leave_the_texts_out",
            "a_move_carries_the_status",
            "updates_are_not_compared",
        ),
    ),
    Line(
        "A state that is lost, older or restored loses no ownership that the file of ids proves",
        (
            "the_file_of_created_ids_is_ignored",
            "an_old_database_is_believed",
            "proven_blocks_go_unseen",
        ),
    ),
    Line(
        "Times out of range reach no calculation that they can break",
        ("any_time_is_believed", "an_end_for_ever_is_not_cut"),
    ),
    Line(
        "Whatever an answer is, it ends no cycle and no job, and is that system's fault",
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
    Line("A text that is cut in mid-character costs no list", ("a_list_is_decoded_as_a_whole",)),
    Line(
        "Root follows no link that the service's user has put into the state's folder",
        named=(
            (
                "files_of_the_state_may_be_links",
                (
                    "tests/daemon/test_lock.py::"
                    "test_a_lock_that_is_a_link_is_refused_and_its_target_left_alone"
                ),
            ),
        ),
    ),
)

READING = (
    Line(
        "Busy time of weeks is seen however early it began, and followed while it runs",
        (
            "lists_start_with_the_window",
            "running_events_are_not_followed",
            "what_a_window_touches_counts_as_read",
        ),
    ),
    Line(
        "A meeting closes the time of each of its hosts",
        (
            "further_hosts_are_ignored",
            "a_removed_host_stays_closed",
            "a_renamed_host_is_freed",
            "a_further_host_s_event_is_written_to",
        ),
    ),
    Line(
        "A status that nobody knows is busy time; each spelling of a known one is known",
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
        "A record that cannot be read is reported until it is gone, and stops nothing else",
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
        "A list that a platform cuts silently is not taken for whole",
        ("a_capped_list_counts_as_whole", "a_block_is_gone_as_a_list_shows_others"),
    ),
    Line(
        "A list proves an absence only by rows that can be read, and lie where it was asked for",
        ("any_row_proves_that_a_list_works",),
    ),
    Line(
        "Directories are read again when a known event is missing from its list",
        ("directories_are_kept",),
    ),
    Line(
        "Until it is measured what lists of groups show, they are compared with those of calendars",
        also=(
            (
                "tests/end_to_end/test_group_lists.py::"
                "test_a_planted_comparison_that_is_never_made_is_seen"
            ),
        ),
    ),
    Line(
        "A list that hides what is shown by id proves nothing, and is named",
        ("a_hidden_list_is_believed", "every_missed_event_makes_its_lists_outdated"),
        also=("tests/engine/test_planted_proof.py::test_a_planted_bug_is_caught",),
    ),
    Line(
        "An id that cannot be read is unknown, for that event only; absence takes two proofs",
        ("a_refused_id_is_gone", "one_proof_is_enough", "absence_believed_at_once"),
    ),
    Line(
        "A series that moves is one change, and its instances are not written to unproven",
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
        "Where no user is listed, the members of teams are found; what calendars alone do not show "
        "is mentioned",
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
        "Free slots under unknown names are reported, and are not taken for none",
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
        "One block is read by its id where a location answers that",
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
        "What is wanted and cannot be written waits, and is told",
        ("what_cannot_be_written_is_dropped",),
    ),
    Line(
        "Meetings are counted, not records; only the calendar of an accident stops, and new times "
        "are closed all the same",
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
        "Cancelled and booked anew within minutes is a reschedule; a weekly client's is not",
        (
            "the_time_does_not_count",
            "the_first_hit_counts",
            "a_cancellation_is_always_the_end",
            "what_opened_a_booking_is_another_meeting",
        ),
    ),
    Line(
        "Accepting a run accepts what it listed, and no more",
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
        "A resync asks for an id once, and ends when another look would leave the same questions",
        also=(
            (
                "tests/end_to_end/test_hidden_lists.py::"
                "test_the_planted_bug_that_asks_in_each_cycle_is_caught"
            ),
        ),
    ),
    Line(
        "Blocks of who or what left the configuration are named",
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
        "A rate limit is known in whatever words it is told, and outlives the process",
        ("limits_are_forgotten_at_restart", "a_limit_told_as_403_is_a_lost_right"),
    ),
    PACES,
    Line(
        "A slow system delays nobody else, and its late answers are as old as its questions",
        ("a_cycle_waits_for_the_slowest_read", "a_hanging_write_holds_all"),
        also=("tests/engine/test_system_tasks.py::test_a_planted_bug_is_caught",),
    ),
    Line(
        "An unknown key of an association is absent, and one kind's fault stops no other",
        also=(
            "tests/cli/test_provision_faults.py::test_planted_bug_a_400_for_an_unknown_key_counts_as_a_failure",
            (
                "tests/cli/test_provision_faults.py::"
                "test_planted_bug_a_failure_stops_its_whole_system"
            ),
        ),
    ),
    Line(
        "Exit codes say what a person has to do; what was acknowledged is silent until it changes",
        (
            "double_bookings_end_with_zero",
            "double_bookings_are_not_counted",
            "an_acknowledged_item_that_changed_stays_silent",
            "an_acknowledged_double_booking_stays_silent_when_one_moves",
            "unreadable_records_end_with_zero",
        ),
    ),
    Line(
        "A meeting that is deleted in one system only follows the rule, and is revived with it",
        ("deleted_twins_are_always_cancelled", "whoever_called_it_off_is_not_asked"),
    ),
    Line(
        "A meeting that is moved in from beyond the window takes its twin along",
        (
            "nobody_looks_beyond_the_window",
            "the_twin_counts_as_told",
            "the_nearest_candidate_counts",
            "counterparts_do_not_count",
            "whatever_is_new_was_moved_in",
        ),
    ),
    Line(
        "Two systems that name different people for one meeting are reported",
        named=(
            (
                "other_persons_are_not_reported",
                (
                    "tests/engine/test_other_persons.py::"
                    "test_a_person_mismatch_is_one_item_until_the_systems_agree"
                ),
            ),
        ),
    ),
    Line(
        "Where LeadSquared's bulk cancel is known, appointments are cancelled there, and never "
        "blocks; what is queued counts when it is seen",
        (
            "blocks_are_cancelled",
            "the_base_moves_before_a_read",
            "what_is_at_a_wrong_address_counts_as_done",
        ),
    ),
    Line(
        "The words of an error are not taken for private ones",
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
        "While this machine's clock is wrong, nothing is freed",
        (
            "a_wrong_clock_frees_time",
            "a_clock_s_error_holds_nothing_back",
            "what_is_over_by_a_wrong_clock_is_not_closed",
            "a_clock_that_was_set_back_hides_changes",
        ),
    ),
    Line(
        "Blocks cover the buffers of a calendar where that is configured",
        (
            "a_block_has_no_buffer",
            "a_twin_moves_with_the_buffer",
            "every_meeting_has_the_buffer",
        ),
        also=("tests/end_to_end/test_buffers.py::test_planted_a_block_without_the_buffer_is_seen",),
    ),
)

CHAPTERS = (
    ("Nothing that people or platforms produce destroys data", NO_HARM),
    ("What is really there is read", READING),
    ("What is decided is right, and what is not done is told", (*DECIDING, *UNREAD, *PAUSING)),
    ("What only an account can tell is measured, and no side of it does harm", MEASURING),
    ("One command removes everything that syncd made, and nothing else", CLEANUP),
    ("Nothing is written or kept that nobody agreed to", (*CONSENT, *OPERATORS)),
    ("Hostile and broken files, answers and requests harm nobody", (*BOUNDS, *HOSTILE)),
)
LINES: tuple[Line, ...] = tuple(line for _, lines in CHAPTERS for line in lines)
