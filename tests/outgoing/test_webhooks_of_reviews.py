"""Whoever runs a chat or a pager hears what becomes of a question: due soon, handed on, overdue, expired; signed."""

import base64
import hashlib
import hmac
import json

import jsonschema
import pytest
from django.contrib.auth.models import Group
from django.db.models.functions import Now

from agents.outgoing import subscribing
from agents.outgoing.catalogue import CATALOGUE
from review.deadlines import keep_time
from review.handing import delegate
from review.models import ReviewRequest
from review.services import release
from tests.desk.driving import Desk
from tests.integration.conftest import desk  # noqa: F401 - a fixture
from tests.outgoing.conftest import Receiver, sent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("loopback")]

KINDS = [f"review.{what}" for what in ("opened", "delegated", "given_up", "due_soon", "escalated", "expired")]


def test_an_endpoint_hears_what_becomes_of_a_question_and_nothing_that_people_wrote(
    desk: Desk,  # noqa: F811
    receiver: Receiver,
) -> None:
    endpoint = subscribing.subscribe(desk.submitter, receiver.url, KINDS)
    heads = Group.objects.create(name="Heads")
    desk.colleague.groups.add(heads)
    request = desk.request(desk.run("once_asked kettle"))
    delegate(request.pk, desk.reviewer, heads, "Ana is a friend of mine.")
    delegate(request.pk, desk.reviewer, desk.colleague)
    release(request.pk, desk.colleague)
    for times in ({"due_at": Now(), "remind_at": Now(), "escalate_to": "Heads"}, {"expires_at": Now()}):
        ReviewRequest.objects.filter(pk=request.pk).update(**times)
        keep_time()
    assert {one.status for one in sent()} == {"delivered"}

    heard = [json.loads(body) for _, body in receiver.got]
    assert sorted({one["type"] for one in heard}) == sorted(KINDS)
    for one in heard:
        assert (one["data"]["request"], one["data"]["kind"]) == (request.pk, "action")
        for name, schema in CATALOGUE[one["type"]].fields.items():
            jsonschema.validate(one["data"][name], schema)
    groups = [one["data"].get("group") for one in heard if one["type"] in ("review.delegated", "review.escalated")]
    assert sorted(groups) == ["", "Heads", "Heads"]
    for headers, body in receiver.got:
        assert b"Ana" not in body
        assert desk.colleague.username.encode() not in body
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(endpoint.secret.removeprefix("whsec_"))
        assert headers["webhook-signature"] == (
            "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        )
