"""Does the task go round in circles? Two calls in turn, plans that only grow, steps that bring nothing new."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from agents.definition import AgentDefinition
from agents.policy.facts import Facts
from agents.policy.verdict import Reason

ROUNDS = 2
"""So often a pair of calls may be made in turn."""
GROWING = 3
"""So many plans in a row, each longer than the one before, are one too many."""


def check_loops(call: str, definition: AgentDefinition, facts: Facts) -> Iterator[Reason]:
    """A call that begins another round of the same pair is reviewed, and one after too many steps without news."""
    tail = facts.call_sequence[-2 * ROUNDS :]
    pair = tail[:2]
    if len(tail) == 2 * ROUNDS and pair[0] != pair[1] and tail == pair * ROUNDS and call == pair[0]:
        message = f"The same two calls were made in turn {ROUNDS} times, and a third round begins."
        yield Reason("loop.alternating", message, "review")
    most = definition.limits.steps_without_news
    if facts.steps_without_news >= most:
        message = f"The last {facts.steps_without_news} steps brought nothing new; from {most} on a person is asked."
        yield Reason("loop.nothing_new", message, "review")


def check_growth(length: int, plans: Sequence[int]) -> Iterator[Reason]:
    """A plan that is longer than the one before, which was longer than the one before that, is reviewed."""
    lengths = [*plans[-(GROWING - 1) :], length]
    if len(lengths) == GROWING and all(one < other for one, other in itertools.pairwise(lengths)):
        grown = ", then ".join(map(str, lengths))
        yield Reason("loop.growing_plan", f"The plan grows each time it is made anew: {grown} steps.", "review")
