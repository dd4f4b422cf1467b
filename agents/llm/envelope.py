"""How is a tool offered to a model? With its own schema inside the envelope, strict where that can be had.

What comes back is read by `agents.llm.base.read_envelope`; `arguments_said` first takes out what strict mode
put in.
"""

import functools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from agents.llm.base import ToolOffer
from agents.llm.strict import (
    ANTHROPIC,
    Dialect,
    Schema,
    Untranslatable,
    rewritten,
    strict_schema,
    subschemas,
    without_injected_nulls,
)

OPEN_ENDED = frozenset({"propose_plan"})
"""Offered without strictness: a planned step's arguments are an open object, which may hold references."""


@dataclass(frozen=True)
class Offered:
    """A tool as it goes on the wire."""

    name: str
    description: str
    schema: Schema
    strict: bool


@dataclass(frozen=True)
class Allowance:
    """How much strictness one request may ask for; a provider compiles all strict schemas into one grammar.

    https://platform.claude.com/docs/en/build-with-claude/structured-outputs#schema-complexity-limits
    """

    tools: int
    optional: int
    unions: int

    def less(self, schema: Schema) -> "Allowance":
        return Allowance(self.tools - 1, self.optional - _optional(schema), self.unions - _unions(schema))

    @property
    def is_left(self) -> bool:
        return min(self.tools, self.optional, self.unions) >= 0


PLENTY = Allowance(1000, 5000, 5000)
ANTHROPIC_ALLOWANCE = Allowance(tools=20, optional=24, unions=16)


def envelope_schema(offer: ToolOffer) -> Schema:
    """What a call of the tool takes: why, how sure, and the tool's own arguments."""
    own = rewritten(offer.input_schema, _portable)
    definitions = own.pop("$defs", None)
    schema: Schema = {
        "type": "object",
        "properties": {
            "reasoning": {"type": "string", "minLength": 1, "description": "Why, in one or two sentences."},
            "confidence": {
                "type": "number",
                "minimum": 0,
                "maximum": 1,
                "description": "How sure you are that this is the right next thing to do, from 0 to 1.",
            },
            "arguments": own,
        },
        "required": ["reasoning", "confidence", "arguments"],
        "additionalProperties": False,
    }
    return {**schema, "$defs": definitions} if definitions else schema


def offered(offers: Iterable[ToolOffer], dialect: Dialect | None) -> tuple[Offered, ...]:
    """The tools in their order; without a dialect none is strict. Worked out once for the same offers."""
    return _offered(tuple((one.name, one.description, one.schema_text) for one in offers), dialect)


@functools.lru_cache(maxsize=256)
def _offered(offers: tuple[tuple[str, str, str], ...], dialect: Dialect | None) -> tuple[Offered, ...]:
    left = ANTHROPIC_ALLOWANCE if dialect is ANTHROPIC else PLENTY
    result = []
    for name, description, own in offers:
        offer = ToolOffer(name, description, json.loads(own))
        schema = envelope_schema(offer)
        strict = _strict(offer, schema, dialect)
        if strict is not None and left.less(strict).is_left:
            left = left.less(strict)
            result.append(Offered(offer.name, offer.description, strict, strict=True))
        else:
            result.append(Offered(offer.name, offer.description, schema, strict=False))
    return tuple(result)


def arguments_said(offer: ToolOffer, envelope: dict[str, Any]) -> dict[str, Any]:
    """The envelope as the model meant it, where the tool was offered strictly."""
    if not isinstance(envelope.get("arguments"), dict):
        return envelope
    return {**envelope, "arguments": without_injected_nulls(offer.input_schema, envelope["arguments"])}


def _strict(offer: ToolOffer, schema: Schema, dialect: Dialect | None) -> Schema | None:
    if dialect is None or offer.name in OPEN_ENDED:
        return None
    try:
        return strict_schema(schema, dialect)
    except Untranslatable:
        return None


def _portable(schema: Schema) -> Schema:
    """One schema of a tool's, fit for being a part of a larger one, and for what providers insist on."""
    kept = {key: part for key, part in schema.items() if key not in {"$schema", "$id"}}
    reference = kept.get("$ref")
    if isinstance(reference, str) and (reference == "#" or reference.startswith("#/")):
        # Definitions move to the root of the envelope; everything else moves below `arguments`.
        moves = not reference.startswith("#/$defs/")
        kept["$ref"] = f"#/properties/arguments{reference[1:]}" if moves else reference
    if kept.get("type") == "array":
        kept.setdefault("items", {})  # OpenAI refuses an array that does not say what is in it.
    return kept


def _optional(schema: Schema) -> int:
    return sum(len(set(one.get("properties", {})) - set(one.get("required", ()))) for one in subschemas(schema))


def _unions(schema: Schema) -> int:
    return sum("anyOf" in one or isinstance(one.get("type"), list) for one in subschemas(schema))
