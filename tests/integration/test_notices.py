"""Reviewers hear of what waits for them: by mail and in a chat, never more than a setting allows, and never lost."""

import json
from datetime import UTC, datetime

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.core import mail
from django.db.models.functions import Now
from pytest_django import Settings

from agents.outgoing import signing
from review import post
from review.deadlines import keep_time
from review.handing import delegate
from review.models import Answer, ChatHook, Kind, Notice, ReviewRequest, Risk, Wish
from review.notices import due_at
from tests.desk.driving import Desk
from tests.integration.admin_pages import review_page, signed_in, text_of
from tests.outgoing.conftest import Receiver, receiver  # noqa: F401 - a fixture


@pytest.fixture(autouse=True)
def reachable(settings: Settings) -> None:
    settings.COUNTERSIGN_MAILS = True
    settings.COUNTERSIGN_URL = "https://desk.example.org"
    settings.COUNTERSIGN_OUTGOING_NETWORKS = ["127.0.0.0/8"]


def wish(person: object, how: str = Wish.Mail.AT_ONCE, least_risk: int = Risk.LOW) -> None:
    Wish.objects.create(person=person, mail=how, least_risk=least_risk)


def due_now() -> None:
    Notice.objects.filter(status=Notice.Status.PENDING).update(due_at=Now())


def test_who_wants_to_hears_at_once_and_the_mail_says_no_more_than_it_may(desk: Desk) -> None:
    wish(desk.reviewer)
    wish(desk.submitter)
    task = desk.run("once_asked kettle")
    assert mail.outbox == [], "the loop sends nothing"

    post.take_out()
    post.take_out()

    (message,) = mail.outbox
    assert message.to == [desk.reviewer.email]
    assert f"https://desk.example.org{review_page(desk.request(task))}" in message.body
    assert "kettle" not in message.subject + message.body
    assert sorted(Notice.objects.values_list("status", flat=True)) == ["needless", "sent"]


def test_the_sentence_is_in_it_where_the_operator_says_so(desk: Desk, settings: Settings) -> None:
    settings.COUNTERSIGN_NOTICES_SAY = "sentence"
    wish(desk.reviewer)
    desk.run("once_asked kettle")
    post.take_out()
    assert "once_asked kettle" in mail.outbox[0].subject


def test_opening_the_link_decides_nothing(desk: Desk) -> None:
    task = desk.run("once_asked kettle")
    for person in (desk.reviewer, desk.colleague):
        signed_in(person).get(review_page(desk.request(task)))
    assert desk.request(task).decisions.count() == 0


def test_many_are_told_together_when_their_time_has_come(desk: Desk) -> None:
    wish(desk.reviewer, Wish.Mail.DAILY)
    for _ in range(3):
        desk.run("once_asked kettle")
    post.take_out()
    assert mail.outbox == []
    due_now()
    post.take_out()
    (message,) = mail.outbox
    assert "3 decisions" in message.subject
    assert message.body.count("https://desk.example.org/") == 3


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("how", "due"),
    [
        (Wish.Mail.AT_ONCE, datetime(2026, 11, 20, 12, 30, tzinfo=UTC)),
        (Wish.Mail.HOURLY, datetime(2026, 11, 20, 13, 0, tzinfo=UTC)),
        (Wish.Mail.DAILY, datetime(2026, 11, 21, 7, 0, tzinfo=UTC)),
    ],
)
def test_when_a_mail_is_due(how: str, due: datetime, settings: Settings) -> None:
    with time_machine.travel(datetime(2026, 11, 20, 12, 30, tzinfo=UTC), tick=False):
        assert due_at(how, datetime.now(UTC)) == due


def test_nobody_hears_of_what_is_decided_meanwhile_or_below_their_risk(desk: Desk) -> None:
    wish(desk.reviewer)
    wish(desk.colleague, least_risk=Risk.HIGH)
    task = desk.run("Write a poem")
    assert Notice.objects.count() == 1
    desk.decide(task, Answer.TERMINATE, comment="No poems.")
    post.take_out()
    assert mail.outbox == []


def test_only_its_owner_hears_that_a_task_came_back_to_them(desk: Desk) -> None:
    wish(desk.reviewer)
    wish(desk.colleague)
    task = desk.run("Write a poem")
    desk.decide(task, Answer.TAKE_OVER)
    post.take_out()
    assert [message.to for message in mail.outbox] == [[desk.reviewer.email]]
    assert desk.request(task).kind == Kind.TAKEOVER


