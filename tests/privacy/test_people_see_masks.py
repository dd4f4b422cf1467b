"""People see masked values, unless the task is theirs or they ask for them on record; what runs is what is so."""

import io
import json
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents.errors import Stale
from agents.models import Action, AgentTask, TaskEvent
from agents.privacy.masking import masked
from agents.privacy.showing import _replaced
from agents.privacy.veil import Seeker
from agents.versions import publish
from review.difference import difference
from review.models import ReviewRequest
from tests.desk.driving import Desk, calls
from tests.desk.models import Fact
from tests.loopback import Provider, call, finish
from tests.privacy.knowing import CARD, EMAIL, GOAL, INPUTS, KNOWING, PHONE, any_of


@pytest.fixture
def asked(desk: Desk, provider: Provider) -> ReviewRequest:
    """A call with a person's values in it that waits for a reviewer."""
    publish(KNOWING, by=None)
    answers = iter(
        [
            call("look", what="[[name:1]]"),
            call("once_asked", what="for [[name:1]], [[email:1]]"),
            finish("[[name:1]]: [[card:1]]"),
        ]
    )
    provider.play = lambda _: next(answers)
    return desk.request(desk.run(GOAL, agent="knowing", inputs=INPUTS))


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def pages(asked: ReviewRequest) -> list[str]:
    """Every page on which the task or the request is shown."""
    task = asked.task_id
    return [
        reverse("admin:index"),
        reverse("admin:agents_agenttask_changelist"),
        reverse("admin:agents_agenttask_change", args=[task]),
        reverse("admin:agents_agenttask_live", args=[task]),
        reverse("admin:agents_agenttask_journal", args=[task]),
        reverse("admin:agents_agenttask_step", args=[task, 2]),
        reverse("admin:review_reviewrequest_changelist"),
        reverse("admin:review_reviewrequest_change", args=[asked.pk]),
        reverse("admin:review_reviewrequest_together") + "?tool=once_asked",
        f"/api/v1/tasks/{task}",
        "/api/v1/tasks",
        "/api/v1/tasks?fields=goal",
        f"/api/v1/tasks/{task}?fields=inputs,goal",
        f"/api/v1/tasks/{task}/steps",
        f"/api/v1/tasks/{task}/actions",
        f"/api/v1/tasks/{task}/events",
        "/api/v1/reviews",
        f"/api/v1/reviews/{asked.pk}",
    ]


