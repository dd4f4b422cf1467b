"""The review desk: what waits comes first, everything asked can be answered, and what is refused changes nothing."""

import json
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from agents import services
from agents.errors import NotAllowed
from agents.models import Action, AgentTask
from agents.versions import publish
from review.models import Answer, Decision, ReviewRequest, Risk
from review.services import ANSWERS, Given, claim, decide, may_answer
from tests.desk.definitions import DESK
from tests.desk.driving import Desk, action_of, effects
from tests.desk.models import Fact
from tests.factories import (
    NOON,
    ActionFactory,
    DecisionFactory,
    OperatorFactory,
    ReviewerFactory,
    ReviewRequestFactory,
    StepFactory,
    SubmitterFactory,
    TaskFactory,
)
from tests.integration.admin_pages import (
    call_address,
    decide_address,
    edit_address,
    review_page,
    signed_in,
    task_page,
    text_of,
)

QUEUE = reverse("admin:review_reviewrequest_changelist")


def parked(desk: Desk, kind: str) -> ReviewRequest:
    """A request of this kind as the loop opens it."""
    ways: dict[str, Callable[[], AgentTask]] = {
        "plan": lambda: desk.run("look kettle", agent="careful"),
        "action": lambda: desk.run("once_asked kettle"),
        "result": lambda: desk.run("once_unverified kettle"),
        "in_doubt": lambda: desk.run("once kettle lost_after"),
        "limit": lambda: desk.run("over and over kettle", max_steps=8),
        "escalation": lambda: desk.run("Write a poem"),
    }
    if kind == "spot_check":
        publish(DESK.model_copy(update={"name": "watched", "spot_checks": 1.0}), by=None)
        return ReviewRequest.objects.get(task=desk.run("once kettle", agent="watched"))
    if kind != "takeover":
        return desk.request(ways[kind]())
    task = ways["action"]()
    desk.decide(task, "take_over")
    return desk.request(task)


# --- The queue


@pytest.mark.django_db
def test_the_queue_starts_with_what_is_open_by_risk_then_age():
    late = ReviewRequestFactory(title="Late and low", risk=Risk.LOW)
    old = ReviewRequestFactory(title="Older and high", risk=Risk.HIGH)
    new = ReviewRequestFactory(title="Newer and high", risk=Risk.HIGH)
    ReviewRequestFactory(title="Decided before", status="decided")

    page = text_of(signed_in(ReviewerFactory()).get(QUEUE))

    assert "Decided before" not in page
    assert page.index(old.title) < page.index(new.title) < page.index(late.title)


@pytest.mark.django_db
def test_the_queue_is_filtered_and_searched():
    one = ReviewRequestFactory(title="Refund the kettle", kind="limit", risk=Risk.HIGH)
    ReviewRequestFactory(title="Write to Ana")
    client = signed_in(ReviewerFactory())

    for query in (
        {"kind__exact": "limit"},
        {"risk__exact": 30},
        {"q": "kettle", "task__agent__id__exact": one.task.agent_id},
        {"q": f"#{one.task_id}"},
    ):
        page = text_of(client.get(QUEUE, query))
        assert "Refund the kettle" in page
        assert "Write to Ana" not in page
    assert "Write to Ana" in text_of(client.get(QUEUE, {"status": "all"}))


@pytest.mark.django_db
def test_the_queue_says_what_one_can_not_decide():
    request = ReviewRequestFactory()
    request.task.submitted_by.groups.add(*ReviewerFactory().groups.all())

    page = text_of(signed_in(request.task.submitted_by).get(QUEUE))

    assert "You submitted this task, so somebody else decides." in page


