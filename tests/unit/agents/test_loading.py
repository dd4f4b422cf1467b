import textwrap

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agents.definition import AgentDefinition
from agents.definition.loading import DefinitionErrors, dump, parse
from tests.unit.agents.test_playbook import RECIPE
from tests.unit.policy.making import OVER_100, tool
from tools.registry import Effect

TOOLS = {"pay": tool(), "look": tool("look", Effect.READ)}

WHOLE = """\
name: desk
title: The desk
prompt: |
  Be useful.
  Be brief.
models: [playbook]
tools:
  - pay
  - look
constraints:
  - tool: pay
    verdict: deny
    why: over the limit
    when:
      required: [amount]
      properties:
        amount: {type: number, exclusiveMinimum: 100}
handover: A colleague looks at it.
playbook:
  - name: pay
    match: ['^pay (?P<amount>[0-9]+)$']
    numbers: [amount]
    plan:
      - id: first
        tool: look
        purpose: Look
        arguments: {amount: '{amount}'}
      - id: second
        tool: pay
        purpose: Pay
        arguments: {amount: {$from: 'first#/amount'}}
        unless:
          - when: {first: {type: object, required: [done], properties: {done: {const: true}}}}
            finish: It is done.
    finish: 'Paid {second.amount:money}.'
"""


