"""How many calls may a provider get from all workers together? So many in flight, and so much in a minute.

One row for each provider, changed by one conditional UPDATE before a call and one after it. Requests and tokens a
minute are each one moment in time, the one until which what was sent has used the rate up (the generic cell rate
algorithm, ITU-T I.371). In any minute there are never more requests than the limit. A call's tokens are estimated
before it and corrected after it. Whoever finds no room lets go of everything, and its task waits in the database.
"""

import time
from dataclasses import dataclass

from django.conf import settings
from django.db.models import F, FloatField, Q, Value
from django.db.models.functions import Greatest

from agents.models import ProviderTraffic
from agents.spending.errors import NotYet

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


def enter(provider: str, tokens: int) -> None:
    """Counts a call in, in the caller's transaction. Raises NotYet where there is no room for it."""
    pace, now = pace_of(provider), time.time()
    room = Q(
        requests_until__lte=now + max(BURST - pace.of_request, 0.0) if pace.requests else now + 1e9,
        tokens_until__lte=now + BURST if pace.tokens else now + 1e9,
    )
    if pace.in_flight:
        room &= Q(in_flight__lt=pace.in_flight)
    entered = {
        "in_flight": F("in_flight") + 1,
        "requests_until": _later_of("requests_until", now) + pace.of_request,
        "tokens_until": _later_of("tokens_until", now) + pace.of_tokens(tokens),
    }
    rows = ProviderTraffic.objects.filter(provider=provider)
    if rows.filter(room).update(**entered):
        return
    ProviderTraffic.objects.get_or_create(provider=provider)
    if not rows.filter(room).update(**entered):
        raise _no_room(provider, pace, now)


def leave(provider: str, estimated: int, used: int) -> None:
    """Counts a call out, and corrects its tokens."""
    ProviderTraffic.objects.filter(provider=provider, in_flight__gt=0).update(
        in_flight=F("in_flight") - 1,
        tokens_until=F("tokens_until") + pace_of(provider).of_tokens(used - estimated),
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


def _later_of(field: str, now: float) -> Greatest:
    return Greatest(F(field), Value(now, output_field=FloatField()))
