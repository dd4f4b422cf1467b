"""Which tools are there, and what is known about each: what it takes, what it does, how that is checked."""

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, TypeVar, get_args

from tools import names, sentence
from tools.canonical import JSON, canonical
from tools.context import ToolContext
from tools.errors import InvalidTool, UnknownTool
from tools.schema import InvalidSchema, check_schema, normalise, validate
from tools.signature import Signature, answer, read_signature
from tools.verifiers import Verifier, guarded


class Effect(StrEnum):
    """What a call does to the world, and so what may follow when its outcome is unknown."""

    READ = "read"
    """Nothing: it may run as often as one likes."""

    IDEMPOTENT = "idempotent"
    """Repeating it with the same idempotency key changes nothing more: after a crash it is repeated."""

    RECONCILABLE = "reconcilable"
    """It may happen once, and the tool can find out whether it did: after a crash `reconcile` is asked."""

    ONCE = "once"
    """It may happen once, and nothing can tell afterwards: after a crash a person settles it."""


class Stakes(StrEnum):
    """How much a wrong call costs."""

    LOW = "low"
    """It may run when policy has nothing against it."""

    HIGH = "high"
    """An effect of high stakes waits for a person."""


@dataclass(frozen=True)
class Reconciled:
    """What a tool found out about an earlier call: it happened, with this result, or it did not."""

    happened: bool
    result: JSON = None


Run = Callable[[dict[str, Any], ToolContext], Any]
Reconcile = Callable[[dict[str, Any], ToolContext], Reconciled]
Precondition = Callable[[dict[str, Any]], JSON]
Unverified = Literal["review", "retry_by_model"]


@dataclass(frozen=True, eq=False)
class Tool:
    """One thing an agent can do. InvalidTool is raised for one that contradicts itself.

    `run` and `reconcile` answer plain JSON, whatever functions were given for them; `run` takes normalised arguments.
    `verify` never raises: a check that could not be made has failed.
    """

    name: str
    description: str
    input_schema: dict[str, Any]
    run: Run
    effect: Effect = Effect.ONCE
    stakes: Stakes = Stakes.HIGH
    outward: bool = False
    """A read whose arguments leave the house, such as an address that it opens."""
    trusted: bool | tuple[str, ...] = False
    """Did nobody outside the house write what it answers? True for all of it, or JSON Pointers to the parts of which
    that is so, with `*` for any index or name: ("/total", "/orders/*/customer_id")."""
    carries: tuple[str, ...] = ()
    """Arguments that may hold text from anywhere, such as a note for colleagues: they say something and decide
    nothing."""
    messages: tuple[str, ...] = ()
    """Arguments that people outside the house read: looked through before they go out."""
    verify: Verifier | None = None
    reconcile: Reconcile | None = None
    precondition: Precondition | None = None
    """A fingerprint of what an approval relies on; None where there is nothing yet to rely on."""
    unverified: Unverified = "review"
    """Where an effect goes whose verifier is not content."""
    deadline_seconds: float = 30.0
    sentence: str = ""
    result_schema: dict[str, Any] | None = None
    signature: Signature | None = None
    """Set by `@tool`; a tool with only a JSON Schema has none."""

    def __post_init__(self) -> None:
        for mistake in _mistakes(self):
            raise InvalidTool(self.name, mistake)
        set_once = functools.partial(object.__setattr__, self)  # the dataclass is frozen
        set_once("effect", Effect(self.effect))
        set_once("stakes", Stakes(self.stakes))
        set_once("run", _answering_json(self.run, self.name))
        if self.reconcile is not None:
            set_once("reconcile", _finding_json(self.reconcile, self.name))
        if self.verify is not None:
            set_once("verify", guarded(self.verify))

    @functools.cached_property
    def canonical_schema(self) -> str:
        """The canonical text of its schema, which is part of what is approved. Nobody changes the schema of a tool that
        is registered: another schema is another tool.
        """
        return canonical(self.input_schema)

    def normalise(self, arguments: object) -> dict[str, Any]:
        """The arguments in their one JSON form, which schema, policy, digest and tool all see.

        Raises tools.schema.InvalidArguments, with every mistake.
        """
        if self.signature is not None:
            return self.signature.normalise(arguments)
        return normalise(self.input_schema, arguments)

    def vouches_for(self, pointer: str) -> bool:
        """Is the part of its answer that a JSON Pointer selects the house's own?"""
        if isinstance(self.trusted, bool):
            return self.trusted
        parts = pointer.split("/")
        return any(
            len(known) <= len(parts) and all(ours in ("*", theirs) for ours, theirs in zip(known, parts, strict=False))
            for known in (one.split("/") for one in self.trusted)
        )

    def describe(self, arguments: object) -> str:
        """What the call will do, in one line for people; never fails, whatever the arguments are."""
        filled = sentence.fill(self.sentence, arguments, self.input_schema)
        return filled or sentence.call(self.name, arguments)


