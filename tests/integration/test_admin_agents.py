"""Agents in the admin: written down as one text, wrong in named lines, and never changed afterwards."""

import pytest
from django.urls import reverse

from agents.admin.starter import CONSTRAINTS, STARTER
from agents.definition import loading
from agents.models import Agent, AgentVersion
from tests.factories import AgentVersionFactory, OperatorFactory, ReviewerFactory, SubmitterFactory
from tests.integration.admin_pages import signed_in, text_of

pytestmark = pytest.mark.django_db

ADD = reverse("admin:agents_agent_add")


def editor(version: AgentVersion) -> str:
    return reverse("admin:agents_agent_new_version", args=[version.agent_id])


def test_the_starter_is_an_agent_as_it_stands():
    person = OperatorFactory()
    client = signed_in(person)
    assert "name: my-desk" in client.get(ADD).content.decode()

    response = client.post(ADD, {"text": STARTER.replace("\n", "\r\n"), "note": "The first"}, follow=True)

    version = AgentVersion.objects.get()
    assert (version.agent.name, version.number, version.created_by) == ("my-desk", 1, person)
    assert "my-desk v1 is published" in text_of(response)


def test_each_constraint_to_copy_is_sound_over_the_tools_of_the_sample_shop():
    tools = "tools: [get_order, issue_refund, send_message]"
    for _, rule in CONSTRAINTS:
        text = STARTER.replace("tools: []", tools).replace("constraints: []", f"constraints:\n{rule}")
        assert len(loading.parse(text).constraints) == 1


def test_the_editor_starts_from_the_current_version_and_saves_the_next():
    version = AgentVersionFactory()
    client = signed_in(OperatorFactory())
    text = client.get(editor(version)).context["form"]["text"].value()
    assert loading.parse(text) == version.read()

    client.post(editor(version), {"text": text.replace("small shop", "large shop"), "note": "Grown"})

    newest = version.agent.current_version
    assert newest is not None
    assert (newest.number, newest.note) == (2, "Grown")
    assert "large shop" in newest.read().prompt
    assert version.agent.versions.get(number=1).definition == version.definition


def test_the_same_text_makes_no_version():
    version = AgentVersionFactory()
    client = signed_in(OperatorFactory())
    text = client.get(editor(version)).context["form"]["text"].value()

    response = client.post(editor(version), {"text": text}, follow=True)

    assert "Nothing is changed" in text_of(response)
    assert version.agent.versions.count() == 1


def test_every_mistake_is_named_with_its_line_and_the_text_stays():
    version = AgentVersionFactory()
    wrong = "name: desk\ntitel: The desk\nprompt: x\ntools: [get_ordr]\nhandover: y\n<script>alert(1)</script>: 1\n"

    response = signed_in(OperatorFactory()).post(editor(version), {"text": wrong})

    assert response.status_code == 422
    page = text_of(response)
    assert "Nothing was saved" in page
    assert "Line 2" in page
    assert "did you mean" in page.lower() or "title" in page
    assert "Line 4" in page
    assert "get_order" in page
    assert "<script>alert" not in response.content.decode()
    assert response.context["form"]["text"].value() == wrong
    assert version.agent.versions.count() == 1


def test_a_version_keeps_its_agents_name_and_a_new_agent_takes_a_free_one():
    version = AgentVersionFactory()
    client = signed_in(OperatorFactory())
    other = STARTER.replace("my-desk", version.agent.name)

    assert "this is a version of" in text_of(client.post(editor(version), {"text": STARTER}))
    assert "already" in text_of(client.post(ADD, {"text": other}))
    assert Agent.objects.count() == 1
    assert version.agent.versions.count() == 1


def test_only_operators_publish_and_disable():
    version = AgentVersionFactory()
    enable = reverse("admin:agents_agent_enable", args=[version.agent_id])
    for person in (ReviewerFactory(), SubmitterFactory()):
        client = signed_in(person)
        assert client.get(editor(version)).status_code == 403
        assert client.post(ADD, {"text": STARTER}).status_code == 403
        assert client.post(enable, {"enabled": "no"}).status_code == 403

    signed_in(OperatorFactory()).post(enable, {"enabled": "no"})
    version.agent.refresh_from_db()
    assert not version.agent.enabled


def test_a_version_is_read_whole():
    version = AgentVersionFactory()
    page = signed_in(ReviewerFactory()).get(reverse("admin:agents_agentversion_change", args=[version.pk]))

    assert "You help customers of a small shop." in text_of(page)
    assert "issue_refund" in text_of(page)


def test_an_agents_page_lists_its_versions():
    version = AgentVersionFactory(note="Kinder words")

    page = text_of(signed_in(SubmitterFactory()).get(reverse("admin:agents_agent_change", args=[version.agent_id])))

    assert "Kinder words" in page
    assert "v1" in page
