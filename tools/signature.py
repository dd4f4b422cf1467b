"""How does a typed Python function become a tool's schema, and JSON its real Python arguments?

Parameters and types come from the signature, descriptions from the docstring (Google style, `Args:`), and
pydantic does the rest. A parameter of type Decimal is a JSON number.
"""

import inspect
import re
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from tools.canonical import JSON, NotJson, child, plain_json
from tools.context import ToolContext
from tools.errors import InvalidTool, NothingHappened
from tools.schema import InvalidArguments, Problem, validate

# Fields of the model get a prefix, and the parameter's name as alias: none clashes with pydantic's own.
FIELD_PREFIX = "arg_"


@dataclass(frozen=True)
class Signature:
    """What was read from a function: its description, its schema, the pydantic model of its parameters."""

    description: str
    schema: dict[str, Any]
    model: type[BaseModel]
    wants_context: bool

    def normalise(self, arguments: object) -> dict[str, Any]:
        """Arguments in their one JSON form: defaults filled, money and dates as `plain_json` writes them.

        Raises InvalidArguments. Normalising twice changes nothing.
        """
        if problems := validate(self.schema, arguments):
            raise InvalidArguments(problems)
        plain = plain_json(self._parse(arguments).model_dump(by_alias=True))
        assert isinstance(plain, dict)
        return plain

    def call(self, function: Callable[..., Any], arguments: dict[str, Any], context: ToolContext) -> object:
        """Calls the function with real Python values made from normalised arguments."""
        try:
            parsed = self._parse(arguments)
        except InvalidArguments as error:
            raise NothingHappened(f"The tool was not called: {error}") from error
        values = {name.removeprefix(FIELD_PREFIX): getattr(parsed, name) for name in type(parsed).model_fields}
        return function(**values, context=context) if self.wants_context else function(**values)

    def _parse(self, arguments: object) -> BaseModel:
        try:
            return self.model.model_validate(arguments)
        except ValidationError as error:
            raise InvalidArguments(_problem(detail) for detail in error.errors()) from None


def read_signature(function: Callable[..., Any], name: str) -> Signature:
    """Reads a function; raises InvalidTool, with what to change, if a model could not use it."""
    if inspect.iscoroutinefunction(function):
        raise InvalidTool(name, "is async; write a plain function, the worker runs it in its own thread")
    description, documented = read_docstring(inspect.getdoc(function) or "")
    if not description:
        raise InvalidTool(name, "has no docstring; say in a sentence what it does, the model reads it")
    parameters, wants_context = _parameters(function, name)
    if unknown := sorted(documented.keys() - parameters.keys()):
        raise InvalidTool(name, f"the docstring describes {', '.join(unknown)}, which the function does not take")
    model, schema = _model(name, parameters, documented)
    return Signature(description, schema, model, wants_context)


def read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """The description (all before `Args:`, each paragraph one line) and the words on each parameter."""
    head, *tail = re.split(r"^Args: *$", text, maxsplit=1, flags=re.MULTILINE)
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", head.strip())]
    documented: dict[str, str] = {}
    current = ""
    for line in "".join(tail).splitlines():
        if line.strip() and not line.startswith(" "):
            break  # another section
        if entry := re.match(r"^ {4}(\w+)(?: *\([^)]*\))?: *(.*)$", line):
            current = entry[1]
            documented[current] = entry[2].strip()
        elif current and line.strip():
            documented[current] = f"{documented[current]} {line.strip()}".strip()
    return "\n\n".join(paragraphs), documented


def _parameters(function: Callable[..., Any], name: str) -> tuple[dict[str, tuple[Any, Any]], bool]:
    """Each parameter's annotation and default (`...` if required), and whether there is a context."""
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise InvalidTool(name, f"an annotation cannot be read: {error}") from None
    found: dict[str, tuple[Any, Any]] = {}
    wants_context = False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "context" or hints.get(parameter.name) is ToolContext:
            _check_context(parameter, hints.get(parameter.name), name)
            wants_context = True
            continue
        _check_parameter(parameter, hints, name)
        default = ... if parameter.default is parameter.empty else parameter.default
        found[parameter.name] = (hints[parameter.name], default)
    return found, wants_context


def _check_context(parameter: inspect.Parameter, hint: object, name: str) -> None:
    if (parameter.name, parameter.kind, hint) != ("context", parameter.KEYWORD_ONLY, ToolContext):
        raise InvalidTool(name, "the context is taken as a keyword-only parameter: `*, context: ToolContext`")


def _check_parameter(parameter: inspect.Parameter, hints: dict[str, Any], name: str) -> None:
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        raise InvalidTool(name, f"takes {parameter}; every parameter needs a name that a model can use")
    if parameter.name not in hints:
        raise InvalidTool(name, f"parameter {parameter.name} has no type; annotate it, for the schema")


def _model(
    name: str, parameters: dict[str, tuple[Any, Any]], documented: dict[str, str]
) -> tuple[type[BaseModel], dict[str, Any]]:
    fields: dict[str, Any] = {}
    for parameter, (annotation, default) in parameters.items():
        details: dict[str, Any] = {"alias": parameter}
        if documented.get(parameter):  # None would hide the description of an Annotated type
            details["description"] = documented[parameter]
        fields[FIELD_PREFIX + parameter] = (annotation, Field(default, **details))
    try:
        model = create_model(
            name, __config__=ConfigDict(extra="forbid", allow_inf_nan=False, validate_default=True), **fields
        )
        schema = model.model_json_schema(schema_generator=_ToolSchema)
    except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema, PydanticUserError) as error:
        raise InvalidTool(name, f"a parameter has no JSON form: {error.message}") from None
    except NotJson as error:
        raise InvalidTool(name, f"a default has no JSON form: {error}") from None
    schema.pop("title", None)
    return model, {"type": "object", "properties": {}, **schema}


class _ToolSchema(GenerateJsonSchema):
    """Pydantic's schema, with Decimals as JSON numbers and without titles that only repeat the names."""

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        json_schema = self.float_schema(core_schema.float_schema())
        bounds = {"le": "maximum", "ge": "minimum", "lt": "exclusiveMaximum", "gt": "exclusiveMinimum"}
        for ours, theirs in bounds.items():
            if (bound := schema.get(ours)) is not None:
                json_schema[theirs] = plain_json(bound)
        if (places := schema.get("decimal_places")) is not None:
            json_schema["multipleOf"] = float(f"1e-{places}") if places else 1
        return json_schema

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def encode_default(self, dft: Any) -> Any:
        return plain_json(dft)


def _problem(detail: Any) -> Problem:
    path = ""
    for part in detail["loc"]:
        path = child(path, part)
    return Problem(path, detail["msg"])


def answer(value: object, name: str) -> JSON:
    """What a tool's function returned, as plain JSON; TypeError if it has none, naming the part."""
    try:
        return plain_json(value)
    except NotJson as error:
        raise TypeError(f"Tool {name!r} ran, but its answer is not JSON: {error}") from error
