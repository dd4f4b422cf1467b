"""Many like requests decided at once: each by its own digest, check and transaction, and each told of."""

from collections import Counter
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission, User

from agents import services
from agents.definition import ApprovalRule
from agents.errors import Invalid, NotAllowed, Stale
from agents.models import AgentTask
from agents.states import TaskStatus
from agents.versions import publish
from review.batch import Row, decide_together
from review.models import Answer, Decision, RequestStatus, ReviewRequest, Via
from review.password import GUESSES, Proof, prove
from review.services import Given, claim, decide
from tests.desk.definitions import DESK
from tests.desk.driving import Desk, effects, subject
from tests.factories import NOON, ReviewerFactory, ReviewRequestFactory
from tests.guarantees.invariants import check
from tests.guarantees.racing import raised, together


def asked(desk: Desk, count: int, tool: str = "once_asked", **more: object) -> list[ReviewRequest]:
    return [desk.request(desk.run(f"{tool} {subject()}", **more)) for _ in range(count)]


def rows(*requests: ReviewRequest) -> list[Row]:
    return [Row(request.pk, request.digest) for request in requests]


def test_all_that_were_shown_are_approved_and_each_runs_once(desk: Desk) -> None:
    requests = asked(desk, 4)
    outcomes = decide_together(rows(*requests), desk.reviewer, Answer.APPROVE, Given(comment="All small."))
    assert [one.request for one in outcomes] == [request.pk for request in requests]
    decisions = [one.decision for one in outcomes if one.decision]
    assert len(decisions) == 4
    assert {one.comment for one in decisions} == {"All small."}
    assert {one.digest for one in decisions} == {request.digest for request in requests}
    assert len({one.details["together"]["id"] for one in decisions}) == 1
    for request in requests:
        assert desk.settle(request.task).status == TaskStatus.COMPLETE
        assert len(effects(request.task)) == 1
    check(*(request.task for request in requests))


def test_each_that_can_not_be_decided_is_passed_over_with_its_own_reason(desk: Desk) -> None:
    good, decided, withdrawn, changed, read, own = asked(desk, 5) + asked(desk, 1, by=desk.reviewer)
    desk.decide(decided.task, Answer.REJECT, by=desk.colleague, comment="No.")
    services.cancel(withdrawn.task_id, by=desk.submitter)
    claim(read.pk, desk.colleague)
    sent = [*rows(good, decided, withdrawn), Row(changed.pk, "0" * 64), *rows(read, own)]

    outcomes = decide_together(sent, desk.reviewer, Answer.APPROVE, Given())

    assert outcomes[0].decision is not None
    assert [one.decision for one in outcomes[1:]] == [None] * 5
    for outcome, words in zip(
        outcomes[1:],
        ("decided already", "withdrawn", "not what is asked now", desk.colleague.username, "You submitted"),
        strict=True,
    ):
        assert words in outcome.why
    assert Decision.objects.filter(answer=Answer.APPROVE).count() == 1
    assert desk.settle(good.task).status == TaskStatus.COMPLETE
    check(*(one.task for one in (good, decided, withdrawn, changed, read, own)))


def test_the_same_batch_sent_again_decides_nothing_more(desk: Desk) -> None:
    requests = asked(desk, 3)
    decide_together(rows(*requests), desk.reviewer, Answer.APPROVE, Given())
    again = decide_together(rows(*requests), desk.reviewer, Answer.APPROVE, Given())
    assert all("decided already" in one.why for one in again)
    assert Decision.objects.count() == 3


def test_a_permission_that_was_lost_meanwhile_decides_nothing(desk: Desk) -> None:
    requests = asked(desk, 2)
    desk.reviewer.groups.clear()
    outcomes = decide_together(rows(*requests), User.objects.get(pk=desk.reviewer.pk), Answer.APPROVE, Given())
    assert all("permission" in one.why for one in outcomes)
    assert not Decision.objects.exists()


@pytest.mark.parametrize("answer", [Answer.REJECT, Answer.TERMINATE])
def test_a_no_needs_one_reason_for_all(desk: Desk, answer: Answer) -> None:
    requests = asked(desk, 2)
    with pytest.raises(Invalid, match="Say why"):
        decide_together(rows(*requests), desk.reviewer, answer, Given(comment=" "))
    outcomes = decide_together(rows(*requests), desk.reviewer, answer, Given(comment="A test order."))
    assert all(one.decision and one.decision.comment == "A test order." for one in outcomes)
    for request in requests:
        desk.settle(request.task)
        assert effects(request.task) == []


def test_what_is_no_batch_is_refused_as_a_whole(desk: Desk) -> None:
    (one,), (other,) = asked(desk, 1), asked(desk, 1, tool="idempotent_asked")
    escalated = desk.request(desk.run("Write a poem"))
    for sent in ([], rows(one, other), rows(one, one), rows(escalated), [Row(pk, "") for pk in range(1000, 1600)]):
        with pytest.raises(Invalid):
            decide_together(sent, desk.reviewer, Answer.APPROVE, Given())
    with pytest.raises(Invalid, match="can't be said to many"):
        decide_together(rows(one), desk.reviewer, Answer.EDIT, Given())
    assert not Decision.objects.exists()


