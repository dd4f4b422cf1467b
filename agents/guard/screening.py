"""Does a text try to give orders, or ask for what the agent is not for? Cheap rules, the first of two tiers.

What a rule finds is a flag: taint keeps an injected order from having an effect, found or not. The agent may have its
own rules that block.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from agents.definition import AgentDefinition
from agents.guard.finding import Finding, Rule, find
from agents.storable import INVISIBLE

Judgement = Literal["pass", "flag", "block", "off_topic"]
_STRICTNESS: tuple[Judgement, ...] = ("pass", "flag", "off_topic", "block")

ORDERS = (
    Rule(
        "screening.orders",
        "This reads like orders to a model",
        (
            r"\b(?:ignore|disregard|forget|override|bypass) "
            r"(?:all |any )?(?:of )?(?:the |your |these )?(?:previous |earlier |prior |above )?"
            r"(?:instructions?|rules|prompts?|directions|guidelines|policies)\b",
            r"\byou are (?:now|no longer) (?:a|an|in|the|bound|dan)\b",
            r"\b(?:new|updated|real|actual) (?:system )?(?:instructions?|prompt) ?:",
            r"\b(?:reveal|print|repeat|show|tell me) (?:me )?(?:your|the) "
            r"(?:system |hidden |initial )?(?:prompt|instructions)\b",
            r"\b(?:developer|maintenance|god|debug|admin) mode\b",
            r"\b(?:already|pre-?) ?(?:approved|authori[sz]ed)(?: by| in advance)\b",
            r"\bdo not (?:tell|inform|mention|alert|ask) (?:this to |it to )?(?:the |your )?"
            r"(?:user|human|person|reviewer)",
        ),
    ),
    Rule(
        "screening.marks",
        "This imitates the marks of a conversation",
        (
            r"<\|?(?:im_start|im_end|system|assistant|endoftext)\|?>",
            r"</? ?(?:goal|inputs|result|answer|guidance)-",
            r"\[/?INST\]",
            r"(?m)^(?:system|assistant) ?:",
        ),
    ),
)
_HIDDEN = re.compile(f"{INVISIBLE}{{12}}")


@dataclass(frozen=True)
class Screened:
    """What the rules say of one text."""

    judgement: Judgement
    findings: tuple[Finding, ...] = ()
    triggers: tuple[Finding, ...] = ()
    """What a model that read it says that it sets off."""


def screen(text: str, definition: AgentDefinition, of_goal: bool = False) -> Screened:
    """The strictest of what the rules say; what the agent is not for is looked for in goals only."""
    findings = [("flag", found) for found in find(text, ORDERS)]
    if _HIDDEN.search(text):
        hidden = Finding(
            "screening.hidden", "There is text in it that nobody sees", "(left out of what the model reads)"
        )
        findings.append(("flag", hidden))
    guard = definition.guard
    for kind, wordings, code in (
        ("block", guard.blocks, "screening.blocked"),
        ("off_topic", guard.off_topic if of_goal else (), "screening.off_topic"),
    ):
        rules = [Rule(code, one.why, one.match, one.words) for one in wordings]
        findings += [(kind, found) for found in find(text, rules)]
    strictest = max((kind for kind, _ in findings), key=_STRICTNESS.index, default="pass")
    return Screened(strictest, tuple(found for _, found in findings))  # type: ignore[arg-type]


def stricter(one: Screened, other: Screened) -> Screened:
    """Both, with the stricter judgement."""
    judgement = max(one.judgement, other.judgement, key=_STRICTNESS.index)
    return Screened(judgement, (*one.findings, *other.findings), (*one.triggers, *other.triggers))