class Registry:
    """The tools of this process, by name, in the order of their registration."""

    def __init__(self) -> None:
        self._tools: dict[str, Tool] = {}

    def register(self, tool: Tool) -> Tool:
        """Adds a tool; InvalidTool if the name is taken."""
        if tool.name in self._tools:
            raise InvalidTool(tool.name, "the name is registered already; give one of the two another `name=`")
        self._tools[tool.name] = tool
        return tool

    def replace(self, tool: Tool) -> None:
        """Puts a tool in the place of the one of its name: for trials, in which nothing may happen."""
        self._tools[tool.name] = tool

    def get(self, name: str) -> Tool:
        """The tool of this name; UnknownTool, which names the nearest ones, if there is none."""
        try:
            return self._tools[name]
        except KeyError:
            raise UnknownTool(name, names.nearest(name, self._tools)) from None

    def names(self) -> tuple[str, ...]:
        return tuple(self._tools)

    def all(self) -> tuple[Tool, ...]:
        return tuple(self._tools.values())

    def nearest(self, name: str) -> str | None:
        """The one name that was probably meant."""
        return next(iter(names.nearest(name, self._tools, limit=1)), None)

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def __iter__(self) -> Iterator[Tool]:
        return iter(self.all())


registry = Registry()

Function = TypeVar("Function", bound=Callable[..., Any])


def tool(
    *,
    effect: Effect | Literal["read", "idempotent", "reconcilable", "once"] = Effect.ONCE,
    stakes: Stakes | Literal["low", "high"] = Stakes.HIGH,
    outward: bool = False,
    trusted: bool | tuple[str, ...] = False,
    carries: tuple[str, ...] = (),
    messages: tuple[str, ...] = (),
    verify: Verifier | None = None,
    reconcile: Reconcile | None = None,
    precondition: Precondition | None = None,
    unverified: Unverified = "review",
    deadline_seconds: float = 30.0,
    sentence: str = "",
    result_schema: dict[str, Any] | None = None,
    name: str | None = None,
    into: Registry = registry,
) -> Callable[[Function], Function]:
    """Registers a typed, documented function as a tool and returns it unchanged, with the Tool as its `tool`.

    Undeclared, an effect may run once and its stakes are high. Raises InvalidTool.
    """

    def register(function: Function) -> Function:
        called = name or function.__name__
        signature = read_signature(function, called)
        made = Tool(
            name=called,
            description=signature.description,
            input_schema=signature.schema,
            run=functools.partial(signature.call, function),
            effect=effect,  # type: ignore[arg-type]  # Tool turns the word into the member, or refuses it
            stakes=stakes,  # type: ignore[arg-type]
            outward=outward,
            trusted=trusted,
            carries=carries,
            messages=messages,
            verify=verify,
            reconcile=reconcile,
            precondition=precondition,
            unverified=unverified,
            deadline_seconds=deadline_seconds,
            sentence=sentence,
            result_schema=result_schema,
            signature=signature,
        )
        function.tool = into.register(made)  # type: ignore[attr-defined]
        return function

    return register


def _answering_json(run: Run, name: str) -> Run:
    def answering(arguments: dict[str, Any], context: ToolContext) -> JSON:
        return answer(run(arguments, context), name)

    return answering


def _finding_json(reconcile: Reconcile, name: str) -> Reconcile:
    def finding(arguments: dict[str, Any], context: ToolContext) -> Reconciled:
        found = reconcile(arguments, context)
        return Reconciled(found.happened, answer(found.result, name))

    return finding


def _mistakes(tool: Tool) -> Iterator[str]:
    """Everything that can be known to be wrong before the first call."""
    if problem := names.problem_with(tool.name):
        yield problem
    yield from _word_mistakes(tool)
    if (tool.effect == Effect.RECONCILABLE) != (tool.reconcile is not None):
        yield "`reconcile` belongs to the effect reconcilable, and that effect needs it; give both or neither"
    if not (math.isfinite(tool.deadline_seconds) and tool.deadline_seconds > 0):
        yield f"deadline_seconds is {tool.deadline_seconds}; give a number of seconds above 0"
    yield from _schema_mistakes(tool)
    yield from _pointing_mistakes(tool)
    if problem := sentence.problem_with(tool.sentence, tool.input_schema):
        yield problem


def _word_mistakes(tool: Tool) -> Iterator[str]:
    words: tuple[tuple[str, str, tuple[str, ...]], ...] = (
        ("effect", tool.effect, tuple(Effect)),
        ("stakes", tool.stakes, tuple(Stakes)),
        ("unverified", tool.unverified, get_args(Unverified)),
    )
    for field, word, known in words:
        if word not in known:
            yield f"{field} is {word!r}; it is one of {', '.join(known)}"


def _pointing_mistakes(tool: Tool) -> Iterator[str]:
    taken = tool.input_schema.get("properties", {})
    for field, named in (("carries", tool.carries), ("messages", tool.messages)):
        for name in named:
            if name not in taken:
                yield f"{field} has {name!r}, which it does not take; it takes {', '.join(taken) or 'nothing'}"
    for pointer in () if isinstance(tool.trusted, bool) else tool.trusted:
        if not pointer.startswith("/"):
            yield f'trusted has {pointer!r}, which is no JSON Pointer; write "/total", or True for the whole answer'


def _schema_mistakes(tool: Tool) -> Iterator[str]:
    for field, schema in (("input_schema", tool.input_schema), ("result_schema", tool.result_schema)):
        try:
            if schema is not None:
                check_schema(schema)
        except InvalidSchema as error:
            yield f"{field}: {error}"
            return
    if tool.input_schema.get("type") != "object":
        yield 'input_schema must be of "type": "object"; arguments have names'
    for name, schema in tool.input_schema.get("properties", {}).items():
        if isinstance(schema, dict) and "default" in schema:
            rooted = {"$defs": tool.input_schema.get("$defs", {}), **schema}
            for problem in validate(rooted, schema["default"]):
                yield f"the default of {name} does not fit its own type: {problem.message}"
