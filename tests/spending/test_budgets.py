"""Spending never passes a budget: the worst case is taken before each call, whoever asks and whoever dies."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
import time_machine
from django.core import mail
from django.db import connections
from pytest_django import Settings

from agents.engine.loop import work_once
from agents.errors import Invalid, NotAllowed
from agents.llm.asking import Opening, Settlement, Usage
from agents.models import AgentTask, ModelCall, SpendingAccount
from agents.spending.errors import BudgetReached, NotYet
from agents.spending.ledger import Ledger, give_up_open_calls
from agents.versions import publish
from review.models import ReviewRequest
from tests.desk.driving import Desk, kinds, lapse
from tests.guarantees.doomed import database_of_this_run
from tests.loopback import Provider, Says, call, finish
from tests.processes import ROOT
from tests.spending.conftest import MODEL, THINKER, budget

WORST = Decimal("0.003")
"""What OPENING may cost: 1,000 tokens in at a dollar a million, 1,000 out at two."""
OPENING = Opening(MODEL, 1, 1000, 1000, {"model": "tiny"})
DONE = Settlement(Usage(1000, 0, 0, 500), None, "", True, 0.1)


def spent(scope: str) -> Decimal:
    return SpendingAccount.objects.get(scope=scope).money


def ask_once(task: AgentTask, settle: bool) -> str:
    """What a worker does around a call, without the call."""
    ledger = Ledger(task, "acting", 1)
    try:
        opened = ledger.opened(OPENING)
    except (NotYet, BudgetReached) as refused:
        return type(refused).__name__
    if settle:
        ledger.settled(opened, DONE)
    return "asked"


@pytest.mark.parametrize(
    ("scope", "settle"),
    [("task", True), ("submitter", True), ("agent", True), ("all", True), ("all", False)],
)
def test_fifty_workers_never_pass_one_budget(desk: Desk, settings: Settings, scope: str, settle: bool) -> None:
    settings.COUNTERSIGN_BUDGETS = {scope: budget("0.0305")}
    settings.COUNTERSIGN_PROVIDER_LIMITS = {}
    tasks = [desk.submit("Think", agent="thinker") for _ in range(50)]
    if scope == "task":
        # A task has one worker at a time; its budget must hold even where workers are taken for dead and are not.
        tasks = [AgentTask.objects.get(pk=tasks[0].pk) for _ in range(50)]

    def work(one: AgentTask) -> list[str]:
        try:
            return [ask_once(one, settle) for _ in range(2)]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(50) as pool:
        outcomes = [outcome for some in pool.map(work, tasks) for outcome in some]
    total = sum(ModelCall.objects.values_list("cost", flat=True), Decimal(0))
    assert total == spent(scope) <= Decimal("0.0305")
    assert outcomes.count("asked") == ModelCall.objects.count() > 0
    # Not more careful than it has to be: where nothing more fits, nothing more would have.
    assert total + WORST > Decimal("0.0305")


def test_killed_workers_leave_their_reservations_behind(desk: Desk, provider: Provider, settings: Settings) -> None:
    """Three workers are killed while the provider answers them; then another one works on."""
    settings.COUNTERSIGN_BUDGETS = {"all": (None, 60_000)}
    for _ in range(6):
        desk.submit("Think", agent="thinker")
    workers: list[subprocess.Popen[bytes]] = []

    def kill(_: object) -> Says:
        workers[-1].kill()
        workers[-1].wait()
        return finish()

    provider.play = kill
    for _ in range(3):
        workers.append(_worker_process(provider, settings))
        workers[-1].wait(timeout=240)
    assert list(ModelCall.objects.values_list("status", "at_most")) == [("open", True)] * 3
    provider.play = lambda _: finish()
    lapse(*AgentTask.objects.all())
    for task in AgentTask.objects.all():
        desk.settle(task)
    assert set(AgentTask.objects.values_list("status", flat=True)) <= {"complete", "needs_review"}
    assert ModelCall.objects.filter(status="lost", at_most=True).count() == 3
    counted = sum(sum(pair) for pair in ModelCall.objects.values_list("input_tokens", "output_tokens"))
    assert counted == SpendingAccount.objects.get().tokens <= 60_000


def _worker_process(provider: Provider, settings: Settings) -> "subprocess.Popen[bytes]":
    names = ("BUDGETS", "PRICES", "OUTPUT_TOKENS", "LEASE_SECONDS")
    told = json.dumps({f"COUNTERSIGN_{name}": getattr(settings, f"COUNTERSIGN_{name}") for name in names})
    return subprocess.Popen(
        [sys.executable, "-m", "tests.spending.worker_process", provider.url, told],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": database_of_this_run()},
    )


def test_a_lost_call_counts_at_its_reservation_on_the_day_of_the_reservation(desk: Desk, settings: Settings) -> None:
    settings.COUNTERSIGN_BUDGETS = {"all": budget("1")}
    task = desk.submit("Think", agent="thinker")
    ledger = Ledger(task, "acting", 1)
    opened = ledger.opened(OPENING)
    assert give_up_open_calls(task.pk) == 1
    ledger.settled(opened, DONE)
    row = ModelCall.objects.get()
    assert (row.status, row.cost, row.at_most) == ("lost", WORST, True)
    assert spent("all") == WORST


def test_a_call_that_ends_after_midnight_is_settled_on_the_day_before(desk: Desk, settings: Settings) -> None:
    settings.COUNTERSIGN_BUDGETS = {"all": budget("1")}
    task = desk.submit("Think", agent="thinker")
    with time_machine.travel("2026-11-20T23:59:59Z", tick=False):
        ledger = Ledger(task, "acting", 1)
        opened = ledger.opened(OPENING)
    with time_machine.travel("2026-11-21T00:00:30Z", tick=False):
        ledger.settled(opened, DONE)
    account = SpendingAccount.objects.get()
    assert (account.period, account.money) == ("2026-11-20", Decimal("0.002"))


def test_what_was_spent_before_a_budget_was_set_counts_in_it(
    desk: Desk, provider: Provider, settings: Settings
) -> None:
    desk.run("Think", agent="thinker")
    before = ModelCall.objects.get().cost
    settings.COUNTERSIGN_BUDGETS = {"all": budget("1")}
    desk.run("Think", agent="thinker")
    assert spent("all") == before * 2


def test_reaching_a_budget_parks_the_task_and_says_which_and_how_much(
    desk: Desk, provider: Provider, settings: Settings
) -> None:
    settings.COUNTERSIGN_BUDGETS = {"task": budget("0.001")}
    task = desk.run("Think", agent="thinker")
    request = desk.request(task)
    assert (task.status, task.parked_for, provider.asked) == ("needs_review", "limit", [])
    assert request.title == f"The budget of task {task.pk} is reached: extend?"
    assert "$0.00 of $0.001000 are used" in request.reasons[0]["message"]
    assert not ModelCall.objects.exists()


def test_who_may_extend_budgets_extends_one_and_the_task_goes_on(
    desk: Desk, provider: Provider, settings: Settings
) -> None:
    settings.COUNTERSIGN_BUDGETS = {"task": budget("0.001")}
    task = desk.run("Think", agent="thinker")
    with pytest.raises(NotAllowed, match="Ask an operator"):
        desk.decide(task, "extend", by=desk.reviewer)
    with pytest.raises(NotAllowed, match="reviewers'"):
        desk.decide(task, "terminate", by=desk.operator, comment="No.")
    with pytest.raises(Invalid, match="above 0"):
        desk.decide(task, "extend", by=desk.operator, amount=Decimal(-1))
    decision = desk.decide(task, "extend", by=desk.operator, amount=Decimal("0.50"))
    desk.settle(task)
    assert task.status == "complete"
    assert decision.details == {"budget": f"task {task.pk}", "unit": "dollars", "amount": "0.50"}
    assert "budget.extended" in kinds(task)


def test_without_an_amount_what_is_suggested_is_enough_to_go_on(
    desk: Desk, provider: Provider, settings: Settings
) -> None:
    settings.COUNTERSIGN_BUDGETS = {"task": (None, 500)}
    task = desk.run("Think", agent="thinker")
    desk.decide(task, "extend", by=desk.operator)
    assert desk.settle(task).status == "complete"


def test_nobody_extends_a_budget_for_their_own_task(desk: Desk, provider: Provider, settings: Settings) -> None:
    settings.COUNTERSIGN_BUDGETS = {"task": budget("0.001")}
    task = desk.run("Think", agent="thinker", by=desk.operator)
    with pytest.raises(NotAllowed, match="submitted this task"):
        desk.decide(task, "extend", by=desk.operator)


def test_extending_a_shared_budget_lets_every_task_go_on_that_waits_for_it(
    desk: Desk, provider: Provider, settings: Settings
) -> None:
    settings.COUNTERSIGN_BUDGETS = {"agent": budget("0.001")}
    tasks = [desk.run("Think", agent="thinker") for _ in range(3)]
    taken = tasks.pop()
    desk.decide(taken, "take_over")
    desk.decide(tasks[0], "extend", by=desk.operator, amount=Decimal(5))
    for task in tasks:
        assert desk.settle(task).status == "complete"
    taken.refresh_from_db()
    assert taken.parked_for == "takeover"
    assert list(ReviewRequest.objects.filter(task=tasks[1]).values_list("status", flat=True)) == ["withdrawn"]


def test_a_budget_that_calls_under_way_fill_is_waited_for_and_nobody_is_asked(
    desk: Desk, provider: Provider, settings: Settings
) -> None:
    settings.COUNTERSIGN_BUDGETS = {"agent": budget("0.03")}
    other = Ledger(desk.submit("Think", agent="thinker"), "acting", 1)
    opened = other.opened(Opening(MODEL, 1, 27_000, 1000, {}))
    AgentTask.objects.update(status="canceled", finished_at="2026-11-20T00:00:00Z")
    task = desk.submit("Think", agent="thinker")
    assert work_once()
    task.refresh_from_db()
    assert (task.status, task.unanswered_since) == ("waiting", None)
    assert "Waiting for its turn" in task.notice
    other.settled(opened, DONE)
    assert desk.settle(task).status == "complete"


def test_most_of_a_tasks_own_budget_is_told_by_mail_once(desk: Desk, provider: Provider, settings: Settings) -> None:
    settings.COUNTERSIGN_BUDGETS = {"task": budget(tokens=100_000)}
    settings.COUNTERSIGN_ALERTS_TO = ["ops@example.org"]
    answers = iter([Says(text="Hm.", input_tokens=used, output_tokens=0) for used in (79_000, 1_500, 100)])
    provider.play = lambda _: next(answers)
    task = desk.run("Think", agent="thinker")
    assert [one.body for one in mail.outbox] == [
        f"80,500 tokens of 100,000 tokens of the budget of task {task.pk} are used."
    ]


def test_most_of_a_shared_budget_is_told_by_mail_once(desk: Desk, provider: Provider, settings: Settings) -> None:
    settings.COUNTERSIGN_BUDGETS = {"submitter": budget("0.02")}
    settings.COUNTERSIGN_ALERTS_TO = ["ops@example.org"]
    provider.play = lambda _: Says(finish().calls, input_tokens=16_500, output_tokens=0)
    desk.run("Think", agent="thinker")
    provider.play = lambda _: Says(finish().calls, input_tokens=100, output_tokens=0)
    assert [(one.to, one.subject) for one in mail.outbox] == [
        (["ops@example.org"], "[Countersign] Most of a budget is used")
    ]
    assert f"$0.0165 of $0.0200 of the budget of {desk.submitter.username} on" in mail.outbox[0].body
    desk.run("Think", agent="thinker")
    assert len(mail.outbox) == 1


def test_a_model_without_a_price_is_refused_under_a_budget_of_money(
    desk: Desk, provider: Provider, settings: Settings
) -> None:
    settings.COUNTERSIGN_PRICES = ""
    settings.COUNTERSIGN_BUDGETS = {"all": budget("5")}
    task = desk.run("Think", agent="thinker")
    assert (task.status, task.parked_for, provider.asked) == ("needs_review", "escalation", [])
    assert f"{MODEL} has no known price and there is a budget of money" in desk.request(task).reasons[0]["message"]


def test_a_model_without_a_price_is_asked_under_a_budget_of_tokens(
    desk: Desk, provider: Provider, settings: Settings
) -> None:
    settings.COUNTERSIGN_PRICES = ""
    settings.COUNTERSIGN_BUDGETS = {"all": (None, 1_000_000)}
    assert desk.run("Think", agent="thinker").status == "complete"
    assert SpendingAccount.objects.get().tokens == 1100


def test_an_agent_may_set_tighter_budgets_than_the_operator_and_no_wider_ones(
    desk: Desk, provider: Provider, settings: Settings
) -> None:
    publish(THINKER.model_copy(update={"budget": THINKER.budget.model_copy(update={"task_tokens": 500})}), by=None)
    settings.COUNTERSIGN_BUDGETS = {"task": (None, 1_000_000)}
    tight = desk.run("Think", agent="thinker")
    settings.COUNTERSIGN_BUDGETS = {"task": (None, 100)}
    tighter = desk.run("Think", agent="thinker")
    said = [desk.request(one).shown["evidence"]["budget"]["most"] for one in (tight, tighter)]
    assert said == ["500", "100"]


def test_a_reached_budget_stops_a_task_midway_and_loses_nothing(
    desk: Desk, provider: Provider, settings: Settings
) -> None:
    answers = iter([call("look", what="kettle", manner="well"), finish()])
    provider.play = lambda _: next(answers)
    settings.COUNTERSIGN_BUDGETS = {"task": (None, 20_000)}
    provider_says = provider.play
    provider.play = lambda asked: Says(provider_says(asked).calls, input_tokens=9_000, output_tokens=1_000)
    task = desk.run("Think", agent="thinker")
    assert (task.status, task.steps_taken, task.parked_for) == ("needs_review", 1, "limit")
    desk.decide(task, "extend", by=desk.operator)
    assert desk.settle(task).status == "complete"
