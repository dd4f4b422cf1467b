"""What goes wrong, and when? A schedule that the seed decides, carried out while the work goes on."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from chaos import fleet, rows
from chaos.fleet import LEASE_SECONDS, Fleet, Member
from chaos.proxy import Proxy
from chaos.servers import Postgres, Redis

WEIGHTS = {
    "kill": 5,
    "pause": 3,
    "drain": 2,
    "web": 1,
    "postgres": 1,
    "flush": 2,
    "redis": 1,
    "cut": 4,
    "slow": 2,
    "freeze": 2,
}
"""How often each fault comes, beside the others."""
MEANING = {
    "kill": "a worker gets SIGKILL",
    "pause": "a worker stands still for longer than its lease (SIGSTOP, SIGCONT)",
    "drain": "a worker gets SIGTERM",
    "web": "the web gets SIGKILL",
    "postgres": "PostgreSQL is shut down at once, as in a crash, and started again; a given one hangs up on everybody",
    "flush": "Redis forgets everything",
    "redis": "Redis is killed and started again",
    "cut": "one process loses its connections to one server for a while",
    "slow": "every packet between one process and one server takes 20 to 150 ms longer",
    "freeze": "nothing gets through between one process and one server, and nothing is closed",
    "poison": "one task kills its worker each time it is tried",
    "ledger": "the service that tools call drops connections, answers 500, is slow or busy",
    "models": "model calls are answered with 429, 500, resets, timeouts and garbage (with --models)",
}
EMBEDDED = ("kill", "pause", "poison", "ledger", "models")
"""The faults that there are when everything is one process."""
EMBEDDED_PACE = 4
"""So much slower they come then: a process that is always killed while it starts shows nothing."""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong: when, to whom, for how long."""

    at: float
    name: str
    who: int
    seconds: float
    server: str


def schedule(chance: random.Random, names: list[str], seconds: float, members: int) -> Iterator[Fault]:
    """Every fault of a run; the same seed gives the same ones."""
    known = [name for name in names if name in WEIGHTS]
    weights = [WEIGHTS[name] for name in known]
    at = chance.uniform(1.0, 3.0)
    while known and at < seconds:
        name = chance.choices(known, weights=weights)[0]
        server = chance.choice(("postgres", "postgres", "redis"))
        yield Fault(at, name, chance.randrange(members), chance.uniform(0.5, 3.0), server)
        at += chance.uniform(0.5, 4.5) * (1 if members > 2 else EMBEDDED_PACE)


@dataclass
class Death:
    """A worker that was killed, and when, in seconds since 1970."""

    pid: int
    at: float


@dataclass
class Storm:
    """Carries the faults out. What holds a process or a server is let go of at the end, whatever happened."""

    fleet: Fleet
    postgres: Postgres | None
    redis: Redis | None
    say: Callable[[str], None]
    deaths: list[Death] = field(default_factory=list)
    done: dict[str, int] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)
    _busy: set[int] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, faults: list[Fault]) -> None:
        begun = time.monotonic()
        for fault in faults:
            thread = threading.Thread(target=self._happen, args=(begun + fault.at, fault), daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """No more faults; those under way come to their end, so that none of them starts a process later."""
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def heal(self) -> None:
        """Everything runs, and every line is open."""
        for member in self.fleet.members:
            member.process.go_on()
            for line in (member.to_postgres, member.to_redis):
                if line is not None:
                    line.heal()
            if not member.process.runs:
                member.process.start()

    def _happen(self, due: float, fault: Fault) -> None:
        if self._over.wait(max(0.0, due - time.monotonic())):
            return
        target = self._target(fault)
        with self._alone(target) as free:
            if not free:
                return
            self.done[fault.name] = self.done.get(fault.name, 0) + 1
            who = target.process.name if isinstance(target, Member) else ""
            self.say(f"{fault.name:8} {who} {'to ' + fault.server if fault.name in ('cut', 'slow', 'freeze') else ''}")
            getattr(self, f"_{fault.name}")(fault, target)

    def _target(self, fault: Fault) -> Member | Postgres | Redis | None:
        match fault.name:
            case "web":
                return self.fleet.web
            case "postgres":
                return self.postgres
            case "redis" | "flush":
                return self.redis
            case "kill" | "pause" | "drain":
                return self.fleet.workers[fault.who % len(self.fleet.workers)]
        return self.fleet.members[fault.who % len(self.fleet.members)]

    @contextmanager
    def _alone(self, target: object) -> Iterator[bool]:
        """Nobody suffers two faults at once; the second one does not happen."""
        with self._lock:
            free = target is not None and id(target) not in self._busy
            if free:
                self._busy.add(id(target))
        try:
            yield free
        finally:
            if free:
                self._busy.discard(id(target))

    def _kill(self, fault: Fault, member: Member) -> None:
        if not self._works(member.process.pid):
            return
        self.deaths.append(Death(member.process.pid, time.time()))
        fleet.restart_after(member, self._wait, fault.seconds)

    def _web(self, fault: Fault, member: Member) -> None:
        fleet.restart_after(member, self._wait, fault.seconds / 3)

    def _pause(self, fault: Fault, member: Member) -> None:
        member.process.pause()
        self._wait(LEASE_SECONDS + 1 + fault.seconds)
        member.process.go_on()

    def _drain(self, fault: Fault, member: Member) -> None:
        pid = member.process.pid
        if not self._works(pid):
            return
        code = fleet.drain(member, pid)
        if code != 0:
            self.fleet.surprises.append(f"{member.process.name} was asked to end, and its code was {code}")
            member.process.kill()
        member.process.start()

    def _postgres(self, fault: Fault, server: Postgres) -> None:
        server.restart()

    def _redis(self, fault: Fault, server: Redis) -> None:
        server.restart()

    def _flush(self, fault: Fault, server: Redis) -> None:
        server.flush()

    def _cut(self, fault: Fault, member: Member) -> None:
        self._broken(fault, member, lambda line: line.cut(), fault.seconds)

    def _slow(self, fault: Fault, member: Member) -> None:
        self._broken(fault, member, lambda line: line.slow(0.02 + fault.seconds / 25), fault.seconds * 2)

    def _freeze(self, fault: Fault, member: Member) -> None:
        self._broken(fault, member, lambda line: line.freeze(), fault.seconds * 3)

    def _broken(self, fault: Fault, member: Member, do: Callable[[Proxy], None], seconds: float) -> None:
        line = member.to_postgres if fault.server == "postgres" else member.to_redis
        if line is None:
            return
        do(line)
        self._wait(seconds)
        line.heal()

    def _works(self, pid: int) -> bool:
        """What only starts is left to it: its end would show nothing."""
        return rows.ask(lambda: rows.at_work(pid), False)

    def _wait(self, seconds: float) -> None:
        self._over.wait(seconds)
