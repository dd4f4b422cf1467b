"""What an agent looks out for is read from its file, and each mistake in it is named at its line."""

import pytest

from agents.definition.loading import DefinitionErrors, dump, parse
from tools.registry import registry

AGENT = """\
name: desk
title: Desk
prompt: Be useful.
tools: [get_order]
handover: Somebody looks at it.
input_schema:
  type: object
  properties: {mail: {type: string}}
guard:
  untrusted_inputs: [mail]
  triggers: [price]
  own_triggers:
    - {name: recall, why: It may be recalled, words: [recall]}
  never_say:
    - {why: No vouchers, match: ['(?i)vouchers?']}
  others_data: [messages]
  ours: [kettle.example]
"""
TOOLS = {"get_order": registry.get("get_order")}


def test_a_guard_is_read_and_written_again() -> None:
    read = parse(AGENT, tools=TOOLS)
    assert read.guard.own_triggers[0].words == ("recall",)
    assert parse(dump(read), tools=TOOLS) == read


@pytest.mark.parametrize(
    ("was", "now", "line", "says"),
    [
        ("untrusted_inputs: [mail]", "untrusted_inputs: [mial]", 10, "no input is called 'mial'; did you mean 'mail'?"),
        ("triggers: [price]", "triggers: [prices]", 11, "it is 'prices'"),
        ("words: [recall]", "words: []", 13, "say what to look for"),
        ("match: ['(?i)vouchers?']", "match: ['(a+)+']", 15, "nested quantifiers"),
        ("others_data: [messages]", "others_data: [message]", 16, "it is 'message'"),
        ("ours: [kettle.example]", "ours: ['']", 17, "3"),
    ],
)
def test_each_mistake_is_named_at_its_line(was: str, now: str, line: int, says: str) -> None:
    with pytest.raises(DefinitionErrors) as caught:
        parse(AGENT.replace(was, now), tools=TOOLS)
    assert [one.line for one in caught.value.problems] == [line]
    assert says in str(caught.value)
