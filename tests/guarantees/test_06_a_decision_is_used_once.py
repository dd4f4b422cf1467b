"""Promise 6: a decision is used once. A late, double, stale or unauthorised one is refused and changes nothing."""

from collections import Counter
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction

from agents import services
from agents.errors import Invalid, NotAllowed, Refused, Stale
from agents.models import Action, AgentTask
from agents.states import TaskStatus
from review.models import Answer, Decision, Kind, RequestStatus, ReviewRequest
from review.services import ANSWERS, Given, claim, decide, release
from tests.desk.driving import Desk, calls, effects, subject
from tests.desk.models import Fact
from tests.factories import ReviewerFactory, UserFactory
from tests.guarantees import people
from tests.guarantees.invariants import check
from tests.guarantees.racing import raised, together

GIVEN = Given(comment="Go on.", arguments={"what": "elsewhere", "manner": "well"}, result="done", steps=1)


def test_two_reviewers_decide_at_the_same_moment_and_one_is_told_so(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    request = desk.request(task)
    outcomes = together(
        lambda: decide(request.pk, desk.reviewer, Answer.APPROVE, request.digest),
        lambda: decide(request.pk, desk.colleague, Answer.REJECT, request.digest),
    )
    (refused,) = raised(outcomes)
    assert isinstance(refused, Stale)
    assert Decision.objects.filter(request=request).count() == 1
    desk.settle(task)
    check(task)


def test_an_approval_of_what_changed_since_it_was_asked_is_refused_and_asked_anew(desk: Desk) -> None:
    what = subject()
    Fact.objects.create(name=f"relied:{what}", value="paid")
    task = desk.run(f"once_relying {what}")
    request = desk.request(task)
    Fact.objects.filter(name=f"relied:{what}").update(value="refunded")
    with pytest.raises(Stale, match="asked anew"):
        decide(request.pk, desk.reviewer, Answer.APPROVE, request.digest)
    assert not Decision.objects.exists()
    request.refresh_from_db()
    anew = desk.request(task)
    assert (request.status, anew.pk != request.pk) == (RequestStatus.WITHDRAWN, True)
    changed = anew.shown["evidence"]["changed"]
    assert "paid" in str(changed["before"])
    assert "refunded" in str(changed["now"])
    assert desk.decide_and_settle(task, Answer.APPROVE).status == TaskStatus.COMPLETE
    assert len(effects(task)) == 1
    check(task)


def test_eight_reviewers_on_many_requests_decide_each_of_them_once(desk: Desk) -> None:
    tasks = [desk.run(f"once_asked {subject()}") for _ in range(15)]
    requests = [desk.request(task) for task in tasks]
    reviewers = [ReviewerFactory(in_group="Reviewers") for _ in range(8)]

    def decide_all(person: User) -> Callable[[], Counter[str]]:
        def run() -> Counter[str]:
            outcomes: Counter[str] = Counter()
            for request in requests:
                try:
                    decide(request.pk, person, Answer.APPROVE, request.digest)
                    outcomes["decided"] += 1
                except Stale:
                    outcomes["refused"] += 1
            return outcomes

        return run

    counted = together(*(decide_all(person) for person in reviewers))
    assert raised(counted) == []
    assert sum((one for one in counted if isinstance(one, Counter)), Counter()) == {
        "decided": len(requests),
        "refused": len(requests) * (len(reviewers) - 1),
    }
    for task in tasks:
        assert desk.settle(task).status == TaskStatus.COMPLETE
        assert len(effects(task)) == 1
    check(*tasks)


def test_one_person_who_presses_twice_decides_once(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    request = desk.request(task)
    presses = [lambda: decide(request.pk, desk.reviewer, Answer.APPROVE, request.digest)] * 4
    assert len(raised(together(*presses))) == 3
    assert desk.settle(task).status == TaskStatus.COMPLETE
    assert len(effects(task)) == 1
    check(task)


def test_a_decision_on_what_is_decided_already_says_by_whom(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    request = desk.request(task)
    desk.decide(task, Answer.APPROVE)
    with pytest.raises(Stale, match=desk.reviewer.username):
        decide(request.pk, desk.colleague, Answer.REJECT, request.digest)
    assert desk.settle(task).status == TaskStatus.COMPLETE
    check(task)


def test_a_decision_about_a_canceled_task_is_refused(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    request = desk.request(task)
    services.cancel(task.pk, by=desk.submitter)
    with pytest.raises(Stale, match="withdrawn"):
        decide(request.pk, desk.reviewer, Answer.APPROVE, request.digest)
    task = desk.settle(task)
    assert (task.status, calls(task)) == (TaskStatus.CANCELED, [])
    check(task)


def test_a_decision_and_a_cancel_at_the_same_moment_leave_one_truth(desk: Desk) -> None:
    tasks = [desk.run(f"once_asked {subject()}") for _ in range(6)]
    for task in tasks:
        request = desk.request(task)
        together(
            lambda request=request: decide(request.pk, desk.reviewer, Answer.APPROVE, request.digest),
            lambda task=task: services.cancel(task.pk, by=desk.submitter),
        )
        desk.settle(task)
        assert task.status == TaskStatus.CANCELED
        assert effects(task) == []
    check(*tasks)


@pytest.mark.parametrize("digest", ["", "0" * 64, "\0"])
def test_a_decision_on_something_else_than_what_is_asked_is_refused(digest: str, desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    request = desk.request(task)
    with pytest.raises(Stale, match="not what is asked"):
        decide(request.pk, desk.reviewer, Answer.APPROVE, digest)
    _nothing_was_decided(desk, task)


def test_the_digest_of_an_earlier_question_does_not_answer_the_next_one(desk: Desk) -> None:
    task = desk.run(f"once {subject()} error_inside")
    first = desk.request(task)
    desk.decide_and_settle(task, Answer.RETRY)
    second = desk.request(task)
    assert (second.kind, second.digest == first.digest) == (first.kind, False)
    with pytest.raises(Stale, match="not what is asked"):
        decide(second.pk, desk.reviewer, Answer.ACCEPT, first.digest)
    assert desk.request(task) == second
    check(task)


def test_the_submitter_never_decides_about_their_own_task(desk: Desk) -> None:
    desk.submitter.groups.add(Group.objects.get(name="Reviewers"))
    both = User.objects.get(pk=desk.submitter.pk)
    task = desk.run(f"once_asked {subject()}")
    request = desk.request(task)
    for answer in ANSWERS[Kind.ACTION]:
        with pytest.raises(NotAllowed, match="You submitted"):
            decide(request.pk, both, answer, request.digest, GIVEN)
    with pytest.raises(NotAllowed):
        claim(request.pk, both)
    _nothing_was_decided(desk, task)


@pytest.mark.parametrize("who", ["operator", "nobody", "inactive"])
def test_a_person_without_the_permission_decides_nothing(who: str, desk: Desk) -> None:
    match who:
        case "operator":
            person = desk.operator
        case "nobody":
            person = UserFactory()
        case _:
            person = ReviewerFactory(in_group="Reviewers", is_active=False)
    task = desk.run(f"once_asked {subject()}")
    request = desk.request(task)
    with pytest.raises(NotAllowed):
        decide(request.pk, person, Answer.APPROVE, request.digest)
    _nothing_was_decided(desk, task)


def test_a_request_that_somebody_else_is_reading_is_not_decided_meanwhile(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    request = desk.request(task)
    claim(request.pk, desk.colleague)
    with pytest.raises(Stale, match=desk.colleague.username):
        desk.decide(task, Answer.APPROVE)
    with pytest.raises(Stale):
        claim(request.pk, desk.reviewer)
    release(request.pk, desk.reviewer)
    with pytest.raises(Stale):
        desk.decide(task, Answer.APPROVE)
    release(request.pk, desk.colleague)
    desk.decide(task, Answer.APPROVE)
    check(task)


@pytest.mark.parametrize(
    ("goal", "kind"),
    [
        ("once_asked {}", Kind.ACTION),
        ("once_unverified {}", Kind.RESULT),
        ("once {} lost_after", Kind.IN_DOUBT),
        ("once {} nothing", Kind.ESCALATION),
    ],
)
def test_an_answer_that_the_question_does_not_take_is_refused(goal: str, kind: Kind, desk: Desk) -> None:
    task = desk.run(goal.format(subject()))
    request = desk.request(task)
    assert request.kind == kind
    for answer in set(Answer) - set(ANSWERS[kind]):
        with pytest.raises(Invalid):
            decide(request.pk, desk.reviewer, answer, request.digest, GIVEN)
    with pytest.raises(Refused):
        decide(request.pk, desk.reviewer, "shrug", request.digest)
    _nothing_was_decided(desk, task)


@pytest.mark.parametrize(
    ("goal", "answer", "given"),
    [
        ("once_asked {}", Answer.EDIT, Given()),
        ("once_asked {}", Answer.TERMINATE, Given(comment="  ")),
        ("once {} nothing", Answer.RESPOND, Given(comment="")),
        ("once {} nothing", Answer.RESPOND, Given(comment="a\0b")),
        ("once {} nothing", Answer.RESPOND, Given(comment="x" * 30_000)),
    ],
)
def test_an_answer_without_what_it_needs_is_refused_with_a_sentence(
    goal: str, answer: Answer, given: Given, desk: Desk
) -> None:
    task = desk.run(goal.format(subject()))
    request = desk.request(task)
    with pytest.raises(Refused):
        decide(request.pk, desk.reviewer, answer, request.digest, given)
    _nothing_was_decided(desk, task)


def test_only_its_owner_decides_about_a_task_that_was_taken_over(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    desk.decide(task, Answer.TAKE_OVER)
    with pytest.raises(NotAllowed, match=desk.reviewer.username):
        desk.decide(task, Answer.FINISH, by=desk.colleague, result="Mine now.")
    desk.decide(task, Answer.FINISH, result="Done by hand.")
    task.refresh_from_db()
    assert (task.status, task.result, calls(task)) == (TaskStatus.COMPLETE, "Done by hand.", [])
    check(task)


def test_an_approval_is_used_up_by_the_start(desk: Desk) -> None:
    task = desk.run(f"once_asked {subject()}")
    decision = desk.decide(task, Answer.APPROVE)
    approved = Action.objects.get(approval=decision.pk)
    assert approved.approval_used_at is None
    desk.settle(task)
    approved.refresh_from_db()
    assert approved.approval_used_at == approved.started_at
    other = desk.run(f"once_asked {subject()}")
    with pytest.raises(IntegrityError), transaction.atomic():
        Action.objects.filter(task=other).update(approval=decision.pk)
    people.bring_to_an_end(desk, other)


def _nothing_was_decided(desk: Desk, task: AgentTask) -> None:
    before = ReviewRequest.objects.get(task=task)
    assert (before.status, before.decisions.count()) == (RequestStatus.OPEN, 0)
    was_called = len(calls(task))
    desk.settle(task)
    assert (task.status, len(calls(task))) == (TaskStatus.NEEDS_REVIEW, was_called)
    check(task)
