"""Promise 12: no connection and no transaction is held while a tool works, or while a person thinks."""

import dataclasses
from typing import Any

import pytest
from django.db import connection

from agents.engine import leases
from agents.states import TaskStatus
from review.models import Kind
from tests.desk import gates
from tests.desk.driving import Desk, calls, subject
from tests.guarantees.invariants import check
from tests.guarantees.workers import at_work
from tools.context import ToolContext
from tools.registry import Reconciled, registry
from tools.verifiers import Check, Evidence


@pytest.mark.parametrize(
    "goal", ["look {}", "idempotent {}", "reconcilable {}", "once {}", "in turn {}", "idempotent {} first_lost_after"]
)
def test_a_tool_finds_no_connection_and_no_transaction_when_it_is_called(goal: str, desk: Desk) -> None:
    task = desk.run(goal.format(subject()))
    assert task.status == TaskStatus.COMPLETE
    assert not any(call.had_connection or call.had_transaction for call in calls(task))


@pytest.mark.parametrize("part", ["precondition", "reconcile", "verify"])
def test_what_else_a_tool_is_asked_finds_no_transaction_either(
    part: str, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[bool] = []

    def precondition(arguments: dict[str, Any]) -> str:
        held.append(connection.in_atomic_block or connection.connection is not None)
        return "the same"

    def reconcile(arguments: dict[str, Any], context: ToolContext) -> Reconciled:
        held.append(connection.in_atomic_block or connection.connection is not None)
        return Reconciled(True, {"what": "it", "entry": 1})

    def verify(result: Any, arguments: dict[str, Any], context: ToolContext) -> Evidence:
        held.append(connection.in_atomic_block)
        return Evidence.of(Check("looked", True))

    name, goal, looking = {
        "precondition": ("once_relying", "once_relying {}", {"precondition": precondition}),
        "reconcile": ("reconcilable", "reconcilable {} lost_after", {"reconcile": reconcile}),
        "verify": ("once", "once {}", {"verify": verify}),
    }[part]
    # The tool is the test's own; this is another release of it that looks around.
    monkeypatch.setitem(registry._tools, name, dataclasses.replace(registry.get(name), **looking))
    task = desk.run(goal.format(subject()))
    if task.parked_for == Kind.ACTION:
        desk.decide_and_settle(task, "approve")
    assert task.status == TaskStatus.COMPLETE
    assert held
    assert not any(held)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="Asks PostgreSQL what its sessions do.")
def test_the_database_sees_no_session_waiting_while_a_tool_works(desk: Desk) -> None:
    what = subject()
    task = desk.submit(f"once {what} waits_first")
    with at_work():
        gates.gate(what).wait_for_tool()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT state, query FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'"
            )
            assert cursor.fetchall() == []
            cursor.execute(
                "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
                " WHERE a.datname = current_database() AND l.pid <> pg_backend_pid() AND l.relation IS NOT NULL"
                " AND a.backend_type = 'client backend'"  # the server's own vacuum may be at work
            )
            assert cursor.fetchone() == (0,)
        gates.gate(what).open()
    task.refresh_from_db()
    assert task.status == TaskStatus.COMPLETE
    check(task)


def test_a_task_that_waits_for_a_person_is_nobodys(desk: Desk) -> None:
    for goal in ("once_asked {}", "once {} lost_after", "once"):
        task = desk.run(goal.format(subject()))
        assert task.status in (TaskStatus.NEEDS_REVIEW, TaskStatus.NEEDS_INPUT)
        assert (task.worker, task.lease_until) == ("", None)
    assert leases._held == {}
