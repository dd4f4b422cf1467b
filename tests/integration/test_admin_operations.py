"""Running it from the admin: kill switches that everybody sees, keys that are shown once, workers, the front page."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from agents.models import AgentTask, ApiKey, KillSwitch
from agents.versions import publish
from tests.desk.definitions import DESK
from tests.factories import (
    AgentVersionFactory,
    KillSwitchFactory,
    OperatorFactory,
    ReviewerFactory,
    ReviewRequestFactory,
    SubmitterFactory,
    TaskFactory,
    UserFactory,
)
from tests.integration.admin_pages import signed_in, task_page, text_of

pytestmark = pytest.mark.django_db

FRONT = reverse("admin:index")
ENGAGE = reverse("admin:agents_killswitch_add")
MAKE_KEY = reverse("admin:agents_apikey_add")


# --- Kill switches


def test_an_operator_engages_and_lifts_and_everybody_is_told():
    operator, task = OperatorFactory(), TaskFactory()
    client = signed_in(operator)

    client.post(ENGAGE, {"why": "Double charges <b>seen</b>", "tool": "issue_refund", "agent": ""})

    switch = KillSwitch.objects.get()
    assert (switch.engaged_by, switch.tool, switch.agent) == (operator, "issue_refund", None)
    for person, address in ((task.submitted_by, task_page(task)), (ReviewerFactory(), FRONT), (operator, FRONT)):
        response = signed_in(person).get(address)
        assert "Kill switch engaged." in text_of(response)
        assert "Double charges <b>seen</b>" in text_of(response)
        assert str(operator) in text_of(response)

    client.post(reverse("admin:agents_killswitch_lift", args=[switch.pk]))
    switch.refresh_from_db()
    assert switch.lifted_at is not None
    assert "Kill switch engaged." not in text_of(client.get(FRONT))
    again = client.post(reverse("admin:agents_killswitch_lift", args=[switch.pk]), follow=True)
    assert "lifted already" in text_of(again)


def test_a_kill_switch_needs_a_reason():
    response = signed_in(OperatorFactory()).post(ENGAGE, {"why": "  ", "tool": "", "agent": ""})

    assert response.status_code == 422
    assert not KillSwitch.objects.exists()


def test_only_operators_engage_and_lift():
    switch = KillSwitchFactory()
    for person in (ReviewerFactory(), SubmitterFactory()):
        client = signed_in(person)
        assert client.post(ENGAGE, {"why": "x"}).status_code == 403
        assert client.post(reverse("admin:agents_killswitch_lift", args=[switch.pk])).status_code == 403
    switch.refresh_from_db()
    assert switch.lifted_at is None


def test_an_engaged_switch_is_not_edited_or_deleted():
    switch = KillSwitchFactory()
    client = signed_in(OperatorFactory(is_superuser=True))

    assert client.post(reverse("admin:agents_killswitch_change", args=[switch.pk]), {"why": "x"}).status_code == 403
    assert client.post(reverse("admin:agents_killswitch_delete", args=[switch.pk])).status_code == 403


# --- API keys


def make_key(person: User, owner: User, **more: Any) -> Any:
    typed = {"name": "website", "owner": owner.pk, "scopes": ["tasks:read"]}
    typed |= {"expires_at_0": "", "expires_at_1": ""} | more
    return signed_in(person).post(MAKE_KEY, typed)


def test_a_key_is_shown_once_and_kept_as_a_digest():
    operator = OperatorFactory()

    response = make_key(operator, operator)

    key = ApiKey.objects.get()
    plain = response.context["plain_text"]
    assert plain in text_of(response)
    assert "no-store" in response.headers["Cache-Control"]
    assert key.digest not in response.content.decode()
    later = signed_in(operator).get(reverse("admin:agents_apikey_change", args=[key.pk]))
    assert plain not in later.content.decode()
    assert key.digest not in later.content.decode()


def test_nobody_makes_a_key_that_acts_as_another_person_who_signs_in():
    operator, reviewer, service = OperatorFactory(), ReviewerFactory(), UserFactory()
    service.set_unusable_password()
    service.save()

    refused = make_key(operator, reviewer)
    assert refused.status_code == 422
    assert not ApiKey.objects.exists()
    assert make_key(operator, service).status_code == 200
    assert ApiKey.objects.get().owner == service


def test_a_key_that_would_have_expired_is_refused_at_its_field():
    operator = OperatorFactory()

    refused = make_key(operator, operator, expires_at_0="2020-01-01", expires_at_1="12:00")

    assert refused.status_code == 422
    assert "later time" in text_of(refused)


def test_a_key_is_revoked_by_a_post():
    operator = OperatorFactory()
    make_key(operator, operator)
    key = ApiKey.objects.get()
    revoke = reverse("admin:agents_apikey_revoke", args=[key.pk])

    assert signed_in(operator).get(revoke).status_code == 405
    assert signed_in(ReviewerFactory()).post(revoke).status_code == 403
    signed_in(operator).post(revoke)
    key.refresh_from_db()
    assert key.revoked_at is not None


# --- The front page


def test_a_submitter_finds_a_box_for_a_goal_their_tasks_and_no_reviews():
    AgentVersionFactory()
    task = TaskFactory(goal="Refund my kettle", status="needs_input", question="Which kettle?")
    TaskFactory(goal="Not mine")
    ReviewRequestFactory(title="Somebody decides this")

    page = text_of(signed_in(task.submitted_by).get(FRONT))

    assert "Submit a goal" in page
    assert "Refund my kettle" in page
    assert "Which kettle?" in page
    assert "Not mine" not in page
    assert "Somebody decides this" not in page
    assert "Needs input 1" in page


def test_a_reviewer_finds_what_waits_for_them():
    request = ReviewRequestFactory(title="Refund 64.90 EUR")

    response = signed_in(ReviewerFactory()).get(FRONT)

    assert "Refund 64.90 EUR" in text_of(response)
    assert reverse("admin:review_reviewrequest_change", args=[request.pk]) in response.content.decode()
    assert "Submit a goal" not in text_of(response)


def test_an_operator_sees_whether_anybody_works():
    assert "nobody works" in text_of(signed_in(OperatorFactory()).get(FRONT))


def test_the_examples_are_there_while_the_demo_is_on_and_submit_with_one_post(settings: Any):
    publish(DESK.model_copy(update={"name": "shop-desk"}), by=None)
    person = SubmitterFactory()
    client = signed_in(person)
    assert "Ready examples" not in text_of(client.get(FRONT))

    settings.COUNTERSIGN_DEMO = True
    page = client.get(FRONT)
    assert "Ready examples" in text_of(page)
    assert page.content.decode().count("csrfmiddlewaretoken") >= len(page.context["examples"])
    example = next(one for one in page.context["examples"] if one.max_steps)
    typed = {"agent": "shop-desk", "goal": example.goal, "max_steps": example.max_steps}
    response = client.post(reverse("admin:agents_agenttask_add"), typed)

    task = AgentTask.objects.get()
    assert response.url == task_page(task)
    assert (task.goal, task.max_steps, task.submitted_by) == (example.goal, example.max_steps, person)


def test_every_form_that_changes_something_is_protected_against_other_sites():
    from django.test import Client

    task = TaskFactory()
    client = Client(enforce_csrf_checks=True)
    client.force_login(task.submitted_by)

    assert client.post(reverse("admin:agents_agenttask_cancel", args=[task.pk])).status_code == 403
    assert client.post(reverse("admin:agents_agenttask_add"), {"goal": "x"}).status_code == 403


def test_the_lists_of_the_record_open():
    client = signed_in(OperatorFactory())

    for name in (
        "agents_modelcall",
        "agents_workerprocess",
        "agents_apikey",
        "agents_killswitch",
        "agents_agentversion",
        "agents_agent",
        "review_decision",
    ):
        assert client.get(reverse(f"admin:{name}_changelist")).status_code == 200