@pytest.mark.django_db
def test_the_queue_costs_the_same_for_a_thousand_open_requests():
    template = ReviewRequestFactory()
    tasks = AgentTask.objects.bulk_create(
        (
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
            for _ in range(1_000)
        ),
        batch_size=1000,
    )
    ReviewRequest.objects.bulk_create(
        (
            ReviewRequest(
                task=task,
                kind="escalation",
                title=f"Request about {task.pk}",
                reasons=template.reasons,
                shown=template.shown,
                digest="d" * 64,
                risk=(10, 20, 30)[task.pk % 3],
                opened_at=NOON,
            )
            for task in tasks
        ),
        batch_size=1000,
    )
    client = signed_in(ReviewerFactory())

    queries_of_the_list = (
        {},
        {"kind__exact": "escalation"},
        {"whose": "unclaimed"},
        {"whose": "mine"},
        {"p": 150},
        {"q": "Request"},
        {"status": "all"},
    )
    for query in queries_of_the_list:
        with CaptureQueriesContext(connection) as queries:
            response = client.get(QUEUE, query)
        assert response.status_code == 200
        assert len(queries) <= 24
        statements = [one["sql"].upper() for one in queries]
        assert not [one for one in statements if "COUNT(" in one and "LIMIT" not in one], "a count without an end"
    with CaptureQueriesContext(connection) as queries:
        assert client.get(reverse("admin:index")).status_code == 200
    assert len(queries) <= 30


@pytest.mark.django_db
def test_closed_requests_are_counted_only_where_no_other_filter_has_to_look_at_each_of_them():
    ReviewRequestFactory()
    ReviewRequest.objects.update(status="decided", closed_at=NOON)
    client = signed_in(ReviewerFactory())

    def counted(**query: str) -> bool:
        page = " ".join(client.get(QUEUE, query).content.decode().split())
        assert ">Open <span" in page
        return ">Decided <span" in page

    assert [counted(), counted(whose="mine"), counted(tool="issue_refund")] == [True, False, False]


# --- The page


@pytest.mark.parametrize("kind", list(ANSWERS))
def test_each_kind_offers_exactly_its_answers(desk: Desk, kind: str):
    request = parked(desk, kind)

    page = signed_in(desk.reviewer).get(review_page(request)).content.decode()

    offered = {answer for answer in Answer if f'id="answer-{answer}"' in page}
    assert offered == {one for one in ANSWERS[kind] if not may_answer(request, desk.reviewer, one)}
    assert offered


@pytest.mark.django_db
def test_whoever_submitted_or_may_not_decide_finds_no_way_to():
    request = ReviewRequestFactory()
    submitter = request.task.submitted_by
    assert signed_in(submitter).get(review_page(request)).status_code == 403
    assert signed_in(submitter).post(decide_address(request, "respond")).status_code == 403

    submitter.groups.add(*ReviewerFactory().groups.all())
    for person, why in ((submitter, "You submitted this task"), (OperatorFactory(), "the permission to decide")):
        client = signed_in(person)
        page = client.get(review_page(request))
        assert why in text_of(page)
        assert "/decide/" not in page.content.decode()
        answer = {"digest": request.digest, "comment": "Go on."}
        assert client.post(decide_address(request, "respond"), answer).status_code == 403
    assert not Decision.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "{{ 7*7 }}", "אבג דהו", "🦊", "b" * 5000, "pay \u202e001", '" x-init="a()']
)
def test_any_text_is_shown_as_text(text: str):
    task = TaskFactory(goal=text, status="needs_review", parked_for="action", inputs={text: text})
    action = ActionFactory(
        step=StepFactory(task=task, name="issue_refund", status="open"),
        status="awaiting_review",
        needs_approval=True,
        sentence=text,
        arguments={"reason": text, text: [text]},
    )
    request = ReviewRequestFactory(
        task=task,
        action=action,
        kind="action",
        reasons=[{"code": "x", "message": text, "rule": "review"}],
    )
    shown = request.shown | {
        "steps": [{"number": 1, "name": text, "purpose": text, "status": "done", "arguments": text, "answer": text}]
    }
    ReviewRequest.objects.filter(pk=request.pk).update(shown=shown)
    client = signed_in(ReviewerFactory())

    for address in (review_page(request), QUEUE, reverse("admin:index")):
        response = client.get(address)
        page = response.content.decode()
        assert "<script>alert" not in page
        assert '" x-init="a' not in page
        # Only the fields of the edit form hold what is there as it is.
        assert "\u202e" not in text_of(response)
    seen = text_of(client.get(review_page(request)))
    assert text.replace("\u202e", "\\u{202e}") in seen


@pytest.mark.django_db
def test_a_decided_request_shows_who_what_and_what_was_shown():
    decision = DecisionFactory(comment="Ask for a photo first.")

    page = signed_in(ReviewerFactory()).get(review_page(decision.request))

    assert f"Respond with guidance by {decision.person}" in text_of(page)
    assert "Ask for a photo first." in text_of(page)
    assert decision.request.shown["goal"] in text_of(page)
    assert "/decide/" not in page.content.decode()


