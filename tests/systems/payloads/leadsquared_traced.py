"""More answers of LeadSquared, each described after a source that can be looked up."""

from __future__ import annotations

from tests.systems.payloads.leadsquared_base import (
    MEETING,
    ONE,
    UNRELATED,
    Json,
    Page,
    Row,
    StatusCase,
    error,
)

TRACED_ROWS = (
    Row("Category beside the type", {"Category": 1}, MEETING),
    Row(
        "every field of a client's type",
        {
            "Category": 0,
            "Reminder": 15,
            "ReminderBeforeDays": 0,
            "NotifyBy": "1000",
            "PercentCompleted": 0,
            "EffortEstimateUnit": "",
            "Priority": "",
            "Location": "Room 4",
            "CustomFields": {"mx_Custom_1": ""},
        },
        MEETING,
    ),
    Row("TaskId in place of UserTaskId", {"UserTaskId": ..., "TaskId": "t1"}, None, "unreadable"),
    Row(
        "TaskId and StartDateTime",
        {
            "UserTaskId": ...,
            "TaskId": "t1",
            "DueDate": ...,
            "StartDateTime": "2026-03-02 10:30:00",
        },
        None,
        "unreadable",
    ),
    Row(
        "OwnerID, and no address",
        {"OwnerEmailAddress": ..., "OwnerId": ..., "OwnerID": "u-alice"},
        None,
        "unreadable",
    ),
    Row(
        "a status in words and no code",
        {"StatusCode": ..., "Status": "Completed"},
        MEETING,
    ),
    Row("the lead's name beside its id", {"RelatedEntityIdName": "Kim Example"}, MEETING),
    Row(
        "RelatedEntity 0 and an id that is empty",
        {"RelatedEntity": 0, "RelatedEntityId": ""},
        UNRELATED,
    ),
    Row(
        "an end on the next day",
        {"EndDate": "2026-03-03 10:29:00"},
        ("alice", "appointment", "confirmed", 1439, "lead-7"),
    ),
    Row(
        "times to the second",
        {"DueDate": "2026-03-02 10:30:23", "EndDate": "2026-03-02 11:15:23"},
        MEETING,
    ),
    Row("an address after a space", {"OwnerEmailAddress": " alice@example.com"}, MEETING),
    Row("ModifiedOn that is empty", {"ModifiedOn": ""}, MEETING),
    Row(
        "the type's configuration as a list",
        {
            "TaskType": {
                "Name": "Visit",
                "ColumnConfiguration": [{"SchemaName": "OwnerId", "Options": None}],
            }
        },
        MEETING,
    ),
    Row("custom fields with values", {"CustomFields": {"mx_Custom_1": "at home"}}, MEETING),
    Row(
        "completed, with the day and the person",
        {
            "StatusCode": 1,
            "CompletedOn": "2026-03-02 10:40:00.000",
            "ModifiedOn": "2026-03-02 10:40:00.000",
            "ModifiedByName": "Some Body",
        },
        ("alice", "appointment", "showed", 45, "lead-7"),
    ),
    Row("an address and no OwnerId", {"OwnerId": ...}, MEETING),
    Row("no Description (columns excluded)", {"Description": ...}, MEETING),
    Row(
        "an overdue task that is open",
        {"DueDate": "2026-03-01 10:30:00", "EndDate": "2026-03-01 11:15:00"},
        MEETING,
    ),
)

TRACED_PAGES = (
    Page("Tasks in place of List", b'{"Tasks":[%b]}' % ONE, None),
    Page("Records in place of List", b'{"Records":[%b]}' % ONE, None),
    Page("results in place of List", b'{"results":[%b]}' % ONE, None),
    Page("data in place of List", b'{"data":[%b]}' % ONE, None),
    Page("an empty List after the last page", b'{"RecordCount":0,"List":[]}', ()),
    Page("an empty List and no count", b'{"List":[]}', ()),
    Page(
        "rows without an owner's address",
        b'[{"TaskId":"t1","OwnerId":"u-alice"}]',
        (),
        whole=False,
    ),
)

TRACED_SAID = (
    StatusCase(
        "a field is missing that must be there",
        500,
        error("MXMandatoryAttributeMissingException", "a field is mandatory"),
        "RejectedError",
    ),
    StatusCase("502 in plain text", 502, b"Bad gateway", "RetryableError"),
    StatusCase("401 without a body", 401, b"", "UnauthorizedError"),
    StatusCase("400 without a body", 400, b"", "RejectedError"),
    StatusCase("500 without a body", 500, b"", "RetryableError"),
    StatusCase(
        "429 that asks for no wait", 429, b"", "RateLimitedError", headers={"Retry-After": "0"}
    ),
    StatusCase(
        "a lead that does not exist, on a write",
        500,
        error("MXInvalidEntityException", "Lead does not exist in the system"),
        "RejectedError",
        write=True,
    ),
    StatusCase(
        "rows that were changed",
        200,
        b'{"Status":"Success","Message":{"AffectedRows":1,"AutoId":3}}',
        "",
        write=True,
    ),
    StatusCase(
        "a job's number",
        200,
        b'{"Status":"Success","Message":{"Id":"58","IsSuccessful":true}}',
        "",
        write=True,
    ),
    StatusCase(
        "the id of what was made",
        200,
        b'{"Status":"Success","Message":{"Id":"t-new"}}',
        "",
        write=True,
    ),
)

TRACED_USERS: tuple[tuple[str, Json, str], ...] = (
    (
        "a user with groups",
        {"ID": "u-alice", "StatusCode": 0, "MemberOfGroups": ["A"], "IsPhoneCallAgent": False},
        "present",
    ),
    (
        "every field of one user",
        {"UserId": "u-alice", "UserType": 0, "OrgId": 1, "IsCheckedIn": True, "Groups": []},
        "present",
    ),
    (
        "a user without a last name",
        {"ID": "u-alice", "FirstName": "Alice", "LastName": "", "StatusCode": 0, "Role": "Admin"},
        "present",
    ),
)
