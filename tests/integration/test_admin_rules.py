"""Constraints in the admin: read as sentences, changed by a form, tried on what the agent did; and its calibration."""

from typing import Any

import pytest
from django.db.models.functions import Now
from django.urls import reverse

from agents import calibration, what_if
from agents.definition import Bands, Constraint
from agents.models import Agent, AgentVersion, Step
from agents.states import ActionStatus, StepKind
from agents.versions import publish
from review.deadlines import keep_time
from review.models import Answer, Kind, ReviewRequest
from review.services import Given, decide
from tests.desk.definitions import DESK
from tests.desk.driving import Desk, action_of, subject
from tests.factories import OperatorFactory, ReviewerFactory
from tests.integration.admin_pages import signed_in, text_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> Desk:
    return Desk.open()


def page(name: str = "rules") -> str:
    return reverse(f"admin:agents_agent_{name}", args=[Agent.objects.get(name="desk").pk])


def rule(**fields: Any) -> dict[str, Any]:
    return {"do": "publish", "tool": "once", "verdict": "deny", "why": "Not like this", "kind": "schema"} | fields


def newest() -> AgentVersion:
    version = Agent.objects.get(name="desk").current_version
    assert version is not None
    return version


@pytest.mark.parametrize(
    ("fields", "made"),
    [
        (
            {"kind": "value", "argument": "what", "bound": "const", "value": "safe"},
            {"when": {"required": ["what"], "properties": {"what": {"const": "safe"}}}},
        ),
        (
            {
                "kind": "must",
                "must_argument": "what",
                "operator": "equals",
                "fact": "look#/what",
                "same": "manner=/how",
            },
            {"must": {"argument": "what", "operator": "equals", "fact": "look#/what", "same": {"manner": "/how"}}},
        ),
        (
            {"kind": "limit", "most": "2", "within": "day", "each": "what"},
            {"limit": {"most": 2, "within": "day", "each": "what"}},
        ),
        (
            {"kind": "outside", "opens": "08:00", "closes": "18:00", "days": ["mon", "tue"], "zone": "Europe/Lisbon"},
            {"outside": {"opens": "08:00", "closes": "18:00", "days": ["mon", "tue"], "zone": "Europe/Lisbon"}},
        ),
    ],
)
def test_the_form_adds_a_constraint_of_each_kind_as_a_new_version(desk: Desk, fields: Any, made: Any) -> None:
    response = signed_in(desk.operator).post(page(), rule(**fields), follow=True)
    assert "v2 is published" in text_of(response)
    wanted = Constraint.model_validate({"tool": "once", "verdict": "deny", "why": "Not like this", **made})
    assert newest().read().constraints[-1] == wanted
    # The form shows it again as it was typed.
    again = signed_in(desk.operator).get(f"{page()}?rule={len(newest().read().constraints) - 1}").context["form"]
    assert {name: again.initial[name] for name in ("kind", "why")} == {"kind": fields["kind"], "why": "Not like this"}


def test_what_is_wrong_with_a_constraint_is_said_and_nothing_is_published(desk: Desk) -> None:
    fields = {"kind": "must", "must_argument": "whta", "operator": "equals", "fact": "loook#/what"}
    response = signed_in(desk.operator).post(page(), rule(**fields))
    assert response.status_code == 422
    assert "once does not take 'whta'; did you mean 'what'?" in text_of(response)
    assert "did you mean 'look'?" in text_of(response)
    assert newest().number == 1


@pytest.mark.parametrize("field", ["most", "opens", "must_argument", "value"])
def test_a_field_that_is_left_empty_is_named_and_nothing_breaks(desk: Desk, field: str) -> None:
    kind = {"most": "limit", "opens": "outside", "must_argument": "must", "value": "value"}[field]
    response = signed_in(desk.operator).post(page(), rule(kind=kind))
    assert response.status_code == 422
    assert newest().number == 1


def test_a_constraint_is_changed_and_removed_by_new_versions(desk: Desk) -> None:
    client = signed_in(desk.operator)
    client.post(page(), rule(rule="0", kind="value", argument="what", bound="const", value="throne"))
    assert "throne" in str(newest().read().constraints[0].when)
    client.post(page(), {"do": "remove", "rule": "0"})
    assert (newest().number, newest().read().constraints) == (3, ())


def test_who_may_only_read_reads_sentences_and_changes_nothing(desk: Desk) -> None:
    client = signed_in(desk.reviewer)
    assert 'Deny once when what is "crown".' in text_of(client.get(page()))
    assert client.post(page(), rule()).status_code == 403
    assert newest().number == 1


def test_a_draft_is_tried_on_the_last_calls_before_it_is_published(desk: Desk) -> None:
    what = subject()
    desk.run(f"once {what}")
    desk.run(f"idempotent {subject()}")
    fields = {"kind": "value", "argument": "what", "bound": "const", "value": what}
    words = text_of(signed_in(desk.operator).post(page(), rule(**fields, do="try")))
    assert "Of the last 2 calls, 1 would have gone differently. Nothing was published." in words
    assert f"Not like this (what: {what})" in words
    assert newest().number == 1


