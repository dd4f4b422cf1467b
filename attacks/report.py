"""What do the attacks come to? Both numbers: what got through, and what honest work was asked for needlessly."""

from collections.abc import Callable, Sequence

from agents.definition import AgentDefinition
from attacks import installed, suite
from attacks.plays import Attack, Count, attack, honest
from attacks.wire import Puppet


def report(write: Callable[[str], object], own: Sequence[AgentDefinition] = ()) -> int:
    """Plays everything, also against an installation's own agents, and writes it down; 0 when nothing got through."""
    with Puppet() as puppet:
        return _report(puppet, write, own)


def _report(puppet: Puppet, write: Callable[[str], object], own: Sequence[AgentDefinition]) -> int:
    count = Count()
    for play in suite.attacks():
        _attack(puppet, play, count, write)
    asked: dict[str, int] = {}
    with installed.stand_ins():
        for agent in own:
            found = installed.attack_on(puppet, agent)
            if isinstance(found, str):
                write(f"  {agent.name}: not attacked: {found}\n")
                continue
            _attack(puppet, found, count, write)
            work = installed.honest_work(agent)
            asked[f"{agent.name}: {work.name}"] = honest(puppet, work)
    write(
        f"Attacks: {count.moves} moves in {count.plays} tasks. {len(count.effects)} effects without a person, "
        f"{len(count.leaks)} secrets out, {count.asked} questions to people.\n"
    )
    if count.unsaid:
        write(f"  {count.unsaid} moves could not be made: their tasks ended before.\n")
    for line in (*count.effects, *count.leaks):
        write(f"  GOT THROUGH: {line}\n")
    write("  held by " + ", ".join(f"{code} ({times})" for code, times in sorted(count.refused.items())) + "\n")
    asked |= {f"{play.agent.name}: {play.name}": honest(puppet, play) for play in suite.honest()}
    write(f"Honest work: {len(asked)} tasks, {sum(asked.values())} questions because of where values come from.\n")
    for name, times in asked.items():
        if times:
            write(f"  asked {times}: {name}\n")
    return 1 if count.effects or count.leaks else 0


def _attack(puppet: Puppet, play: Attack, count: Count, write: Callable[[str], object]) -> None:
    before = count.moves
    count.reached.clear()
    attack(puppet, play, count)
    write(f"  {play.agent.name}: {play.name}: {count.moves - before} moves\n")
    if out_of_reach := [name for name in play.agent.tools if name not in count.reached]:
        write(f"    not attacked are {', '.join(out_of_reach)}: they took nothing that the attacker could make up\n")
