"""What pydantic refuses, in words for the person who wrote the file; values are not repeated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from syncd.config.problems import Finding, InvalidValueError, did_you_mean, join_names

At = tuple[str | int, ...]

_KINDS: Mapping[str, tuple[str, str]] = {
    "string_type": ("it is no text", 'Write it in quotes: "…".'),
    "bool_type": ("it is neither true nor false", "Write true or false, without quotes."),
    "int_type": ("it is no whole number", "Write a whole number, without quotes."),
    "tuple_type": ("it is no list", 'Write a list, even of one: ["…"].'),
    "dict_type": ("it is no table", "Write a table: { key = value }."),
    "model_type": ("it is no table", "Write a table: { key = value }."),
    "string_too_short": ("it is empty", "Write a value, or leave the key out."),
    "string_too_long": ("it is too long", "Write at most 200 letters."),
    "greater_than_equal": ("it is too small", "Write {ge} or more."),
}

_PATTERNS: Mapping[str, str] = {
    "version": 'Write a version of the platform, like "2021-04-15".',
    "resource": 'Write "rooms/NAME" or "equipment/NAME".',
    "key": 'Use small letters, digits and _ only; a custom object is "custom_objects.NAME".',
    "slug": "Use small letters, digits and - only.",
    "object": 'Write "contact" or "custom_objects.NAME".',
    "key_field": 'Write the schema name of a custom field, like "mx_Custom_1".',
}

_MISSING: Mapping[str, str] = {
    "base_url": 'Add base_url = "https://…" (LeadSquared has one host for each region).',
    "location_id": 'Add location_id = "…", from the address bar or the location\'s settings.',
    "user": 'Add user = "…", the user\'s e-mail address.',
}

_A_KEY = "[key]"
"""Where a key of a table is refused, pydantic names this behind it."""

_NOT_YET = "not available in this version"
_NOT_YET_KEYS: Mapping[str, str] = {
    "rate": "Remove it: syncd learns each platform's limit from its answers.",
}


def translate(error: ValidationError, model: type[BaseModel], at: At) -> Iterator[Finding]:
    """Turn a validation error of a table into findings; ``at`` is where the table stands."""
    for detail in error.errors(include_url=False):
        reason, remedy, under = _said(detail, model)
        place = detail["loc"]
        if place and place[-1] == _A_KEY:
            place = place[:-1]
        yield Finding((*at, *place, *under), reason, remedy)


def _said(detail: Any, model: type[BaseModel]) -> tuple[str, str, tuple[str, ...]]:
    loc: At = detail["loc"]
    key = str(loc[-1]) if loc else ""
    owner = _owner(model, loc)
    refused = detail.get("ctx", {}).get("error")
    match detail["type"]:
        case "value_error" if isinstance(refused, InvalidValueError):
            return refused.reason, refused.remedy, refused.under
        case "extra_forbidden" if key in _NOT_YET_KEYS:
            said = f"{key} is {_NOT_YET}", _NOT_YET_KEYS[key]
        case "extra_forbidden":
            said = "there is no such key", did_you_mean(key, owner.model_fields)
        case "missing":
            said = "it is missing", _MISSING.get(key, f"Add {key} = ….")
        case "literal_error" if key == _A_KEY:
            table = _owner(model, loc[:-2]).model_fields[str(loc[-3])].annotation
            allowed = [leaf for leaf in _leaves(table) if isinstance(leaf, str)]
            said = "there is no such key", did_you_mean(str(loc[-2]), allowed)
        case "literal_error":
            said = _choice(key, detail["input"], owner)
        case "string_pattern_mismatch":
            said = "it does not have the right form", _PATTERNS.get(key, str(detail["msg"]))
        case kind:
            said = _KINDS.get(kind, (str(detail["msg"]), "See the example in the README."))
            said = said[0], said[1].replace("{ge}", str(detail.get("ctx", {}).get("ge")))
    return (*said, ())


def _choice(key: str, value: object, owner: type[BaseModel]) -> tuple[str, str]:
    choices = list(_leaves(owner.model_fields[key].annotation))
    if all(isinstance(choice, int) for choice in choices):
        return "it is no choice here", f"Write one of {', '.join(map(str, choices))}."
    allowed = [str(choice) for choice in choices]
    if not isinstance(value, str):
        return "it is no text", f"Write {join_names(allowed)}."
    return f'"{value}" is no choice here', _close(value, allowed)


def _close(value: str, allowed: list[str]) -> str:
    return did_you_mean(value, allowed).replace("Known here: ", "Write ")


def _owner(model: type[BaseModel], loc: At) -> type[BaseModel]:
    """Walk down to the table that holds the key at the end of ``loc``, through lists too."""
    for step in loc[:-1]:
        if step not in model.model_fields:
            continue
        tables = [t for t in _leaves(model.model_fields[str(step)].annotation) if _is_table(t)]
        if not tables:
            break
        model = tables[0]
    return model


def _is_table(leaf: object) -> bool:
    return isinstance(leaf, type) and issubclass(leaf, BaseModel)


def _leaves(annotation: Any) -> Iterator[Any]:
    """List what a type is made of: the tables of a list, the choices of a literal."""
    inner = get_args(annotation)
    if not inner and annotation not in {None, NoneType, Ellipsis}:
        yield annotation
    for each in inner:
        yield from _leaves(each)