def test_a_draft_is_judged_by_what_was_known_at_each_step(desk: Desk) -> None:
    task = desk.run(f"in turn {subject()}")
    definition = newest().read()
    must = {"argument": "what", "operator": "equals", "fact": "look#/what", "same": {"what": "/what"}}
    strict = Constraint.model_validate({"tool": "once", "verdict": "deny", "why": "Look first", "must": must})
    one_call = Constraint.model_validate(
        {"verdict": "review", "why": "One is enough", "limit": {"most": 1, "within": "task"}}
    )
    draft = definition.model_copy(update={"constraints": (strict, one_call)})
    found = what_if.replay(task.agent, draft)
    assert [one.after.outcome for one in found.calls] == ["review", "review", "review", "allow"]
    assert found.counts == [("allow", 4, 1), ("review", 0, 3), ("deny", 0, 0)]


def calibrated() -> dict[str, calibration.Calibration]:
    return {one.kind: one for one in calibration.of_agent(Agent.objects.get(name="desk"), Bands())}


def as_a_model_said(**which: Any) -> None:
    """Lets steps of the playbook be a model's."""
    Step.objects.filter(**which).update(proposer="anthropic:some", confidence=0.95)


def test_a_calibration_counts_what_people_and_verifiers_found(desk: Desk) -> None:
    for answer in [Answer.APPROVE, Answer.APPROVE, Answer.REJECT]:
        desk.decide_and_settle(desk.run(f"once_asked {subject()}"), answer, comment="no")
    assert calibrated() == {}, "a recipe is sure of everything"
    as_a_model_said(name="once_asked")
    found = calibrated()["Effects"]
    assert (found.count, found.bins[0].name, found.bins[0].right) == (3, "0.9 to 1.0", 2)
    assert found.brier == pytest.approx((2 * 0.05**2 + 0.95**2) / 3)
    assert found.brier_interval[0] <= found.brier <= found.brier_interval[1]
    assert "0.9 to 1.0" in text_of(signed_in(desk.reviewer).get(page("calibration")))


def test_what_a_spot_check_found_not_fine_was_wrong(desk: Desk) -> None:
    publish(DESK.model_copy(update={"spot_checks": 1.0}), by=None)
    for answer in (Answer.FINE, Answer.NOT_FINE):
        task = desk.run(f"once {subject()}")
        request = ReviewRequest.objects.get(task=task, kind=Kind.SPOT_CHECK)
        decide(request.pk, desk.reviewer, answer, request.digest, Given(comment="Look."))
    as_a_model_said(name="once")
    assert [(one.count, one.right) for one in calibrated()["Effects"].bins] == [(2, 1)]


def test_what_nobody_said_a_word_about_is_not_held_against_anybody(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    ReviewRequest.objects.filter(task=task).update(expires_at=Now())
    keep_time()
    assert action_of(task).status == ActionStatus.REJECTED
    desk.run(f"look {subject()}")
    as_a_model_said()
    assert calibrated() == {}


def test_plans_and_results_count_where_people_were_asked(desk: Desk) -> None:
    publish(DESK.model_copy(update={"approve_plans": True}), by=None)
    for answer in (Answer.APPROVE, Answer.REJECT):
        desk.decide(desk.run(f"look {subject()}"), answer, comment="no")
    as_a_model_said(kind=StepKind.PLAN)
    assert [(kind, one.count, one.bins[0].right) for kind, one in calibrated().items()] == [("Plans", 2, 1)]
    assert "Plans" in text_of(signed_in(desk.reviewer).get(page("calibration")))


def test_a_band_that_surely_lets_too_many_errors_through_is_warned_of() -> None:
    few = calibration.Share("go", 10, 9, 0.95, limit=0.02)
    many = calibration.Share("go", 200, 160, 0.95, limit=0.02)
    assert (few.too_many, many.too_many) == (False, True)
    low, high = calibration.wilson(160, 200)
    assert (round(low, 3), round(high, 3)) == (0.739, 0.850)


@pytest.mark.parametrize("name", ["rules", "calibration"])
def test_an_agent_that_did_nothing_has_its_pages_too(desk: Desk, name: str) -> None:
    assert signed_in(OperatorFactory(in_group="Operators")).get(page(name)).status_code == 200
    assert signed_in(ReviewerFactory()).get(page(name)).status_code in (200, 403)


def test_the_editor_tries_a_text_without_saving_it(desk: Desk) -> None:
    desk.run(f"once {subject()}")
    client = signed_in(desk.operator)
    address = reverse("admin:agents_agent_new_version", args=[Agent.objects.get(name="desk").pk])
    text = client.get(address).context["form"]["text"].value()
    response = client.post(address, {"text": text.replace("max_steps: ", "max_steps: 1"), "try": "yes"})
    assert "would have gone differently" in text_of(response)
    assert newest().number == 1
