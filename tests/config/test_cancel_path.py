"""The path of the bulk cancel, as a person copies it from the browser."""

from __future__ import annotations

import pytest

from syncd.config.settings import LeadSquaredSystem
from tests.config.conftest import SMALL, ConfigFile


def crm(path: str) -> str:
    """The configuration of a business whose LeadSquared cancels there."""
    said = f"[systems.crm]\ncancel_as = 'cancel'\ncancel_path = '{path}'"
    return SMALL.replace("[systems.crm]", said)


@pytest.mark.parametrize(
    "path",
    [
        "Task.svc/CancelAppointments",
        "Task.svc/BulkCancel/Appointments",
        "Task.svc/Bulk.Cancel",
        "Task.svc/BulkUpdateCancelledAppointments",
        "Task.svc/XYZ",
    ],
)
def test_a_path_of_a_call_that_may_be_the_cancel_loads(config_file: ConfigFile, path: str) -> None:
    system = config_file.load(crm(path)).systems["crm"]
    assert isinstance(system, LeadSquaredSystem)
    assert (system.cancel_as, system.cancel_path) == ("cancel", path)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("https://api-in21.leadsquared.com/v2/Task.svc/Cancel", "host"),
        ("//evil.example.com/Task.svc/Cancel", "host"),
        ("api-in21.leadsquared.com/v2/Task.svc/Cancel", "path of a LeadSquared call"),
        ("/v2/Task.svc/Cancel", "path of a LeadSquared call"),
        ("/Task.svc/Cancel", "path of a LeadSquared call"),
        ("v2/Task.svc/Cancel", "path of a LeadSquared call"),
        ("Task.svc/Cancel?accessKey=x", "query"),
        ("Task.svc/Cancel#x", "query or a fragment"),
        ("Task.svc/../LeadManagement.svc/Cancel", "path of a LeadSquared call"),
        ("Task.svc/%2e%2e/Cancel", "path of a LeadSquared call"),
        ("Task.svc\\Cancel", "path of a LeadSquared call"),
        ("Task.svc/Cancel/", "path of a LeadSquared call"),
        ("Task.svc//Cancel", "path of a LeadSquared call"),
        ("Task.svc/Cancel Appointments", "path of a LeadSquared call"),
        ("Task.svc/Cancel\u0430", "path of a LeadSquared call"),
        ("Task.svc", "path of a LeadSquared call"),
        ("Cancel", "path of a LeadSquared call"),
        ("Task.svc/DeleteTasks", "does not cancel"),
        ("task.svc/deletetasks", "does not cancel"),
        ("Task.svc/BulkUpdateAppointmentTime", "does not cancel"),
        ("Task.svc/Bulk/Create", "does not cancel"),
        ("Task.svc/MarkComplete", "does not cancel"),
        ("Task.svc/BulkDeleteAppointments", "does not cancel"),
        ("Task.svc/DeleteCancelledAppointments", "does not cancel"),
        ("task.svc/bulk/CANCEL.remove", "does not cancel"),
        ("Cancel.svc/Bulk/Create", "does not cancel"),
        ("Task.svc/UpdateAppointmentsByHours", "does not cancel"),
        ("Task.svc/Retrieve.GetById", "does not cancel"),
        ("LeadManagement.svc/Leads.Cancel", "does not cancel"),
    ],
)
def test_a_path_that_is_not_the_cancel_is_refused_with_place_line_and_remedy(
    config_file: ConfigFile, path: str, reason: str
) -> None:
    problem = config_file.problem(crm(path))
    assert problem.key == "systems.crm.cancel_path"
    assert reason in problem.reason
    assert "Cancel Appointments in Bulk" in problem.remedy
    assert crm(path).splitlines()[(problem.line or 0) - 1].startswith("cancel_path")