def test_two_people_send_overlapping_batches_and_each_row_is_decided_once(desk: Desk) -> None:
    requests = asked(desk, 6)
    outcomes = together(
        lambda: decide_together(rows(*requests), desk.reviewer, Answer.APPROVE, Given()),
        lambda: decide_together(rows(*reversed(requests)), desk.colleague, Answer.APPROVE, Given()),
    )
    assert raised(outcomes) == []
    assert Counter(Decision.objects.values_list("request", flat=True)) == Counter(one.pk for one in requests)


def test_eight_threads_on_two_hundred_requests_decide_each_of_them_once(desk: Desk) -> None:
    requests = _two_hundred()  # and three of the threads are after each of them
    reviewers = [ReviewerFactory(in_group="Reviewers") for _ in range(8)]

    def decide_all(person: User, first: int) -> Callable[[], int]:
        def run() -> int:
            decided = 0
            for pk, digest in (requests * 2)[first : first + 75]:
                try:
                    decide(pk, person, Answer.TERMINATE, digest, Given(comment="No longer needed."))
                    decided += 1
                except Stale:
                    pass
            return decided

        return run

    counted = together(*(decide_all(person, 25 * index) for index, person in enumerate(reviewers)))
    assert raised(counted) == []
    assert sum(one for one in counted if isinstance(one, int)) == len(requests)
    decisions = Counter(Decision.objects.values_list("request", flat=True))
    assert (len(decisions), max(decisions.values())) == (len(requests), 1)
    assert set(ReviewRequest.objects.values_list("status", "task__status")) == {("decided", "failed")}


def _two_hundred() -> list[tuple[int, str]]:
    template = ReviewRequestFactory()
    tasks = AgentTask.objects.bulk_create(
        AgentTask(
            agent=template.task.agent,
            version=template.task.version,
            goal="Refund it",
            submitted_by=template.task.submitted_by,
            max_steps=12,
            status="needs_review",
            parked_for="escalation",
            created_at=NOON,
            queued_at=NOON,
        )
        for _ in range(199)
    )
    ReviewRequest.objects.bulk_create(
        ReviewRequest(
            task=task,
            kind="escalation",
            title=f"Request about {task.pk}",
            reasons=template.reasons,
            shown=template.shown,
            digest="d" * 64,
            opened_at=NOON,
        )
        for task in tasks
    )
    return list(ReviewRequest.objects.order_by("pk").values_list("pk", "digest"))


# --- The password once more


@pytest.fixture
def guarded(desk: Desk) -> Desk:
    publish(
        DESK.model_copy(
            update={
                "name": "guarded",
                "title": "The guarded desk",
                "approvals": (ApprovalRule(tool="once_asked", password=True),),
            }
        ),
        by=None,
    )
    return desk


def test_critical_risk_wants_the_password_of_whoever_lets_it_run(guarded: Desk) -> None:
    first, second = asked(guarded, 2, agent="guarded")
    assert (first.get_risk_display(), first.password_again) == ("Critical", True)
    for given in (Given(), Given(proof=Proof(guarded.colleague.pk))):
        for via in Via:
            with pytest.raises(NotAllowed, match="password"):
                decide(first.pk, guarded.reviewer, Answer.APPROVE, first.digest, given, via)
    with pytest.raises(NotAllowed, match="password"):
        guarded.decide(first.task, Answer.EDIT, arguments={"what": "elsewhere", "manner": "well"})
    guarded.decide(first.task, Answer.REJECT, comment="No.")
    guarded.decide(second.task, Answer.APPROVE, proof=prove(guarded.reviewer, "password"))
    assert guarded.settle(second.task).status == TaskStatus.COMPLETE


def test_a_wrong_password_can_not_be_guessed_for_long(guarded: Desk) -> None:
    for _ in range(GUESSES):
        with pytest.raises(Invalid, match="not your password"):
            prove(guarded.reviewer, "guess")
    with pytest.raises(NotAllowed, match="Too many wrong passwords"):
        prove(guarded.reviewer, "password")
    assert prove(guarded.colleague, "password") == Proof(guarded.colleague.pk)


def test_a_right_password_ends_the_count(guarded: Desk) -> None:
    for _ in range(3):
        for _ in range(GUESSES - 1):
            with pytest.raises(Invalid):
                prove(guarded.reviewer, "guess")
        prove(guarded.reviewer, "password")


def test_whoever_has_no_password_proves_nothing(guarded: Desk) -> None:
    guarded.reviewer.set_unusable_password()
    with pytest.raises(NotAllowed, match="without a password"):
        prove(guarded.reviewer, "")


def test_where_nobody_may_decide_at_all_it_stays_and_says_so(desk: Desk) -> None:
    Permission.objects.get(codename="decide").group_set.clear()
    (request,) = asked(desk, 1)
    assert "approvals.too_few" in [one["code"] for one in request.reasons]
    assert request.status == RequestStatus.OPEN
