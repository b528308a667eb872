"""Answers of LeadSquared, described with invented names, ids, addresses and texts.

A case holds what is odd about an answer and nothing else. Where it was met: leadsquared_seen.py.
"""

from __future__ import annotations

from tests.systems.payloads.leadsquared_base import (
    BUSY,
    MEETING,
    NOBODY,
    ONE,
    UNRELATED,
    Json,
    Page,
    Row,
    StatusCase,
    error,
)
from tests.systems.payloads.leadsquared_traced import (
    TRACED_PAGES,
    TRACED_ROWS,
    TRACED_SAID,
    TRACED_USERS,
)

ROWS = (
    Row("the whole row of the list by e-mail", {}, MEETING),
    Row(
        "a name without a subject, related to nothing, no RelatedEntityId",
        {"Name": "Visit:", **NOBODY, "RelatedEntityIdName": ""},
        UNRELATED,
    ),
    Row("RelatedEntity as text", {"RelatedEntity": "1"}, MEETING),
    Row("RelatedEntity 5 with an opportunity's id", {"RelatedEntity": 5}, UNRELATED),
    Row(
        "an id of zeros where nothing is related",
        {"RelatedEntity": "0", "RelatedEntityId": "00000000-0000-0000-0000-000000000000"},
        UNRELATED,
    ),
    Row("no StatusCode (rows of 2018)", {"StatusCode": ...}, MEETING),
    Row("StatusCode as text", {"StatusCode": "0"}, MEETING),
    Row(
        "completed, EndDate is when that was done",
        {
            "StatusCode": 1,
            "EndDate": "2026-03-02 10:34:56",
            "ModifiedOn": "2026-03-02 10:34:56",
            "PercentCompleted": 100,
        },
        ("alice", "appointment", "showed", 60, "lead-7"),
    ),
    Row(
        "completed the day before",
        {"StatusCode": "1", "EndDate": "2026-03-01 17:00:00.000"},
        ("alice", "appointment", "showed", 60, "lead-7"),
    ),
    Row(
        "OwnerId and OwnerName, no address",
        {"OwnerEmailAddress": ..., "OwnerName": "Some Body"},
        MEETING,
    ),
    Row("address in capitals, with spaces", {"OwnerEmailAddress": " ALICE@EXAMPLE.COM "}, MEETING),
    Row(
        "an owner's id that no user has",
        {"OwnerEmailAddress": ..., "OwnerId": "u-elsewhere"},
        None,
        "unreadable",
    ),
    Row("the address of a user who is not mapped", {"OwnerEmailAddress": "zoe@example.com"}, None),
    Row(
        "no EndDate (columns excluded)",
        {"EndDate": ...},
        ("alice", "appointment", "confirmed", 60, "lead-7"),
        "assumed",
    ),
    Row(
        "EndDate is the year 1",
        {"EndDate": "0001-01-01 00:00:00.000"},
        ("alice", "appointment", "confirmed", 60, "lead-7"),
        "assumed",
    ),
    Row("EndDate with milliseconds", {"EndDate": "2026-03-02 11:15:00.000"}, MEETING),
    Row("DueDate without milliseconds", {"DueDate": "2026-03-02 10:30:00"}, MEETING),
    Row(
        "times as /Date(ms+0000)/",
        {"DueDate": "/Date(1772447400000+0000)/", "EndDate": "/Date(1772450100000+0000)/"},
        MEETING,
    ),
    Row("EndDate equal to DueDate", {"EndDate": "2026-03-02 10:30:00"}, None, "unreadable"),
    Row("a day without a time", {"DueDate": "2026-03-02"}, None, "unreadable"),
    Row("month, day and hour without zeros", {"DueDate": "2026-3-2 9:5:0"}, None, "unreadable"),
    Row("a local time with AM or PM", {"DueDate": "03/02/2026 10:30:00 AM"}, None, "unreadable"),
    Row("ModifiedOn as /Date(ms+0000)/", {"ModifiedOn": "/Date(1772300000000+0000)/"}, MEETING),
    Row(
        "CompletedOn in the year 1 while open", {"CompletedOn": "0001-01-01 00:00:00.000"}, MEETING
    ),
    Row("TaskType as a bare name", {"TaskType": "Visit"}, MEETING),
    Row(
        "TaskType as a bare name, the busy one",
        {"TaskType": "Busy", **NOBODY},
        ("alice", "block", "confirmed", 45, ""),
    ),
    Row("no TaskType", {"TaskType": None}, MEETING),
    Row("the busy type", BUSY, ("alice", "block", "confirmed", 45, "")),
    Row(
        "the busy type, completed by somebody",
        BUSY | {"StatusCode": 1},
        ("alice", "block", "confirmed", 45, ""),
    ),
    Row("the busy type with a lead", {"TaskType": {"Name": "Busy"}}, MEETING),
    Row(
        "ColumnConfiguration and FormLayout as text in the type",
        {"TaskType": {"Name": "Visit", "ColumnConfiguration": "[]", "FormLayout": "{}"}},
        MEETING,
    ),
    Row("CustomFields null", {"CustomFields": None}, MEETING),
    Row(
        "Description null, Location and Latitude numbers",
        {
            "Description": None,
            "Location": 12,
            "Latitude": 1.5,
        },
        MEETING,
    ),
    Row(
        "TaskID instead of UserTaskId (tasks of a lead)",
        {
            "UserTaskId": ...,
            "TaskID": "t1",
            "Status": "Pending",
        },
        None,
        "unreadable",
    ),
    *TRACED_ROWS,
)

