"""Link contacts to records that represent bookings, by an association of the location.

A record of the custom object contains only syncd's opaque id of the booking, neither names nor
times. syncd finds a record by that id, and treats an existing relation as success, so every call
can be repeated (docs/platforms/leadconnector-v2.md#associations-and-custom-objects).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from syncd.systems.errors import PlatformError, RejectedError, RejectionReason, UnknownOutcomeError
from syncd.systems.leadconnector.calls import Api
from syncd.systems.lenient import read_json, text
from syncd.systems.port import CheckResult
from syncd.systems.remedies import cause_and_remedy
from syncd.systems.ttl_cache import TtlCache

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.model import Clock, Person
    from syncd.systems.transport import Transport

_RELATIONS = "/associations/relations"
_DUPLICATE = "duplicate relation"
_PAGE = "100"


@dataclass(frozen=True, slots=True)
class ContactLink:
    """The record of one booking, and its relation to the contact ('' if the response has no id)."""

    record: str
    relation: str = ""


class Associations:
    """The association named ``key`` between contacts and records of ``object``."""

    def __init__(
        self, name: str, location: str, calls: Api, transport: Transport, clock: Clock,
        key: str, object: str, field: str,
    ) -> None:  # fmt: skip
        """Keep the parts; ``field`` is the record's property that stores the booking's id."""
        self.name = name
        self._location = location
        self._calls = calls
        self._transport = transport
        self._key = key
        self._object = object
        self._field = field
        self._known: TtlCache[tuple[str, bool]] = TtlCache(clock)
        self._contacts: TtlCache[str] = TtlCache(clock)

    async def check(self) -> CheckResult:
        """Check that the association exists. A fault becomes a check result."""
        subject = f"{self.name}: association '{self._key}'"
        try:
            await self._association()
        except RejectedError as fault:
            absent = fault.why in {RejectionReason.GONE, RejectionReason.UNKNOWN_ID}
            why = "there is no association with this key" if absent else fault.detail
            remedy = (
                f"Run `syncd provision`, or correct associations in [systems.{self.name}]; until "
                "then, syncd links no booking to its contact"
            )
            return CheckResult("error", subject, why, remedy)
        except PlatformError as fault:
            return CheckResult("error", subject, *cause_and_remedy(fault))
        return CheckResult(
            "ok", subject, f"the association links contacts to records of {self._object}"
        )

    async def contact(self, person: Person) -> str:
        """Return the id of the contact with one of the customer's addresses; '' for none.

        Raises PlatformError.
        """
        addresses = [("email", email) for email in person.emails]
        addresses += [("number", phone) for phone in person.phones]
        for key, value in addresses:
            params = {"locationId": self._location, key: value}
            contact = await self._contacts.get(value, partial(self._search, params))
            if contact:
                return contact
            self._contacts.forget(value)  # The contact may be created soon.
        return ""

    async def link(self, contact: str, booking: str) -> ContactLink:
        """Create the booking's record and its relation to the contact, if they are missing.

        Raises PlatformError.
        """
        association, contact_first = await self._association()
        record = await self._find(booking) or await self._create(booking)
        ends = (contact, record) if contact_first else (record, contact)
        body = {
            "locationId": self._location,
            "associationId": association,
            "firstRecordId": ends[0],
            "secondRecordId": ends[1],
        }
        try:
            response = await self._write("POST", _RELATIONS, body)
        except RejectedError as fault:
            if _DUPLICATE not in fault.detail.lower():
                raise
            return ContactLink(record, await self._relation(record, association))
        return ContactLink(record, text(response.get("id")))

    async def unlink(self, booking: str, record: str, relation: str) -> None:
        """Delete the relation, then the booking's record; '' stands for an id that is unknown.

        Raises PlatformError.
        """
        record = record or await self._find(booking)
        if not record:
            return
        association, _ = await self._association()
        relation = relation or await self._relation(record, association)
        if relation:
            path = f"{_RELATIONS}/{quote(relation, safe='')}"
            await self._delete(path, {"locationId": self._location})
        await self._delete(f"{self._records}/{quote(record, safe='')}", None)

    @property
    def _records(self) -> str:
        return f"/objects/{quote(self._object, safe='')}/records"

    async def _association(self) -> tuple[str, bool]:
        """Return the association's id, and true if contacts are its first end.

        Raises PlatformError.
        """
        return await self._known.get("", self._read_association)

    async def _read_association(self) -> tuple[str, bool]:
        path = f"/associations/key/{quote(self._key, safe='')}"
        row = await self._read(path, {"locationId": self._location})
        ends = (text(row.get("firstObjectKey")), text(row.get("secondObjectKey")))
        id = text(row.get("id"))
        if not id or set(ends) != {"contact", self._object}:
            detail = (
                f"the association does not link contacts to records of {self._object}: "
                "run `syncd provision`"
            )
            raise RejectedError(self.name, f"GET {path}", detail=detail)
        return (id, ends[0] == "contact")

    async def _search(self, params: Mapping[str, str]) -> str:
        contact = (await self._read("/contacts/search/duplicate", params)).get("contact")
        return text(contact.get("id")) if isinstance(contact, dict) else ""

    async def _find(self, booking: str) -> str:
        """Return the id of a booking's record, '' for none. The POST only reads."""
        query = {
            "locationId": self._location,
            "page": 1,
            "pageLimit": 10,
            "query": f"{self._field}:{booking}",
            "searchAfter": [],
        }
        path = f"{self._records}/search"
        body = await self._transport.read(
            "POST", path, json=query, headers={"Version": self._calls.version(path)}
        )
        response = self._transport.decode(body, dict[str, Any], f"POST {path}")
        rows = response.get("records")
        for row in rows if isinstance(rows, list) else ():
            properties = row.get("properties") if isinstance(row, dict) else None
            if isinstance(properties, dict) and properties.get(self._field) == booking:
                return text(row.get("id"))
        return ""

    async def _create(self, booking: str) -> str:
        body = {"locationId": self._location, "properties": {self._field: booking}}
        response = await self._write("POST", self._records, body)
        record = response.get("record")
        id = text(record.get("id")) if isinstance(record, dict) else ""
        if not id:
            detail = "the response has no id"
            raise UnknownOutcomeError(self.name, f"POST {self._records}", status=201, detail=detail)
        return id

    async def _relation(self, record: str, association: str) -> str:
        path = f"{_RELATIONS}/{quote(record, safe='')}"
        params = {
            "locationId": self._location,
            "skip": "0",
            "limit": _PAGE,
            "associationIds[]": association,
        }
        rows = (await self._read(path, params)).get("relations")
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict) and text(row.get("associationId")) == association:
                return text(row.get("id"))
        return ""

    async def _delete(self, path: str, params: Mapping[str, str] | None) -> None:
        try:
            await self._transport.write(
                "DELETE", path, params=params, headers={"Version": self._calls.version(path)}
            )
        except RejectedError as fault:
            if fault.why not in {RejectionReason.GONE, RejectionReason.UNKNOWN_ID}:
                raise

    async def _read(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        body = await self._transport.read(
            "GET", path, params=params, headers={"Version": self._calls.version(path)}
        )
        return self._transport.decode(body, dict[str, Any], f"GET {path}")

    async def _write(self, method: str, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        response = await self._transport.write(
            method, path, json=body, headers={"Version": self._calls.version(path)}
        )
        content = read_json(response.content, dict[str, Any])
        if content is None:
            detail = "the response cannot be decoded"
            raise UnknownOutcomeError(
                self.name, f"{method} {path}", status=response.status_code, detail=detail
            )
        return content
