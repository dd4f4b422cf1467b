"""May this leave the house? No secret, nothing of the agent's instructions, no promise that a rule forbids, no image.

A hit is a review with the place marked. It finds what is written out; what is encoded it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agents.definition import AgentDefinition
from agents.guard.finding import Finding, Rule, find, mark
from agents.storable import visible_text

SECRETS = Rule(
    "outgoing.secret",
    "This looks like a secret",
    (
        r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----",
        r"\bsk-[A-Za-z0-9_-]{16,200}",
        r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
        r"\bgh[pousr]_[A-Za-z0-9]{30,255}",
        r"\bxox[abprs]-[A-Za-z0-9-]{10,200}",
        r"\beyJ[A-Za-z0-9_-]{10,400}\.[A-Za-z0-9_-]{10,400}\.",
        r"\bcs_[0-9a-f]{12}_[0-9a-f]{48}\b",
        r"\b(?:password|passwd|secret|api[ _-]?key|access token)\b ?[:=] ?\S{6}",
        r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{1,64}:[^\s/@]{1,64}@",
    ),
    covered=True,
)
IMAGE = Rule(
    "outgoing.image",
    "A page that shows this would fetch an image from elsewhere, and tell somebody with it",
    (r"!\[[^\]]{0,200}\]\(", r"<img\b", r"!\[[^\]]{0,200}\]\["),
)
TELLING_WORDS = 8
"""So many words of the instructions in a row are no coincidence."""
TELLING_SECRET = 8
"""Characters from which on a secret of this installation is looked for as it is."""


def look_through_outgoing(
    text: str, definition: AgentDefinition, secrets: frozenset[str] = frozenset()
) -> Iterator[Finding]:
    """Everything against the text's going out. `secrets` are the values that this installation keeps."""
    read = visible_text(text)
    yield from find(read, (SECRETS, IMAGE, *_promises(definition)))
    for secret in secrets:
        if len(secret) >= TELLING_SECRET and (place := read.find(secret)) >= 0:
            yield Finding(
                "outgoing.secret", "This is a secret of this house", mark(read, place, place + len(secret), True)
            )
    yield from _instructions(read, definition.prompt)


def _promises(definition: AgentDefinition) -> Iterator[Rule]:
    for one in definition.guard.never_say:
        yield Rule("outgoing.promise", one.why, one.match, one.words)


def _instructions(text: str, prompt: str) -> Iterator[Finding]:
    """The first place where the text repeats the agent's prompt."""
    words = [(found[0].casefold(), found.start(), found.end()) for found in re.finditer(r"\w+", text)]
    told = [word.casefold() for word in re.findall(r"\w+", prompt)]
    runs = {tuple(told[index : index + TELLING_WORDS]) for index in range(len(told) - TELLING_WORDS + 1)}
    for index in range(len(words) - TELLING_WORDS + 1):
        run = words[index : index + TELLING_WORDS]
        if tuple(word for word, _, _ in run) in runs:
            yield Finding(
                "outgoing.instructions", "This repeats the agent's instructions", mark(text, run[0][1], run[-1][2])
            )
            return
