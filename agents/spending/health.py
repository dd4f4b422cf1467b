"""Is a model worth asking now? A circuit breaker for each model, shared by all workers.

Turns in a row in which it did not answer let it rest, for longer each time; a key that is not accepted, or a time that
the provider names, lets it rest at once. When the rest is over one worker tries, and the others wait for what comes of
it. An answer ends it all. Losing these rows would do no harm: they would be learned again. Nor does it that a process
which found a model well does not look again for a second.
"""

import time
from dataclasses import dataclass, field
from datetime import timedelta

from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from agents.engine.clock import in_seconds
from agents.llm.base import InvalidProposal, NoProposal, Proposal, ProposalRequest, Proposer, Unavailable
from agents.llm.failures import Kind, ModelUnavailable, ModelUnfit
from agents.models import ModelHealth
from agents.spending import alarms
from agents.spending.errors import BudgetReached, NotYet
from agents.spending.ledger import Ledger

TOO_MANY = 5
"""So many failed turns in a row let a model rest."""
REST = 10.0
"""Seconds of the first rest; each further failure doubles it."""
LONGEST_REST = 300.0
TRIAL = 150.0
"""Seconds that the one who tries has, before somebody else may."""
BELIEVED = 1.0
"""Seconds for which a process takes a model for well that it found so."""

_well_until: dict[str, float] = {}


@dataclass(frozen=True)
class Guarded:
    """A model that is asked only while it is worth asking."""

    link: Proposer
    ledger: Ledger = field(repr=False)

    @property
    def name(self) -> str:
        return self.link.name

    def propose(self, request: ProposalRequest) -> Proposal:
        try:
            trying = admit(self.name)
        except Unavailable:
            self.ledger.passed_over(self.name, "resting")
            raise
        try:
            proposal = self.link.propose(request)
        except InvalidProposal:
            answered(self.name)
            raise
        except ModelUnavailable as away:
            self.ledger.passed_over(self.name, str(away.kind))
            failed(self.name, away.kind, away.message, away.retry_after)
            raise
        except ModelUnfit as unfit:
            self.ledger.passed_over(self.name, str(unfit.kind))
            answered(self.name)
            raise
        except (NoProposal, NotYet, BudgetReached):
            if trying:
                let_others_try(self.name)
            raise
        answered(self.name)
        return proposal


def admit(model: str) -> bool:
    """Raises Unavailable while the model rests. After that, one caller is let through to try, and told so by True."""
    if _is_well(model):
        return False
    row = ModelHealth.objects.filter(model=model).first()
    if row is None or row.rests_until is None:
        if row is None or not row.failures:
            _well_until[model] = time.monotonic() + BELIEVED
        return False
    rested = ModelHealth.objects.filter(pk=row.pk, rests_until__lte=Now())
    if rested.update(rests_until=in_seconds(TRIAL)):
        return True
    left = (row.rests_until - timezone.now()).total_seconds()
    raise Unavailable(f"{row.error or model} It is left alone for now.", max(left, 1.0))


def let_others_try(model: str) -> None:
    """Whoever was let through to try could not ask, for a reason of ours: the next one is let through."""
    ModelHealth.objects.filter(model=model, rests_until__gt=Now()).update(rests_until=Now())


def answered(model: str) -> None:
    """The model said something, however odd: it works."""
    if _is_well(model):
        return
    ill = ModelHealth.objects.filter(~Q(failures=0) | ~Q(rests_until=None), model=model)
    ill.update(failures=0, rests_until=None, error_kind="", error="", alarmed=False, changed_at=Now())
    _well_until[model] = time.monotonic() + BELIEVED


def failed(model: str, kind: Kind, message: str, retry_after: float | None = None) -> None:
    """A turn ended without an answer of the model."""
    _well_until.pop(model, None)
    rows = ModelHealth.objects.filter(pk=ModelHealth.objects.get_or_create(model=model)[0].pk)
    rows.update(failures=F("failures") + 1, error_kind=kind, error=message, changed_at=Now())
    rest = _rest(kind, rows.values_list("failures", flat=True)[0], retry_after)
    if rest:
        rows.update(rests_until=in_seconds(rest))
    if kind == Kind.UNAUTHORISED and rows.filter(alarmed=False).update(alarmed=True):
        alarms.tell("A model's key is not accepted", f"{message} Its tasks wait until that is put right.", error=True)


def _is_well(model: str) -> bool:
    return time.monotonic() < _well_until.get(model, 0.0)


def _rest(kind: Kind, failures: int, retry_after: float | None) -> float:
    """Seconds; 0 is none."""
    if kind == Kind.UNAUTHORISED:
        return LONGEST_REST
    if kind == Kind.RATE_LIMITED and retry_after:
        return min(retry_after, LONGEST_REST)
    if failures < TOO_MANY:
        return 0.0
    return float(min(REST * 2.0 ** min(failures - TOO_MANY, 10), LONGEST_REST))


def resting() -> list[ModelHealth]:
    """The models that nobody asks now."""
    recent = timezone.now() - timedelta(seconds=TRIAL)
    return list(ModelHealth.objects.filter(rests_until__gte=recent))
