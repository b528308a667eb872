"""Where the answers of the tables were met: each source can be looked up again.

A repository and a file name what was read. Of some public files the search shows the text and not
the repository: an exact phrase of theirs finds them again. Nothing of a source is copied here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Basis(StrEnum):
    """What a case rests on."""

    TRACED = "traced"
    NOTES = "notes"
    MISREAD = "misread"
    INVENTED = "invented"


@dataclass(frozen=True, slots=True)
class Source:
    """What was read, and where it is."""

    what: str
    where: str


def _repository(what: str, repository: str, *files: str) -> Source:
    return Source(what, f"repository {repository}, {' and '.join(files)}")


def _phrase(what: str, phrase: str) -> Source:
    if "|" in phrase or "`" in phrase:
        message = f"a table cannot show {phrase}"
        raise ValueError(message)
    return Source(what, f"public file with the phrase `{phrase}`")


def _page(title: str) -> Source:
    return Source("vendor's developer page", f'"{title}"')


_HIGHLEVEL = "GoHighLevel/highlevel-api-docs"
_RISTAK = "RAULG0MEZ/Ristak-HighLevel"
_SIZMO = "csalamida/sizmo-ghl-cli"
_CLI = "NicholaiVogel/GoHighLevel-CLI"
_NEWTON = "MohanChhabaria1212/newton-lsq-mcp"

V2: dict[str, Source] = {
    "spec": _repository("vendor's OpenAPI description", _HIGHLEVEL, "apps/calendars.json"),
    "spec-users": _repository("vendor's OpenAPI description", _HIGHLEVEL, "apps/users.json"),
    "issue-246": Source("issue of a user of the API", f"repository {_HIGHLEVEL}, issue 246"),
    "sizmo": _repository(
        "command line client", _SIZMO, "commands/noshow.mjs", "commands/appointment.mjs"
    ),
    "sizmo-tests": _repository(
        "a client's test doubles",
        _SIZMO,
        "test/commands/noshow.test.mjs",
        "test/commands/appointment.test.mjs",
    ),
    "ristak": _repository(
        "a dashboard's reader", _RISTAK, "backend/src/services/highlevelCalendarService.js"
    ),
    "ristak-words": _repository(
        "a dashboard's status words", _RISTAK, "backend/src/services/appointmentsMerge.js"
    ),
    "ristak-booking": _repository(
        "a dashboard's controller", _RISTAK, "backend/src/controllers/calendarsController.js"
    ),
    "rust-sdk": _repository("Rust client", "Shahroz/ghl-rs", "crates/ghl-sdk/src/calendars.rs"),
    "rust-cli": _repository("command line client", _CLI, "crates/ghl/src/appointments.rs"),
    "rust-cli-slots": _repository("a client's test doubles", _CLI, "crates/ghl/src/calendars.rs"),
    "mcp": _repository(
        "TypeScript client's types", "cristip73/GoHighLevel-MCP", "src/types/ghl-types.ts"
    ),
    "recallsync": _repository(
        "TypeScript client's types", "recallsync/recallsync-mcp", "src/types/ghl.types.ts"
    ),
    "m2k": _repository(
        "TypeScript client's types",
        "M2KDevelopments/gohighlevel",
        "src/interfaces/appointment.ts",
        "src/interfaces/calendar.event.ts",
    ),
    "partners": _repository(
        "notes on a client", "Jeffrey2804/partners_ui_v5", "API_DOCS_ENHANCEMENTS_COMPLETE.md"
    ),
    "langgraph": _repository(
        "JavaScript client", "palinopr/langgraph-ghl-booking-python", "services/ghlService.js"
    ),
    "phorest": _repository(
        "audit script of a sync",
        "rafiquecudjoe/phorest-gohighlevel-sync",
        "scripts/investigate-appointment-discrepancy.ts",
    ),
    "busy-slots": _phrase("TypeScript type of a block", "Raw GHL blocked-slot"),
    "two-lists": _phrase("script that moves blocks", "plan-bloqueos.json"),
    "coach-board": _phrase(
        "a dashboard's reader", 'e.get("title") or "Busy", "start": e["startTime"]'
    ),
    "live-booking": _phrase("check of a booking page", "Ask Tommy live booking is not configured"),
    "slot-objects": _phrase("serverless function", "const ghlSlots = data.slots"),
    "hook-builder": _phrase("a sync's reader", "Build webhook-compatible payload"),
    "check-in": _phrase("a page's reader", "resolveCheckinCalendarId"),
    "warehouse": _phrase("export to a warehouse", "_appointment_event_type(status)"),
    "probe-notes": _phrase("notes of a probe", "GoHighLevel API Testing Results"),
    "operator-notes": _phrase("an operator's notes", "El typo de GHL es real"),
}

V1: dict[str, Source] = {
    "vendor": _repository(
        "vendor's collection of v1", "gnosticdev/highlevel-api-sdk", "schemas/v1/postman.json"
    ),
    "crud": _repository(
        "TypeScript client's types",
        "ahmedmusawir/ghl-v1-crud-react-ts-2023",
        "src/entities/index.ts",
    ),
    "crud-slots": _repository(
        "page that shows slots",
        "ahmedmusawir/ghl-v1-crud-react-ts-2023",
        "src/pages/SlotsGHLPage.tsx",
    ),
    "python-sdk": _repository(
        "Python client", "MB0390231/gohighlevel_python_sdk_v1", "ghlobjects/objects.py", "api.py"
    ),
    "ghlpy": _repository("Python client", "Quanta-of-solitude/GHLPy", "GHL/ghlFunctions.py"),
    "roostest": _repository("PHP receiver of a shop", "moezee1/roostest1", "arrived.php"),
    "adu": _repository(
        "PHP sync of appointments",
        "fernastereo/adu-reports",
        "app/Http/Controllers/AppointmentController.php",
    ),
    "field-probe": _repository(
        "recorded probe", "mathewsf3/GHL-Dashboard", "api_discovery_results_20250702_163454.md"
    ),
    "probe-notes": V2["probe-notes"],
    "show-board": _phrase("dashboard that counts shows", "Failed to fetch stats from GHL"),
    "day-board": _phrase("dashboard that counts by day", "def merge_appointments_by_day"),
    "month-board": _phrase("dashboard of a month", "[GHL] Synced: booked="),
    "full-calendar": _phrase("calendar of a front end", "v1/appointments/?startDate=1718971796000"),
    "agenda": _phrase("agenda for a chat", "getAccountById debe ejecutarse antes"),
    "clinic-board": _phrase("front end of a clinic", "clinicConfig.location_id"),
    "slot-count": _phrase("serverless function", "Error in checkBookedSlots:"),
    "slot-test": _phrase("test script", "v1/calendars/${calendarId}/free-slots?date="),
    "data-slots": _phrase("serverless function", "/freeSlots?start=${start}"),
    "dialog": _phrase("voice booking", "response2.data._dates_.slots"),
    "two-transports": _phrase("client of v2 and v1", "DEFAULT_BOT_GUEST_EMAIL"),
    "flutter": _phrase("mobile client", "LeadAppointmentScreen(opp: opp"),
    "user-sync": _phrase("sync of users", "Syncing Location Users"),
    "contact-test": _phrase("test script", "The v1 API should return full contact details"),
    "live-status": _phrase("PHP receiver of a webhook", "calendar.appoinmentStatus', 'calendar"),
    "tattoo-hook": _phrase("receiver of a webhook", "Get appointment status (GHL sometimes"),
    "new-hook": _phrase("receiver of a webhook", "if (!rawStatus) rawStatus = 'new'"),
    "danish-hook": _phrase("receiver of a webhook", "vi foretrækker calendar"),
    "scheduled-hook": _phrase("receiver of a webhook", "data.calendar.appoinmentStatus"),
}

LEADSQUARED: dict[str, Source] = {
    "by-email": _page("Get Appointments by Email Address"),
    "by-user": _page("Get Appointments by User Id"),
    "by-criteria": _page("Get Appointments by Search Criteria"),
    "to-dos": _page("Get To-Dos by Email Address"),
    "tasks": _page("Get Tasks"),
    "lead-tasks": _page("Get Tasks by Lead Id"),
    "task-types": _page("Get List of Task Types"),
    "create": _page("Create an Appointment"),
    "bulk-time": _page("Bulk Update Appointment Timings"),
    "bulk-create": _page("Create Tasks in Bulk"),
    "create-to-do": _page("Create a To-Do"),
    "update": _page("Update a Task"),
    "bulk-delete": _page("Delete Tasks in Bulk"),
    "activities": _page("Delete Activities of a Lead"),
    "lead-delete": _page("Delete a Lead"),
    "errors": _page("Error Handling"),
    "users": _page("Get Users"),
    "user-by-id": _page("Get a User by Id"),
    "panora-task": _repository(
        "TypeScript client's type",
        "panoratech/Panora",
        "packages/api/src/crm/task/services/leadsquared/types.ts",
    ),
    "panora-meeting": _repository(
        "TypeScript client's type",
        "panoratech/Panora",
        "packages/api/src/crm/engagement/services/leadsquared/types.ts",
    ),
    "ruby": _repository(
        "Ruby client's tests", "dpaluy/leadsquared", "spec/leadsquared/lead_spec.rb"
    ),
    "ruby-client": _repository(
        "Ruby client", "dpaluy/leadsquared", "lib/leadsquared/api_connection.rb"
    ),
    "newton": _repository("a Rust client's test doubles", _NEWTON, "src/integration_tests.rs"),
    "newton-server": _repository("Rust client", _NEWTON, "src/server.rs"),
    "funnel": _repository(
        "specification of a report", "surajedzeb-droid/FunnelLens", "reference/apps_script.gs"
    ),
    "demand": _phrase("extraction for an analysis", "Demand-analysis extraction"),
    "scraper": _phrase("Python client", "get_tasks_by_serch_criteria"),
    "python-tests": _phrase("a Python client's tests", "def test_retries_plain_500"),
    "sync-script": _phrase(
        "an operator's script", "returns HTTP 500 with MXInvalidEntityException"
    ),
    "bulk-upload": _phrase("React client", "API_CREATE_LEAD_WITH_BULK_UPLOAD"),
    "backfill": _phrase("an operator's notes", "LSQ returns this on rate limit"),
}


def basis_of(seen: str, sources: dict[str, Source]) -> Basis:
    """Return what a case rests on. Raises KeyError where it names no source that is listed."""
    for name in (Basis.NOTES, Basis.MISREAD, Basis.INVENTED):
        if seen.partition(":")[0] == name:
            return name
    for key in keys_of(seen):
        sources[key]
    return Basis.TRACED


def keys_of(seen: str) -> tuple[str, ...]:
    """Return the sources that a case names: before the colon, with commas between them."""
    return tuple(seen.partition(":")[0].split(", "))
