from dataclasses import dataclass

import pytest

from agents import llm
from agents.llm import providers
from agents.llm.asking import Bounds
from agents.llm.base import InvalidProposal, NoProposal, Proposal, ProposalRequest, Unavailable
from tests.model_requests import Ledger
from tests.unit.agents.playing import Play
from tests.unit.agents.test_playbook import definition

SAID = Proposal("finish", "Because.", 1.0, {"result": "Done."}, "other")


@dataclass
class Link:
    """A proposer that says one thing, or raises it."""

    says: Proposal | Exception
    name: str = "some"

    def propose(self, request: ProposalRequest) -> Proposal:
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


def ask(*said, goal="write a poem") -> Proposal:
    return llm.propose(Play(definition(), goal).request(), [Link(one) for one in said])


def test_the_first_link_with_something_to_say_is_heard():
    assert ask(NoProposal("nothing"), Unavailable("away"), SAID, InvalidProposal("x", "y")) is SAID


def test_what_a_link_said_badly_is_not_passed_over():
    with pytest.raises(InvalidProposal):
        ask(InvalidProposal("x", "y"), SAID)


def test_when_nobody_speaks_and_one_is_away_it_is_asked_again_at_the_earliest_time():
    with pytest.raises(Unavailable) as caught:
        ask(NoProposal("nothing"), Unavailable("one", 30), Unavailable("two", 7), Unavailable("three"))
    assert caught.value.retry_after == 7
    assert "one two three" in caught.value.message


def test_when_nobody_has_anything_to_say_every_reason_is_told():
    with pytest.raises(NoProposal, match=r"nothing here\. nothing there\."):
        ask(NoProposal("nothing here."), NoProposal("nothing there."))


def test_with_a_playbook_alone_a_goal_that_fits_no_recipe_says_that_no_model_is_configured():
    agent = definition()
    with pytest.raises(NoProposal, match=r"No recipe .* No model is configured"):
        llm.propose(Play(agent, "write a poem").request(), chain(agent))


def test_a_model_without_a_provider_is_named_and_never_imitated():
    agent = definition(models=["playbook", "anthropic:some-model"])
    with pytest.raises(NoProposal, match=r"anthropic:some-model is not configured here"):
        llm.propose(Play(agent, "write a poem").request(), chain(agent))


def test_the_links_are_those_of_the_definition_in_their_order():
    agent = definition(models=["openai:a", "playbook"])
    assert [one.name for one in chain(agent)] == ["openai:a", "playbook"]
    assert llm.propose(Play(agent, "pay ana 5").request(), chain(agent)).name == "propose_plan"


@pytest.mark.parametrize(
    ("models", "chained"),
    [
        (["playbook", "openai:big"], ("playbook", "openai:small", "openai:big")),
        (["openai:big", "playbook"], ("openai:small", "openai:big", "playbook")),
        (["playbook"], ("playbook", "openai:small")),
        (["openai:big", "openai:small"], ("openai:small", "openai:big")),
    ],
)
def test_a_purpose_of_its_own_comes_first_among_the_models_and_the_others_stay_behind_it(models, chained):
    agent = definition(models=models, models_for={"acting": "openai:small"})
    assert agent.chain("acting") == chained
    assert agent.chain("planning") == tuple(models)


def chain(agent):
    return providers.links(agent, Ledger(), {}, Bounds())
