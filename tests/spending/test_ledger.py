"""Every call can be looked up afterwards: what it was, what it took, what came of it."""

import threading
from decimal import Decimal

import pytest
from django.db import connection
from pytest_django import Settings

from agents.engine import turns
from agents.engine.loop import work_once
from agents.models import AgentTask, ModelCall
from agents.spending import totals
from agents.versions import publish
from tests.desk.driving import Desk, kinds
from tests.guarantees.racing import raised, together
from tests.loopback import Provider, Says, call, finish
from tests.spending.conftest import MODEL, OTHER, THINKER


def think(desk: Desk, goal: str = "Look at the kettle", agent: str = "thinker") -> AgentTask:
    return desk.run(goal, agent=agent)


def test_a_call_is_written_with_its_tokens_prices_and_exact_cost(desk: Desk, provider: Provider) -> None:
    provider.play = lambda _: Says(finish().calls, input_tokens=1000, cached_tokens=700, output_tokens=33)
    task = think(desk)
    row = ModelCall.objects.get(task=task)
    assert task.status == "complete"
    assert (row.model, row.version, row.purpose, row.step_number) == (MODEL, task.version, "planning", 1)
    assert (row.input_tokens, row.fresh_tokens, row.cached_tokens, row.output_tokens) == (1000, 300, 700, 33)
    assert row.cost == Decimal("0.000436")
    assert row.prices == {"input": "1", "cached": "0.1", "written": "1", "output": "2", "source": "set by the operator"}
    assert (row.status, row.error_kind, row.at_most) == ("answered", "", False)
    assert row.latency_ms is not None
    assert row.request["model"] == "tiny"
    assert '"finish"' in row.answer


def test_a_call_is_in_the_ledger_before_it_is_made(desk: Desk, provider: Provider) -> None:
    seen = []

    def play(_: object) -> Says:
        row = ModelCall.objects.get()
        seen.append((row.status, row.at_most, row.cost > 0, row.input_tokens > 1000, row.output_tokens))
        connection.close()
        return finish()

    provider.play = play
    think(desk)
    assert seen == [("open", True, True, True, 1000)]


def test_many_wait_for_a_model_at_once_with_no_turn_and_no_connection_of_their_process(
    desk: Desk, provider: Provider
) -> None:
    many = 2 * turns.AT_ONCE
    all_ask, lent = threading.Barrier(many), []

    def play(_: object) -> Says:
        all_ask.wait(120)  # which would never be, if one of them held its turn
        lent.append(_connections_lent())
        all_ask.wait(120)
        return finish()

    provider.play = play
    tasks = [desk.submit("Look at the kettle", agent="thinker") for _ in range(many)]
    connection.close()
    assert raised(together(*[work_once] * many)) == []
    assert max(lent) < many, "each of them holds one"
    assert {AgentTask.objects.get(pk=task.pk).status for task in tasks} == {"complete"}


def _connections_lent() -> int:
    """How many of this process's connections are in use; SQLite has no pool of them."""
    if connection.vendor != "postgresql":
        return 0
    stats = connection.pool.get_stats()
    return int(stats["pool_size"] - stats["pool_available"])


def test_a_model_without_a_price_is_unpriced_and_never_nothing(
    desk: Desk, provider: Provider, settings: Settings
) -> None:
    settings.COUNTERSIGN_PRICES = ""
    task = think(desk)
    assert ModelCall.objects.get(task=task).cost is None
    assert totals.of_task(task).cost == "unpriced"


def test_a_failed_call_says_how_it_failed_and_the_next_models_what_they_fell_back_from(
    desk: Desk, provider: Provider
) -> None:
    publish(THINKER.model_copy(update={"models": (MODEL, OTHER)}), by=None)
    provider.play = lambda asked: Says(status=400, error="No.") if asked["model"] == "tiny" else finish()
    task = think(desk)
    first, second = ModelCall.objects.filter(task=task).order_by("id")
    assert (first.status, first.error_kind, first.cost) == ("failed", "wrong_request", 0)
    assert (second.model, second.fell_back_from, second.passed_over) == (OTHER, first, f"{MODEL} (wrong_request)")


def test_a_silence_of_the_provider_counts_at_its_worst_case(desk: Desk, provider: Provider) -> None:
    answers = iter([Says(status=500), finish()])
    provider.play = lambda _: next(answers)
    task = think(desk)
    first, second = ModelCall.objects.filter(task=task).order_by("id")
    assert (first.at_most, first.output_tokens, second.at_most) == (True, 1000, False)
    assert first.cost > second.cost
    assert second.attempt == 2
    assert totals.of_task(task).cost.startswith("at most $0.0")


@pytest.mark.parametrize("keep", ["redacted", "none"])
def test_content_is_kept_only_as_far_as_the_operator_wants(
    desk: Desk, provider: Provider, settings: Settings, keep: str
) -> None:
    settings.COUNTERSIGN_KEEP_MODEL_CALLS = keep
    provider.play = lambda _: finish("The secret is 4711.")
    task = think(desk, "Find the secret of the kettle")
    row = ModelCall.objects.get(task=task)
    kept = f"{row.request} {row.answer}"
    assert "kettle" not in kept
    assert "4711" not in kept
    assert "tries" not in kept
    assert (row.request is None) == (keep == "none")


def test_the_totals_of_a_task_and_of_groups_are_exact(desk: Desk, provider: Provider) -> None:
    answers = iter([call("look", what="kettle", manner="well"), finish()])
    provider.play = lambda _: next(answers)
    task = think(desk)
    whole = totals.of_task(task)
    assert (whole.calls, whole.input_tokens, whole.output_tokens, whole.dollars) == (2, 2000, 200, Decimal("0.0024"))
    assert whole.cost == "$0.002400"
    for what in totals.BY:
        (one,) = totals.by(what, ModelCall.objects.all())
        assert (one.calls, one.dollars) == (2, Decimal("0.0024"))
    assert "task.created" in kinds(task)
