"""Translate pydantic's validation errors into messages for the author of the configuration.

A message repeats a value only where the value cannot be secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from syncd.config.problems import Finding, InvalidValueError, did_you_mean, join_names

At = tuple[str | int, ...]

_KINDS: Mapping[str, tuple[str, str]] = {
    "string_type": ("not a text", 'Write the value in quotes: "…".'),
    "bool_type": ("neither true nor false", "Write true or false, without quotes."),
    "int_type": ("not a whole number", "Write a whole number, without quotes."),
    "tuple_type": ("not a list", 'Write a list, even for one value: ["…"].'),
    "dict_type": ("not a table", "Write a table: { key = value }."),
    "model_type": ("not a table", "Write a table: { key = value }."),
    "string_too_short": ("empty", "Write a value, or remove the key."),
    "string_too_long": ("too long", "Write at most 200 characters."),
    "greater_than_equal": ("too small", "Write {ge} or more."),
}

_PATTERNS: Mapping[str, str] = {
    "version": 'Write a version of the platform, like "2021-04-15".',
    "resource": 'Write "rooms/NAME" or "equipment/NAME".',
    "key": 'Use lowercase letters, digits and _ only; a custom object is "custom_objects.NAME".',
    "slug": "Use lowercase letters, digits and - only.",
    "object": 'Write "contact" or "custom_objects.NAME".',
    "key_field": 'Write the schema name of a custom field, like "mx_Custom_1".',
}

_MISSING: Mapping[str, str] = {
    "base_url": 'Add base_url = "https://…" (LeadSquared has one host for each region).',
    "location_id": 'Add location_id = "…", from the address bar or the location\'s settings.',
    "user": 'Add user = "…", the user\'s e-mail address.',
}

_A_KEY = "[key]"
"""The last step of pydantic's location if a key, not its value, is invalid."""

_NOT_YET = "not available in this version"
_NOT_YET_KEYS: Mapping[str, str] = {
    "rate": "Remove the key: syncd learns the rate limit of each account from its responses.",
}


def translate(error: ValidationError, model: type[BaseModel], at: At) -> Iterator[Finding]:
    """Turn the validation error of the table at ``at`` into findings."""
    for detail in error.errors(include_url=False):
        reason, remedy, under = _message(detail, model)
        loc = detail["loc"]
        if loc and loc[-1] == _A_KEY:
            loc = loc[:-1]
        yield Finding((*at, *loc, *under), reason, remedy)


def _message(detail: Any, model: type[BaseModel]) -> tuple[str, str, tuple[str, ...]]:
    """Return reason, remedy, and the path of the invalid key under the detail's own location."""
    loc: At = detail["loc"]
    key = str(loc[-1]) if loc else ""
    owner = _owner(model, loc)
    error = detail.get("ctx", {}).get("error")
    match detail["type"]:
        case "value_error" if isinstance(error, InvalidValueError):
            return error.reason, error.remedy, error.under
        case "extra_forbidden" if key in _NOT_YET_KEYS:
            message = f"{key} is {_NOT_YET}", _NOT_YET_KEYS[key]
        case "extra_forbidden":
            message = "unknown key", did_you_mean(key, owner.model_fields)
        case "missing":
            message = "missing", _MISSING.get(key, f"Add {key} = ….")
        case "literal_error" if key == _A_KEY:
            table = _owner(model, loc[:-2]).model_fields[str(loc[-3])].annotation
            allowed = [leaf for leaf in _leaves(table) if isinstance(leaf, str)]
            message = "unknown key", did_you_mean(str(loc[-2]), allowed)
        case "literal_error":
            message = _choice(key, detail["input"], owner)
        case "string_pattern_mismatch":
            message = "not in the required form", _PATTERNS.get(key, str(detail["msg"]))
        case kind:
            message = _KINDS.get(kind, (str(detail["msg"]), "See the example in the README."))
            message = message[0], message[1].replace("{ge}", str(detail.get("ctx", {}).get("ge")))
    return (*message, ())


def _choice(key: str, value: object, owner: type[BaseModel]) -> tuple[str, str]:
    choices = list(_leaves(owner.model_fields[key].annotation))
    if all(isinstance(choice, int) for choice in choices):
        return "not an allowed value", f"Write one of {', '.join(map(str, choices))}."
    allowed = [str(choice) for choice in choices]
    if not isinstance(value, str):
        return "not a text", f"Write {join_names(allowed)}."
    return f'"{value}" is not an allowed value', _close(value, allowed)


def _close(value: str, allowed: list[str]) -> str:
    return did_you_mean(value, allowed).replace("Choose ", "Write ")


def _owner(model: type[BaseModel], loc: At) -> type[BaseModel]:
    """Return the model of the table that contains the key at the end of ``loc``."""
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
    """Yield the innermost types of an annotation, and the values of a literal."""
    inner = get_args(annotation)
    if not inner and annotation not in {None, NoneType, Ellipsis}:
        yield annotation
    for each in inner:
        yield from _leaves(each)
