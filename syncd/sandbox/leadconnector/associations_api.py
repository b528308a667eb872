"""Associations, their relations, custom objects and records of a location, over HTTP.

See docs/platforms/leadconnector-v2.md#associations-and-custom-objects.

A relation connects contacts or records; the association says which object is at which end.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from syncd.sandbox.leadconnector import wire
from syncd.sandbox.leadconnector.wire import Json

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from syncd.sandbox.leadconnector.resources_api import ParentApi
    from syncd.sandbox.platform import PlatformRequest

CUSTOM = "custom_objects."
_ENDS = ("firstObjectLabel", "firstObjectKey", "secondObjectLabel", "secondObjectKey")
_CREATE = ("locationId", "key", *_ENDS)
_RELATION = ("locationId", "associationId", "firstRecordId", "secondRecordId")


@dataclass(frozen=True, slots=True)
class AssociationRecord:
    """A kind of relation: the objects at its two ends, and the label of each end."""

    id: str
    key: str
    first_key: str
    first_label: str
    second_key: str
    second_label: str
    type: str = "USER_DEFINED"


@dataclass(frozen=True, slots=True)
class Relation:
    """Two related records, in the order of the association's ends."""

    id: str
    association: str
    first: str
    second: str


@dataclass(slots=True)
class CustomObject:
    """A kind of record that the location defined, with its records by id."""

    key: str
    labels: Json
    primary: Json
    records: dict[str, Json] = field(default_factory=dict)


