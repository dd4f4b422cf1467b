"""What is said here that should not pass unseen? Rules over texts: what people write, tools answer and the agent says.

Pure: a text and the agent's definition in, findings out. The loop looks at what is read (`agents.engine.watching`),
policy at what is about to be said.
"""

from agents.guard.finding import Finding, Rule
from agents.guard.outgoing import look_through_outgoing
from agents.guard.screening import screen
from agents.guard.triggers import find_triggers, meanings_of

__all__ = ["Finding", "Rule", "find_triggers", "look_through_outgoing", "meanings_of", "screen"]
