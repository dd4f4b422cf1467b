"""People look calls up: searched, summed up by day, agent, submitter or model, and never changed."""

from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from agents.models import ModelCall, ModelHealth, SpendingAccount
from tests.factories import AgentVersionFactory, OperatorFactory, ReviewRequestFactory, SubmitterFactory, TaskFactory
from tests.integration.admin_pages import signed_in, text_of

pytestmark = pytest.mark.django_db
CALLS = reverse("admin:agents_modelcall_changelist")


def made(model: str = "openai:tiny", cost: str | None = "0.0123", **fields: object) -> ModelCall:
    task = fields.pop("task", None) or TaskFactory()
    values = {"status": "answered", "input_tokens": 1200, "output_tokens": 30, "day": timezone.localdate()}
    price = None if cost is None else Decimal(cost)
    return ModelCall.objects.create(task=task, version=task.version, model=model, cost=price, **values | fields)


@pytest.mark.parametrize("by", ["day", "agent", "submitter", "model"])
def test_totals_stand_above_the_list(by):
    version = AgentVersionFactory(agent__name="clerk")
    task = TaskFactory(version=version, submitted_by=SubmitterFactory(username="carla"))
    made(task=task)
    made(task=task, cost=None)
    said = text_of(signed_in(OperatorFactory()).get(CALLS, {"by": by}))
    expected = {"day": timezone.localdate().isoformat(), "agent": "clerk", "submitter": "carla", "model": "openai:tiny"}
    assert expected[by] in said
    assert "$0.0123 and 1 unpriced call" in said


@pytest.mark.parametrize("words", ["overloaded", "openai:tiny", "#{task}", "{submitter}"])
def test_calls_are_found_by_model_error_task_and_submitter(words):
    wanted, other = made(error_kind="overloaded"), made("anthropic:other")
    said_by = wanted.task.submitted_by.get_username()
    words = words.format(task=wanted.task_id, submitter=said_by)
    said = text_of(signed_in(OperatorFactory()).get(CALLS, {"q": words}))
    assert f"Task {wanted.task_id}, step" in said
    assert f"Task {other.task_id}, step" not in said


def test_a_call_shows_what_was_asked_and_what_came_of_it():
    call = made(
        request={"messages": [{"content": "<script>alert(1)</script>"}]}, answer='{"said": "<b>yes</b>"}', at_most=True
    )
    response = signed_in(OperatorFactory()).get(reverse("admin:agents_modelcall_change", args=[call.pk]))
    assert "<script>alert(1)" not in response.content.decode()
    assert "<b>yes</b>" in text_of(response)
    assert "at most $0.0123" in text_of(response)


def test_a_probe_has_a_page_too():
    probe = ModelCall.objects.create(model="openai:tiny", purpose="probe", day=timezone.localdate())
    client = signed_in(OperatorFactory())
    assert "A probe" in text_of(client.get(reverse("admin:agents_modelcall_change", args=[probe.pk])))
    assert "A probe" in text_of(client.get(CALLS))


def test_budgets_and_the_health_of_models_are_seen():
    SpendingAccount.objects.create(scope="all", period="2026-11-20", money=Decimal("12.5"), tokens=7)
    SpendingAccount.objects.create(scope="submitter", key=SubmitterFactory(username="carla").pk, period="2026-11-20")
    ModelHealth.objects.create(model="openai:tiny", failures=1, alarmed=True)
    client = signed_in(OperatorFactory())
    budgets = text_of(client.get(reverse("admin:agents_spendingaccount_changelist")))
    assert "$12.50" in budgets
    assert "carla" in budgets
    assert "Its key is not accepted" in text_of(client.get(reverse("admin:agents_modelhealth_changelist")))


def test_submitters_see_no_calls_and_nobody_changes_one():
    call = made()
    page = reverse("admin:agents_modelcall_change", args=[call.pk])
    assert signed_in(SubmitterFactory()).get(CALLS).status_code == 403
    assert signed_in(SubmitterFactory()).get(page).status_code == 403
    assert signed_in(OperatorFactory()).post(page, {"cost": 0}).status_code == 403


def test_the_review_of_a_budget_says_amounts_in_words_and_in_which_unit_to_extend():
    budget = {"name": "task 7", "unit": "dollars", "used": "0.205570000000", "most": "0.29", "needed": "0.1"}
    shown = {"goal": "Think", "steps": [], "evidence": {"budget": budget | {"suggested": "0.29"}}}
    asked = ReviewRequestFactory(kind="limit", shown=shown)
    page = reverse("admin:review_reviewrequest_change", args=[asked.pk])
    said = text_of(signed_in(OperatorFactory(in_group="Operators")).get(page))
    assert "$0.2056 of $0.2900" in said
    assert "$0.2900 more" in said
    assert "How many more dollars" in said


def test_the_review_of_a_limit_says_what_the_task_has_spent_whatever_it_is_that_ran_out():
    budget = {"name": "all", "unit": "tokens", "used": "12000", "most": "13000", "needed": "2000", "suggested": "5000"}
    deadline = {"was": "2026-11-20T12:00:00+00:00", "suggested": "2026-11-21T12:00:00+00:00"}
    client = signed_in(OperatorFactory(in_group="Operators", is_superuser=True))
    for evidence in ({"budget": budget}, {"deadline": deadline}, {"steps_taken": 3, "max_steps": 12}):
        asked = ReviewRequestFactory(kind="limit", shown={"goal": "Think", "steps": [], "evidence": evidence})
        made(task=asked.task)
        said = text_of(client.get(reverse("admin:review_reviewrequest_change", args=[asked.pk])))
        assert "This task has spent $0.0123 in 1 model call" in said
        assert " of 12" in said