class AssociationsApi:
    """The associations, relations and custom objects of one location."""

    def __init__(self, front: ParentApi) -> None:
        """Start empty. ``unknown_key`` is the status of the answer for an unknown key."""
        self._front = front
        self.unknown_key = 404
        self.all: dict[str, AssociationRecord] = {}
        self.relations: dict[str, Relation] = {}
        self.objects: dict[str, CustomObject] = {}

    def routes(self) -> list[tuple[str, str, Callable[[PlatformRequest], Response]]]:
        """Return the served calls. Paths with fixed words precede those with an id."""
        return [
            ("GET", "/associations/", self._list),
            ("POST", "/associations/", self._create),
            ("GET", "/associations/key/{key}", self._by_key),
            ("GET", "/associations/objectKey/{key}", self._by_object),
            ("POST", "/associations/relations", self._relate),
            ("GET", "/associations/relations/{record}", self._relations_of),
            ("DELETE", "/associations/relations/{id}", self._unrelate),
            ("GET", "/associations/{id}", self._get),
            ("PUT", "/associations/{id}", self._update),
            ("DELETE", "/associations/{id}", self._delete),
            ("GET", "/contacts/search/duplicate", self._find_contact),
            ("GET", "/objects/", self._list_objects),
            ("POST", "/objects/", self._create_object),
            ("POST", "/objects/{key}/records/search", self._search),
            ("POST", "/objects/{key}/records", self._create_record),
            ("GET", "/objects/{key}/records/{id}", self._get_record),
            ("DELETE", "/objects/{key}/records/{id}", self._delete_record),
            ("GET", "/objects/{key}", self._get_object),
        ]

    # --- associations -------------------------------------------------------------------------

    def _list(self, ask: PlatformRequest) -> Response:
        self._front.check_location(ask.query.get("locationId"))
        skip, limit = (self._number(ask, key) for key in ("skip", "limit"))
        found = [self._shown(a) for a in self.all.values()]
        page = found[skip : skip + limit]
        return self._front.reply(200, {"associations": page, "total": len(found)})

    def _get(self, ask: PlatformRequest) -> Response:
        return self._front.reply(200, self._shown(self._stored(ask)))

    def _by_key(self, ask: PlatformRequest) -> Response:
        self._front.check_location(ask.query.get("locationId"))
        found = next((a for a in self.all.values() if a.key == ask.params["key"]), None)
        if found is None:
            raise self._front.refusal(self.unknown_key, "Association not found")
        return self._front.reply(200, self._shown(found))

    def _by_object(self, ask: PlatformRequest) -> Response:
        key = ask.params["key"]
        found = [self._shown(a) for a in self.all.values() if key in {a.first_key, a.second_key}]
        return self._front.reply(200, {"associations": found})

    def _create(self, ask: PlatformRequest) -> Response:
        given = self._body(ask, _CREATE)
        self._front.check_location(given["locationId"])
        if any(a.key == given["key"] for a in self.all.values()):
            message = f"Association with key {given['key']} already exists"
            raise self._front.refusal(400, message)
        for end in ("firstObjectKey", "secondObjectKey"):
            self._check_object(given[end])
        made = AssociationRecord(
            self._front.new_id(),
            given["key"],
            given["firstObjectKey"],
            given["firstObjectLabel"],
            given["secondObjectKey"],
            given["secondObjectLabel"],
        )
        self.all[made.id] = made
        return self._front.reply(201, self._shown(made))

    def _update(self, ask: PlatformRequest) -> Response:
        """Change the labels; no other field can be changed."""
        before = self._stored(ask)
        given = self._body(ask, ("firstObjectLabel", "secondObjectLabel"))
        after = replace(
            before,
            first_label=given["firstObjectLabel"],
            second_label=given["secondObjectLabel"],
        )
        self.all[after.id] = after
        return self._front.reply(200, self._shown(after))

    def _delete(self, ask: PlatformRequest) -> Response:
        """Delete an association and its relations."""
        found = self._stored(ask)
        if found.type != "USER_DEFINED":
            raise self._front.refusal(400, "System defined association cannot be deleted")
        del self.all[found.id]
        self.relations = {i: r for i, r in self.relations.items() if r.association != found.id}
        payload = {"deleted": True, "id": found.id, "message": "Association deleted"}
        return self._front.reply(200, payload)

    # --- relations ----------------------------------------------------------------------------

    def _relate(self, ask: PlatformRequest) -> Response:
        given = self._body(ask, _RELATION)
        self._front.check_location(given["locationId"])
        of = self.all.get(given["associationId"])
        if of is None:
            raise self._front.refusal(404, "Association not found")
        first, second = given["firstRecordId"], given["secondRecordId"]
        for key, record in ((of.first_key, first), (of.second_key, second)):
            if record not in self._records(key):
                raise self._front.refusal(400, f"Record {record} is not of object {key}")
        if any(
            (r.association, r.first, r.second) == (of.id, first, second)
            for r in self.relations.values()
        ):
            message = (
                "Could not create relation: duplicate relation of object Ids for given "
                f"association {of.id}"
            )
            raise self._front.refusal(400, message)
        made = Relation(self._front.new_id(), of.id, first, second)
        self.relations[made.id] = made
        return self._front.reply(201, _relation(made))

    def _relations_of(self, ask: PlatformRequest) -> Response:
        self._front.check_location(ask.query.get("locationId"))
        skip, limit = (self._number(ask, key) for key in ("skip", "limit"))
        record = ask.params["record"]
        only = ask.query.getlist("associationIds[]") or ask.query.getlist("associationIds")
        found = [
            _relation(r)
            for r in self.relations.values()
            if record in {r.first, r.second} and (not only or r.association in only)
        ]
        page = found[skip : skip + limit]
        return self._front.reply(200, {"relations": page, "total": len(found)})

    def _unrelate(self, ask: PlatformRequest) -> Response:
        self._front.check_location(ask.query.get("locationId"))
        found = self.relations.pop(ask.params["id"], None)
        if found is None:
            raise self._front.refusal(404, "Relation not found")
        payload = {"deleted": True, "id": found.id, "message": "Relation deleted"}
        return self._front.reply(200, payload)

    def _find_contact(self, ask: PlatformRequest) -> Response:
        """Find a contact by e-mail, else by phone; answer null if there is none (#contacts)."""
        self._front.check_location(ask.query.get("locationId"))
        email, phone = ask.query.get("email", ""), ask.query.get("number", "")
        if not email and not phone:
            raise self._front.refusal(422, ["email or number should not be empty"])
        for contact in self._front.contacts.values():
            for field_, asked, shown in (
                ("email", email.lower(), contact.email.lower()),
                ("phone", phone, contact.phone),
            ):
                if asked and asked == shown:
                    found = wire.contact(contact, self._front.location_id)
                    return self._front.reply(200, {"contact": found, "matchingField": field_})
        return self._front.reply(200, {"contact": None})

    # --- custom objects and their records -----------------------------------------------------

    def _list_objects(self, ask: PlatformRequest) -> Response:
        self._front.check_location(ask.query.get("locationId"))
        found = [self._shown_object(o) for o in self.objects.values()]
        return self._front.reply(200, {"objects": found})

    def _get_object(self, ask: PlatformRequest) -> Response:
        self._front.check_location(ask.query.get("locationId"))
        found = self._shown_object(self._object(ask))
        return self._front.reply(200, {"object": found, "cache": False, "fields": []})

    def _create_object(self, ask: PlatformRequest) -> Response:
        required = ("labels", "key", "locationId", "primaryDisplayPropertyDetails")
        given = self._body(ask, required, texts=("key", "locationId"))
        self._front.check_location(given["locationId"])
        key = given["key"] if given["key"].startswith(CUSTOM) else CUSTOM + given["key"]
        if key in self.objects:
            raise self._front.refusal(400, f"Object with key {key} already exists")
        made = CustomObject(key, given["labels"], given["primaryDisplayPropertyDetails"])
        self.objects[key] = made
        return self._front.reply(201, {"object": self._shown_object(made)})

    def _create_record(self, ask: PlatformRequest) -> Response:
        kind = self._object(ask)
        given = self._body(ask, ("locationId", "properties"), texts=("locationId",))
        self._front.check_location(given["locationId"])
        id = self._front.new_id()
        kind.records[id] = given["properties"]
        return self._front.reply(201, {"record": self._record(kind, id)})

    def _get_record(self, ask: PlatformRequest) -> Response:
        kind = self._object(ask)
        if ask.params["id"] not in kind.records:
            raise self._front.refusal(404, "Record not found")
        return self._front.reply(200, {"record": self._record(kind, ask.params["id"])})

    def _delete_record(self, ask: PlatformRequest) -> Response:
        kind = self._object(ask)
        if kind.records.pop(ask.params["id"], None) is None:
            raise self._front.refusal(404, "Record not found")
        return self._front.reply(200, {"id": ask.params["id"], "success": True})

    def _search(self, ask: PlatformRequest) -> Response:
        """Search records. Only ``field:value`` and the empty query are supported."""
        kind = self._object(ask)
        required = ("locationId", "page", "pageLimit", "query", "searchAfter")
        given = self._body(ask, required, texts=("locationId", "query"))
        self._front.check_location(given["locationId"])
        name, colon, value = given["query"].partition(":")
        found = [
            self._record(kind, id)
            for id, properties in kind.records.items()
            if not colon or str(properties.get(name)) == value
        ]
        start = (given["page"] - 1) * given["pageLimit"]
        page = found[start : start + given["pageLimit"]]
        return self._front.reply(200, {"records": page, "total": len(found)})

    # --- what they have in common -------------------------------------------------------------

    def _number(self, ask: PlatformRequest, key: str) -> int:
        value = ask.query.get(key, "")
        if not value.isdigit():
            raise self._front.refusal(422, [f"{key} must be a number string"])
        return int(value)

    def _body(
        self, ask: PlatformRequest, required: Collection[str], texts: Collection[str] | None = None
    ) -> Json:
        try:
            given = ask.json()
        except ValueError:
            given = None
        if not isinstance(given, dict):
            raise self._front.refusal(422, ["body must be a JSON object"])
        faults = [f"property {key} should not exist" for key in given if key not in required]
        faults += [f"{key} should not be empty" for key in required if key not in given]
        faults += [
            f"{key} must be a string"
            for key in (required if texts is None else texts)
            if key in given and not isinstance(given[key], str)
        ]
        if faults:
            raise self._front.refusal(422, faults)
        return given

    def _stored(self, ask: PlatformRequest) -> AssociationRecord:
        found = self.all.get(ask.params["id"])
        if found is None:
            raise self._front.refusal(404, "Association not found")
        return found

    def _object(self, ask: PlatformRequest) -> CustomObject:
        found = self.objects.get(ask.params["key"])
        if found is None:
            raise self._front.refusal(self.unknown_key, "Object not found")
        return found

    def _check_object(self, key: str) -> None:
        if key != "contact" and key not in self.objects:
            raise self._front.refusal(400, f"Object {key} does not exist")

    def _records(self, key: str) -> Collection[str]:
        return self._front.contacts if key == "contact" else self.objects[key].records

    def _shown(self, found: AssociationRecord) -> Json:
        return {
            "locationId": self._front.location_id,
            "id": found.id,
            "key": found.key,
            "firstObjectLabel": found.first_label,
            "firstObjectKey": found.first_key,
            "secondObjectLabel": found.second_label,
            "secondObjectKey": found.second_key,
            "associationType": found.type,
        }

    def _shown_object(self, found: CustomObject) -> Json:
        return {
            "id": found.key,
            "key": found.key,
            "labels": found.labels,
            "locationId": self._front.location_id,
            "primaryDisplayProperty": f"{found.key}.{found.primary.get('key')}",
            "type": "USER_DEFINED",
        }

    def _record(self, kind: CustomObject, id: str) -> Json:
        shown: dict[str, Any] = {"id": id, "locationId": self._front.location_id}
        return {**shown, "objectKey": kind.key, "properties": kind.records[id]}


def _relation(found: Relation) -> Json:
    return {
        "id": found.id,
        "associationId": found.association,
        "firstRecordId": found.first,
        "secondRecordId": found.second,
    }
