"""A tool's schema is read from its function; a mistake in it is said when its module is imported."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from tools import checks
from tools.context import ToolContext
from tools.errors import InvalidTool, NothingHappened, UnknownTool
from tools.registry import Effect, Reconciled, Registry, Stakes, Tool, tool
from tools.schema import InvalidArguments
from tools.verifiers import Evidence, has


def context() -> ToolContext:
    return ToolContext(task_id=1, idempotency_key="k1", deadline=datetime.now(UTC) + timedelta(minutes=1))


class Speed(StrEnum):
    SLOW = "slow"
    FAST = "fast"


class Parcel(BaseModel):
    grams: int
    value: Decimal = Decimal("5.50")


def registered(function: Any, **options: Any) -> Tool:
    """The function as a tool of a registry of its own."""
    options.setdefault("effect", "read")
    tool(into=Registry(), **options)(function)
    return function.tool


def ship(
    order_id: str,
    fee: Annotated[Decimal, Field(ge=0, decimal_places=2)],
    on: date,
    at: datetime | None = None,
    parcels: list[Parcel] = [],  # noqa: B006 - never changed
    speed: Speed = Speed.SLOW,
    way: Literal["road", "rail"] = "road",
    limit: Decimal = Decimal("99.90"),
    *,
    context: ToolContext,
) -> dict[str, Any]:
    """Ship an order.

    It goes out on the given day,
    never on a Sunday.

    Args:
        order_id: The order's number.
        fee (Decimal): What it costs,
            in euros.

    Returns:
        order_id: not a parameter here
    """
    return {"fee": fee, "on": on, "at": at, "parcels": parcels, "speed": speed, "key": context.idempotency_key}


def test_the_schema_comes_from_the_signature_and_the_docstring():
    made = registered(ship)
    properties = made.input_schema["properties"]
    assert made.description == "Ship an order.\n\nIt goes out on the given day, never on a Sunday."
    assert made.input_schema["required"] == ["order_id", "fee", "on"]
    assert made.input_schema["additionalProperties"] is False
    assert "context" not in properties
    assert properties["order_id"] == {"type": "string", "description": "The order's number."}
    assert properties["fee"] == {
        "type": "number",
        "minimum": 0,
        "multipleOf": 0.01,
        "description": "What it costs, in euros.",
    }
    assert properties["on"] == {"type": "string", "format": "date"}
    assert properties["limit"] == {"type": "number", "default": 99.9}
    assert properties["way"] == {"enum": ["road", "rail"], "type": "string", "default": "road"}
    assert json.loads(json.dumps(made.input_schema)) == made.input_schema


def test_undeclared_a_tool_may_run_once_and_its_stakes_are_high():
    def act() -> None:
        """Act."""

    tool(into=Registry())(act)
    assert (act.tool.effect, act.tool.stakes, act.tool.outward) == (Effect.ONCE, Stakes.HIGH, False)


def test_the_function_itself_stays_what_it_was():
    def double(number: int) -> int:
        """Double a number."""
        return 2 * number

    assert tool(effect="read", into=Registry())(double) is double
    assert double(2) == 4


def test_normal_arguments_have_defaults_and_one_form_for_money_and_dates():
    normal = registered(ship).normalise(
        {
            "order_id": "1042",
            "fee": 12.50,
            "on": "2026-11-20",
            "at": "2026-11-20T12:00:00+02:00",
            "parcels": [{"grams": 100.0}],
        }
    )
    assert json.dumps(normal, sort_keys=True) == (
        '{"at": "2026-11-20T10:00:00Z", "fee": 12.5, "limit": 99.9, "on": "2026-11-20", "order_id": "1042", '
        '"parcels": [{"grams": 100, "value": 5.5}], "speed": "slow", "way": "road"}'
    )


@given(
    st.fixed_dictionaries(
        {
            "order_id": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
            "fee": st.decimals(min_value=0, max_value=10**9, places=2).map(float),
            "on": st.dates().map(str),
        },
        optional={"limit": st.integers() | st.floats(allow_nan=False, allow_infinity=False, width=32)},
    )
)
def test_normalising_twice_changes_nothing(arguments):
    made = registered(ship)
    normal = made.normalise(arguments)
    assert made.normalise(normal) == normal
    assert json.dumps(made.normalise(json.loads(json.dumps(normal)))) == json.dumps(normal)


def test_the_function_gets_python_values_and_its_answer_is_plain_json():
    got: dict[str, Any] = {}

    def pay(amount: Decimal, on: date, at: datetime) -> dict[str, Any]:
        """Pay."""
        got.update(amount=amount, on=on, at=at)
        return {"amount": amount, "on": on, "whole": Decimal("3.00")}

    made = registered(pay)
    answer = made.run(made.normalise({"amount": 64.90, "on": "2026-11-20", "at": "2026-11-20T10:00:00Z"}), context())
    assert got == {
        "amount": Decimal("64.9"),
        "on": date(2026, 11, 20),
        "at": datetime(2026, 11, 20, 10, tzinfo=UTC),
    }
    assert answer == {"amount": 64.9, "on": "2026-11-20", "whole": 3}


def test_money_is_exact_from_the_json_to_the_function_and_back():
    made = registered(amount_back)
    for written in ("0.1", "0.29", "1.1", "64.9", "8589934592.01", "100"):
        normal = made.normalise({"amount": json.loads(written)})
        assert json.dumps(normal["amount"]) == written
        assert made.run(normal, context()) == written


def amount_back(amount: Decimal) -> str:
    """Give an amount back as text."""
    return str(amount)


@pytest.mark.parametrize(
    "amount", ["12,50", "12.50", True, None, float("nan"), float("inf"), json.loads("1e400"), [], Decimal("0.1")]
)
def test_what_is_no_amount_is_refused_with_a_sentence(amount):
    with pytest.raises(InvalidArguments) as refused:
        registered(amount_back).normalise({"amount": amount})
    (problem,) = refused.value.problems
    assert problem.path == "/amount"
    assert "number" in problem.message


def test_arguments_that_reach_a_tool_unchecked_do_not_reach_its_function():
    def never(number: int) -> None:
        """Never runs."""
        raise AssertionError

    with pytest.raises(NothingHappened, match="not called: /number"):
        registered(never).run({"number": "x"}, context())


def test_an_answer_that_is_not_json_is_an_error_that_names_the_part():
    def odd() -> dict[str, Any]:
        """Answer oddly."""
        return {"a": [object()]}

    with pytest.raises(TypeError, match="Tool 'odd' ran, but its answer is not JSON: /a/0"):
        registered(odd).run({}, context())


def test_parameters_may_have_the_names_that_pydantic_uses_itself():
    def copy(json: str, schema: int = 1, model_config: str = "", self_: bool = True) -> dict[str, Any]:
        """Copy."""
        return {"json": json, "schema": schema, "model_config": model_config, "self_": self_}

    made = registered(copy)
    assert made.run(made.normalise({"json": "x"}), context()) == {
        "json": "x",
        "schema": 1,
        "model_config": "",
        "self_": True,
    }


def test_a_tool_can_come_with_a_schema_and_no_function_of_ours():
    schema = {"type": "object", "properties": {"n": {"type": "integer", "default": 1}}, "required": ["q"]}
    remote = Tool("remote-search", "Search.", schema, run=lambda a, c: {"n": a["n"], "ratio": Decimal("0.5")})
    assert remote.normalise({"q": "kettle", "n": 2.0}) == {"q": "kettle", "n": 2}
    assert remote.run(remote.normalise({"q": ""}), context()) == {"n": 1, "ratio": 0.5}
    with pytest.raises(InvalidArguments, match="/q: is missing"):
        remote.normalise({})


# Mistakes


def undocumented(a: int) -> None: ...


def untyped(a) -> None:  # type: ignore[no-untyped-def]
    """Untyped."""


def variadic(*a: int) -> None:
    """Variadic."""


def named(**a: int) -> None:
    """Named."""


def positional(a: int, /) -> None:
    """Positional."""


async def waiting(a: int) -> None:
    """Waiting."""


def callback(a: Annotated[Any, Field()], b: "Formless") -> None:
    """Takes what has no JSON form."""


class Formless:
    pass


def loose_context(context: ToolContext) -> None:
    """The context is not keyword-only."""


def other_context(*, ctx: ToolContext) -> None:
    """The context has another name."""


def misdescribed(a: int) -> None:
    """Misdescribed.

    Args:
        b: There is no b.
    """


def wrong_default(a: int = "x") -> None:  # type: ignore[assignment]
    """Its default is no number."""


def formless_default(a: Any = Formless()) -> None:  # noqa: B008
    """Its default has no JSON form."""


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (undocumented, "has no docstring"),
        (untyped, "parameter a has no type"),
        (variadic, "takes \\*a: int"),
        (named, "takes \\*\\*a: int"),
        (positional, "takes a: int"),
        (waiting, "is async"),
        (callback, "has no JSON form"),
        (loose_context, "keyword-only"),
        (other_context, "keyword-only"),
        (misdescribed, "describes b"),
        (wrong_default, "the default of a does not fit"),
        (formless_default, "a default has no JSON form"),
    ],
)
def test_a_function_that_no_model_could_use_is_refused(function, sentence):
    with pytest.raises(InvalidTool, match=f"Tool '{function.__name__}': .*{sentence}"):
        registered(function)


GOOD = Tool("good", "Good.", {"type": "object", "properties": {"a": {"type": "string"}}}, run=lambda a, c: None)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        *[({"name": name}, "model providers") for name in ("", "a b", "ä", "a.b", "x" * 65, "a\n")],
        *[({"name": name}, "reserved") for name in ("propose_plan", "finish", "ask", "escalate")],
        ({"effect": "twice"}, "effect is 'twice'; it is one of read, idempotent, reconcilable, once"),
        ({"stakes": "middling"}, "stakes is 'middling'; it is one of low, high"),
        ({"unverified": "ignore"}, "unverified is 'ignore'; it is one of review, retry_by_model"),
        ({"effect": "reconcilable"}, "`reconcile`"),
        ({"reconcile": lambda a, c: Reconciled(False)}, "`reconcile`"),
        ({"deadline_seconds": 0}, "deadline_seconds is 0"),
        ({"deadline_seconds": float("inf")}, "deadline_seconds is inf"),
        ({"input_schema": {"type": "array"}}, '"type": "object"'),
        ({"input_schema": {"type": "objekt"}}, "input_schema: Not a Draft"),
        ({"input_schema": {"type": "object", "$ref": "http://x/y"}}, "leaves the schema"),
        ({"result_schema": {"type": 1}}, "result_schema: Not a Draft"),
        ({"sentence": "Do {b}"}, "names b, which the tool does not take"),
        ({"sentence": "Do {a!r}"}, "may hold"),
        ({"sentence": "Do {a:>9}"}, "may hold"),
        ({"sentence": "Do {a"}, "may hold"),
    ],
)
def test_a_tool_that_contradicts_itself_is_refused(change, sentence):
    with pytest.raises(InvalidTool) as refused:
        replace(GOOD, **change)
    assert sentence in str(refused.value)


def test_a_name_can_be_registered_once():
    registry = Registry()
    registry.register(GOOD)
    with pytest.raises(InvalidTool, match="registered already"):
        registry.register(replace(GOOD))
    assert registry.all() == (GOOD,)
    assert "good" in registry
    assert "bad" not in registry


def test_an_unknown_tool_is_answered_with_the_nearest_names():
    registry = Registry()
    for name in ("get_order", "get_customer", "issue_refund"):
        registry.register(replace(GOOD, name=name))
    with pytest.raises(UnknownTool) as unknown:
        registry.get("getOrder")
    assert str(unknown.value) == "There is no tool 'getOrder'. Did you mean get_order or get_customer?"
    assert registry.nearest("IssueRefund") == "issue_refund"
    assert registry.nearest("fly_to_the_moon") is None
    with pytest.raises(UnknownTool, match=r"There is no tool 'zzz'\.$"):
        registry.get("zzz")


def test_an_effect_without_a_verifier_is_warned_of():
    tools = [
        replace(GOOD, name="read", effect=Effect.READ),
        replace(GOOD, name="checked", verify=has("id")),
        replace(GOOD, name="unchecked"),
    ]
    assert [tool.name for tool in checks.without_verifier(tools)] == ["unchecked"]


def test_a_verifier_of_a_tool_never_raises():
    def broken(result: Any, arguments: Any, context: Any) -> Evidence:
        raise RuntimeError("the bank is closed")

    evidence = replace(GOOD, verify=broken).verify({}, {}, context())
    assert not evidence.ok
    assert "the bank is closed" in evidence.checks[0].detail


def test_the_registry_can_be_imported_without_django():
    code = "import sys, tools.registry, tools.verifiers; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
