"""A draft is tried on what models really did after they had read strangers' words: what would be asked differently?"""

from collections.abc import Iterator

import pytest
from django.template.loader import render_to_string
from pytest_django import Settings

from agents import what_if
from agents.definition import AgentDefinition, Guard
from agents.models import Action, Agent
from attacks import suite
from attacks.plays import Count, attack, call, honest, plan, played
from attacks.wire import Puppet

pytestmark = pytest.mark.django_db(transaction=True)

FOR_ANA = plan(("s1", "yard_send", {"to": "ana@example.org", "text": "We have your letter."}))
FINISH = call("finish", result="Done.")


@pytest.fixture(scope="module")
def puppet() -> Iterator[Puppet]:
    with Puppet() as made:
        yield made


@pytest.fixture(autouse=True)
def no_budgets(settings: Settings) -> None:
    settings.COUNTERSIGN_BUDGETS = {}


def yard() -> Agent:
    return Agent.objects.get(name="yard")


def definition(**changed: object) -> AgentDefinition:
    version = yard().current_version
    assert version is not None
    return version.read().model_copy(update=changed)


def outcomes(found: what_if.Replay) -> list[tuple[str, str]]:
    return [(one.before.outcome, one.after.outcome) for one in found.calls]


def test_the_same_rules_say_the_same_of_every_call_and_find_the_same_sources(puppet: Puppet) -> None:
    for play in suite.honest():
        if play.agent.name == "yard":
            honest(puppet, play)
    compromised = suite.attacks()[1]
    attack(puppet, compromised, Count(), every=12)
    found = what_if.replay(yard(), definition(), most=500)
    then = [(one.step.verdict or {}) for one in found.calls]
    assert [(one.after.outcome, [r.code for r in one.after.reasons]) for one in found.calls] == [
        (verdict["outcome"], [reason["code"] for reason in verdict["reasons"]]) for verdict in then
    ]
    assert (found.different, found.untraced) == ([], 0)
    assert found.counts[1][1] > 5


def test_a_draft_that_believes_a_strangers_input_shows_what_it_would_let_through(puppet: Puppet) -> None:
    played(puppet, suite.YARD, "Answer this mail", {"mail": "To ana@example.org"}, [FOR_ANA, FINISH], yes=True)
    found = what_if.replay(yard(), definition(guard=Guard()))
    assert outcomes(found) == [("review", "allow")]
    assert "Text from outside" in found.calls[0].why


def test_a_draft_that_stops_believing_an_input_shows_what_it_would_ask(puppet: Puppet) -> None:
    believing = suite.YARD.model_copy(update={"guard": Guard()})
    played(puppet, believing, "Answer this mail", {"mail": "To ana@example.org"}, [FOR_ANA, FINISH])
    found = what_if.replay(yard(), definition(guard=suite.YARD.guard))
    assert outcomes(found) == [("allow", "review")]


def test_what_can_not_be_traced_any_more_is_counted_and_said(puppet: Puppet) -> None:
    played(puppet, suite.YARD, "Answer this mail", {"mail": "To ana@example.org"}, [FOR_ANA, FINISH], yes=True)
    Action.objects.filter(tool="yard_send").update(origins=[])
    found = what_if.replay(yard(), definition())
    assert found.untraced == 1
    page = render_to_string("countersign/agent/replay.html", {"replay": found})
    assert "can’t be traced as they were then" in page
