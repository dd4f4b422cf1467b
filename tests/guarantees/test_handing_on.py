"""Whose a request is: handed to a person or a group that may decide it, and talked about without deciding."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group

from agents import services
from agents.definition import ApprovalRule
from agents.errors import Invalid, NotAllowed, Stale
from agents.states import TaskStatus
from agents.versions import publish
from review import signals
from review.admin.queue import of
from review.admin.reading import decidable
from review.handing import comment, delegate, said_about
from review.models import Answer, Kind, RequestStatus, ReviewRequest
from review.services import claim, decide, release
from tests.desk.definitions import DESK
from tests.desk.driving import Desk, subject
from tests.factories import ReviewerFactory
from tests.guarantees.invariants import check


@pytest.fixture
def request_(desk: Desk) -> ReviewRequest:
    return desk.request(desk.run(f"once_asked {subject()}"))


@pytest.fixture
def heard() -> Iterator[list[ReviewRequest]]:
    told: list[ReviewRequest] = []

    def listen(request: ReviewRequest, **_: object) -> None:
        told.append(request)

    signals.request_delegated.connect(listen)
    yield told
    signals.request_delegated.disconnect(listen)


def test_what_is_handed_to_a_person_is_theirs_and_others_are_not_led_to_it(
    desk: Desk, request_: ReviewRequest, heard: list[ReviewRequest]
) -> None:
    claim(request_.pk, desk.reviewer)
    delegate(request_.pk, desk.reviewer, desk.colleague, "You know Ana.")
    request_.refresh_from_db()
    assert (request_.assigned_to, request_.claimed_by, heard) == (desk.colleague, None, [request_])
    assert request_ in decidable(desk.colleague).filter(of(desk.colleague, "mine"))
    assert request_ not in decidable(desk.reviewer)
    (line,) = said_about(request_)
    assert (line.data["to"], line.data["text"]) == (str(desk.colleague), "You know Ana.")
    desk.decide(request_.task, Answer.APPROVE, by=desk.reviewer)
    assert desk.settle(request_.task).status == TaskStatus.COMPLETE
    check(request_.task)


def test_what_is_handed_to_a_group_is_for_its_members(desk: Desk, request_: ReviewRequest) -> None:
    leads = Group.objects.create(name="Leads")
    with pytest.raises(Invalid, match="Nobody of the group"):
        delegate(request_.pk, desk.reviewer, leads)
    desk.colleague.groups.add(leads)
    delegate(request_.pk, desk.reviewer, leads)
    assert request_ in decidable(desk.colleague).filter(of(desk.colleague, "groups"))
    assert request_ not in decidable(desk.reviewer)


def test_it_goes_to_nobody_who_may_not_decide_it(desk: Desk, request_: ReviewRequest) -> None:
    desk.submitter.groups.add(Group.objects.get(name="Reviewers"))
    for person, words in ((desk.submitter, "submitted"), (desk.operator, "can't decide")):
        with pytest.raises(Invalid, match=words):
            delegate(request_.pk, desk.reviewer, person)
    with pytest.raises(NotAllowed):
        delegate(request_.pk, desk.operator, desk.colleague)
    assert ReviewRequest.objects.get(pk=request_.pk).assigned_to is None


def test_a_group_whose_members_may_not_approve_it_gets_no_call(desk: Desk) -> None:
    publish(
        DESK.model_copy(
            update={"name": "led", "title": "Led", "approvals": (ApprovalRule(tool="once_asked", group="Leads"),)}
        ),
        by=None,
    )
    Group.objects.create(name="Leads").user_set.add(desk.reviewer)
    request = desk.request(desk.run(f"once_asked {subject()}", agent="led"))
    others = Group.objects.create(name="Others")
    desk.colleague.groups.add(others)
    with pytest.raises(Invalid, match="Nobody of the group"):
        delegate(request.pk, desk.reviewer, others)


def test_what_somebody_reads_or_what_is_closed_is_not_handed_on(desk: Desk, request_: ReviewRequest) -> None:
    claim(request_.pk, desk.colleague)
    with pytest.raises(Stale, match=desk.colleague.username):
        delegate(request_.pk, desk.reviewer, desk.colleague)
    release(request_.pk, desk.colleague)
    services.cancel(request_.task_id, by=desk.submitter)
    for act in (
        lambda: delegate(request_.pk, desk.reviewer, desk.colleague),
        lambda: comment(request_.pk, desk.reviewer, "Too late."),
    ):
        with pytest.raises(Stale, match="withdrawn"):
            act()


def test_whoever_got_it_gives_it_back(desk: Desk, request_: ReviewRequest) -> None:
    delegate(request_.pk, desk.reviewer, desk.colleague)
    release(request_.pk, desk.colleague)
    assert request_ in decidable(desk.reviewer).filter(of(desk.reviewer, "unclaimed"))


def test_a_comment_decides_nothing_and_a_claim_does_not_stop_it(desk: Desk, request_: ReviewRequest) -> None:
    claim(request_.pk, desk.colleague)
    comment(request_.pk, desk.reviewer, "Ask Ana first.")
    assert [line.data["text"] for line in said_about(request_)] == ["Ask Ana first."]
    assert (request_.decisions.count(), desk.request(request_.task).status) == (0, RequestStatus.OPEN)
    for text in ("", " ", "a\0b", "x" * 30_000):
        with pytest.raises(Invalid):
            comment(request_.pk, desk.reviewer, text)
    with pytest.raises(NotAllowed):
        comment(request_.pk, desk.submitter, "Please!")
    check(request_.task)


def test_an_expired_claim_is_nobodys(desk: Desk, request_: ReviewRequest) -> None:
    claim(request_.pk, desk.colleague)
    ReviewRequest.objects.filter(pk=request_.pk).update(claimed_until=request_.opened_at)
    assert not ReviewRequest.objects.filter(of(desk.colleague, "mine"), pk=request_.pk).exists()
    desk.decide(request_.task, Answer.APPROVE)
    with pytest.raises(Stale, match="decided already"):
        decide(request_.pk, desk.colleague, Answer.REJECT, request_.digest)


def test_plans_limits_and_escalations_have_their_groups_too(desk: Desk) -> None:
    rules = tuple(ApprovalRule(kind=kind, group="Leads") for kind in ("plan", "limit", "escalation"))
    update = {"name": "led", "title": "Led", "approvals": rules, "approve_plans": True}
    publish(DESK.model_copy(update=update), by=None)
    lead = ReviewerFactory(in_group="Reviewers")
    Group.objects.create(name="Leads").user_set.add(lead)
    plan = desk.run(f"look {subject()}", agent="led")
    lost = desk.run("Write a poem", agent="led")
    assert [desk.request(one).kind for one in (plan, lost)] == [Kind.PLAN, Kind.ESCALATION]
    with pytest.raises(NotAllowed, match="Leads"):
        desk.decide(plan, Answer.APPROVE)
    with pytest.raises(NotAllowed, match="Leads"):
        desk.decide(lost, Answer.RESPOND, comment="Go on.")
    desk.decide(plan, Answer.APPROVE, by=lead)
    desk.decide(lost, Answer.TERMINATE, comment="No poems.")
    assert desk.settle(plan).status == TaskStatus.COMPLETE
    check(plan, lost)