PAGES = (
    Page("RecordCount and List", b'{"RecordCount":1,"List":[%b]}' % ONE, ("t1",)),
    Page("RecordCount as text", b'{"RecordCount":"1","List":[%b]}' % ONE, ("t1",)),
    Page("no RecordCount", b'{"List":[%b]}' % ONE, ("t1",)),
    Page("a bare array", b"[%b]" % ONE, ("t1",)),
    Page("a bare array of nothing", b"[]", ()),
    Page("List null, counted 0", b'{"RecordCount":0,"List":null}', ()),
    Page("List null, counted 3", b'{"RecordCount":3,"List":null}', None),
    Page("List null, not counted", b'{"List":null}', None),
    Page("TaskList instead of List", b'{"RecordCount":1,"TaskList":[%b]}' % ONE, None),
    Page("the same row twice", b'{"RecordCount":1,"List":[%b,%b]}' % (ONE, ONE), ("t1",)),
    Page("fewer rows than counted", b'{"RecordCount":2,"List":[%b]}' % ONE, ("t1",), whole=False),
    Page("an empty object", b"{}", None),
    Page("text that is no JSON", b"Invalid JSON", None),
    Page("a page for people", b"<html><body>Endpoint not found.</body></html>", None),
    *TRACED_PAGES,
)


def deleted(count: int, reason: bytes = b"null") -> bytes:
    """The answer to a deletion of one task."""
    told = b'{"Status":"Success","TasksCount":1,"DeletedTasksCount":%d,"FailureReason":%b}'
    return told % (count, reason)


LIMIT = error(
    "MXAPIRateLimitExceededException", "API calls exceeded the limit of 20 in 5 second(s)"
)

SAID = (
    StatusCase("too many calls, as 200", 200, LIMIT, "RateLimitedError"),
    StatusCase("too many calls, as 403", 403, LIMIT, "RateLimitedError"),
    StatusCase("too many calls, as 429 without a body", 429, b"", "RateLimitedError"),
    StatusCase("too many calls on a write", 200, LIMIT, "RateLimitedError", write=True),
    StatusCase(
        "a refusal as 500", 500, error("MXInvalidEntityException", "no such type"), "RejectedError"
    ),
    StatusCase(
        "a refusal as 200 without a type",
        200,
        b'{"Status": "Error", "ExceptionMessage": "Invalid id"}',
        "RejectedError",
    ),
    StatusCase(
        "an attribute that the account lacks, as 412",
        412,
        error("", "Attribute(s) does not exist - X"),
        "RejectedError",
    ),
    StatusCase(
        "a duplicate",
        500,
        error("MXDuplicateEntryException", "exists"),
        "RejectedError",
        write=True,
    ),
    StatusCase(
        "markup in a text", 500, error("MXXSSException", "not allowed"), "RejectedError", write=True
    ),
    StatusCase(
        "keys that are not accepted",
        401,
        error("MXAuthenticationFailedException", "Invalid keys"),
        "UnauthorizedError",
    ),
    StatusCase("404 in plain text", 404, b"Not Found", "RejectedError"),
    StatusCase("500 in plain text", 500, b"Internal Server Error", "RetryableError"),
    StatusCase(
        "500 in plain text on a write",
        500,
        b"Internal Server Error",
        "UnknownOutcomeError",
        write=True,
    ),
    StatusCase(
        "200 in plain text on a write", 200, b"Invalid JSON", "UnknownOutcomeError", write=True
    ),
    StatusCase(
        "Success with a text as Message",
        200,
        b'{"Message":"Success","Status":"Success"}',
        "",
        write=True,
    ),
    StatusCase("Success alone", 200, b'{"Status": "Success"}', "", write=True),
    StatusCase(
        "queued, in a Message inside Message",
        200,
        b'{"Status":"Success","Message":{"Message":"Your request has been queued."}}',
        "",
        write=True,
    ),
    StatusCase("deleted, all counts equal", 200, deleted(1), "", write=True),
    StatusCase(
        "nothing deleted, with a reason", 200, deleted(0, b'"locked"'), "RejectedError", write=True
    ),
    StatusCase("nothing deleted, without a reason", 200, deleted(0), "RejectedError", write=True),
    *TRACED_SAID,
)

USERS: tuple[tuple[str, Json, str], ...] = (
    ("Users.Get, no groups, Tag null", {"ID": "u-alice", "StatusCode": 0, "Tag": None}, "present"),
    (
        "UserId instead of ID (a user by id)",
        {"UserId": "u-alice", "TimeZone": "Asia/Kolkata"},
        "present",
    ),
    ("a user's StatusCode as text", {"ID": "u-alice", "StatusCode": "0"}, "present"),
    ("a user's StatusCode 1", {"ID": "u-alice", "StatusCode": 1}, "missing"),
    (
        "a user's address in capitals",
        {"ID": "u-alice", "EmailAddress": "Alice@EXAMPLE.com"},
        "present",
    ),
    ("a user without an id", {"FirstName": "Alice"}, "missing"),
    *TRACED_USERS,
)
"""Rows of users: what is odd (over Alice's address), and whether Alice is there."""

NAMES = (
    *(row.name for row in ROWS),
    *(page.name for page in PAGES),
    *(said.name for said in SAID),
    *(name for name, _, _ in USERS),
)
