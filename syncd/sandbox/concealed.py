"""What a platform shows by id and not in its lists, or in its lists and not by id."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class Concealed:
    """Knobs of one platform; nothing is concealed at first.

    - ``everything``: lists of events are empty, and look whole;
    - ``ids``: these events are missing from lists;
    - ``until``: so long; for ever without it;
    - ``refused``: events that a read by id refuses with 400, and the words that it uses.
    """

    everything: bool = False
    ids: set[str] = field(default_factory=set)
    until: datetime | None = None
    refused: dict[str, str] = field(default_factory=dict)

    def is_listed(self, event: str, now: datetime) -> bool:
        """Whether lists show an event."""
        over = self.until is not None and now >= self.until
        return over or not (self.everything or event in self.ids)

    def words(self, method: str, path: str, id: str | None) -> str:
        """The words that refuse a read; '' where it is answered."""
        event = id or path.rsplit("/", 1)[-1]
        return self.refused.get(event, "") if method == "GET" else ""

    def clear(self) -> None:
        """Show everything again."""
        self.everything, self.until = False, None
        self.ids.clear()
        self.refused.clear()


def bad_request(words: str) -> dict[str, object]:
    """The body of a refusal; each platform looks for its own fields."""
    return {
        "statusCode": 400,
        "message": words,
        "msg": words,
        "Status": "Error",
        "ExceptionType": "MXInvalidInputException",
        "ExceptionMessage": words,
    }
