"""Webhooks: nothing that was committed is left out, nothing else is told, and a bad target harms itself only."""

import base64
import hashlib
import hmac
import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F

from agents import services
from agents.errors import Invalid, Stale
from agents.models import AgentTask, TaskEvent
from agents.outgoing import delivering, relaying, subscribing
from agents.outgoing.courier import Courier
from agents.outgoing.models import Attempt, Delivery, Endpoint, Relay
from tests.desk.driving import until
from tests.factories import SubmitterFactory
from tests.outgoing.conftest import Receiver, read_journal, sent, submitted

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("loopback")]


@pytest.fixture
def endpoint(receiver: Receiver) -> Endpoint:
    return subscribing.subscribe(SubmitterFactory(username="sam"), receiver.url, ["task.created", "task.state_changed"])


def make_due() -> None:
    """Time passes: whatever waits is due."""
    Delivery.objects.update(due_at=F("created_at"))
    Endpoint.objects.update(quiet_until=None)


class TestWhatIsTold:
    def test_an_endpoint_hears_of_the_events_it_named(self, endpoint: Endpoint, receiver: Receiver) -> None:
        task = submitted(by=endpoint.owner)
        services.cancel(task.pk, by=endpoint.owner)
        assert {one.status for one in sent()} == {"delivered"}
        assert receiver.types() == ["task.created", "task.state_changed"]
        headers, body = receiver.got[1]
        said = json.loads(body)
        assert said["data"] == {"task": task.pk, "number": 3, "was": "pending", "now": "canceled"}
        assert said["timestamp"].endswith("Z")
        assert headers["content-type"] == "application/json"

    def test_it_is_signed_for_this_endpoint(self, endpoint: Endpoint, receiver: Receiver) -> None:
        submitted(by=endpoint.owner)
        sent()
        headers, body = receiver.got[0]
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(endpoint.secret.removeprefix("whsec_"))
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{expected}"

    def test_for_a_day_both_secrets_sign(self, endpoint: Endpoint, receiver: Receiver) -> None:
        subscribing.rotate_secret(endpoint)
        submitted(by=endpoint.owner)
        sent()
        assert len(receiver.got[0][0]["webhook-signature"].split()) == 2
        Endpoint.objects.update(old_secret_until=F("created_at"))
        submitted(by=endpoint.owner)
        sent()
        assert len(receiver.got[1][0]["webhook-signature"].split()) == 1

    def test_tasks_of_others_are_not_told(self, endpoint: Endpoint, receiver: Receiver) -> None:
        submitted()
        assert sent() == []
        assert receiver.got == []

    def test_a_callback_hears_of_the_outcome_of_its_own_task(self, receiver: Receiver) -> None:
        sam = SubmitterFactory()
        other, task = submitted(by=sam), submitted(by=sam, callback_url=receiver.url)
        for one in (other, task):
            services.cancel(one.pk, by=sam)
        sent()
        assert [json.loads(body)["data"]["task"] for _, body in receiver.got] == [task.pk]
        assert json.loads(receiver.got[0][1])["data"]["now"] == "canceled"

    def test_what_is_not_committed_is_not_told(self, endpoint: Endpoint, receiver: Receiver) -> None:
        with transaction.atomic():
            submitted(by=endpoint.owner)
            transaction.set_rollback(True)
        assert sent() == []

    def test_an_event_that_is_read_twice_is_told_once(self, endpoint: Endpoint, receiver: Receiver) -> None:
        submitted(by=endpoint.owner)
        sent()
        Relay.objects.update(low=0, mark=None, mark_transaction=None)
        assert sent() == []
        assert len(receiver.got) == 1

    def test_what_stays_inside_is_not_told(self, endpoint: Endpoint) -> None:
        with pytest.raises(Invalid, match=r"task\.created"):
            subscribing.subscribe(endpoint.owner, endpoint.url, ["task.craeted"])
        with pytest.raises(Invalid, match="not an event"):
            subscribing.subscribe(endpoint.owner, endpoint.url, ["task.claimed"])


