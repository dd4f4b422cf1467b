"""The queue: whose it is and what is overdue, handing on, many at once, and what a password typed again protects."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from agents.definition import ApprovalRule
from agents.versions import publish
from review.models import Decision, ReviewRequest, Risk
from review.services import claim
from tests.desk.definitions import DESK
from tests.desk.driving import Desk, effects, subject
from tests.desk.models import Fact
from tests.factories import ReviewerFactory, ReviewRequestFactory, SubmitterFactory
from tests.integration.admin_pages import decide_address, review_page, signed_in, text_of

QUEUE = reverse("admin:review_reviewrequest_changelist")
TOGETHER = reverse("admin:review_reviewrequest_together")
NEWS = reverse("admin:review_reviewrequest_news")


def address(request: ReviewRequest, part: str) -> str:
    return reverse(f"admin:review_reviewrequest_{part}", args=[request.pk])


def in_time(**length: int) -> object:
    return timezone.now() + timedelta(**length)


# --- The queue


@pytest.mark.django_db
def test_of_the_same_risk_what_is_due_first_comes_first_and_says_how_long_there_is():
    ReviewRequestFactory(title="Never due", risk=Risk.HIGH)
    ReviewRequestFactory(title="Due later", risk=Risk.HIGH, due_at=in_time(hours=5, minutes=1))
    ReviewRequestFactory(title="Late by hours", risk=Risk.HIGH, due_at=in_time(hours=-3))
    ReviewRequestFactory(title="Of critical risk", risk=Risk.CRITICAL)

    page = text_of(signed_in(ReviewerFactory()).get(QUEUE))

    places = [page.index(title) for title in ("Of critical risk", "Late by hours", "Due later", "Never due")]
    assert places == sorted(places)
    assert "in 5 h" in page
    assert "3 h late" in page


@pytest.mark.django_db
def test_the_queue_is_divided_by_whose_it_is_with_counts():
    person, leads = ReviewerFactory(), Group.objects.create(name="Leads")
    person.groups.add(leads)
    ReviewRequestFactory(title="Handed to me", assigned_to=person)
    claim(ReviewRequestFactory(title="Read by me").pk, person)
    ReviewRequestFactory(title="For the leads", assigned_group="Leads")
    ReviewRequestFactory(title="Approved by leads", approvers_group="Leads")
    claim(ReviewRequestFactory(title="Read by another").pk, ReviewerFactory())
    ReviewRequestFactory(title="Much too late", due_at=in_time(hours=-1))
    client = signed_in(person)

    wanted = {
        "mine": {"Handed to me", "Read by me"},
        "groups": {"For the leads", "Approved by leads"},
        "unclaimed": {"For the leads", "Approved by leads", "Much too late"},
        "overdue": {"Much too late"},
    }
    for whose, titles in wanted.items():
        response = client.get(QUEUE, {"whose": whose})
        assert {one.title for one in response.context["cl"].result_list} == titles
    page = text_of(client.get(QUEUE))
    assert "Mine 2 My groups' 2 Unclaimed 3 Overdue 1" in page


def test_the_queue_is_filtered_by_tool(desk: Desk):
    refund, other = desk.run("once_asked kettle"), desk.run("idempotent_asked teapot")
    client = signed_in(desk.reviewer)

    page = text_of(client.get(QUEUE, {"tool": "once_asked"}))

    assert desk.request(refund).title in page
    assert desk.request(other).title not in page
    assert "Decide many calls of once_asked together" in page


@pytest.mark.django_db
def test_the_queue_tells_of_what_came_and_moves_no_row():
    ReviewRequestFactory()
    client = signed_in(ReviewerFactory())
    seen = client.get(QUEUE).context["newest"]
    assert "new: show" not in text_of(client.get(NEWS, {"seen": seen}))

    ReviewRequestFactory(kind="limit")
    ReviewRequestFactory()

    news = client.get(NEWS, {"seen": seen})
    assert news["X-Countersign-Fragment"] == "1"
    assert "2 new: show" in text_of(news)
    assert "1 new: show" in text_of(client.get(NEWS, {"seen": seen, "kind__exact": "limit"}))
    assert "Open 3" in text_of(news)
    assert signed_in(SubmitterFactory()).get(NEWS).status_code == 403


# --- Handing on, and saying something


def test_a_request_is_handed_on_and_talked_about_on_its_page(desk: Desk):
    request = desk.request(desk.run("once_asked kettle"))
    client = signed_in(desk.reviewer)

    client.post(address(request, "comment"), {"comment": "The kettle was <b>new</b>."})
    client.post(address(request, "delegate"), {"to": f"person:{desk.colleague.pk}", "comment": "You know Ana."})

    page = signed_in(desk.colleague).get(review_page(request))
    assert "This was handed to you. Give it back to all" in text_of(page)
    assert "You know Ana." in text_of(page)
    assert "The kettle was &lt;b&gt;new&lt;/b&gt;." in page.content.decode()
    assert f"handed to {desk.colleague}" in text_of(client.get(review_page(request)))
    signed_in(desk.colleague).post(address(request, "release"))
    assert f"{desk.colleague} gave it back to all" in text_of(client.get(review_page(request)))


def test_what_can_not_be_handed_on_is_told_at_the_field_and_keeps_what_was_typed(desk: Desk):
    request = desk.request(desk.run("once_asked kettle"))
    client = signed_in(desk.reviewer)
    offered = str(client.get(review_page(request)).context["delegate_form"]["to"])
    assert desk.colleague.username in offered
    assert desk.submitter.username not in offered

    for to in ("", f"person:{desk.submitter.pk}", "person:x"):
        refused = client.post(address(request, "delegate"), {"to": to, "comment": "A long explanation."})
        assert refused.status_code == 409
        assert refused.context["delegate_form"].errors["to"]
        assert "A long explanation." in refused.content.decode()
    assert "The comment is empty" in text_of(client.post(address(request, "comment"), {"comment": " "}))


def test_the_page_looks_again_whether_what_an_approval_relies_on_still_holds(desk: Desk):
    Fact.objects.create(name="relied:kettle", value="paid")
    request = desk.request(desk.run("once_relying kettle"))
    client = signed_in(desk.reviewer)
    assert "is unchanged" in text_of(client.get(address(request, "since")))

    Fact.objects.filter(name="relied:kettle").update(value="refunded")

    page = text_of(client.get(address(request, "since")))
    assert "has changed since it was asked" in page
    assert "paid" in page
    assert "refunded" in page


@pytest.mark.django_db
def test_what_happens_when_nobody_answers_is_on_the_page():
    request = ReviewRequestFactory(
        due_at=in_time(hours=2, minutes=1), escalate_to="Heads", expires_at=in_time(days=1, minutes=1), hands_on=False
    )

    page = text_of(signed_in(ReviewerFactory()).get(review_page(request)))

    assert "then it goes to the group “Heads”." in page
    assert "then the task ends." in page


def test_the_next_one_is_opened_without_deciding_and_after_the_last_comes_the_first(desk: Desk):
    first, second = (desk.request(desk.run(f"once_asked {subject()}")) for _ in range(2))
    client = signed_in(desk.reviewer)

    assert client.get(address(first, "next")).url == review_page(second)
    assert client.get(address(second, "next")).url == review_page(first)
    assert not Decision.objects.exists()


# --- Many at once


def ticked(*requests: ReviewRequest) -> list[str]:
    return [f"{request.pk}:{request.digest}" for request in requests]


def test_many_are_decided_at_once_and_each_is_told_of(desk: Desk):
    first, second, third = (desk.request(desk.run(f"once_asked {name}")) for name in ("kettle", "teapot", "cup"))
    client = signed_in(desk.reviewer)
    page = client.get(TOGETHER, {"tool": "once_asked"})
    for word in ("kettle", "teapot", "cup"):
        assert word in text_of(page)
    assert [line.ticked for line in page.context["lines"]] == [False] * 3
    desk.decide(second.task, "reject", by=desk.colleague, comment="No.")

    told = client.post(
        f"{TOGETHER}?tool=once_asked", {"answer": "approve", "comment": "", "row": ticked(first, second)}
    )

    assert "1 of 2 decided." in text_of(told)
    assert "Passed over This request is decided already" in text_of(told)
    assert [one.subject for one in effects(desk.settle(first.task))] == ["kettle"]
    assert not third.decisions.exists()


def test_a_batch_that_is_refused_keeps_the_ticks_on_exactly_what_was_ticked(desk: Desk):
    first, second = (desk.request(desk.run(f"once_asked {subject()}")) for _ in range(2))
    client = signed_in(desk.reviewer)

    refused = client.post(
        f"{TOGETHER}?tool=once_asked",
        {"answer": "reject", "comment": " ", "row": [*ticked(first), f"{second.pk}:{'0' * 64}"]},
    )

    assert refused.status_code == 422
    assert "Say why" in text_of(refused)
    assert {line.asked.pk: line.ticked for line in refused.context["lines"]} == {first.pk: True, second.pk: False}
    assert "1 of those that you ticked is no longer asked like that" in text_of(refused)
    assert not Decision.objects.exists()
    for rows in ([], ["x"], ["1"], [f"{10**30}:a"]):
        nothing = client.post(f"{TOGETHER}?tool=once_asked", {"answer": "approve", "row": rows})
        assert nothing.status_code in (200, 422)


@pytest.mark.django_db
def test_the_page_of_many_is_for_whoever_decides():
    assert signed_in(SubmitterFactory()).get(TOGETHER).status_code == 403
    assert "waits for you" in text_of(signed_in(ReviewerFactory()).get(TOGETHER, {"tool": "nothing"}))


def test_the_page_of_many_costs_the_same_for_many(desk: Desk):
    client = signed_in(desk.reviewer)
    costs = []
    for _ in range(2):
        for _ in range(3):
            desk.run(f"once_asked {subject()}")
        with CaptureQueriesContext(connection) as queries:
            assert client.get(TOGETHER, {"tool": "once_asked"}).status_code == 200
        costs.append(len(queries))
    assert costs[0] == costs[1] <= 12


# --- The password once more


@pytest.fixture
def guarded(desk: Desk) -> Desk:
    update = {
        "name": "guarded",
        "title": "The guarded desk",
        "approvals": (ApprovalRule(tool="once_asked", password=True),),
    }
    publish(DESK.model_copy(update=update), by=None)
    return desk


def test_critical_risk_is_approved_with_the_password_alone(guarded: Desk):
    request = guarded.request(guarded.run("once_asked kettle", agent="guarded"))
    client = signed_in(guarded.reviewer)
    page = client.get(review_page(request)).content.decode()
    assert page.count('type="password"') == 1

    sent = {"digest": request.digest, "comment": ""}
    for typed, words in (({}, "Type your password"), ({"password": "guess"}, "not your password")):
        refused = client.post(decide_address(request, "approve"), sent | typed)
        assert words in text_of(refused)
        assert "guess" not in refused.content.decode()
    assert not Decision.objects.exists()

    assert client.post(decide_address(request, "approve"), sent | {"password": "password"}).status_code == 302
    assert guarded.settle(request.task).status == "complete"
    assert "password" not in str(Decision.objects.values().get())


def test_many_of_critical_risk_are_approved_with_one_password(guarded: Desk):
    requests = [guarded.request(guarded.run(f"once_asked {subject()}", agent="guarded")) for _ in range(2)]
    client = signed_in(guarded.reviewer)
    sent = {"answer": "approve", "comment": "", "row": ticked(*requests)}

    assert "Type your password" in text_of(client.post(f"{TOGETHER}?tool=once_asked", sent))
    assert not Decision.objects.exists()
    told = client.post(f"{TOGETHER}?tool=once_asked", sent | {"password": "password"})
    assert "2 of 2 decided." in text_of(told)


def test_an_edit_of_critical_risk_keeps_what_was_typed_when_the_password_is_wrong(guarded: Desk):
    request = guarded.request(guarded.run("once_asked kettle", agent="guarded"))
    client = signed_in(guarded.reviewer)
    shown = client.post(address(request, "edit"), {"digest": request.digest, "a-0": "teapot", "a-1": "well"})
    assert "password" in shown.context["confirm"].fields

    sent = {"digest": request.digest, "arguments": '{"what": "teapot", "manner": "well"}', "comment": ""}
    for typed, words in (({}, "Type your password"), ({"password": "guess"}, "not your password")):
        refused = client.post(decide_address(request, "edit"), sent | typed)
        assert words in text_of(refused)
        assert refused.context["edit_form"]["a-0"].value() == "teapot"
    client.post(decide_address(request, "edit"), sent | {"password": "password"})
    assert [one.subject for one in effects(guarded.settle(request.task))] == ["teapot"]
