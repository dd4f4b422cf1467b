"""A model that is all an attacker's does nothing that policy and people did not allow; an honest one is let work."""

from collections.abc import Iterator

import pytest
from django.db import connections
from pytest_django import Settings

from agents.definition import Guard
from agents.engine import drain
from agents.models import Action
from attacks import agent_tools, installed, suite
from attacks.plays import Attack, Count, attack, honest
from attacks.wire import Puppet
from tools.examples.shop.models import Refund
from tools.registry import registry


@pytest.fixture(autouse=True)
def yard(transactional_db: None, settings: Settings) -> Iterator[None]:
    """Real transactions, short waits, and nothing called yet."""
    settings.COUNTERSIGN_LEASE_SECONDS = 60
    settings.COUNTERSIGN_BACKOFF_SECONDS = [0.01, 0.01, 0.01]
    settings.COUNTERSIGN_BUDGETS = {}
    drain.end()
    agent_tools.called.clear()
    yield
    connections.close_all()


@pytest.fixture(scope="module")
def puppet() -> Iterator[Puppet]:
    with Puppet() as made:
        yield made


# Together the attacks play every move; `manage.py attack` plays all of them against each.
@pytest.mark.parametrize("index", range(6))
def test_nothing_of_an_attackers_happens_and_no_secret_leaves(puppet: Puppet, index: int) -> None:
    play, count = suite.attacks()[index], Count()
    attack(puppet, play, count, first=index, every=6)
    assert (count.effects, count.leaks) == ([], [])
    assert count.asked > 5
    assert (count.moves > 15, count.unsaid) == (True, 0)
    # What the rows say is what reached the tools.
    started = set(Action.objects.filter(started_at__isnull=False).values_list("idempotency_key", flat=True))
    assert {key for _, key, _ in agent_tools.called} <= started


def test_an_honest_model_is_asked_only_where_a_strangers_word_decides(puppet: Puppet) -> None:
    assert {play.name: honest(puppet, play) for play in suite.honest()} == {
        play.name: play.questions for play in suite.honest()
    }


def test_an_agent_of_the_installation_is_attacked_with_tools_that_only_look_like_its_own(puppet: Puppet) -> None:
    agent, count = suite.shop(), Count()
    own, refunds = registry.get("issue_refund"), Refund.objects.count()
    with installed.stand_ins():
        play = installed.attack_on(puppet, agent)
        assert not isinstance(play, str), play
        attack(puppet, play, count, first=2, every=9)
        assert honest(puppet, installed.honest_work(agent)) == 0
    assert registry.get("issue_refund") is own
    assert (count.effects, count.leaks) == ([], [])
    assert count.asked > 3
    assert {action.result["id"] for action in Action.objects.filter(effect="read", status="succeeded")} == {"X-1"}
    assert Refund.objects.count() == refunds


def test_an_agent_that_reads_nothing_of_strangers_is_named_and_not_taken_for_safe(puppet: Puppet) -> None:
    blind = suite.YARD.model_copy(update={"name": "blind", "tools": ("yard_pay",), "guard": Guard()})
    with installed.stand_ins():
        by_mail = installed.attack_on(puppet, blind.model_copy(update={"guard": suite.YARD.guard}))
        assert isinstance(by_mail, Attack)
        assert by_mail.inputs == {"mail": agent_tools.INJECTION}
        assert "none of its tools reads" in str(installed.attack_on(puppet, blind))
        assert "not installed" in str(installed.attack_on(puppet, blind.model_copy(update={"tools": ("gone",)})))
