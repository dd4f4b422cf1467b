"""/api/v1/reviews"""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from agents.engine.loop import work_once
from agents.models import AgentTask
from review.models import Decision, ReviewRequest
from tests.api.conftest import Caller, fields, problem
from tests.api.test_manners import with_scopes
from tests.factories import ReviewerFactory, ReviewRequestFactory, SubmitterFactory

REVIEWS = "/api/v1/reviews"
ALL = ("tasks:read", "tasks:write", "reviews:read", "reviews:decide")


def reviewer(name: str = "rita") -> Caller:
    return with_scopes(Caller(ReviewerFactory(username=name), "", None), *ALL)  # type: ignore[arg-type]


@pytest.fixture
def rita(db: None) -> Caller:
    return reviewer()


@pytest.fixture
def asked(transactional_db: None) -> ReviewRequest:
    """A parked task with a real request: its agent had nothing to say."""
    from agents import services
    from tests.factories import AgentFactory, AgentVersionFactory

    AgentVersionFactory(agent=AgentFactory(name="desk"))
    services.submit(agent="desk", goal="Sing a song", by=SubmitterFactory())
    while work_once():
        pass
    return ReviewRequest.objects.get(status="open")


def decide(who: Caller, asked: ReviewRequest, **body: Any) -> Any:
    return who.post(f"{REVIEWS}/{asked.pk}/decide", {"digest": asked.digest} | body)


def test_a_reviewer_reads_claims_and_decides(rita: Caller, asked: ReviewRequest) -> None:
    (line,) = rita.get(REVIEWS, status="open").json()["results"]
    assert (line["id"], line["kind"]) == (asked.pk, "escalation")
    whole = rita.get(f"{REVIEWS}/{asked.pk}").json()
    assert (whole["digest"], whole["refused"]) == (asked.digest, "")
    assert "respond" in whole["answers"]
    assert rita.post(f"{REVIEWS}/{asked.pk}/claim").json()["claimed_by"] == "rita"
    said = decide(rita, asked, answer="terminate", comment="Not our trade.")
    assert (said.status_code, said.json()["person"]) == (200, "rita")
    assert Decision.objects.get().via == "api"
    assert AgentTask.objects.get().status == "failed"


def test_another_digest_is_refused(rita: Caller, asked: ReviewRequest) -> None:
    problem(decide(rita, asked, answer="terminate", digest="0" * 64), 409, "stale")
    assert not Decision.objects.exists()


def test_a_decision_is_used_once(rita: Caller, asked: ReviewRequest) -> None:
    decide(rita, asked, answer="terminate", comment="Enough.")
    problem(decide(reviewer("ron"), asked, answer="terminate", comment="Enough."), 409, "stale")
    assert Decision.objects.count() == 1


def test_who_submitted_it_decides_nothing_by_any_way(asked: ReviewRequest) -> None:
    owner = asked.task.submitted_by
    owner.groups.add(*ReviewerFactory().groups.all())
    submitter = with_scopes(Caller(owner, "", None), *ALL)  # type: ignore[arg-type]
    assert "submitted" in submitter.get(f"{REVIEWS}/{asked.pk}").json()["refused"]
    problem(submitter.post(f"{REVIEWS}/{asked.pk}/claim"), 403, "not_allowed")
    problem(decide(submitter, asked, answer="terminate", comment="Enough."), 403, "not_allowed")
    submitter.client.force_login(owner)
    by_session = submitter.client.post(
        f"{REVIEWS}/{asked.pk}/decide",
        {"answer": "terminate", "digest": asked.digest},
        content_type="application/json",
    )
    problem(by_session, 403, "not_allowed")
    assert not Decision.objects.exists()


def test_it_takes_the_scope_and_the_permission(rita: Caller, sam: Caller, asked: ReviewRequest) -> None:
    reading = with_scopes(rita, "reviews:read")
    problem(decide(reading, asked, answer="terminate", comment="Enough."), 403, "not_allowed")
    problem(with_scopes(rita, "tasks:read").get(REVIEWS), 403, "not_allowed")
    problem(with_scopes(sam, *ALL).get(REVIEWS), 403, "not_allowed")
    problem(decide(with_scopes(sam, *ALL), asked, answer="terminate", comment="Enough."), 403, "not_allowed")


def test_a_claim_of_somebody_else_stands(rita: Caller, asked: ReviewRequest) -> None:
    rita.post(f"{REVIEWS}/{asked.pk}/claim")
    ron = reviewer("ron")
    problem(ron.post(f"{REVIEWS}/{asked.pk}/claim"), 409, "stale")
    problem(decide(ron, asked, answer="terminate", comment="Enough."), 409, "stale")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"answer": "yes"}, "answer"),
        ({"answer": "terminate"}, "comment"),
        ({"answer": "approve"}, "answer"),
        ({}, "answer"),
        ({"answer": "terminate", "digest": 5}, "digest"),
        ({"answer": "terminate", "digset": "x"}, "digset"),
        ({"answer": "terminate", "steps": "1"}, "steps"),
        ({"answer": "terminate", "arguments": []}, "arguments"),
    ],
)
def test_a_wrong_decision_is_named(rita: Caller, asked: ReviewRequest, body: dict[str, Any], field: str) -> None:
    assert field in fields(problem(decide(rita, asked, **body), 422, "invalid"))
    assert not Decision.objects.exists()


@pytest.mark.parametrize("number", ["0", "9" * 30, "x"])
def test_one_that_is_not_there(rita: Caller, number: str) -> None:
    problem(rita.get(f"{REVIEWS}/{number}"), 404, "not_found")
    problem(rita.post(f"{REVIEWS}/{number}/claim"), 404, "not_found")


def test_it_lists_by_kind_and_task(rita: Caller) -> None:
    one, two = (ReviewRequestFactory(kind="action") for _ in range(2))
    assert {line["id"] for line in rita.get(REVIEWS, kind="action").json()["results"]} >= {one.pk, two.pk}
    assert [line["id"] for line in rita.get(REVIEWS, task=str(two.task_id)).json()["results"]] == [two.pk]
    problem(rita.get(REVIEWS, **{"metadata.x": "y"}), 422, "invalid")


def test_a_passed_deadline_is_extended_to_the_moment_that_is_named(rita: Caller, transactional_db: None) -> None:
    from agents import services
    from tests.factories import AgentFactory, AgentVersionFactory

    AgentVersionFactory(agent=AgentFactory(name="desk"))
    task = services.submit(agent="desk", goal="Sing a song", by=SubmitterFactory())
    AgentTask.objects.update(deadline=timezone.now() - timedelta(seconds=1))
    work_once()
    asked = ReviewRequest.objects.get(task=task)
    late = timezone.now() - timedelta(days=1)
    said = problem(decide(rita, asked, answer="extend", deadline=late.isoformat()), 422, "invalid")
    assert "later moment" in fields(said)["deadline"]
    tomorrow = timezone.now() + timedelta(days=1)
    assert decide(rita, asked, answer="extend", deadline=tomorrow.isoformat()).status_code == 200
    task.refresh_from_db()
    assert (task.status, task.deadline) == ("pending", tomorrow)
