import pytest

from agents.definition import Constraint
from agents.definition.wording import sentence
from tests.unit.policy.making import OVER_100


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (OVER_100, "Deny pay when amount is above 100."),
        ({"verdict": "review", "tool": None}, "Ask a person about any tool always."),
        (
            {"when": {"required": ["to"], "properties": {"to": {"type": "string", "not": {"pattern": "@here$"}}}}},
            "Deny pay when not (to matches @here$).",
        ),
        (
            {"must": {"argument": "amount", "operator": "at_most", "fact": "look#/paid", "same": {"note": "/id"}}},
            "Deny pay unless amount is at most paid of look (its newest result with the same note).",
        ),
        (
            {"must": {"argument": "note", "operator": "equals", "fact": "submitter#/name"}},
            "Deny pay unless note is equal to the submitter’s name.",
        ),
        (
            {"limit": {"most": 500, "sum": "amount", "each": "note"}},
            "Deny pay beyond 500 of amount in sum in a day for each note.",
        ),
        ({"limit": {"most": 1, "within": "ever"}}, "Deny pay beyond 1 call ever."),
        (
            {"outside": {"opens": "08:00", "closes": "18:00", "days": ["mon"]}},
            "Deny pay outside 08:00 to 18:00 on mon (UTC).",
        ),
        (
            {
                "facts": {
                    "required": ["inputs"],
                    "properties": {
                        "inputs": {"type": "object", "required": ["region"], "properties": {"region": {"const": "EU"}}}
                    },
                }
            },
            'Deny pay when inputs.region is "EU".',
        ),
    ],
)
def test_a_constraint_reads_as_a_sentence(rule, said):
    assert sentence(Constraint.model_validate({"tool": "pay", "verdict": "deny", "why": "no", **rule})) == said
