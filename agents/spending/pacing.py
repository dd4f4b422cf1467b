"""How many calls may a provider get from all workers together? So many in flight, and so much in a minute.

One row for each provider, changed by one conditional UPDATE before a call, with the call's own row, and by one after
it; or by one for both, where a task's next call takes the place of the one before. Requests and tokens a minute are
each one moment in time, the one until which what was sent has used the rate up (the generic cell rate algorithm, ITU-T
I.371). In any minute there are never more requests than the limit. A call's tokens are estimated before it and
corrected after it. Whoever finds no room lets go of everything, and its task waits in the database.
"""

import time
from dataclasses import dataclass

from django.conf import settings

from agents import rows
from agents.engine.leases import Lease
from agents.models import ModelCall, ProviderTraffic
from agents.spending.errors import Moved, NotYet

BURST = 10.0
"""Seconds' worth of requests that may come at once."""
FULL = 1.0
"""Seconds after which a call in flight may have ended."""


@dataclass(frozen=True)
class Pace:
    """A provider's limits; 0 is none."""

    in_flight: int = 0
    requests: int = 0
    tokens: int = 0

    @property
    def of_request(self) -> float:
        """Seconds of the rate that one request uses up: a burst and the minute after it stay within the limit."""
        return (60.0 + BURST) / self.requests if self.requests else 0.0

    def of_tokens(self, count: int) -> float:
        return count * (60.0 + BURST) / self.tokens if self.tokens else 0.0


def pace_of(provider: str) -> Pace:
    return Pace(*settings.COUNTERSIGN_PROVIDER_LIMITS.get(provider, ()))


_TAKE = """
    UPDATE agents_providertraffic
       SET in_flight = {taken},
           requests_until = CASE WHEN requests_until < %s THEN %s ELSE requests_until END + %s,
           tokens_until = CASE WHEN tokens_until + %s < %s THEN %s ELSE tokens_until + %s END + %s
     WHERE provider = %s AND in_flight < %s AND requests_until <= %s AND tokens_until + %s <= %s
"""
_ENTER = _TAKE.format(taken="in_flight + 1")
_PASS_ON = _TAKE.format(taken="GREATEST(in_flight, 1)") + " AND EXISTS (SELECT FROM aside)"
"""A call that is over, and that nobody gave up, leaves its place to its task's next one, where others have room."""
_LEAVE = """
    UPDATE agents_providertraffic
       SET in_flight = in_flight - 1, tokens_until = tokens_until + %s
     WHERE provider = %s AND in_flight > 0
"""
_ANY = 1e12
"""More calls than there can be, and later than any moment."""
CROWDED = 60.0
"""Seconds for which a process that found no room at a provider, or could not pass its place on, takes it for full."""

_crowded_until: dict[str, float] = {}


def is_crowded(provider: str) -> bool:
    """Did this process find all places taken, a moment ago? Then whoever is answered leaves at once: what holds its
    place until its next call would keep out those who wait for one.
    """
    return time.monotonic() < _crowded_until.get(provider, 0.0)


def _find_crowded(provider: str) -> None:
    _crowded_until[provider] = time.monotonic() + CROWDED


def enter(provider: str, tokens: int, call: ModelCall, lease: Lease | None = None) -> None:
    """Counts a call in and writes it down, by one statement. Raises NotYet where there is no room for it.

    All calls to a provider change its row in turn: this comes last in a transaction, so that it is held for a moment.
    What the task's lease has put off is written by the same statement. Raises Moved, and writes that alone, where the
    task is not what its holder knew.
    """
    now = time.time()
    entering = _entering(_ENTER, provider, tokens, now)
    if lease is not None and lease.put_off is not None:
        rider = _passed_on(provider, tokens, now, call, lease.aside) or rows.Rider(entering, call)
        if not lease.write_put_off(rider):
            raise Moved()
        if rows.is_written(call):
            return
        if rider.aside is not None:
            _find_crowded(provider)
    elif rows.insert([call], after=entering):
        return
    ProviderTraffic.objects.get_or_create(provider=provider)
    if not rows.insert([call], after=entering):
        _find_crowded(provider)
        raise _no_room(provider, pace_of(provider), now)


@dataclass(frozen=True)
class Leaving(rows.Statement):
    """Counts a call out, and corrects its tokens: by so many seconds of the rate."""

    provider: str
    correction: float


def leaving(provider: str, estimated: int, used: int) -> Leaving:
    """Goes with the last statement of a transaction too."""
    correction = float(pace_of(provider).of_tokens(used - estimated))
    return Leaving(_LEAVE, (correction, provider), provider, correction)


def _passed_on(provider: str, tokens: int, now: float, call: ModelCall, over: rows.Aside | None) -> rows.Rider | None:
    """The call takes the place of one that is over and was put aside. Of another provider, that is written by itself:
    two that are left and entered crosswise would lock each other.
    """
    if over is None:
        return None
    left = over.then
    if not isinstance(left, Leaving) or left.provider != provider:
        rows.carry_out_aside(over)
        return None
    return rows.Rider(_entering(_PASS_ON, provider, tokens, now, left.correction), call, over)


def _entering(text: str, provider: str, tokens: int, now: float, correction: float = 0.0) -> rows.Statement:
    pace = pace_of(provider)
    return rows.Statement(
        text,
        (
            *(now, now, pace.of_request),
            *(correction, now, now, correction, pace.of_tokens(tokens)),
            provider,
            pace.in_flight or _ANY,
            now + max(BURST - pace.of_request, 0.0) if pace.requests else _ANY,
            *(correction, now + BURST if pace.tokens else _ANY),
        ),
    )


def estimate(input_tokens_at_most: int) -> int:
    """About what a call takes: a token is three or four bytes, and a request is mostly input."""
    return input_tokens_at_most // 3


def _no_room(provider: str, pace: Pace, now: float) -> NotYet:
    row = ProviderTraffic.objects.get(provider=provider)
    waits = (
        row.requests_until - now - max(BURST - pace.of_request, 0.0) if pace.requests else 0.0,
        row.tokens_until - now - BURST if pace.tokens else 0.0,
    )
    if max(waits) > 0:
        return NotYet(f"The calls to {provider} of this minute are used up.", max(waits))
    return NotYet(f"{pace.in_flight} calls to {provider} are under way, which is the limit here.", FULL)