def problems(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(DefinitionErrors) as caught:
        parse(text, "desk.yaml", TOOLS)
    return caught.value.problems


def spoiled(*changes: tuple[str, str]) -> str:
    text = WHOLE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def test_a_whole_file_is_a_definition():
    definition = parse(WHOLE, tools=TOOLS)
    assert definition.prompt == "Be useful.\nBe brief.\n"
    assert definition.limits.max_steps == 12
    assert definition.playbook[0].plan[1].arguments == {"amount": {"$from": "first#/amount"}}


@pytest.mark.parametrize(
    ("old", "new", "line", "path", "said"),
    [
        ("title: The", "tilte: The", 2, "tilte", "did you mean 'title'"),
        ("handover: A colleague looks at it.\n", "", 1, "", "'handover' is missing"),
        ("  - look", "  - lok", 9, "tools.1", "there is no tool 'lok'; did you mean 'look'?"),
        ("  - look", "  - pay", 9, "tools.1", "listed twice"),
        ("models: [playbook]", "models: [gpt]", 6, "models.0", "it is 'gpt'"),
        ("models: [playbook]", "models: []", 6, "models", "at least 1"),
        ("models: [playbook]", "models: ['openai:x']", 6, "models", "would never be used"),
        ("  - tool: pay", "  - tool: pey", 11, "constraints.0.tool", "did you mean 'pay'?"),
        ("verdict: deny", "verdict: allow", 12, "constraints.0.verdict", "'deny' or 'review'"),
        ("      required: [amount]\n", "", 14, "constraints.0.when", "'amount' is named and not required"),
        ("type: number, excl", "excl", 14, "constraints.0.when", "'amount' has no type"),
        ("amount: {type: number, exclusiveMinimum: 100}", "amount: {type: string}", 17, "", "never of type string"),
        ("    verdict: deny", "    verdikt: deny", 12, "constraints.0.verdikt", "did you mean 'verdict'?"),
        ("match: ['^pay (?P<amount>[0-9]+)$']", "match: ['(a+)+$']", 21, "playbook.0.match", "nested quantifiers"),
        ("match: ['^pay (?P<amount>[0-9]+)$']", "match: ['(']", 21, "playbook.0.match", "can't be read"),
        ("numbers: [amount]", "numbers: [amuont]", 22, "playbook.0.numbers.0", "did you mean 'amount'?"),
        ("tool: look", "tool: wipe", 25, "playbook.0.plan.0.tool", "none of the agent's tools"),
        ("{amount: '{amount}'}", "{amount: '{amuont}'}", 27, "playbook.0.plan.0.arguments", "no"),
        ("{amount: '{amount}'}", "{amount: '{second.x}'}", 27, "playbook.0.plan.0.arguments", "nothing gives a value"),
        ("{amount: '{amount}'}", "{}", 27, "playbook.0.plan.0.arguments", "look needs 'amount'"),
        ("{amount: '{amount}'}", "{amount: 1, colour: 2}", 27, "plan.0.arguments.colour", "does not take 'colour'"),
        ("{amount: '{amount}'}", "{amount: '{amount'}", 27, "playbook.0.plan.0.arguments", "is no placeholder"),
        ("first#/amount", "frist#/amount", 31, "plan.1.arguments.amount", "did you mean 'first'?"),
        ("first#/amount", "first", 31, "plan.1.arguments.amount", "is no reference"),
        ("when: {first:", "when: {frist:", 33, "unless.0.when.frist", "did you mean 'first'?"),
        ("            finish: It is done.\n", "", 33, "unless.0", "say exactly one of"),
        ("finish: It is done.", "escalate: '{nobody}'", 34, "unless.0.escalate", "nothing gives a value for {nobody}"),
        ("second.amount:money", "secnod.amount:money", 35, "playbook.0.finish", "did you mean 'second'?"),
        ("      - id: second", "      - id: first", 28, "plan.1.id", "two steps are called 'first'"),
        ("      - id: second", "      - id: amount", 20, "playbook.0", "'amount' names two things"),
        ("title: The desk", "title: The desk\ntitle: Another", 3, "title", "on line 2 already"),
        ("title: The desk", "title: &x The desk", 2, "", "the anchor &x"),
        ("title: The desk", "title: !!python/object:os.system The desk", 2, "", "the tag"),
        ("title: The desk", "title: [", 3, "", "not YAML"),
        ("title: The desk", "title: \x07", 2, "", "U+0007"),
        ("title: The desk", 'title: "a\\0b"', 2, "title", "NUL"),
        ("title: The desk", "title: The desk\nlimits: {max_steps: many}", 3, "limits.max_steps", "it is 'many'"),
        ("title: The desk", "title: The desk\nlimits: {max_steps: 50}", 3, "limits", "raise it"),
        ("title: The desk", "title: The desk\nconfidence: {go: 0.5}", 3, "confidence", "must descend"),
        ("title: The desk", "title: The desk\nresult_schema: {type: objekt}", 3, "result_schema", "objekt"),
        ("title: The desk", "title: The desk\nresult_schema: {type: object}", 36, "playbook.0.finish", "result schema"),
        ("title: The desk", "title: The desk\nlimits: {max_plan_steps: 1}", 24, "plan", "max_plan_steps is 1"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_at_its_line_with_what_to_do(old, new, line, path, said):
    found = problems(spoiled((old, new)))
    assert any(one[0] == line and path in one[1] and said in one[2] for one in found), found


def test_every_mistake_is_named_at_once_in_the_order_of_the_lines():
    found = problems(
        spoiled(
            ("title: The", "tilte: The"),
            ("  - look", "  - lok"),
            ("type: number, excl", "excl"),
            ("(?P<amount>[0-9]+)", "(?P<amount>[0-9]+"),
            ("tool: pay\n        purpose", "tool: pey\n        purpose"),
            ("when: {first:", "when: {frist:"),
        )
    )
    assert [one[0] for one in found] == sorted(one[0] for one in found)
    assert {1, 2, 9, 14, 21, 29, 33} <= {one[0] for one in found}


def test_the_message_names_file_line_and_place():
    with pytest.raises(
        DefinitionErrors, match=r"(?m)^desk\.yaml:2: tilte: unknown key 'tilte'; did you mean 'title'\?"
    ):
        parse(spoiled(("title: The", "tilte: The")), "desk.yaml", TOOLS)


def test_questions_after_the_plan_was_made_give_new_names_only():
    asking = ("finish: It is done.", "ask: {amount: 'How much?'}")
    assert any("must give a new name" in one[2] for one in problems(spoiled(asking)))
    failing = ("        unless:", "        on_error:")
    assert any("on_error may finish or escalate" in one[2] for one in problems(spoiled(failing, asking)))


BOMB = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "just a text", "5", "a: b\n---\nc: d", "? [a]\n: b", "\t- x", "a" * 1_000_001, "[" * 5000, BOMB,
     "<<: {a: b}", "a: .nan", "a: 1e999", "a: {" * 300, "%YAML 9.9\n---\na: b", "\ud800"],
    ids=lambda text: repr(text[:12]),
)  # fmt: skip
def test_what_is_no_agent_is_refused_with_a_line_and_nothing_is_expanded(text):
    found = problems(text)
    assert found
    assert all(one[0] >= 1 and one[2] for one in found)


def test_words_mean_what_they_say():
    text = WHOLE.replace("title: The desk", "title: no").replace("finish: It is done.", "finish: 12:30")
    definition = parse(text, tools=TOOLS)
    assert definition.title == "no"
    assert definition.playbook[0].plan[1].unless[0].finish == "12:30"


def test_a_dumped_definition_is_read_back_to_the_same():
    definition = parse(WHOLE, tools=TOOLS)
    assert parse(dump(definition), tools=TOOLS) == definition


texts = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), min_size=1, max_size=40)


