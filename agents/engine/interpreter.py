"""How is Python itself set up in a process that works on tasks?"""

import gc
import sys

SWITCH_SECONDS = 0.1
"""For so long a thread may keep the interpreter that others ask for. A worker's threads leave it by themselves at each
word with a database, a model or a broker; and each thread that waits for it wakes up after this time to ask again, so
that hundreds of them at Python's own 0.005 s cost more than the work. A tool that computes holds others up as long."""

NEW_OBJECTS = 10_000
"""So many more objects than before let Python look among the new ones for what nobody can reach. Nearly everything
goes when its last user does; at Python's own 700 it looks several times a step, and finds nothing."""


def set_up() -> None:
    """Has threads switch seldom, and Python look for cycles of lost objects seldom, never among what is there now."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])