def test_what_changed_since_an_approval_is_shown(desk: Desk):
    Fact.objects.create(name="relied:kettle", value="paid")
    task = desk.run("once_relying kettle")
    desk.decide(task, "approve")
    Fact.objects.filter(name="relied:kettle").update(value="refunded")

    page = text_of(signed_in(desk.colleague).get(review_page(desk.request(desk.settle(task)))))

    assert "What was said then does not count" in page
    assert "/precondition/fingerprint" in page
    assert "refunded" in page


# --- Deciding


def test_an_approval_lets_it_happen_once_and_leads_on_to_the_next(desk: Desk):
    task, other = desk.run("once_asked kettle"), desk.run("once_asked teapot")
    request = desk.request(task)

    response = signed_in(desk.reviewer).post(
        decide_address(request, "approve"), {"digest": request.digest, "comment": "Fine."}
    )

    assert response.status_code == 302
    assert response.url == review_page(desk.request(other))
    assert [one.subject for one in effects(desk.settle(task))] == ["kettle"]
    assert task.status == "complete"
    assert "Fine." in text_of(signed_in(desk.reviewer).get(task_page(task)))


def test_after_the_last_decision_the_queue_says_that_nothing_waits(desk: Desk):
    request = parked(desk, "action")
    client = signed_in(desk.reviewer)

    response = client.post(decide_address(request, "approve"), {"digest": request.digest}, follow=True)

    assert response.redirect_chain[-1][0] == QUEUE
    assert "Nothing else waits for you." in text_of(response)
    assert f"Task {request.task_id}" in text_of(response)


def test_a_rejection_needs_feedback_and_what_was_typed_elsewhere_stays(desk: Desk):
    request = parked(desk, "action")
    client = signed_in(desk.reviewer)

    empty = client.post(decide_address(request, "reject"), {"digest": request.digest, "comment": " "})
    assert empty.status_code == 422
    assert "Feedback is empty" in text_of(empty)
    assert not Decision.objects.exists()

    client.post(decide_address(request, "reject"), {"digest": request.digest, "comment": "Ask Ana first."})
    assert Decision.objects.get().answer == "reject"
    assert action_of(request.task).status == "rejected"
    assert effects(request.task) == []


def test_a_stale_page_is_refused_in_one_sentence_and_keeps_what_was_typed(desk: Desk):
    request = parked(desk, "action")

    stale = signed_in(desk.reviewer).post(
        decide_address(request, "reject"), {"digest": "0" * 64, "comment": "A long and thoughtful answer."}
    )

    assert stale.status_code == 409
    assert "What you saw is not what is asked now." in text_of(stale)
    assert "A long and thoughtful answer." in stale.content.decode()
    assert request.digest in stale.content.decode()
    assert not Decision.objects.exists()


def test_a_decision_on_a_request_that_somebody_decided_is_refused_and_shows_by_whom(desk: Desk):
    request = parked(desk, "action")
    desk.decide(request.task, "approve", by=desk.colleague)

    late = signed_in(desk.reviewer).post(
        decide_address(request, "reject"), {"digest": request.digest, "comment": "No, wait."}
    )

    assert late.status_code == 409
    assert "decided already" in text_of(late)
    assert str(desk.colleague) in text_of(late)
    assert "No, wait." in text_of(late)