@pytest.mark.services
@pytest.mark.parametrize("keys_of_a_round", [relaying.AT_ONCE, 1])
def test_an_event_that_commits_behind_the_reader_is_not_passed_over(
    keys_of_a_round: int, endpoint: Endpoint, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two transactions: the one that took its keys first commits last, and keeps nobody from what came after."""
    monkeypatch.setattr(relaying, "AT_ONCE", keys_of_a_round)
    slow_has_key, fast_is_done = threading.Event(), threading.Event()
    owner = endpoint.owner

    def slow() -> None:
        try:
            with transaction.atomic():
                submitted(by=owner)
                slow_has_key.set()
                assert fast_is_done.wait(120)
        finally:
            connection.close()

    first = submitted(by=owner)
    # Keys of earlier tests' events go on counting: key by key, the reader would not get here in time.
    Relay.objects.create(pk=1, low=TaskEvent.objects.get(task=first).pk - 1)
    thread = threading.Thread(target=slow)
    thread.start()
    assert slow_has_key.wait(120)
    fast = submitted(by=owner)
    # A transaction anywhere on the server may hold the reader back for a moment.
    told = list(sent())
    until(lambda: told.extend(sent()) or len(told) == 2, "the two that are committed")
    assert Relay.objects.get().low < TaskEvent.objects.get(task=fast).pk
    fast_is_done.set()
    thread.join()
    until(lambda: told.extend(sent()) or len(told) == 3, "the one that committed last")
    newest = TaskEvent.objects.latest("id").pk
    until(lambda: told.extend(sent()) or Relay.objects.get().low == newest, "the end of the journal")
    assert len(told) == 3
    assert len({json.loads(body)["data"]["task"] for _, body in receiver.got}) == 3


class TestWhatBecomesOfADelivery:
    def test_it_is_tried_again_with_the_same_id_until_it_is_taken(self, endpoint: Endpoint, receiver: Receiver) -> None:
        receiver.answers = [(500, {}), (302, {}), (200, {})]
        submitted(by=endpoint.owner)
        assert [one.status for one in sent()] == ["pending"]
        assert sent() == [], "it is not due yet"
        make_due()
        sent()
        make_due()
        assert [one.status for one in sent()] == ["delivered"]
        assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
        assert list(Attempt.objects.values_list("number", "answer")) == [(1, 500), (2, 302), (3, 200)]

    def test_the_waits_span_a_day(self) -> None:
        assert timedelta(hours=23) < sum(delivering.WAITS, timedelta()) <= timedelta(hours=25)

    def test_it_is_given_up_after_the_last_attempt(self, endpoint: Endpoint, receiver: Receiver) -> None:
        receiver.answers = [(500, {})]
        submitted(by=endpoint.owner)
        sent()
        for _ in delivering.WAITS:
            make_due()
            (last,) = sent()
        assert (last.status, last.attempts) == ("failed", 8)
        make_due()
        assert sent() == []

    def test_a_stated_wait_is_honoured(self, endpoint: Endpoint, receiver: Receiver) -> None:
        receiver.answers = [(429, {"Retry-After": "600"})]
        submitted(by=endpoint.owner)
        (delivery,) = sent()
        assert delivery.due_at - Attempt.objects.get().at > timedelta(seconds=590)

    def test_410_disables_the_endpoint(self, endpoint: Endpoint, receiver: Receiver) -> None:
        receiver.answers = [(410, {})]
        submitted(by=endpoint.owner)
        assert [one.status for one in sent()] == ["failed"]
        endpoint.refresh_from_db()
        assert "410" in endpoint.disabled_why
        submitted(by=endpoint.owner)
        assert sent() == []
        with pytest.raises(Stale, match="disabled"):
            submitted(by=endpoint.owner, callback_url=endpoint.url)

    def test_it_can_be_sent_again_from_the_log(self, endpoint: Endpoint, receiver: Receiver) -> None:
        submitted(by=endpoint.owner)
        (delivery,) = sent()
        delivering.redeliver(delivery)
        with pytest.raises(Stale, match="on its way"):
            delivering.redeliver(delivery)
        sent()
        assert len(receiver.got) == 2
        assert receiver.got[0][0]["webhook-id"] == receiver.got[1][0]["webhook-id"]

    def test_a_sender_that_was_lost_is_followed_by_another(self, endpoint: Endpoint, receiver: Receiver) -> None:
        submitted(by=endpoint.owner)
        read_journal()
        lost = Delivery.objects.get()
        assert delivering.claim(lost)
        assert sent() == [], "it is somebody's"
        make_due()
        sent()
        delivering.send(lost)
        assert list(Attempt.objects.values_list("number", flat=True)) == [2], "who was lost records nothing"

    def test_two_senders_never_claim_the_same(self, endpoint: Endpoint) -> None:
        submitted(by=endpoint.owner)
        read_journal()
        one, two = Delivery.objects.get(), Delivery.objects.get()
        assert (delivering.claim(one), delivering.claim(two)) == (True, False)

    def test_a_target_inside_is_never_called(self, endpoint: Endpoint, receiver: Receiver, settings: Any) -> None:
        submitted(by=endpoint.owner)
        settings.COUNTERSIGN_OUTGOING_NETWORKS = []
        assert [one.status for one in sent()] == ["pending"]
        assert receiver.got == []
        assert "https" in Attempt.objects.get().error


def test_a_target_that_hangs_takes_one_sender_and_none_from_others(receiver: Receiver) -> None:
    """It is left alone between attempts, however much is due to it; others are told meanwhile."""
    hanging = subscribing.subscribe(SubmitterFactory(), receiver.url, ["task.created"])
    Endpoint.objects.update(failures_in_a_row=3)
    receiver.hold = threading.Event()
    for _ in range(5):
        submitted(by=hanging.owner)
    courier = Courier()
    courier.round()
    courier.round()
    assert courier._on_the_way == {hanging.pk: 1}
    receiver.hold.set()
    courier._pool.shutdown(wait=True)
    assert Delivery.objects.filter(status="delivered").count() == 1


def test_a_task_that_nobody_listens_to_costs_no_query_more(django_assert_num_queries: Any) -> None:
    task = submitted()
    sam = AgentTask.objects.get(pk=task.pk).submitted_by
    with connection.execute_wrapper(lambda execute, sql, *rest: _no_outgoing(execute, sql, *rest)):
        services.cancel(task.pk, by=sam)


def _no_outgoing(execute: Any, sql: str, *rest: Any) -> Any:
    assert "outgoing_" not in sql
    return execute(sql, *rest)