def test_what_went_to_a_person_or_a_group_is_told_to_them_alone(desk: Desk) -> None:
    heads = Group.objects.create(name="Heads")
    desk.colleague.groups.add(heads)
    wish(desk.reviewer)
    wish(desk.colleague)
    request = desk.request(desk.run("once_asked kettle"))
    post.take_out()
    assert len(mail.outbox) == 2
    mail.outbox.clear()

    times = {"due_at": Now(), "remind_at": Now(), "escalate_to": "Heads"}
    ReviewRequest.objects.filter(pk=request.pk).update(**times)
    keep_time()
    delegate(request.pk, desk.colleague, desk.reviewer)
    delegate(request.pk, desk.colleague, heads)
    post.take_out()

    assert {message.to[0] for message in mail.outbox} == {desk.colleague.email}
    assert any("overdue" in message.subject + message.body for message in mail.outbox)


def test_a_mail_server_that_is_away_loses_nothing_and_stops_nobody(desk: Desk, settings: Settings) -> None:
    wish(desk.reviewer)
    backend = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = (
        "django.core.mail.backends.smtp.EmailBackend",
        "127.0.0.1",
        8179,
    )
    desk.run("once_asked kettle")
    post.take_out()
    notice = Notice.objects.get()
    assert (notice.status, notice.attempts) == ("pending", 1)
    assert "refused" in notice.error

    settings.EMAIL_BACKEND = backend
    due_now()
    post.take_out()
    assert len(mail.outbox) == 1


def test_two_senders_never_send_the_same_notice(desk: Desk) -> None:
    wish(desk.reviewer)
    desk.run("once_asked kettle")
    assert len(post._take()) == 1
    assert post._take() == []


def test_a_sender_that_died_leaves_its_notices_to_others_under_the_same_message_id(desk: Desk) -> None:
    wish(desk.reviewer)
    desk.run("once_asked kettle")
    post.take_out()
    Notice.objects.update(status=Notice.Status.PENDING, due_at=Now())  # sent, and not recorded
    post.take_out()
    first, second = (message.message()["Message-ID"] for message in mail.outbox)
    assert first == second


def test_a_chat_gets_a_signed_message(desk: Desk, receiver: Receiver) -> None:  # noqa: F811
    hook = ChatHook.objects.create(url=receiver.url, secret=signing.new_secret())
    receiver.answers = [(500, {}), (204, {})]
    task = desk.run("once_asked kettle")
    post.take_out()
    due_now()
    post.take_out()

    (_, (headers, body)) = receiver.got
    told = json.loads(body)
    expected = signing.headers(headers["webhook-id"], int(headers["webhook-timestamp"]), body, [hook.secret])
    assert headers["webhook-signature"] == expected["webhook-signature"]
    assert receiver.got[0][0]["webhook-id"] == headers["webhook-id"], "the same at each attempt"
    assert (told["type"], told["data"]["request"]) == ("review.opened", desk.request(task).pk)
    assert told["text"].startswith("A decision is asked for: action of The desk")
    assert b"kettle" not in body
    assert Notice.objects.get().status == "sent"


def test_each_person_keeps_their_own_wish(desk: Desk) -> None:
    client, address = signed_in(desk.reviewer), "/admin/review/wish/"
    assert "Not at all" in text_of(client.get(address))
    assert client.post(address, {"mail": "daily", "least_risk": 30}).status_code == 302
    assert client.post(address, {"mail": "never", "least_risk": 30}).status_code == 422
    kept = Wish.objects.get()
    assert (kept.person, kept.mail, kept.least_risk) == (desk.reviewer, "daily", Risk.HIGH)
    assert signed_in(desk.submitter).get(address).status_code == 403


def test_an_operator_adds_a_chat_and_sees_its_secret_once(desk: Desk) -> None:
    client, address = signed_in(desk.operator), "/admin/review/chathook/add/"
    refused = client.post(address, {"url": "ftp://chat", "least_risk": 10, "is_enabled": "on"})
    assert (refused.status_code, ChatHook.objects.count()) == (200, 0)
    added = client.post(address, {"url": "https://1.1.1.1/hook", "least_risk": 10, "is_enabled": "on"}, follow=True)
    hook = ChatHook.objects.get()
    assert hook.secret in text_of(added)
    assert hook.secret not in text_of(client.get(f"/admin/review/chathook/{hook.pk}/change/"))
    assert signed_in(desk.reviewer).get(address).status_code == 403
