"""A schema of the document as rows that people read: one for each field, with its type and bounds."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.openapi.shapes import NOT_BLANK, STORABLE, Schema

_FEW = 12  # values that are told in a row


@dataclass(frozen=True, slots=True)
class Row:
    """A field. `name` is its path, as in the reference; `where`: the `type` of the object that has it.

    `choices`: what it may be by that `type`, as (type, kind, bounds).
    """

    name: str
    kind: str
    bounds: Sequence[str]
    words: str
    is_required: bool
    where: str = ""
    choices: Sequence[tuple[str, str, Sequence[str]]] = ()


def rows(schema: Schema, path: str = "", where: str = "") -> Iterator[Row]:
    """The fields of an object, with those below them."""
    fields, required = schema.get("properties", {}), schema.get("required", ())
    variants = [one for one in _variants(schema) if "properties" in one]
    for name, inner in fields.items():
        choices = [
            (_label(one), kind(one["properties"][name]), bounds(one["properties"][name]))
            for one in variants
            if name != "type" and name in one["properties"] and _label(one)
        ]
        yield from _field(inner, f"{path}{name}", where, is_required=name in required, choices=choices)
    types = [_label(one) for one in variants if _label(one)]
    if types and "type" not in fields:
        listed: Schema = {"enum": types} | _described(variants[0]["properties"]["type"])
        yield Row(f"{path}type", "string", bounds(listed), listed.get("description", ""), is_required=True, where=where)
    for one in variants:
        for name, inner in one["properties"].items():
            if name not in fields and name != "type":
                needed = name in one.get("required", ())
                yield from _field(inner, f"{path}{name}", _label(one) or where, is_required=needed)


def _field(
    schema: Schema,
    name: str,
    where: str,
    *,
    is_required: bool,
    choices: Sequence[tuple[str, str, Sequence[str]]] = (),
) -> Iterator[Row]:
    yield Row(name, kind(schema), bounds(schema), schema.get("description", ""), is_required, where, choices)
    for one in (schema, *_variants(schema)):
        yield from rows({name: one[name] for name in one if name not in {"anyOf", "oneOf"}}, f"{name}.", where)
        if "items" in one:
            yield from rows(one["items"], f"{name}[].", where)


def _variants(schema: Schema) -> list[Schema]:
    return [*schema.get("oneOf", ()), *schema.get("anyOf", ())]


def _label(variant: Schema) -> str:
    return str(variant.get("properties", {}).get("type", {}).get("const", ""))


def _described(schema: Schema) -> Schema:
    return {name: schema[name] for name in ("description",) if name in schema}


def kind(schema: Schema) -> str:
    """The type of a value in words: `string or null`."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return "any JSON" if name == "Json" else name
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema or _consts(schema):
        return "string"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(kind, schema["anyOf"])))
    told = schema.get("type", "any JSON")
    if told == "array" and _is_told_by_name(schema["items"]):
        return f"array of {kind(schema['items'])}"
    return " or ".join(told) if isinstance(told, list) else str(told)


def _consts(schema: Schema) -> list[str]:
    """The texts that it may be, where each is told apart."""
    found = [one["const"] for one in schema.get("anyOf", ()) if isinstance(one.get("const"), str)]
    return found if len(found) == len(schema.get("anyOf", ())) else []


def _is_told_by_name(schema: Schema) -> bool:
    return "$ref" in schema or not {"array", "object"} & set(kind(schema).split(" or "))


def bounds(schema: Schema) -> list[str]:
    """What a value must be beside its type, each in a few words, with `code` between backticks."""
    found = list(_bounds(schema))
    for one in schema.get("anyOf", ()):
        found += bounds(one)
    return list(dict.fromkeys(found))


def _bounds(schema: Schema) -> Iterator[str]:
    if "enum" in schema:
        yield f"one of {_listed(schema['enum'])}"
    if 0 < len(_consts(schema)) <= _FEW:
        yield f"one of {_listed(_consts(schema))}"
    if "maxLength" in schema:
        yield f"{_between(schema.get('minLength', 0), schema['maxLength'])} characters"
    yield from _of_number(schema)
    if schema.get("pattern", STORABLE) not in {STORABLE, NOT_BLANK}:
        yield f"`{schema['pattern']}`"
    if "maxItems" in schema:
        yield f"at most {schema['maxItems']:,}"
    if "maxProperties" in schema:
        yield f"at most {schema['maxProperties']:,}"
    if "maxLength" in schema.get("propertyNames", {}):
        names = schema["propertyNames"]
        yield f"names of {_between(names.get('minLength', 0), names['maxLength'])} characters"
    if isinstance(schema.get("additionalProperties"), dict) and "properties" not in schema:
        values = schema["additionalProperties"]
        yield f"values: {'; '.join((kind(values), *bounds(values)))}"


def _of_number(schema: Schema) -> Iterator[str]:
    if "minimum" in schema:
        yield f"from {schema['minimum']}"
    if "maximum" in schema:
        yield f"to {schema['maximum']}"
    if "exclusiveMinimum" in schema:
        yield "within 64 bits"


def _between(least: int, most: int) -> str:
    return f"{least:,}–{most:,}" if least else f"at most {most:,}"


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(f"`{value}`" for value in values)
