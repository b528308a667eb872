"""Events that a platform hides from its lists, or refuses to show by id."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class HiddenEvents:
    """Settings of one platform; nothing is hidden at first.

    - ``everything``: lists of events are empty and look complete;
    - ``ids``: these events are missing from lists;
    - ``until``: when lists become complete again; None means never;
    - ``refused``: events whose read by id answers 400, with the text of that response.
    """

    everything: bool = False
    ids: set[str] = field(default_factory=set)
    until: datetime | None = None
    refused: dict[str, str] = field(default_factory=dict)

    def is_listed(self, event_id: str, now: datetime) -> bool:
        """Return true if lists show this event."""
        expired = self.until is not None and now >= self.until
        return expired or not (self.everything or event_id in self.ids)

    def refusal_text(self, method: str, path: str, id: str | None) -> str:
        """Return the text with which this read by id is refused; '' if the event is shown."""
        event_id = id or path.rsplit("/", 1)[-1]
        return self.refused.get(event_id, "") if method == "GET" else ""

    def clear(self) -> None:
        """Show all events again."""
        self.everything, self.until = False, None
        self.ids.clear()
        self.refused.clear()


def bad_request_body(text: str) -> dict[str, object]:
    """Return the body of a 400 response with the error fields of all three platforms."""
    return {
        "statusCode": 400,
        "message": text,
        "msg": text,
        "Status": "Error",
        "ExceptionType": "MXInvalidInputException",
        "ExceptionMessage": text,
    }
