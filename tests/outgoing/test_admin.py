"""The log of deliveries in the admin: read by operators, who may send one again; nobody sees a secret."""

from typing import Any

import pytest
from django.test import Client

from agents.models import AgentTask
from agents.outgoing import signing
from agents.outgoing.models import Attempt, Delivery, Endpoint
from tests.factories import OperatorFactory, ReviewerFactory, SubmitterFactory
from tests.outgoing.conftest import submitted

pytestmark = pytest.mark.django_db
LOG = "/admin/outgoing/delivery/"


@pytest.fixture
def delivery() -> Delivery:
    task: AgentTask = submitted(by=SubmitterFactory())
    endpoint = Endpoint.objects.create(
        owner=task.submitted_by, url="https://shop.example/hook", secret=signing.new_secret(), kinds=["task.created"]
    )
    made = Delivery.objects.create(
        endpoint=endpoint, event=task.events.get(number=1), message_id="msg_1", status="failed", attempts=8
    )
    Attempt.objects.create(delivery=made, number=8, answer=500, error="It answered <500>.")
    return made


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(OperatorFactory())
    return client


def test_it_shows_what_was_sent_and_answered(operator: Client, delivery: Delivery) -> None:
    page = operator.get(f"{LOG}{delivery.pk}/change/")
    text = page.content.decode()
    assert page.status_code == 200
    assert "task.created" in text
    assert "It answered &lt;500&gt;." in text
    assert delivery.endpoint.secret not in text
    assert operator.get(LOG).status_code == 200


def test_an_operator_sends_it_again(operator: Client, delivery: Delivery) -> None:
    operator.post(f"{LOG}{delivery.pk}/redeliver/")
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts) == ("pending", 0)


def test_a_disabled_endpoint_is_told_nothing_more(operator: Client, delivery: Delivery) -> None:
    url, data = "/admin/outgoing/endpoint/", {"_selected_action": [delivery.endpoint_id]}
    operator.post(url, data | {"action": "disable"})
    said = operator.post(f"{LOG}{delivery.pk}/redeliver/", follow=True).content.decode()
    assert "disabled" in said
    delivery.refresh_from_db()
    assert delivery.status == "failed"
    operator.post(url, data | {"action": "enable"})
    assert Endpoint.objects.get().disabled_at is None


def test_the_endpoints_page_shows_no_secret(operator: Client, delivery: Delivery) -> None:
    page = operator.get(f"/admin/outgoing/endpoint/{delivery.endpoint_id}/change/")
    assert page.status_code == 200
    assert delivery.endpoint.secret not in page.content.decode()


def test_others_do_not_see_it(client: Client, delivery: Delivery) -> None:
    client.force_login(ReviewerFactory())
    answers: list[Any] = [
        client.get(f"{LOG}{delivery.pk}/change/"),
        client.post(f"{LOG}{delivery.pk}/redeliver/"),
        client.get("/admin/outgoing/endpoint/"),
    ]
    assert {one.status_code for one in answers} == {403}
