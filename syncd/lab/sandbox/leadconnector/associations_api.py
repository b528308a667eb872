"""Associations, their relations, custom objects and records of a location, over HTTP.

See docs/platforms/leadconnector-v2.md#associations-and-custom-objects.

A relation connects contacts or records; the association says which object is at which end.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from syncd.lab.sandbox.leadconnector import wire
from syncd.lab.sandbox.replies import JsonObject

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from syncd.lab.sandbox.leadconnector.resources_api import ParentApi
    from syncd.lab.sandbox.platform import PlatformRequest

CUSTOM = "custom_objects."
_ENDS = ("firstObjectLabel", "firstObjectKey", "secondObjectLabel", "secondObjectKey")
_CREATE = ("locationId", "key", *_ENDS)
_RELATION = ("locationId", "associationId", "firstRecordId", "secondRecordId")


@dataclass(frozen=True, slots=True)
class AssociationRecord:
    """A kind of relation between records: the objects at its two ends, and each end's label."""

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
    """A custom object: a kind of record that the location's staff have defined.

    ``key`` is the name of the object in the API; ``labels`` and ``primary`` are as in the request
    that created the object. ``records`` are the records of this kind, by id.
    """

    key: str
    labels: JsonObject
    primary: JsonObject
    records: dict[str, JsonObject] = field(default_factory=dict)


