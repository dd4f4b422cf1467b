"""How many people countersign what: rules by tool and arguments, groups, edits that go to others, nobody there."""

import pytest
from django.contrib.auth.models import Group, User

from agents.definition import ApprovalRule
from agents.errors import NotAllowed, Stale
from agents.models import Action, AgentTask
from agents.states import ActionStatus, TaskStatus
from agents.versions import publish
from review.admin.reading import decidable
from review.models import Answer, Decision, RequestStatus, ReviewRequest
from review.quorum import RUNS_IT
from review.services import decide, may_decide
from tests.desk.definitions import DESK
from tests.desk.driving import Desk, action_of, calls, effects, subject
from tests.factories import ReviewerFactory
from tests.guarantees.invariants import check
from tests.guarantees.racing import raised, together


def what(pattern: str) -> dict[str, object]:
    return {"required": ["what"], "properties": {"what": {"type": "string", "pattern": pattern}}}


STRICT = DESK.model_copy(
    update={
        "name": "strict",
        "title": "The strict desk",
        "approvals": (
            ApprovalRule(tool="once_asked", when=what("^vault"), needed=2, group="Leads"),
            ApprovalRule(when=what("^safe"), group="Leads"),
            ApprovalRule(tool="once_unverified", needed=2),
            ApprovalRule(tool="idempotent", needed=2),
        ),
    }
)


@pytest.fixture
def strict(desk: Desk) -> Desk:
    publish(STRICT, by=None)
    return desk


@pytest.fixture
def leads(strict: Desk) -> list[User]:
    group = Group.objects.create(name="Leads")
    people = [ReviewerFactory(in_group="Reviewers") for _ in range(3)]
    for person in people:
        person.groups.add(group)
    return people


def asked(desk: Desk, goal: str) -> AgentTask:
    return desk.run(goal, agent="strict")


def vault() -> str:
    return f"once_asked vault-{subject()}"


def approve(desk: Desk, task: AgentTask, person: User) -> Decision:
    return desk.decide(task, Answer.APPROVE, by=person)


def test_a_call_runs_when_two_of_the_group_have_approved_it(strict: Desk, leads: list[User]) -> None:
    task = asked(strict, vault())
    request = strict.request(task)
    assert (request.approvals_needed, request.approvers_group) == (2, "Leads")
    approve(strict, task, leads[0])
    strict.settle(task)
    assert (task.status, calls(task)) == (TaskStatus.NEEDS_REVIEW, [])
    assert strict.request(task) == request
    last = approve(strict, task, leads[1])
    assert strict.settle(task).status == TaskStatus.COMPLETE
    assert len(effects(task)) == 1
    assert action_of(task).approval == last.pk
    check(task)


def test_one_person_counts_once(strict: Desk, leads: list[User]) -> None:
    task = asked(strict, vault())
    approve(strict, task, leads[0])
    with pytest.raises(NotAllowed, match="already"):
        approve(strict, task, leads[0])
    assert strict.request(task).decisions.count() == 1
    assert strict.settle(task).status == TaskStatus.NEEDS_REVIEW


def test_one_person_who_presses_at_the_same_moment_counts_once(strict: Desk, leads: list[User]) -> None:
    task = asked(strict, vault())
    request = strict.request(task)
    presses = [lambda: decide(request.pk, leads[0], Answer.APPROVE, request.digest)] * 4
    assert len(raised(together(*presses))) == 3
    assert strict.settle(task).status == TaskStatus.NEEDS_REVIEW
    check(task)


def test_three_at_the_same_moment_decide_it_once(strict: Desk, leads: list[User]) -> None:
    task = asked(strict, vault())
    request = strict.request(task)
    refused = raised(together(*(lambda p=p: decide(request.pk, p, Answer.APPROVE, request.digest) for p in leads)))
    assert [type(one) for one in refused] == [Stale]
    assert strict.settle(task).status == TaskStatus.COMPLETE
    assert len(effects(task)) == 1
    check(task)


def test_nobody_outside_the_group_approves_and_anybody_may_reject(strict: Desk, leads: list[User]) -> None:
    task = asked(strict, vault())
    with pytest.raises(NotAllowed, match="Leads"):
        approve(strict, task, strict.reviewer)
    approve(strict, task, leads[0])
    strict.decide(task, Answer.REJECT, by=strict.reviewer, comment="No.")
    strict.settle(task)
    assert calls(task) == []
    check(task)


def test_the_submitter_never_counts(strict: Desk, leads: list[User]) -> None:
    strict.submitter.groups.add(*Group.objects.filter(name__in=["Leads", "Reviewers"]))
    task = asked(strict, vault())
    approve(strict, task, leads[0])
    with pytest.raises(NotAllowed, match="submitted"):
        approve(strict, task, User.objects.get(pk=strict.submitter.pk))
    assert strict.settle(task).status == TaskStatus.NEEDS_REVIEW


def test_who_left_the_group_meanwhile_does_not_count(strict: Desk, leads: list[User]) -> None:
    task = asked(strict, vault())
    approve(strict, task, leads[0])
    leads[0].groups.remove(Group.objects.get(name="Leads"))
    approve(strict, task, leads[1])
    assert strict.settle(task).status == TaskStatus.NEEDS_REVIEW
    approve(strict, task, leads[2])
    assert strict.settle(task).status == TaskStatus.COMPLETE


