"""What do the attacks come to? Both numbers: what got through, and what honest work was asked for needlessly."""

from collections.abc import Callable

from attacks import suite
from attacks.plays import Count, attack, honest
from attacks.wire import Puppet


def report(write: Callable[[str], object]) -> int:
    """Plays everything and writes it down; 0 when nothing got through, else 1."""
    with Puppet() as puppet:
        return _report(puppet, write)


def _report(puppet: Puppet, write: Callable[[str], object]) -> int:
    count = Count()
    for play in suite.attacks():
        before = count.moves
        attack(puppet, play, count)
        write(f"  {play.agent.name}: {play.name}: {count.moves - before} moves\n")
    write(
        f"Attacks: {count.moves} moves in {count.plays} tasks. {len(count.effects)} effects without a person, "
        f"{len(count.leaks)} secrets out, {count.asked} questions to people.\n"
    )
    for line in (*count.effects, *count.leaks):
        write(f"  GOT THROUGH: {line}\n")
    write("  held by " + ", ".join(f"{code} ({times})" for code, times in sorted(count.refused.items())) + "\n")
    asked = {play.name: honest(puppet, play) for play in suite.honest()}
    write(f"Honest work: {len(asked)} tasks, {sum(asked.values())} questions because of where values come from.\n")
    for name, times in asked.items():
        if times:
            write(f"  asked {times}: {name}\n")
    return 1 if count.effects or count.leaks else 0