def changes_meanwhile(desk: Desk, request: ReviewRequest, what: str) -> None:
    """What happens between the moment that a page is opened and the moment that its form is sent."""
    row = ReviewRequest.objects.filter(pk=request.pk)
    match what:
        case "another question":
            row.update(digest="0" * 64)
        case "withdrawn":
            services.cancel(request.task_id, by=desk.submitter)
        case "no permission":
            desk.reviewer.groups.clear()
        case "claim of another":
            claim(request.pk, desk.reviewer)
            row.update(claimed_until=Now())
            claim(request.pk, desk.colleague)
        case "expired":
            row.update(expires_at=Now())
        case "sent before":
            desk.decide(request.task, Answer.REJECT, comment="Ask Ana first.")


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("another question", "What you saw is not what is asked now. Nothing was decided; look at the page again."),
        ("withdrawn", "This request was withdrawn: the task moved on, so there is nothing to decide."),
        ("no permission", ""),
        ("claim of another", "{colleague} is looking at this request until"),
        ("expired", "This request expired at"),
        ("sent before", "This request is decided already: reject by {reviewer}."),
    ],
)
def test_a_form_that_comes_too_late_gets_one_sentence_and_changes_nothing(what: str, sentence: str, desk: Desk):
    request = parked(desk, "action")
    client = signed_in(desk.reviewer)
    page = client.get(review_page(request))
    typed = {"digest": page.context["asked"].digest, "comment": "A long and thoughtful answer."}
    changes_meanwhile(desk, request, what)
    before = state_of(request)

    for answer in ("approve", "reject", "take_over", "terminate"):
        late = client.post(decide_address(request, answer), typed)
        assert late.status_code == (403 if what == "no permission" else 409)
        if sentence:
            said = sentence.format(colleague=desk.colleague, reviewer=desk.reviewer)
            assert text_of(late).count(said) == 1
            assert "A long and thoughtful answer." in late.content.decode()
    assert state_of(request) == before


def state_of(request: ReviewRequest) -> list[object]:
    """Everything that an answer may change."""
    rows = (AgentTask.objects.filter(pk=request.task_id), ReviewRequest.objects.all(), Decision.objects.all())
    return [list(one.order_by("pk").values()) for one in rows]


def test_who_has_lost_the_right_to_decide_is_told_so(desk: Desk):
    request = parked(desk, "action")
    client = signed_in(desk.reviewer)
    desk.reviewer.groups.set([Group.objects.get(name="Operators")])
    desk.reviewer.user_permissions.set(Permission.objects.filter(codename="view_reviewrequest"))

    late = client.post(decide_address(request, "approve"), {"digest": request.digest, "comment": "Fine."})

    assert (late.status_code, Decision.objects.exists()) == (403, False)
    assert text_of(late).count("You don't have the permission to decide review requests.") == 1
    assert "Fine." in late.content.decode()


def test_an_answer_that_the_kind_does_not_take_is_not_found(desk: Desk):
    request = parked(desk, "limit")

    assert signed_in(desk.reviewer).post(decide_address(request, "approve")).status_code == 404


def test_an_edit_is_told_at_the_field_then_shown_as_a_difference_then_sent(desk: Desk):
    request = parked(desk, "action")
    client = signed_in(desk.reviewer)
    start = client.get(review_page(request)).context["edit_form"]
    assert [(field.label, field.value()) for field in start] == [("what", "kettle"), ("manner", "well")]

    unchanged = client.post(edit_address(request), {"digest": request.digest, "a-0": "kettle", "a-1": "well"})
    assert "Nothing is changed" in text_of(unchanged)

    shown = client.post(edit_address(request), {"digest": request.digest, "a-0": "teapot", "a-1": "well"})
    assert shown.status_code == 200
    assert "once_asked teapot" in text_of(shown)
    assert shown.context["changes"] == [{"op": "replace", "path": "/what", "value": "teapot", "old": "kettle"}]
    assert not Decision.objects.exists()

    arguments = json.dumps({"what": "teapot", "manner": "well"})
    client.post(decide_address(request, "edit"), {"digest": request.digest, "arguments": arguments, "comment": "This."})
    assert [one.subject for one in effects(desk.settle(request.task))] == ["teapot"]
    assert Decision.objects.get().details["difference"][0]["path"] == "/what"


def test_an_edit_that_policy_denies_is_refused_and_stays_typed(desk: Desk):
    request = parked(desk, "action")
    desk.engage(tool="once_asked", why="The till is being counted.")

    refused = signed_in(desk.reviewer).post(
        decide_address(request, "edit"),
        {"digest": request.digest, "arguments": json.dumps({"what": "teapot", "manner": "well"}), "comment": ""},
    )

    assert refused.status_code == 409
    assert "The till is being counted." in text_of(refused)
    assert refused.context["edit_form"]["a-0"].value() == "teapot"
    assert not Decision.objects.exists()


