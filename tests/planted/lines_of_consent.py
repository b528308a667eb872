"""Requirements for consent before a write and for customers' data, with planted bugs."""

from __future__ import annotations

from tests.planted.line import Line

_CLI = "tests/cli"

CONSENT = (
    Line(
        "Without a terminal, nothing is written without earlier consent",
        named=(
            (
                "nobody_needs_to_have_approved",
                (
                    f"{_CLI}/test_earlier_consent.py::"
                    "test_a_new_state_needs_consent_before_its_first_write"
                ),
            ),
            (
                "every_calendar_is_known",
                f"{_CLI}/test_earlier_consent.py::test_a_calendar_that_is_new_to_the_state_needs_consent",
            ),
            (
                "a_question_is_asked_of_nobody",
                f"{_CLI}/test_earlier_consent.py::test_undo_and_restore_need_yes_without_a_terminal",
            ),
        ),
    ),
    Line(
        "A plan file is carried out exactly, or refused as a whole",
        named=(
            (
                "a_plan_is_only_compared_before_the_run",
                (f"{_CLI}/test_plan_file.py::test_a_change_just_before_the_write_refuses_the_plan"),
            ),
            (
                "an_edited_plan_is_believed",
                f"{_CLI}/test_plan_file.py::test_an_edited_expired_or_foreign_plan_is_refused",
            ),
        ),
    ),
    Line(
        "A yes applies to the plan that was shown",
        named=(
            (
                "a_yes_counts_for_everything",
                (f"{_CLI}/test_question.py::test_an_empty_plan_is_no_consent_to_later_writes"),
            ),
        ),
    ),
    Line(
        "A question shows its subject before a person answers",
        named=(
            (
                "a_restore_asks_before_it_looks",
                (
                    f"{_CLI}/test_backup.py::"
                    "test_a_file_that_cannot_be_restored_is_refused_before_the_question"
                ),
            ),
            (
                "a_choice_leaves_nothing",
                (
                    f"{_CLI}/test_conflict_view.py::"
                    "test_a_choice_names_the_appointment_that_leadsquared_cannot_cancel"
                ),
            ),
        ),
    ),
    Line(
        "Stored data of a customer can be erased, and an export is safe to open",
        named=(
            (
                "forgotten_hashes_stay",
                (
                    f"{_CLI}/test_forget_person.py::"
                    "test_a_contact_is_erased_from_every_table_and_from_the_file"
                ),
            ),
            (
                "formulas_are_exported",
                f"{_CLI}/test_export.py::test_no_cell_of_an_export_runs_as_a_formula",
            ),
        ),
    ),
)
