"""Should a person take this over, by what was written or is about to be said? The house's rules, and the agent's own.

They err on the side of a person: a hand-over costs a look, a missed threat more. English; an agent for people who write
in another language gets rules of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agents.definition import AgentDefinition
from agents.guard.finding import Finding, Rule, find

HOUSE: dict[str, Rule] = {
    rule.code: rule
    for rule in (
        Rule(
            "person",
            "A person is asked for",
            (
                r"\b(?:speak|talk|chat|connect me|put me through|transfer me|get me|pass me on) (?:to|with) "
                r"(?:a|an|the|your|some|another)? ?(?:real |actual |live |human )?"
                r"(?:person|human|someone|somebody|agent|manager|supervisor|colleague|representative|employee)\b",
                r"\b(?:want|need|get me|give me|prefer) (?:a|an) (?:real |actual |live )?(?:person|human)\b",
                r"\b(?:not|no) (?:a |more )?(?:bots?|robots?|machines?|chatbots?)\b",
                r"^\W{0,3}(?:a |an )?(?:real |actual |live )?(?:person|human|human being)(?:,? please)?\W{0,3}$",
            ),
        ),
        Rule(
            "anger",
            "Somebody is angry",
            (
                r"\b(?:fuck|fucking|bullshit|bastards?|assholes?|idiots?|morons?|scumbags?)\b",
                r"\b(?:furious|outraged|disgusted|livid|fed up|sick of (?:this|you)|sick and tired)\b",
                r"\b(?:absolutely|totally|completely|utterly) (?:unacceptable|ridiculous|useless|disgraceful)\b",
                r"\b(?:worst|terrible|horrible|awful) (?:service|company|shop|experience|support)\b",
                r"!{4}",
            ),
        ),
        Rule(
            "threat",
            "Somebody threatens",
            (
                r"\b(?:i|we)(?:'ll| will| am going to|'m going to| are going to|'re going to) "
                r"(?:kill|hurt|harm|burn|destroy|ruin|find|come for|beat|shoot|attack|report|expose|sue)\b",
                r"\b(?:you|you'll|you will) (?:regret|be sorry|pay for) (?:this|that|it)\b",
                r"\b(?:bomb|blow up|set fire to|know where you live)\b",
                r"\b(?:go|going|talk|tell|write) to the (?:press|media|newspapers?|police)\b",
            ),
        ),
        Rule(
            "legal",
            "There is talk of law",
            (
                r"\b(?:my|our|a|the) (?:lawyers?|solicitors?|attorneys?|legal team|counsel)\b",
                r"\b(?:lawsuit|legal action|small claims|court order|subpoena|cease and desist|class action)\b",
                r"\b(?:sue|suing) (?:you|them|the|your)\b",
                r"\b(?:consumer protection|data protection authority|ombudsman|trading standards|regulator)\b",
                r"\b(?:gdpr|article 15|right to be forgotten|subject access request)\b",
            ),
        ),
        Rule(
            "competitor",
            "There is talk of competitors",
            (
                r"\b(?:your|a|the|another|other) (?:competitors?|rivals?)\b",
                r"\bswitch(?:ing)? to (?:another|a different)\b",
            ),
        ),
        Rule(
            "price",
            "There is bargaining over a price",
            (
                r"\b(?:discount|lower price|better price|price match|cheaper|haggle|negotiate|bargain|best price)\b",
                r"\b(?:knock|take) .{0,20} off (?:the|it|that|my)\b",
                r"\b(?:throw in|make me an offer|can you do it for)\b",
            ),
        ),
        Rule(
            "self_harm",
            "Somebody may be in danger",
            (
                r"\b(?:kill|hurt|harm|cut|cutting) (?:myself|himself|herself|themselves)\b",
                r"\b(?:suicide|suicidal|self-harm|end my life|take my own life|end it all)\b",
                r"\b(?:want to die|better off dead|no reason to live|can't go on living)\b",
            ),
        ),
    )
}
"""By the names that a definition gives them."""


def find_triggers(text: str, definition: AgentDefinition, names: Iterable[str] | None = None) -> Iterator[Finding]:
    """Every trigger that the text sets off, with the place: those of the agent, or the house's `names` and its own."""
    house = definition.guard.triggers if names is None else names
    own = (Rule(one.name, one.why, one.match, one.words) for one in definition.guard.own_triggers)
    for found in find(text, (*(HOUSE[name] for name in house), *own)):
        yield Finding(f"trigger.{found.code}", found.why, found.marked)


def meanings_of(definition: AgentDefinition, names: Iterable[str]) -> dict[str, str]:
    """What the house's triggers of these names mean, and the agent's own ones; by their names."""
    return {name: HOUSE[name].why for name in names} | {one.name: one.why for one in definition.guard.own_triggers}