@given(texts, texts, st.lists(texts, max_size=3))
def test_any_text_in_a_definition_survives_dump_and_parse(prompt, title, examples):
    definition = AgentDefinition(
        name="desk", title=title, prompt=prompt, tools=("pay",), handover="x", examples=tuple(examples)
    )
    assert parse(dump(definition), tools=TOOLS) == definition


@pytest.mark.parametrize(
    "text", ["0e0", "1e3", "-0.e5", "1.5E+2", "12", "1.5", "0x1F", "1_000", "null", "yes", "~", ""]
)
def test_a_text_that_looks_like_something_else_is_read_back_as_a_text(text):
    definition = AgentDefinition(
        name="desk", title="x", prompt="x", tools=("pay",), handover="x", examples=(f"{text}",)
    )
    assert parse(dump(definition), tools=TOOLS) == definition


@given(st.data())
def test_however_a_file_is_spoiled_the_answer_is_a_definition_or_named_mistakes(data):
    lines = WHOLE.splitlines()
    index = data.draw(st.integers(0, len(lines) - 1))
    lines[index] = data.draw(
        st.sampled_from(
            ["", "  x: 1", "- y", "name: {}", "tools: 5", "playbook: [{plan: [5], match: 7}]", "constraints: {a: 1}"]
        )
        | st.text(max_size=20)
    )
    try:
        parse("\n".join(lines), tools=TOOLS)
    except DefinitionErrors as errors:
        found = errors.problems
    else:
        found = [(1, "", "fine")]
    assert all(line >= 1 and message for line, _, message in found)


def test_the_definition_itself_refuses_what_a_file_may_not_say():
    data = yaml.safe_load(WHOLE)
    assert AgentDefinition.model_validate(data) == parse(WHOLE, tools=TOOLS)
    with pytest.raises(ValueError, match="not required"):
        AgentDefinition.model_validate({**data, "constraints": [{**OVER_100, "when": {"properties": {"a": {}}}}]})


def test_a_definition_survives_the_database():
    definition = parse(WHOLE, tools=TOOLS)
    assert AgentDefinition.model_validate(definition.model_dump(mode="json")) == definition
    assert textwrap.dedent(dump(definition)).startswith("name: desk\n")


def test_the_recipe_of_the_stories_is_sound():
    text = yaml.safe_dump({**yaml.safe_load(WHOLE), "playbook": [RECIPE]})
    assert "does not take" in " ".join(one[2] for one in problems(text))
