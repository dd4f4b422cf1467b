"""The pages of tasks: who sees which, whatever the text is, and how little it costs when there are many."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from agents.models import AgentTask, Step
from tests.factories import (
    NOON,
    ActionFactory,
    AgentVersionFactory,
    DecisionFactory,
    EventFactory,
    OperatorFactory,
    ReviewerFactory,
    ReviewRequestFactory,
    StepFactory,
    SubmitterFactory,
    TaskFactory,
)
from tests.integration.admin_pages import signed_in, task_page, text_of

pytestmark = pytest.mark.django_db

LIST = reverse("admin:agents_agenttask_changelist")
ADD = reverse("admin:agents_agenttask_add")

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "{{ 7*7 }} {% load x %}",
    "אבג דהו",
    "🦊👩‍👩‍👧 tea",
    "a" * 5000,
    '" x-init="alert(1)" hx-get="/admin/',
)


# --- Who sees what


def test_a_submitter_sees_only_their_own_tasks():
    mine, other = TaskFactory(goal="Mine alone"), TaskFactory(goal="Somebody else's")
    client = signed_in(mine.submitted_by)

    listed = text_of(client.get(LIST))

    assert "Mine alone" in listed
    assert "Somebody else's" not in listed
    assert client.get(task_page(mine)).status_code == 200
    assert client.get(task_page(other)).status_code == 404
    for name in ("live", "journal"):
        assert client.get(reverse(f"admin:agents_agenttask_{name}", args=[other.pk])).status_code == 404
    assert client.post(reverse("admin:agents_agenttask_cancel", args=[other.pk])).status_code == 404


def test_a_reviewer_sees_every_task():
    task = TaskFactory()

    assert signed_in(ReviewerFactory()).get(task_page(task)).status_code == 200


def test_each_status_says_how_many_it_has_whichever_is_chosen():
    TaskFactory.create_batch(2)
    TaskFactory(status="complete", finished_at=NOON)
    client = signed_in(OperatorFactory())

    for chosen in ("", "?status__exact=complete"):
        listed = text_of(client.get(LIST + chosen))
        assert "Pending 2" in listed
        assert "Complete 1" in listed


def test_whoever_is_not_signed_in_is_asked_to():
    task = TaskFactory()

    response = reverse("admin:login"), signed_in(SubmitterFactory(is_staff=False)).get(task_page(task))

    assert response[1].status_code == 302
    assert response[1].url.startswith(response[0])


# --- Whatever the text is


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_is_shown_as_text(text: str):
    task = TaskFactory(goal=text, status="needs_input", question=text)
    step = StepFactory(task=task, purpose=text, arguments={"x": text}, answer={"error": {"code": "c", "message": text}})
    ActionFactory(
        step=step,
        sentence=text,
        result={"x": text, text: 1},
        error={"code": "x", "message": text},
        verification={"ok": False, "checks": [{"name": text, "ok": False, "detail": text}]},
    )
    EventFactory(task=task, data={"x": text}, actor=text[:160])

    client = signed_in(OperatorFactory())
    pages = [client.get(address).content.decode() for address in (LIST, task_page(task))]

    for page in pages:
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert '" x-init="alert' not in page
    assert text[:50] in text_of(client.get(task_page(task)))


def test_reading_order_can_not_be_turned_round_unseen():
    task = TaskFactory(goal="pay \u202e001 to Ana")
    ActionFactory(step=StepFactory(task=task), arguments={"note": "\u202eabc\u2066"})

    page = signed_in(task.submitted_by).get(task_page(task)).content.decode()

    assert "\u202e" not in page
    assert "\\u{202e}" in page
    assert "\\u202e" in page


# --- What the page says


def test_a_task_that_waits_says_why_and_where():
    task = TaskFactory(status="needs_review", parked_for="limit", notice="A colleague looks at this now.")
    asked = ReviewRequestFactory(task=task, kind="limit", title="12 of 12 steps are used: extend?")

    page = signed_in(ReviewerFactory()).get(task_page(task))

    assert "At its limit" in text_of(page)
    assert "A colleague looks at this now." in text_of(page)
    assert reverse("admin:review_reviewrequest_change", args=[asked.pk]) in page.content.decode()


def test_a_submitter_reads_what_is_asked_but_has_no_way_into_the_review():
    task = TaskFactory(status="needs_review")
    ReviewRequestFactory(task=task)

    page = signed_in(task.submitted_by).get(task_page(task)).content.decode()

    assert "Handed over to a person" in page
    assert "/reviewrequest/" not in page


def test_the_story_has_the_decision_with_its_comment_and_its_difference():
    step = StepFactory(name="issue_refund", status="done")
    action = ActionFactory(step=step, effect="reconcilable")
    asked = ReviewRequestFactory(
        task=step.task, action=action, kind="action", status="decided", title="Refund 64.90 EUR"
    )
    DecisionFactory(
        request=asked,
        answer="edit",
        comment="Without the shipping.",
        details={"difference": [{"op": "replace", "path": "/amount", "old": 64.9, "value": 60}]},
    )

    page = text_of(signed_in(ReviewerFactory()).get(task_page(step.task)))

    assert "Approve with changes by reviewer" in page
    assert "Without the shipping." in page
    assert "/amount" in page
    assert "64.9" in page


def test_a_question_about_the_task_as_a_whole_stands_where_it_was_asked():
    task = TaskFactory(steps_taken=2)
    StepFactory(task=task, created_at=NOON)
    asked = ReviewRequestFactory(
        task=task, kind="limit", status="decided", title="Extend it?", opened_at=NOON + timedelta(minutes=1)
    )
    StepFactory(task=task, created_at=NOON + timedelta(minutes=2), purpose="Go on")

    page = text_of(signed_in(ReviewerFactory()).get(task_page(task)))

    assert page.index("Look the order up") < page.index("Extend it?") < page.index("Go on")
    assert asked.pk


def test_the_plan_shows_how_far_it_is():
    plan = [
        {"id": "a", "tool": "get_order", "purpose": "First"},
        {"id": "b", "tool": "issue_refund", "purpose": "Then"},
    ]
    task = TaskFactory(plan=plan, plan_number=1, status="running")
    StepFactory(task=task, number=2, planned_id="a", plan_number=1)

    page = text_of(signed_in(ReviewerFactory()).get(task_page(task)))

    assert "1 of 2 done" in page
    assert "done First" in page
    assert "ahead Then" in page


def test_a_final_task_does_not_ask_for_news():
    moving, ended = TaskFactory(status="running"), TaskFactory(status="complete")
    client = signed_in(ReviewerFactory())

    assert "every 1500ms" in client.get(task_page(moving)).content.decode()
    assert "every 1500ms" not in client.get(task_page(ended)).content.decode()


def test_the_moving_part_answers_nothing_until_something_changes():
    task = TaskFactory(status="running", event_count=3)
    client = signed_in(task.submitted_by)
    live = reverse("admin:agents_agenttask_live", args=[task.pk])

    assert client.get(live, {"mark": "running.3"}).status_code == 204
    changed = client.get(live, {"mark": "running.2"})
    assert changed.status_code == 200
    assert changed.headers["X-Countersign-Fragment"] == "1"
    assert "<html" not in changed.content.decode()


# --- Submitting, answering, canceling


def test_a_refused_goal_stays_typed_with_the_reason_at_its_field():
    version = AgentVersionFactory()
    person = SubmitterFactory()

    response = signed_in(person).post(ADD, {"agent": version.agent.name, "goal": "Refund \x00 it", "priority": 20})

    assert response.status_code == 422
    assert "contains a NUL" in text_of(response)
    assert "Refund" in text_of(response)
    assert not AgentTask.objects.exists()


def test_a_goal_of_a_megabyte_is_refused_with_a_sentence():
    version = AgentVersionFactory()

    response = signed_in(SubmitterFactory()).post(ADD, {"agent": version.agent.name, "goal": "x" * 1_000_000})

    assert response.status_code == 422
    assert "1,000,000 characters" in text_of(response)


def test_a_step_limit_beyond_the_ceiling_is_told_at_its_field():
    version = AgentVersionFactory()

    response = signed_in(SubmitterFactory()).post(
        ADD, {"agent": version.agent.name, "goal": "Do it", "max_steps": 5000, "priority": 20}
    )

    assert "max_steps is 5000" in text_of(response)
    assert response.context["form"].errors["max_steps"]


def test_a_goal_is_kept_as_it_was_typed():
    version, person = AgentVersionFactory(), SubmitterFactory()

    signed_in(person).post(ADD, {"agent": version.agent.name, "goal": "  two\r\nlines ", "priority": 10})

    task = AgentTask.objects.get()
    assert (task.goal, task.priority, task.submitted_by) == ("  two\nlines ", 10, person)


def test_whoever_may_not_submit_is_refused():
    assert signed_in(ReviewerFactory()).get(ADD).status_code == 403
    assert signed_in(ReviewerFactory()).post(ADD, {"goal": "x"}).status_code == 403


def test_a_disabled_agent_is_no_choice():
    version = AgentVersionFactory(agent__enabled=False)

    response = signed_in(SubmitterFactory()).post(ADD, {"agent": version.agent.name, "goal": "x"})

    assert response.status_code in (200, 422)
    assert not AgentTask.objects.exists()


def test_only_the_submitter_finds_the_answer_form_and_an_empty_answer_is_refused():
    task = TaskFactory(status="needs_input", question="Which address?")
    step = StepFactory(task=task, kind="ask", name="ask", status="open", arguments={"question": "Which address?"})
    answer = reverse("admin:agents_agenttask_answer", args=[task.pk])

    assert 'name="answer"' not in signed_in(ReviewerFactory()).get(task_page(task)).content.decode()
    client = signed_in(task.submitted_by)
    assert 'name="answer"' in client.get(task_page(task)).content.decode()
    refused = client.post(answer, {"answer": "   "})
    assert refused.status_code == 409
    assert "The answer is empty" in text_of(refused)
    assert client.post(answer, {"answer": "Rua do Almada 12"}).status_code == 302
    step.refresh_from_db()
    assert step.answer == {"answer": "Rua do Almada 12"}


def test_an_answer_that_comes_too_late_is_refused_and_kept_on_the_page():
    task = TaskFactory(status="complete")

    late = signed_in(task.submitted_by).post(
        reverse("admin:agents_agenttask_answer", args=[task.pk]), {"answer": "Here it is"}
    )

    assert late.status_code == 409
    assert "asks nothing now" in text_of(late)
    assert "Here it is" in text_of(late)


def test_cancel_is_a_post_and_only_for_those_who_may():
    task = TaskFactory(status="pending")
    cancel = reverse("admin:agents_agenttask_cancel", args=[task.pk])

    assert signed_in(task.submitted_by).get(cancel).status_code == 405
    reviewer = signed_in(ReviewerFactory())
    assert "Cancel this task" not in text_of(reviewer.get(task_page(task)))
    reviewer.post(cancel)
    task.refresh_from_db()
    assert task.status == "pending"
    signed_in(task.submitted_by).post(cancel)
    task.refresh_from_db()
    assert task.status == "canceled"


# --- When there are many


@pytest.fixture
def ten_thousand() -> AgentTask:
    """Ten thousand tasks of a few agents and submitters, in every status that needs no more than a row."""
    template = TaskFactory()
    people = [template.submitted_by, *SubmitterFactory.create_batch(3)]
    AgentTask.objects.bulk_create(
        [
            AgentTask(
                agent=template.agent,
                version=template.version,
                goal=f"Refund order {number}, it arrived broken",
                submitted_by=people[number % 4],
                max_steps=12,
                status="complete" if number % 3 else "pending",
                finished_at=NOON if number % 3 else None,
                result="Done" if number % 3 else None,
                created_at=NOON,
                queued_at=NOON,
            )
            for number in range(10_000)
        ],
        batch_size=1000,
    )
    return template


def test_the_list_costs_the_same_however_many_there_are(ten_thousand: AgentTask):
    client = signed_in(OperatorFactory())

    for query in ("", "?status__exact=pending", "?q=order+9999", "?p=3", "?q=%239"):
        with CaptureQueriesContext(connection) as queries:
            response = client.get(LIST + query)

        assert response.status_code == 200
        assert len(queries) <= 22
        statements = [one["sql"].upper() for one in queries]
        assert not [one for one in statements if "COUNT(" in one and "LIMIT" not in one], "a count without an end"

    # The counts stop at a thousand, and pages follow each other to the last.
    assert "Complete 1,000+" in text_of(client.get(LIST))
    assert 'rel="next"' in client.get(LIST + "?p=200").content.decode()
    assert 'rel="next"' not in client.get(LIST + "?p=201").content.decode()


def test_a_story_of_five_hundred_steps_is_paged_and_costs_the_same():
    task = TaskFactory(max_steps=500, steps_taken=500, status="needs_review", parked_for="limit")
    Step.objects.bulk_create(
        Step(
            task=task,
            number=number,
            kind="tool",
            status="done",
            name="get_order",
            purpose=f"Purpose {number}.",
            arguments={"order_id": "1042"},
            created_at=NOON + timedelta(seconds=number),
        )
        for number in range(1, 501)
    )
    client = signed_in(ReviewerFactory())

    with CaptureQueriesContext(connection) as queries:
        newest = text_of(client.get(task_page(task)))
    before = text_of(client.get(task_page(task) + "?before=476"))

    assert len(queries) <= 20
    assert "Purpose 500." in newest
    assert "Purpose 475." not in newest
    assert "Show the steps before step 476" in newest
    assert "Purpose 475." in before
    assert "Purpose 476." not in before


def test_a_step_is_shown_whole_on_its_own_page():
    step = StepFactory(arguments={"text": "x" * 9000 + "end"})
    client = signed_in(ReviewerFactory())

    assert "xend" not in text_of(client.get(task_page(step.task)))
    assert "xend" in text_of(client.get(reverse("admin:agents_agenttask_step", args=[step.task_id, step.number])))


def test_the_journal_is_read_page_by_page():
    task = TaskFactory(event_count=450)
    for number in range(1, 451):
        EventFactory(task=task, number=number, kind=f"kind.{number}")
    client = signed_in(ReviewerFactory())
    journal = reverse("admin:agents_agenttask_journal", args=[task.pk])

    first = text_of(client.get(journal))
    assert "kind.200" in first
    assert "kind.201" not in first
    assert "kind.450" in text_of(client.get(journal + "?after=400"))


@pytest.mark.parametrize("pk", ["0", "99999999999999999999999", "abc", "-1"])
def test_an_address_of_no_task_is_not_found(pk: str):
    response = signed_in(ReviewerFactory()).get(f"{LIST}{pk}/change/")

    assert response.status_code == 404
