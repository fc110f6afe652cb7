"""Attributes as the endpoints take them: listed with their types, or keyed by name."""

from collections.abc import Sequence

from webapp.api.mobile_shapes import LONGEST_NAME as LONGEST_MOBILE_NAME
from webapp.api.mobile_shapes import LONGEST_VALUE, TYPES
from webapp.api.shapes import EARLIEST, LONGEST_ID, LONGEST_NAME, LONGEST_STRING
from webapp.openapi.shapes import (
    BOOLEAN,
    JSON,
    NULL,
    NUMBER,
    Schema,
    any_of,
    array,
    const,
    keyed,
    named,
    one_of,
    or_null,
    text,
)

ID = named(LONGEST_ID)
NAME = named(LONGEST_NAME)
TIME: Schema = {"type": "integer", "minimum": EARLIEST}
STRING = text(LONGEST_STRING)
_DATE = text(
    pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}([.,][0-9]{1,9})?(Z|[+-][0-9]{2}:?[0-9]{2})?$"
)
_SCALARS = {"string": STRING, "number": NUMBER, "boolean": BOOLEAN, "date": _DATE}
SCALAR = any_of(STRING, NUMBER, BOOLEAN)
ANYTHING = any_of(STRING, NUMBER, BOOLEAN, array(JSON), keyed(text(), JSON))


def keyed_by_name(value: Schema, most: int) -> Schema:
    """At most so many attributes: name → value."""
    return keyed(NAME, value, most)


def listed(types: Sequence[str], most: int) -> Schema:
    """At most so many attributes, each told with its type."""
    by_type = {type_: _of_type(type_) for type_ in types}
    return array(_item(NAME, by_type), most)


def _of_type(type_: str) -> Schema:
    """Which values conform to a type."""
    if type_ == "custom":
        return ANYTHING
    scalar, _, shape = type_.partition(" ")
    one = _SCALARS[scalar]
    return array(one) if shape == "array" else keyed(text(), one) if shape == "map" else one


def _item(name: Schema, by_type: dict[str, Schema], *others: Schema) -> Schema:
    """An attribute that is told with its type, which decides of its value."""
    variants = [
        {"required": ["type", "value"], "properties": {"type": const(type_), "value": value}}
        for type_, value in by_type.items()
    ]
    return {
        "type": "object",
        "required": ["name", "value"],
        "properties": {"name": name, "type": one_of(*by_type), "value": {}},
        "propertyNames": text(),
        "additionalProperties": JSON,
        "oneOf": [*variants, *others],
    }


_NUMBER_TEXT = text(LONGEST_VALUE, pattern=r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$")
_WHOLE: Schema = {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}
_OF_MOBILE = {
    "string": text(LONGEST_VALUE),
    "integer": any_of(_WHOLE, _NUMBER_TEXT),
    "long": any_of(_WHOLE, _NUMBER_TEXT),
    "float": any_of(NUMBER, _NUMBER_TEXT),
    "double": any_of(NUMBER, _NUMBER_TEXT),
    "boolean": any_of(BOOLEAN, text(pattern="^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$")),
    "date": _DATE,
}


def of_mobile(most: int) -> Schema:
    """At most so many attributes of a mobile app, whose values may come as text; what isn't known is null."""
    by_type = {type_: or_null(_OF_MOBILE[type_]) for type_ in TYPES}
    unknown: Schema = {"properties": {"type": NULL, "value": NULL}}
    item = _item(named(LONGEST_MOBILE_NAME), by_type, unknown)
    item["properties"]["type"] = or_null(one_of(*by_type))
    return or_null(array(item, most))
