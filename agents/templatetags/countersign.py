"""How is data from outside shown? Always as text: pretty, bounded, and with nothing hidden in it."""

import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import template

from agents.storable import INVISIBLE
from tools.registry import registry

register = template.Library()

# Turns the reading order of what follows, so that a page would show something else than what is there.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")
_UNSEEN = re.compile(INVISIBLE)
_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

TONES = {
    # tasks
    "pending": "quiet",
    "running": "active",
    "waiting": "quiet",
    "needs_review": "attention",
    "needs_input": "attention",
    "complete": "good",
    "failed": "bad",
    "canceled": "quiet",
    # actions
    "proposed": "quiet",
    "awaiting_review": "attention",
    "approved": "good",
    "rejected": "bad",
    "started": "active",
    "succeeded": "good",
    "in_doubt": "bad",
    "superseded": "quiet",
    # steps, and planned ones
    "open": "active",
    "done": "good",
    "refused": "bad",
    "now": "active",
    "ahead": "quiet",
    # requests
    "decided": "good",
    "withdrawn": "quiet",
    "expired": "quiet",
    # verdicts
    "allow": "good",
    "review": "attention",
    "deny": "bad",
}
RISKS = {10: "quiet", 20: "attention", 30: "bad", 40: "bad"}

EFFECTS = {
    "read": "reads only",
    "idempotent": "an effect that is safe to repeat",
    "reconcilable": "an effect that happens once; its tool can find out whether it did",
    "once": "an effect that happens once, and nothing can tell afterwards",
}


@register.simple_tag(takes_context=True)
def chips_of(context: template.Context, changelist: Any, which: str = "chips") -> Any:
    """The chips above a list: by status, or another row of them that its admin has."""
    return getattr(changelist.model_admin, which)(changelist, context["request"])


@register.filter
def as_json(value: Any, limit: int | str = 0) -> str:
    """A value as indented JSON, as text. Invisible characters are written as their codes; a cut is said.

    `limit`: characters; 0 shows everything.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    text = "".join(_escaped(one) for one in text)
    return cut(text, limit)


@register.filter
def as_line(value: Any, limit: int | str = 0) -> str:
    """A value as JSON on one line."""
    return cut("".join(_escaped(one) for one in json.dumps(value, ensure_ascii=False, default=str)), limit)


@register.filter
def as_text(value: Any, limit: int | str = 0) -> str:
    """A string as it is, anything else as JSON: for results, which may be either."""
    return cut(visible(value), limit) if isinstance(value, str) else as_json(value, limit)


@register.filter
def visible(text: Any) -> str:
    """Text whose reading order can't be turned round unseen; letters of every script stay as they are."""
    return _TURNING.sub(lambda match: f"\\u{{{ord(match[0]):x}}}", str(text))


@register.filter
def exact(text: Any) -> str:
    """Text that somebody is about to approve: what could not be seen in it stands there as its code."""
    return _UNSEEN.sub(lambda match: f"\\u{{{ord(match[0]):x}}}", visible(text))


@register.filter
def cut(text: str, limit: int | str) -> str:
    """The beginning of a long text, and how long it is in all."""
    limit = int(limit)
    if not limit or len(text) <= limit:
        return text
    return f"{text[:limit]}\n… ({len(text):,} characters in all)"


@register.filter
def one_line(text: str, limit: int | str = 160) -> str:
    """The beginning of a text for a row of a list: one line, nothing hidden."""
    limit = int(limit)
    line = " ".join(visible(text[: 4 * limit]).split())
    return line if len(line) <= limit and len(text) <= 4 * limit else f"{line[: limit - 1]}…"


@register.filter
def longer_than(value: Any, limit: int | str) -> bool:
    """Would this be cut?"""
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return len(text) > int(limit)


@register.simple_tag
def argument_of(arguments: Mapping[str, Any], name: str) -> str | None:
    """One argument of a call, whole, as a cell of a table; None where the call leaves it out."""
    return as_text(arguments[name]) if name in arguments else None


@register.filter
def actor_name(actor: str) -> str:
    """Who wrote a line of the journal, as people say it; the clock is nobody."""
    return actor.removeprefix("person:") if actor.startswith("person:") else ""


@register.filter
def is_text(value: Any) -> bool:
    return isinstance(value, str)


@register.filter
def is_object(value: Any) -> bool:
    return isinstance(value, Mapping)


@register.filter
def of(mapping: Mapping[str, Any], name: str) -> Any:
    """What a mapping has under a name that stands in a variable."""
    return mapping.get(name)


@register.filter
def percent(confidence: float | None) -> str:
    return "" if confidence is None else f"{confidence:.0%}"


@register.filter
def tone(status: str) -> str:
    """The colour of a status; its words always stand beside it."""
    return TONES.get(status, "quiet")


@register.filter
def risk_tone(risk: int) -> str:
    return RISKS.get(risk, "quiet")


@register.filter
def effect_words(effect: str) -> str:
    return EFFECTS.get(effect, effect)


@register.filter
def seconds_since(end: Any, start: Any) -> str:
    """How long something took, in words: “0.4 s”, “2 min 5 s”."""
    if not (end and start):
        return ""
    return took(end - start)


@register.filter
def took(length: timedelta) -> str:
    seconds = length.total_seconds()
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


@register.filter
def in_short(length: timedelta) -> str:
    """An age in its largest unit: “5 min”, “3 days”."""
    seconds = int(length.total_seconds())
    for name, size in (("day", 86_400), ("h", 3_600), ("min", 60)):
        if count := seconds // size:
            return f"{count} {name}{'s' if name == 'day' and count > 1 else ''}"
    return f"{max(seconds, 0)} s"


@register.filter
def tool_sentence(arguments: Any, tool: str) -> str:
    """What a call would do, in the tool's own words."""
    if tool in registry:
        return registry.get(tool).describe(arguments)
    return tool


@register.filter
def changed_to(change: Mapping[str, Any]) -> str:
    return as_json(change.get("value"))


@register.filter
def changed_from(change: Mapping[str, Any]) -> str:
    return as_json(change.get("old"))


def _escaped(character: str) -> str:
    """A character that nobody would see as JSON writes it, so that the text stays the same JSON."""
    if character == "\n" or unicodedata.category(character) not in _ESCAPED:
        return character
    return json.dumps(character)[1:-1]
