"""Can a provider hold a model to a schema, and how is the schema written then?

Strict modes take a part of JSON Schema only. What they can't express and only narrows (bounds, patterns,
conditions) is left out and told to the model in the description; our own validation still decides. A schema
that strict mode would make narrower than it is (open objects, values of any type) is not translated at all.
"""

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from tools.schema import validate

Schema: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Dialect:
    """What one provider's strict mode takes."""

    every_property_required: bool
    """An optional property is then required and nullable; the null is taken out of the answer again."""
    recursive: bool
    formats: frozenset[str]


_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})
OPENAI = Dialect(every_property_required=True, recursive=True, formats=_FORMATS)
"""https://platform.openai.com/docs/guides/structured-outputs#supported-schemas"""
ANTHROPIC = Dialect(every_property_required=False, recursive=False, formats=_FORMATS | {"uri"})
"""https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations"""


class Untranslatable(Exception):
    """The schema says something that no strict schema can; the message says what."""


_SHAPE = frozenset(
    {"type", "properties", "required", "additionalProperties", "items", "anyOf", "oneOf", "allOf", "enum", "const"}
)
_OBJECT = frozenset({"properties", "required", "additionalProperties"})
_ANNOTATIONS = frozenset(
    {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment", "$schema", "$id"}
)
_REFERRED = frozenset({"$defs", "definitions"})
_NARROWING = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern"}
    | {"format", "minItems", "maxItems", "uniqueItems", "contains", "minContains", "maxContains", "minProperties"}
    | {"maxProperties", "propertyNames", "dependentRequired", "dependentSchemas", "not", "if", "then", "else"}
)
_SCALARS = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
_TOLD_CHARACTERS = 300


def strict_schema(schema: Schema, dialect: Dialect) -> Schema:
    """The schema in the provider's strict form; it accepts whatever the original accepts.

    Raises Untranslatable.
    """
    return _Translation(schema, dialect).whole()


class _Translation:
    def __init__(self, root: Schema, dialect: Dialect) -> None:
        self.root = root
        self.dialect = dialect
        self.definitions: dict[str, Schema] = {}
        self.open: list[str] = []

    def whole(self) -> Schema:
        translated = self.node(self.root)
        if self.definitions:
            translated["$defs"] = self.definitions
        return translated

    def node(self, schema: object) -> Schema:
        if not isinstance(schema, dict) or not schema:
            raise Untranslatable("a value of any type")
        unknown = set(schema) - _SHAPE - _ANNOTATIONS - _NARROWING - _REFERRED - {"$ref"}
        if unknown:
            raise Untranslatable(f"{', '.join(sorted(unknown))} can't be left out without changing what fits")
        if "$ref" in schema:
            return self._reference(schema)
        if "allOf" in schema:
            return self.node(_merged(schema))
        if "anyOf" in schema or "oneOf" in schema:
            return self._alternatives(schema)
        if "enum" in schema or "const" in schema:
            return self._values(schema)
        return self._typed(schema)

    def _reference(self, schema: Schema) -> Schema:
        reference = schema["$ref"]
        if set(schema) & _SHAPE:
            raise Untranslatable(f"{reference} with something beside it")
        name = str(reference).removeprefix("#/$defs/")
        target = self.root.get("$defs", {}).get(name)
        if not str(reference).startswith("#/$defs/") or target is None:
            raise Untranslatable(f"the reference {reference!r}")
        if name in self.open and not self.dialect.recursive:
            raise Untranslatable(f"{name} contains itself")
        if name not in self.definitions and name not in self.open:
            self.open.append(name)
            self.definitions[name] = self.node(target)
            self.open.pop()
        return {"$ref": reference}

    def _alternatives(self, schema: Schema) -> Schema:
        if len(set(schema) & {"anyOf", "oneOf"}) > 1 or set(schema) & (_OBJECT | {"items", "enum", "const"}):
            raise Untranslatable("alternatives with something beside them")
        options = [self.node(option) for option in schema.get("anyOf") or schema["oneOf"]]
        return self._described({"anyOf": options}, schema)

    def _values(self, schema: Schema) -> Schema:
        values = schema["enum"] if "enum" in schema else [schema["const"]]
        if any(type(value) not in _SCALARS for value in values):
            raise Untranslatable("an enum of objects or lists")
        types = list(dict.fromkeys(_SCALARS[type(value)] for value in values))
        return self._described({"type": types[0] if len(types) == 1 else types, "enum": list(values)}, schema)

    def _typed(self, schema: Schema) -> Schema:
        kind = schema.get("type") or ("object" if "properties" in schema else "array" if "items" in schema else None)
        match kind:
            case list() if set(kind) & {"object", "array"}:
                return self._described({"anyOf": [self._typed(_bare(schema, one)) for one in kind]}, schema)
            case "object":
                return self._object(schema)
            case "array":
                return self._described({"type": "array", "items": self.node(schema.get("items"))}, schema)
            case None:
                raise Untranslatable("a value of any type")
        return self._described({"type": kind}, schema)

    def _object(self, schema: Schema) -> Schema:
        # Without `properties` anything goes; with them, none but those is what is meant.
        if "properties" not in schema and schema.get("additionalProperties") is not False:
            raise Untranslatable("an open object")
        if schema.get("additionalProperties", False) is not False:
            raise Untranslatable("an object with fields of any name")
        properties = schema.get("properties", {})
        required = list(schema.get("required", []))
        if set(required) - set(properties):
            raise Untranslatable("a required field that is not described")
        translated = {name: self.node(sub) for name, sub in properties.items()}
        if self.dialect.every_property_required:
            translated = {n: sub if n in required else nullable(sub) for n, sub in translated.items()}
            required = list(properties)
        closed = {"type": "object", "properties": translated, "required": required, "additionalProperties": False}
        return self._described(closed, schema)

    def _described(self, translated: Schema, schema: Schema) -> Schema:
        if schema.get("format") in self.dialect.formats and translated.get("type") == "string":
            translated["format"] = schema["format"]
        told = {key: value for key, value in schema.items() if key in _NARROWING | {"default"}}
        told = {key: value for key, value in told.items() if key not in translated}
        said = [text for key, value in told.items() if len(text := f"{key}: {_json(value)}") <= _TOLD_CHARACTERS]
        description = " ".join(filter(None, [schema.get("description"), f"({', '.join(said)})" if said else ""]))
        return {**translated, "description": description} if description else translated