class AssociationsApi:
    """The associations, relations and custom objects of one location."""

    def __init__(self, parent: ParentApi) -> None:
        """Start empty. ``unknown_key`` is the status of the response for an unknown key."""
        self._parent = parent
        self.unknown_key = 404
        self.all: dict[str, AssociationRecord] = {}
        self.relations: dict[str, Relation] = {}
        self.objects: dict[str, CustomObject] = {}

    def routes(self) -> list[tuple[str, str, Callable[[PlatformRequest], Response]]]:
        """Return the served calls. Paths with fixed words precede paths with an id."""
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

    def _list(self, request: PlatformRequest) -> Response:
        self._parent.check_location(request.query.get("locationId"))
        skip, limit = (self._number(request, key) for key in ("skip", "limit"))
        associations = [self._shown(a) for a in self.all.values()]
        page = associations[skip : skip + limit]
        return self._parent.reply(200, {"associations": page, "total": len(associations)})

    def _get(self, request: PlatformRequest) -> Response:
        return self._parent.reply(200, self._shown(self._stored(request)))

    def _by_key(self, request: PlatformRequest) -> Response:
        self._parent.check_location(request.query.get("locationId"))
        association = next((a for a in self.all.values() if a.key == request.params["key"]), None)
        if association is None:
            raise self._parent.refusal(self.unknown_key, "Association not found")
        return self._parent.reply(200, self._shown(association))

    def _by_object(self, request: PlatformRequest) -> Response:
        key = request.params["key"]
        associations = [
            self._shown(a) for a in self.all.values() if key in {a.first_key, a.second_key}
        ]
        return self._parent.reply(200, {"associations": associations})

    def _create(self, request: PlatformRequest) -> Response:
        body = self._body(request, _CREATE)
        self._parent.check_location(body["locationId"])
        if any(a.key == body["key"] for a in self.all.values()):
            message = f"Association with key {body['key']} already exists"
            raise self._parent.refusal(400, message)
        for end in ("firstObjectKey", "secondObjectKey"):
            self._check_object(body[end])
        association = AssociationRecord(
            self._parent.new_id(),
            body["key"],
            body["firstObjectKey"],
            body["firstObjectLabel"],
            body["secondObjectKey"],
            body["secondObjectLabel"],
        )
        self.all[association.id] = association
        return self._parent.reply(201, self._shown(association))

    def _update(self, request: PlatformRequest) -> Response:
        """Change the labels; no other field can be changed."""
        before = self._stored(request)
        body = self._body(request, ("firstObjectLabel", "secondObjectLabel"))
        after = replace(
            before,
            first_label=body["firstObjectLabel"],
            second_label=body["secondObjectLabel"],
        )
        self.all[after.id] = after
        return self._parent.reply(200, self._shown(after))

    def _delete(self, request: PlatformRequest) -> Response:
        """Delete an association and the relations of this kind."""
        association = self._stored(request)
        if association.type != "USER_DEFINED":
            raise self._parent.refusal(400, "System defined association cannot be deleted")
        del self.all[association.id]
        self.relations = {
            i: r for i, r in self.relations.items() if r.association != association.id
        }
        payload = {"deleted": True, "id": association.id, "message": "Association deleted"}
        return self._parent.reply(200, payload)

    # --- relations ----------------------------------------------------------------------------

    def _relate(self, request: PlatformRequest) -> Response:
        body = self._body(request, _RELATION)
        self._parent.check_location(body["locationId"])
        association = self.all.get(body["associationId"])
        if association is None:
            raise self._parent.refusal(404, "Association not found")
        first, second = body["firstRecordId"], body["secondRecordId"]
        for key, record in ((association.first_key, first), (association.second_key, second)):
            if record not in self._records(key):
                raise self._parent.refusal(400, f"Record {record} is not of object {key}")
        if any(
            (r.association, r.first, r.second) == (association.id, first, second)
            for r in self.relations.values()
        ):
            message = (
                "Could not create relation: duplicate relation of object Ids for given "
                f"association {association.id}"
            )
            raise self._parent.refusal(400, message)
        relation = Relation(self._parent.new_id(), association.id, first, second)
        self.relations[relation.id] = relation
        return self._parent.reply(201, _relation(relation))

    def _relations_of(self, request: PlatformRequest) -> Response:
        self._parent.check_location(request.query.get("locationId"))
        skip, limit = (self._number(request, key) for key in ("skip", "limit"))
        record = request.params["record"]
        only = request.query.getlist("associationIds[]") or request.query.getlist("associationIds")
        relations = [
            _relation(r)
            for r in self.relations.values()
            if record in {r.first, r.second} and (not only or r.association in only)
        ]
        page = relations[skip : skip + limit]
        return self._parent.reply(200, {"relations": page, "total": len(relations)})

    def _unrelate(self, request: PlatformRequest) -> Response:
        self._parent.check_location(request.query.get("locationId"))
        relation = self.relations.pop(request.params["id"], None)
        if relation is None:
            raise self._parent.refusal(404, "Relation not found")
        payload = {"deleted": True, "id": relation.id, "message": "Relation deleted"}
        return self._parent.reply(200, payload)

    def _find_contact(self, request: PlatformRequest) -> Response:
        """Find a contact by e-mail, else by phone; answer null if there is none (#contacts)."""
        self._parent.check_location(request.query.get("locationId"))
        email, phone = request.query.get("email", ""), request.query.get("number", "")
        if not email and not phone:
            raise self._parent.refusal(422, ["email or number should not be empty"])
        for contact in self._parent.contacts.values():
            for field_name, wanted, value in (
                ("email", email.lower(), contact.email.lower()),
                ("phone", phone, contact.phone),
            ):
                if wanted and wanted == value:
                    row = wire.contact(contact, self._parent.location_id)
                    return self._parent.reply(200, {"contact": row, "matchingField": field_name})
        return self._parent.reply(200, {"contact": None})

    # --- custom objects and their records -----------------------------------------------------

    def _list_objects(self, request: PlatformRequest) -> Response:
        self._parent.check_location(request.query.get("locationId"))
        objects = [self._shown_object(o) for o in self.objects.values()]
        return self._parent.reply(200, {"objects": objects})

    def _get_object(self, request: PlatformRequest) -> Response:
        self._parent.check_location(request.query.get("locationId"))
        row = self._shown_object(self._object(request))
        return self._parent.reply(200, {"object": row, "cache": False, "fields": []})

    def _create_object(self, request: PlatformRequest) -> Response:
        required = ("labels", "key", "locationId", "primaryDisplayPropertyDetails")
        body = self._body(request, required, texts=("key", "locationId"))
        self._parent.check_location(body["locationId"])
        key = body["key"] if body["key"].startswith(CUSTOM) else CUSTOM + body["key"]
        if key in self.objects:
            raise self._parent.refusal(400, f"Object with key {key} already exists")
        custom_object = CustomObject(key, body["labels"], body["primaryDisplayPropertyDetails"])
        self.objects[key] = custom_object
        return self._parent.reply(201, {"object": self._shown_object(custom_object)})

    def _create_record(self, request: PlatformRequest) -> Response:
        custom_object = self._object(request)
        body = self._body(request, ("locationId", "properties"), texts=("locationId",))
        self._parent.check_location(body["locationId"])
        record_id = self._parent.new_id()
        custom_object.records[record_id] = body["properties"]
        return self._parent.reply(201, {"record": self._record(custom_object, record_id)})

    def _get_record(self, request: PlatformRequest) -> Response:
        custom_object = self._object(request)
        if request.params["id"] not in custom_object.records:
            raise self._parent.refusal(404, "Record not found")
        return self._parent.reply(
            200, {"record": self._record(custom_object, request.params["id"])}
        )

    def _delete_record(self, request: PlatformRequest) -> Response:
        custom_object = self._object(request)
        if custom_object.records.pop(request.params["id"], None) is None:
            raise self._parent.refusal(404, "Record not found")
        return self._parent.reply(200, {"id": request.params["id"], "success": True})

    def _search(self, request: PlatformRequest) -> Response:
        """Search records. Only ``field:value`` and the empty query are supported."""
        custom_object = self._object(request)
        required = ("locationId", "page", "pageLimit", "query", "searchAfter")
        body = self._body(request, required, texts=("locationId", "query"))
        self._parent.check_location(body["locationId"])
        name, separator, value = body["query"].partition(":")
        records = [
            self._record(custom_object, record_id)
            for record_id, properties in custom_object.records.items()
            if not separator or str(properties.get(name)) == value
        ]
        start = (body["page"] - 1) * body["pageLimit"]
        page = records[start : start + body["pageLimit"]]
        return self._parent.reply(200, {"records": page, "total": len(records)})

    # --- shared helpers -----------------------------------------------------------------------

    def _number(self, request: PlatformRequest, key: str) -> int:
        value = request.query.get(key, "")
        if not value.isdigit():
            raise self._parent.refusal(422, [f"{key} must be a number string"])
        return int(value)

    def _body(
        self,
        request: PlatformRequest,
        required: Collection[str],
        texts: Collection[str] | None = None,
    ) -> JsonObject:
        try:
            body = request.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise self._parent.refusal(422, ["body must be a JSON object"])
        errors = [f"property {key} should not exist" for key in body if key not in required]
        errors += [f"{key} should not be empty" for key in required if key not in body]
        errors += [
            f"{key} must be a string"
            for key in (required if texts is None else texts)
            if key in body and not isinstance(body[key], str)
        ]
        if errors:
            raise self._parent.refusal(422, errors)
        return body

    def _stored(self, request: PlatformRequest) -> AssociationRecord:
        association = self.all.get(request.params["id"])
        if association is None:
            raise self._parent.refusal(404, "Association not found")
        return association

    def _object(self, request: PlatformRequest) -> CustomObject:
        custom_object = self.objects.get(request.params["key"])
        if custom_object is None:
            raise self._parent.refusal(self.unknown_key, "Object not found")
        return custom_object

    def _check_object(self, key: str) -> None:
        if key != "contact" and key not in self.objects:
            raise self._parent.refusal(400, f"Object {key} does not exist")

    def _records(self, key: str) -> Collection[str]:
        return self._parent.contacts if key == "contact" else self.objects[key].records

    def _shown(self, association: AssociationRecord) -> JsonObject:
        return {
            "locationId": self._parent.location_id,
            "id": association.id,
            "key": association.key,
            "firstObjectLabel": association.first_label,
            "firstObjectKey": association.first_key,
            "secondObjectLabel": association.second_label,
            "secondObjectKey": association.second_key,
            "associationType": association.type,
        }

    def _shown_object(self, custom_object: CustomObject) -> JsonObject:
        return {
            "id": custom_object.key,
            "key": custom_object.key,
            "labels": custom_object.labels,
            "locationId": self._parent.location_id,
            "primaryDisplayProperty": f"{custom_object.key}.{custom_object.primary.get('key')}",
            "type": "USER_DEFINED",
        }

    def _record(self, custom_object: CustomObject, record_id: str) -> JsonObject:
        row: dict[str, Any] = {"id": record_id, "locationId": self._parent.location_id}
        return {
            **row,
            "objectKey": custom_object.key,
            "properties": custom_object.records[record_id],
        }


def _relation(relation: Relation) -> JsonObject:
    return {
        "id": relation.id,
        "associationId": relation.association,
        "firstRecordId": relation.first,
        "secondRecordId": relation.second,
    }