def seen(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, address
    text = response.content.decode()
    return json.dumps(response.json(), ensure_ascii=False) if "json" in response["Content-Type"] else text


def test_a_reviewer_sees_masks_on_every_page_and_in_every_answer(desk: Desk, asked: ReviewRequest) -> None:
    client = signed_in(desk.reviewer)
    for address in pages(asked):
        assert any_of(seen(client, address)) == [], address
    page = seen(client, reverse("admin:review_reviewrequest_change", args=[asked.pk]))
    assert "a•••@example.org" in page
    assert "•••1111" in page
    assert "Show them for 15 minutes" in page
    assert "Have them shown first" in page
    # The names of tools and members are the house's own, whatever fields an agent declares.
    shown = client.get(f"/api/v1/reviews/{asked.pk}").json()["shown"]
    assert [one["name"] for one in shown["steps"]] == ["look", "once_asked"]
    assert shown["inputs"] == {"customer": {"name": "A•••", "mails": ["a•••@example.org"]}, "card": "•••1111"}
    # What was on the screen is what is approved, to the digest.
    task = desk.decide_and_settle(asked.task, "approve")
    assert [one.subject for one in calls(task)] == ["Ana Lima", f"for Ana Lima, {EMAIL}"]
    assert Action.objects.get(tool="once_asked").digest == asked.digest


def test_the_submitter_sees_what_they_wrote_and_gets_it_back(desk: Desk, asked: ReviewRequest) -> None:
    task = desk.decide_and_settle(asked.task, "approve")
    client = signed_in(desk.submitter)
    whole = client.get(f"/api/v1/tasks/{task.pk}").json()
    assert (whole["goal"], whole["inputs"], whole["result"]) == (GOAL, INPUTS, f"Ana Lima: {CARD}")
    assert any_of(seen(client, reverse("admin:agents_agenttask_change", args=[task.pk])), (EMAIL, PHONE))


def test_who_asks_for_the_values_sees_them_for_a_while_and_the_journal_says_so(
    desk: Desk, asked: ReviewRequest
) -> None:
    client = signed_in(desk.reviewer)
    page = reverse("admin:review_reviewrequest_change", args=[asked.pk])
    assert client.get(reverse("admin:review_reviewrequest_reveal", args=[asked.pk])).status_code == 405
    assert client.post(reverse("admin:review_reviewrequest_reveal", args=[asked.pk])).status_code == 302
    assert EMAIL in seen(client, page)
    assert "•••" not in seen(client, page)
    until = f"{TaskEvent.objects.get(kind='privacy.revealed').at + timezone.timedelta(minutes=15):%H:%M:%S}"
    for address in (page, reverse("admin:agents_agenttask_change", args=[asked.task_id])):
        assert f">{until}</time> UTC, and masked again afterwards" in seen(client, address)
    line = TaskEvent.objects.get(task=asked.task_id, kind="privacy.revealed")
    assert line.actor == f"person:{desk.reviewer.username}"
    assert {"email: a•••@example.org", "name: A•••", "phone: •••78"} <= set(line.data["values"])
    assert any_of(str(line.data)) == []
    # It is theirs alone, and ends.
    assert EMAIL not in seen(signed_in(desk.colleague), page)
    assert "masked again afterwards" not in seen(signed_in(desk.colleague), page)
    with time_machine.travel(timezone.now() + timezone.timedelta(minutes=16)):
        client.force_login(desk.reviewer)
        assert EMAIL not in seen(client, page)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_the_record_of_decisions_leaves_masked_for_who_was_not_shown_the_values(
    desk: Desk, asked: ReviewRequest, form: str
) -> None:
    desk.decide(asked.task, "edit", arguments={"what": f"of {EMAIL}", "manner": "well"}, comment=f"Ana Lima has {CARD}")
    client, address = signed_in(desk.reviewer), reverse("admin:review_decision_export") + f"?format={form}"

    def left() -> str:
        return b"".join(client.get(address)).decode()  # type: ignore[call-overload]

    record = left()
    assert any_of(record) == []
    assert "A••• has •••1111" in record
    assert "of a•••@example.org" in record
    call_command("export_decisions", form=form, stdout=(said := io.StringIO()))
    assert any_of(said.getvalue()) == []
    client.post(reverse("admin:review_reviewrequest_reveal", args=[asked.pk]))
    assert any_of(left(), (EMAIL, CARD)) == [EMAIL, CARD]


def test_a_field_is_masked_in_a_difference_however_short_its_value_is() -> None:
    seeker = Seeker(fields=frozenset({"name"}))
    changed = {"details": {"difference": difference({"to": {"name": "Al"}}, {"to": {"name": "Bo"}})}}
    assert "Bo" not in str(_replaced(changed, seeker, masked))


def test_what_tools_say_when_a_page_asks_them_anew_is_masked(desk: Desk, provider: Provider) -> None:
    publish(KNOWING.model_copy(update={"tools": ("once", "once_relying")}), by=None)
    bo, cy = "bo@example.org", "bea@example.org"  # Two values with the same mask.
    relied = Fact.objects.create(name=f"relied:{EMAIL}", value=bo)
    answers = iter(
        [call("once", what="[[email:1]]", manner="lost_after"), call("once_relying", what="[[email:1]]"), finish()]
    )
    provider.play = lambda _: next(answers)
    task = desk.run(GOAL, agent="knowing", inputs=INPUTS)
    client = signed_in(desk.reviewer)
    looked = client.post(reverse("admin:review_reviewrequest_look_up", args=[desk.request(task).pk])).content.decode()
    assert "These are its checks, made now" in looked
    assert any_of(looked) == []
    task = desk.decide_and_settle(task, "happened", result={"entry": 1})
    Fact.objects.filter(pk=relied.pk).update(value=cy)
    since = seen(client, reverse("admin:review_reviewrequest_since", args=[desk.request(task).pk]))
    assert "has changed since it was asked" in since
    assert any_of(since, (bo, cy)) == []
    assert "b•••@example.org" in since
    with pytest.raises(Stale, match="asked anew"):
        desk.decide(task, "approve")
    page = seen(client, reverse("admin:review_reviewrequest_change", args=[desk.request(task).pk]))
    assert "It was asked before, and something changed since" in page
    assert any_of(page, (bo, cy)) == []


def test_who_lacks_the_right_is_refused_and_sees_masks(desk: Desk, asked: ReviewRequest) -> None:
    permission = desk.reviewer.groups.get().permissions.get(codename="see_personal_data")
    desk.reviewer.groups.get().permissions.remove(permission)
    client = signed_in(desk.reviewer)
    page = seen(client, reverse("admin:agents_agenttask_change", args=[asked.task_id]))
    assert "Personal data are masked" in page
    assert "Show them" not in page
    client.post(reverse("admin:agents_agenttask_reveal", args=[asked.task_id]))
    assert not TaskEvent.objects.filter(kind="privacy.revealed").exists()


def test_a_mask_is_never_taken_for_the_value(desk: Desk, asked: ReviewRequest) -> None:
    client = signed_in(desk.reviewer)
    masked: dict[str, Any] = client.get(f"/api/v1/reviews/{asked.pk}").json()["shown"]["action"]["arguments"]
    body = {"answer": "edit", "digest": asked.digest, "arguments": masked | {"manner": "first_lost_before"}}
    answer = client.post(f"/api/v1/reviews/{asked.pk}/decide", body, content_type="application/json")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "arguments")
    form = {"digest": asked.digest, "what": "x", "manner": "well"}
    page = client.post(reverse("admin:review_reviewrequest_edit", args=[asked.pk]), form)
    assert page.status_code == 409
    assert any_of(page.content.decode()) == []
    assert AgentTask.objects.get(pk=asked.task_id).status == "needs_review"