def test_an_edit_is_put_to_others_and_its_editor_does_not_count(strict: Desk, leads: list[User]) -> None:
    task = asked(strict, vault())
    first = strict.request(task)
    approve(strict, task, leads[1])
    new = {"what": f"vault-{subject()}", "manner": "well"}
    strict.decide(task, Answer.EDIT, by=leads[0], arguments=new)
    second = strict.request(task)
    assert (second.pk != first.pk, second.approvals_needed, second.edited_by) == (True, 2, leads[0])
    assert second.action.arguments == new
    assert second.digest != first.digest
    assert Action.objects.get(pk=first.action_id).status == ActionStatus.SUPERSEDED
    with pytest.raises(NotAllowed, match="your version"):
        approve(strict, task, leads[0])
    with pytest.raises(Stale):
        decide(first.pk, leads[2], Answer.APPROVE, first.digest)
    approve(strict, task, leads[1])
    assert strict.settle(task).status == TaskStatus.NEEDS_REVIEW
    approve(strict, task, leads[2])
    assert strict.settle(task).status == TaskStatus.COMPLETE
    assert [one.subject for one in effects(task)] == [new["what"]]
    check(task)


def test_an_edit_into_what_needs_two_is_not_the_editors_alone(strict: Desk, leads: list[User]) -> None:
    task = asked(strict, f"once_asked {subject()}")
    assert strict.request(task).approvals_needed == 1
    strict.decide(task, Answer.EDIT, by=leads[0], arguments={"what": f"vault-{subject()}", "manner": "well"})
    strict.settle(task)
    assert (task.status, calls(task)) == (TaskStatus.NEEDS_REVIEW, [])
    assert (strict.request(task).approvals_needed, strict.request(task).approvers_group) == (2, "Leads")


def test_an_edit_out_of_what_needs_two_still_needs_another_person(strict: Desk, leads: list[User]) -> None:
    task = asked(strict, vault())
    new = {"what": subject(), "manner": "well"}
    strict.decide(task, Answer.EDIT, by=leads[0], arguments=new)
    assert strict.request(task).approvals_needed == 1
    strict.decide(task, Answer.EDIT, by=leads[0], arguments={**new, "manner": "late"})
    assert strict.settle(task).status == TaskStatus.NEEDS_REVIEW
    with pytest.raises(NotAllowed):
        approve(strict, task, leads[0])
    approve(strict, task, leads[1])
    strict.settle(task)
    check(task)


def test_a_rule_asks_for_what_would_have_gone_by_itself(strict: Desk) -> None:
    task = asked(strict, f"idempotent {subject()}")
    assert (task.status, calls(task)) == (TaskStatus.NEEDS_REVIEW, [])
    request = strict.request(task)
    assert "2 people must approve this." in [one["message"] for one in request.reasons]
    approve(strict, task, strict.reviewer)
    approve(strict, task, strict.colleague)
    assert strict.settle(task).status == TaskStatus.COMPLETE


def test_running_it_again_needs_as_many_people_as_running_it(strict: Desk) -> None:
    task = asked(strict, f"once_unverified {subject()}")
    approve(strict, task, strict.reviewer)
    approve(strict, task, strict.colleague)
    strict.settle(task)
    before = len(calls(task))
    strict.decide(task, Answer.RETRY)
    strict.settle(task)
    assert (task.status, len(calls(task))) == (TaskStatus.NEEDS_REVIEW, before)
    strict.decide(task, Answer.RETRY, by=strict.colleague)
    strict.settle(task)
    assert len(calls(task)) == before + 1
    check(task)


def test_where_too_few_may_approve_it_stays_and_says_so(strict: Desk) -> None:
    task = asked(strict, vault())
    request = strict.request(task)
    assert "approvals.too_few" in [one["code"] for one in request.reasons]
    with pytest.raises(NotAllowed):
        approve(strict, task, strict.reviewer)
    assert (strict.settle(task).status, calls(task)) == (TaskStatus.NEEDS_REVIEW, [])
    strict.decide(task, Answer.TERMINATE, comment="Nobody may.")
    check(task)


def test_where_people_are_enough_nothing_is_said(strict: Desk, leads: list[User]) -> None:
    assert "approvals.too_few" not in [one["code"] for one in strict.request(asked(strict, vault())).reasons]


def test_a_superuser_is_in_no_group_by_being_one(strict: Desk, leads: list[User]) -> None:
    root = User.objects.create_superuser("root", password="password")
    task = asked(strict, vault())
    with pytest.raises(NotAllowed, match="Leads"):
        approve(strict, task, root)


def test_the_queue_leads_nobody_back_to_what_they_approved(strict: Desk, leads: list[User]) -> None:
    task = asked(strict, vault())
    request = strict.request(task)
    approve(strict, task, leads[0])
    assert request not in decidable(leads[0])
    assert request in decidable(leads[1])
    request.refresh_from_db()
    assert (request.claimed_by, request.status) == (None, RequestStatus.OPEN)
    assert "already" in may_decide(request, leads[0])


def test_every_answer_that_runs_a_call_is_counted() -> None:
    assert RUNS_IT | {Answer.EDIT} == {Answer.APPROVE, Answer.EDIT, Answer.RETRY, Answer.NOT_HAPPENED}


def test_requests_without_a_rule_are_decided_by_one(strict: Desk) -> None:
    task = strict.run(f"once_asked {subject()}")
    request = ReviewRequest.objects.get(task=task)
    assert (request.approvals_needed, request.approvers_group) == (1, "")
    approve(strict, task, strict.reviewer)
    assert strict.settle(task).status == TaskStatus.COMPLETE