def test_each_other_answer_reaches_its_task(desk: Desk):
    client = signed_in(desk.reviewer)

    def say(request: ReviewRequest, answer: str, **typed: object) -> AgentTask:
        response = client.post(decide_address(request, answer), {"digest": request.digest, "comment": "", **typed})
        assert response.status_code == 302, text_of(response)
        return desk.settle(request.task)

    assert say(parked(desk, "plan"), "approve").status == "complete"
    assert say(parked(desk, "result"), "accept", comment="I looked.").status == "complete"
    assert say(parked(desk, "in_doubt"), "happened", result='{"what": "kettle"}').status == "complete"
    assert say(parked(desk, "limit"), "extend", steps=8).status == "complete"
    assert say(parked(desk, "escalation"), "terminate", comment="No poems here.").status == "failed"
    task = parked(desk, "takeover")
    assert say(task, "finish", result="Done by hand.").result == "Done by hand."


def test_more_steps_than_the_ceiling_are_refused_at_the_field(desk: Desk):
    request = parked(desk, "limit")

    refused = signed_in(desk.reviewer).post(
        decide_address(request, "extend"), {"digest": request.digest, "steps": 500, "comment": ""}
    )

    assert refused.status_code == 409
    form = next(one["form"] for one in refused.context["answers"] if one["answer"] == "extend")
    assert "ceiling" in form.errors["steps"][0]


def test_taking_over_opens_the_owners_page(desk: Desk):
    request = parked(desk, "action")

    response = signed_in(desk.reviewer).post(
        decide_address(request, "take_over"), {"digest": request.digest, "comment": ""}
    )

    assert response.url == review_page(desk.request(request.task))
    assert "Finish with a result" in text_of(signed_in(desk.reviewer).get(response.url))
    other = signed_in(desk.colleague).get(response.url)
    offered = [one["answer"] for one in other.context["answers"]]
    assert offered == [Answer.TAKE_OVER]


def test_a_task_whose_owner_is_away_is_taken_over_in_turn_and_only_that(desk: Desk):
    request = parked(desk, "action")
    decide(request.pk, desk.reviewer, Answer.TAKE_OVER, request.digest)
    owned = desk.request(request.task)

    with pytest.raises(NotAllowed, match="has taken this task over"):
        decide(owned.pk, desk.colleague, Answer.FINISH, owned.digest, Given(result="Done."))
    decide(owned.pk, desk.colleague, Answer.TAKE_OVER, owned.digest)

    mine = desk.request(request.task)
    decide(mine.pk, desk.colleague, Answer.FINISH, mine.digest, Given(result="Done."))
    task = AgentTask.objects.get(pk=request.task_id)
    assert (task.status, task.result, task.notice) == ("complete", "Done.", "")


def test_an_owner_calls_a_tool_in_three_steps_and_follows_it_on_the_tasks_page(desk: Desk):
    request = parked(desk, "takeover")
    client, page = signed_in(desk.reviewer), review_page(request)

    chosen = client.get(page, {"tool": "once"})
    assert 'name="a-0"' in chosen.content.decode()
    typed = {"digest": request.digest, "tool": "once"}
    wrong = client.post(call_address(request), typed | {"a-0": ""})
    assert (wrong.status_code, effects(request.task)) == (422, [])
    looked = client.post(call_address(request), typed | {"a-0": "kettle", "a-1": ""})
    assert "once kettle" in text_of(looked)
    arguments = json.dumps(looked.context["call"].form.arguments)

    unsaid = client.post(decide_address(request, "call"), typed | {"arguments": arguments, "comment": ""})
    assert (unsaid.status_code, "Why is empty" in text_of(unsaid)) == (422, True)
    sent = client.post(decide_address(request, "call"), typed | {"arguments": arguments, "comment": "Ana waits."})

    assert sent.url == task_page(request.task)
    assert "A call that they asked for is being carried out" in text_of(client.get(sent.url))
    desk.settle(request.task)
    assert "Done: once kettle" in text_of(client.get(review_page(desk.request(request.task))))


def test_a_call_that_is_refused_keeps_what_was_typed(desk: Desk):
    request = parked(desk, "takeover")
    typed = {"digest": request.digest, "tool": "once", "arguments": '{"what": 3}', "comment": "Ana waits."}

    refused = signed_in(desk.reviewer).post(decide_address(request, "call"), typed)

    assert refused.status_code == 409
    assert "Ana waits." in text_of(refused)
    assert effects(request.task) == []


# --- What else a page shows


