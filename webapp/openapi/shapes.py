"""JSON Schema in few words, and what the description of an endpoint consists of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from webapp.keys import Kind
from webapp.reference.shapes import Described

Schema = dict[str, Any]

# A text that can be stored has no NUL, and one that isn't blank has a character that isn't white space, as
# `str.isspace` knows it. Engines of regular expressions differ in what they take for white space, so it is spelled out.
STORABLE = r"^[^\u0000]*$"
_INK = r"[^\u0000\t-\r\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
NOT_BLANK = rf"^[^\u0000]*{_INK}[^\u0000]*$"

JSON: Schema = {"$ref": "#/components/schemas/Json"}
FAULTS: Schema = {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Fault"}}
BOOLEAN: Schema = {"type": "boolean"}
INTEGER: Schema = {"type": "integer"}
NULL: Schema = {"type": "null"}
NUMBER: Schema = {"type": "number"}


@dataclass(frozen=True, slots=True)
class Operation:
    """An endpoint: how it is asked, and what it answers where all is well.

    `described`: its words, its example and what it answers to that; they also give the fields of its bodies their
    words. `bodies` and `answers`: schemas by media type. `keys`: the kinds that it takes in the header. `statuses`:
    those that it has beside 200 and those that all endpoints have. `accepted`: the schema of its 202; what it
    answers by 200 is then of a dry run; `receipt` is its example. `is_open`: it takes no key, and has none but those.
    """

    described: Described
    answers: Mapping[str, Schema]
    bodies: Mapping[str, Schema] = field(default_factory=dict)
    parameters: Sequence[Schema] = ()
    keys: Sequence[Kind] = ("server",)
    statuses: Sequence[int] = ()
    method: str = "post"
    is_open: bool = False
    accepted: Schema = field(default_factory=dict)
    receipt: Mapping[str, Any] = field(default_factory=dict)


def as_json(schema: Schema) -> dict[str, Schema]:
    """A body or an answer that is JSON."""
    return {"application/json": schema}


def text(most: int | None = None, *, least: int = 0, pattern: str = STORABLE) -> Schema:
    """A text of so many characters."""
    lengths = {"minLength": least, "maxLength": most}
    return {"type": "string"} | {name: value for name, value in lengths.items() if value} | {"pattern": pattern}


def named(most: int) -> Schema:
    """A text that isn't blank, of at most so many characters."""
    return text(most, least=1, pattern=NOT_BLANK)


def one_of(*values: str) -> Schema:
    """One of these texts."""
    return {"type": "string", "enum": list(values)}


def const(value: Any) -> Schema:
    """This very value."""
    return {"const": value}


def any_of(*schemas: Schema) -> Schema:
    """What is of any of these."""
    return {"anyOf": list(schemas)}


def or_null(schema: Schema) -> Schema:
    """The same, or null."""
    return any_of(schema, NULL)


def array(items: Schema, most: int | None = None) -> Schema:
    """An array of at most so many."""
    return {"type": "array", "items": items} | ({} if most is None else {"maxItems": most})


def keyed(names: Schema, values: Schema, most: int | None = None) -> Schema:
    """An object of names and values, at most so many."""
    found: Schema = {"type": "object", "propertyNames": names, "additionalProperties": values}
    return found | ({} if most is None else {"maxProperties": most})


def body(required: Schema, optional: Schema | None = None) -> Schema:
    """An object that is sent: further fields are ignored, but must be such as could be stored."""
    found = keyed(text(), JSON) | {"properties": required | (optional or {})}
    return found | ({"required": list(required)} if required else {})


def fields(required: Schema, optional: Schema | None = None) -> Schema:
    """An object with these fields. There may be others, of any kind."""
    return {"type": "object", "required": list(required), "properties": required | (optional or {})}


def parameter(
    name: str, schema: Schema, words: str, *, where: str = "query", is_required: bool = False, example: Any = None
) -> Schema:  # fmt: skip
    """A parameter of the query; `where`: or of the `path` or `header`."""
    found = {"name": name, "in": where, "required": is_required or where == "path", "description": words}
    return found | {"schema": schema} | ({} if example is None else {"example": example})