def nullable(schema: Schema) -> Schema:
    """The same schema, accepting null as well."""
    description = {"description": schema["description"]} if "description" in schema else {}
    bare = {key: value for key, value in schema.items() if key != "description"}
    if "anyOf" in bare:
        options = bare["anyOf"] if {"type": "null"} in bare["anyOf"] else [*bare["anyOf"], {"type": "null"}]
        return {"anyOf": options, **description}
    kinds = bare.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if None in kinds or set(kinds) & {"object", "array"}:
        return {"anyOf": [bare, {"type": "null"}], **description}
    if "enum" in bare:
        bare["enum"] = list(dict.fromkeys([*bare["enum"], None]))
    return {**bare, "type": list(dict.fromkeys([*kinds, "null"])), **description}


def without_injected_nulls(schema: Schema, value: object) -> object:
    """The value without the nulls that stand for optional properties left out.

    A null that the original schema accepts stays: it may be meant.
    """
    return _without(schema, value, schema)


def _without(schema: object, value: object, root: Schema) -> object:
    schema = _followed(schema, root)
    if not isinstance(schema, dict):
        return value
    if len(schema.get("allOf", ())) == 1:
        schema = _merged(schema)
    for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        cleaned = _without(option, value, root)
        if _fits(option, cleaned, root):
            return cleaned
    if isinstance(value, list) and "items" in schema:
        return [_without(schema["items"], item, root) for item in value]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties", {})
    optional = set(properties) - set(schema.get("required", ()))
    return {
        name: _without(properties.get(name), member, root)
        for name, member in value.items()
        if member is not None or name not in optional or _fits(properties[name], None, root)
    }


def _fits(schema: object, value: object, root: Schema) -> bool:
    if not isinstance(schema, dict):
        return schema is not False
    return not validate({**schema, **{key: root[key] for key in _REFERRED if key in root}}, value)


def _followed(schema: object, root: Schema) -> object:
    for _ in range(20):
        if not isinstance(schema, dict) or not str(schema.get("$ref", "")).startswith("#/"):
            return schema
        steps = str(schema["$ref"])[2:].split("/")
        target = functools.reduce(lambda node, step: node[step], map(_unescaped, steps), root)
        schema = {**target, **{key: part for key, part in schema.items() if key != "$ref"}}
    return schema


def _unescaped(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")


def _merged(schema: Schema) -> Schema:
    """A schema with a single `allOf`, written as one."""
    parts = schema["allOf"]
    rest = {key: value for key, value in schema.items() if key != "allOf"}
    if len(parts) != 1 or not isinstance(parts[0], dict) or set(rest) & set(parts[0]) - _ANNOTATIONS:
        raise Untranslatable("several schemas at once (allOf)")
    return {**parts[0], **rest}


def _bare(schema: Schema, kind: str) -> Schema:
    return {key: value for key, value in schema.items() if key in _SHAPE} | {"type": kind}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLES = frozenset(
    {"items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"}
    | {"unevaluatedProperties", "unevaluatedItems"}
)


def rewritten(schema: object, change: Callable[[Schema], Schema]) -> Any:
    """The schema with `change` applied to it and to every schema inside it; values such as enums are left alone."""
    if not isinstance(schema, dict):
        return schema
    inner: Schema = {}
    for key, part in schema.items():
        if key in _MAPS and isinstance(part, Mapping):
            inner[key] = {name: rewritten(sub, change) for name, sub in part.items()}
        elif key in _LISTS and isinstance(part, list):
            inner[key] = [rewritten(sub, change) for sub in part]
        elif key in _SINGLES:
            inner[key] = rewritten(part, change)
        else:
            inner[key] = part
    return change(inner)


def subschemas(schema: object) -> Iterator[Schema]:
    """The schema and every schema inside it."""
    found: list[Schema] = []

    def note(one: Schema) -> Schema:
        found.append(one)
        return one

    rewritten(schema, note)
    return iter(found)