def test_what_the_tools_system_says_of_a_call_in_doubt_is_asked_on_a_button(desk: Desk):
    happened, lost = desk.run("once kettle lost_after"), desk.run("once pot lost_before")
    for task, entries in ((happened, "kettle"), (lost, "null")):
        request = desk.request(task)
        address = reverse("admin:review_reviewrequest_look_up", args=[request.pk])
        looked = text_of(signed_in(desk.reviewer).post(address))
        assert "These are its checks, made now" in looked
        assert entries in looked
        assert task.events.filter(kind="action.looked_up").count() == 1
        assert len(effects(task)) <= 1
        assert signed_in(desk.submitter).post(address).status_code == 403
    assert desk.request(happened).decisions.count() == 0


def test_a_reconcilable_call_in_doubt_is_looked_up_by_its_key(desk: Desk):
    task = desk.run("once kettle lost_after")
    request = desk.request(task)
    Action.objects.filter(task=task).update(tool="reconcilable", effect="reconcilable")
    address = reverse("admin:review_reviewrequest_look_up", args=[request.pk])
    assert "Its system says that it happened" in text_of(signed_in(desk.reviewer).post(address))
    Fact.objects.create(name="unreachable:kettle", value="yes")
    assert "could not be asked" in text_of(signed_in(desk.reviewer).post(address))


def test_similar_decisions_are_shown(desk: Desk):
    before = desk.run("once_asked pot")
    desk.decide(before, Answer.REJECT, comment="Pots are not ours.")
    page = text_of(signed_in(desk.reviewer).get(review_page(parked(desk, "action"))))
    assert "once_asked pot : reject by" in page
    assert "Pots are not ours." in page


# --- Claiming


@pytest.mark.django_db
def test_a_claim_is_taken_shown_and_given_back():
    request, person, other = ReviewRequestFactory(), ReviewerFactory(), ReviewerFactory()
    client = signed_in(person)

    client.post(reverse("admin:review_reviewrequest_claim", args=[request.pk]))
    assert "Claimed by you until" in text_of(client.get(review_page(request)))
    assert f"{person} is looking at this until" in text_of(signed_in(other).get(review_page(request)))
    assert str(person) in text_of(signed_in(other).get(QUEUE))

    client.post(reverse("admin:review_reviewrequest_release", args=[request.pk]))
    assert "so that nobody else reads the same one" in text_of(signed_in(other).get(review_page(request)))


@pytest.mark.django_db
def test_the_next_request_is_not_one_that_a_colleague_is_looking_at():
    first, second = ReviewRequestFactory(risk=Risk.HIGH), ReviewRequestFactory(risk=Risk.LOW)
    claim(first.pk, ReviewerFactory())

    page = text_of(signed_in(ReviewerFactory()).get(reverse("admin:index")))

    assert f"for {second.task.submitted_by}" in page
    assert f"for {first.task.submitted_by}" not in page


# --- The record stays


@pytest.mark.django_db
@pytest.mark.parametrize("superuser", [False, True])
def test_history_can_not_be_changed_or_deleted_by_anybody(superuser: bool):
    person = OperatorFactory(is_superuser=superuser)
    client = signed_in(person)
    decision = DecisionFactory()
    task = decision.request.task
    rows = {
        "agents_agenttask": task.pk,
        "agents_agentversion": task.version_id,
        "review_reviewrequest": decision.request_id,
        "review_decision": decision.pk,
    }

    for name, pk in rows.items():
        assert client.post(reverse(f"admin:{name}_change", args=[pk]), {"goal": "x"}).status_code == 403
        assert client.post(reverse(f"admin:{name}_delete", args=[pk]), {"post": "yes"}).status_code == 403
        listed = reverse(f"admin:{name}_changelist")
        client.post(listed, {"action": "delete_selected", "_selected_action": [pk], "post": "yes"})
    for name in ("review_reviewrequest", "review_decision", "agents_agentversion"):
        assert client.post(reverse(f"admin:{name}_add"), {}).status_code == 403
    assert Decision.objects.filter(pk=decision.pk).exists()
    assert AgentTask.objects.filter(pk=task.pk, goal=task.goal).exists()


@pytest.mark.django_db
def test_a_submitter_has_no_queue():
    assert signed_in(SubmitterFactory()).get(QUEUE).status_code == 403
