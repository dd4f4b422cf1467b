"""Who writes down what models are asked? One row for each call, before it is made; settled after it.

Opening a call is one transaction: the budgets, the provider's pace and the row together, or nothing of them. Settling
is another one, or part of the one that records what was answered. Between them there is no transaction and no
connection.
"""

import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from sentry_sdk.tracing import Span

from agents import rows
from agents.engine import leases, spans
from agents.engine.leases import Lease
from agents.llm.asking import Opening, Settlement, Usage
from agents.llm.base import NoProposal
from agents.llm.pricing import Prices, dearest_prices, prices_of
from agents.models import AgentTask, ModelCall
from agents.spending import alarms, budgets, pacing, warning
from agents.spending.budgets import Amount, Full
from agents.spending.errors import Moved
from agents.spending.limits import Budget, budgets_of
from agents.spending.money import MOST
from agents.spending.prices import own_prices
from agents.spending.redaction import redacted
from agents.storable import storable, storable_text

log = structlog.get_logger(__name__)

Status = ModelCall.Status


@dataclass(frozen=True)
class OpenCall:
    """A call under way, and what was taken for it."""

    row: ModelCall
    budgets: tuple[Budget, ...]
    worst: Amount
    estimated: int
    span: Span = field(repr=False)


@dataclass
class Ledger:
    """Records the calls of one turn of a task, or of a probe. Implements agents.llm.asking.Recorder."""

    task: AgentTask | None
    purpose: str
    step_number: int = 0
    lease: Lease | None = field(default=None, repr=False)
    """By which the task is worked on: what it has put off is written with a call, or before it."""
    _last: ModelCall | None = field(default=None, repr=False)
    _passed_over: list[str] = field(default_factory=list, repr=False)

    def opened(self, opening: Opening) -> OpenCall:
        """Before a call. Raises NotYet, BudgetReached or NoProposal, and then nothing is taken and nothing sent."""
        call = self._open(opening)
        self._last = call.row
        return call

    def waiting(self) -> AbstractContextManager[None]:
        """Nothing of this process, and no connection, is held while a model is waited for."""
        return leases.waiting()

    def settled(self, call: OpenCall, settlement: Settlement) -> None:
        """After a call, however it ended. A call that was given up meanwhile stays at its reservation.

        An answer is written with what becomes of it, where no budget waits for what it came to, and no other call for
        its place.
        """
        spans.model_answered(call.span, settlement.usage, str(settlement.error_kind or ""), settlement.body)
        settled, now = _settled(call, settlement)
        if self.lease is not None and self._may_wait(call, settlement):
            self.lease.put_aside(settled)
            return
        with _together(call.budgets):
            if not rows.carry_out_aside(settled):
                log.warning("model.settled_late", call=call.row.pk, model=call.row.model)
                return
            for budget in call.budgets:
                budgets.correct(budget, call.worst, now)
            if call.budgets:
                rows.carry_out(_leaving(call, now))
        told = [said for budget in call.budgets if (said := budgets.newly_mostly_used(budget))]
        if self.task is not None:
            warning.warn(self.task, call.budgets)
        for sentence in told:
            alarms.tell("Most of a budget is used", sentence)

    def _may_wait(self, call: OpenCall, settlement: Settlement) -> bool:
        """May it be settled with what is written next? Not where somebody else waits for what it came to."""
        alone = not call.budgets and not pacing.is_crowded(call.row.provider)
        return settlement.answered and alone and rows.takes_several()

    def passed_over(self, model: str, why: str) -> None:
        """A model of the chain was not heard; the next one's calls say so."""
        self._passed_over.append(f"{model} ({why})")

    def _open(self, opening: Opening) -> OpenCall:
        now, day = timezone.now(), timezone.localdate()
        dearest = dearest_prices(opening.model, now, own_prices())
        worst = _worst(opening, dearest)
        against = budgets_of(self.task, day)
        if worst.dollars is None and any(budget.limit.dollars is not None for budget in against):
            raise NoProposal(
                f"{opening.model} has no known price and there is a budget of money, so it is not asked. "
                "An operator can give its price (COUNTERSIGN_PRICES)."
            )
        estimated = pacing.estimate(opening.input_tokens_at_most)
        provider = opening.model.partition(":")[0]
        if self.lease is not None and (against or self.lease.put_off is None):
            self.lease.write_aside()
        if self.lease is not None and against and not self.lease.write_put_off():
            raise Moved()
        try:
            with _together(against):
                for budget in against:
                    budgets.reserve(budget, worst)
                row = self._row(opening, worst, dearest, day)
                pacing.enter(provider, estimated, row, self.lease)
        except Full as full:
            raise budgets.refusal(full.budget, worst) from None
        return OpenCall(row, against, worst, estimated, spans.model_call(opening.model, opening.body))

    def _row(self, opening: Opening, worst: Amount, dearest: Prices | None, day: Any) -> ModelCall:
        last = self._last
        return rows.new(
            ModelCall,
            task_id=self.task.pk if self.task else None,
            version_id=self.task.version_id if self.task else None,
            step_number=self.step_number,
            purpose=self.purpose,
            model=opening.model,
            attempt=opening.attempt,
            day=day,
            input_tokens=opening.input_tokens_at_most,
            output_tokens=opening.output_tokens_at_most,
            cost=worst.dollars,
            at_most=True,
            prices=_written(dearest),
            fell_back_from_id=last.pk if last is not None and last.model != opening.model else None,
            passed_over="; ".join(self._passed_over)[:500],
            request=kept_request(opening.body),
        )


def give_up_open_calls(task_id: int) -> int:
    """Gives up the open calls of a task that somebody else works on by now: their worker can't settle them."""
    return sum(give_up(call) for call in ModelCall.objects.filter(task=task_id, status=Status.OPEN))


def give_up(call: ModelCall) -> bool:
    """A call that nobody settles counts at its reservation, on its day; only its place in flight is free again."""
    leaving = pacing.leaving(call.provider, 0, 0)
    lost = {"status": Status.LOST, "error": "Its worker was lost before the answer came."}
    if rows.update(ModelCall, call.pk, {"status": Status.OPEN}, then=leaving, **lost) is None:
        return False
    log.warning("model.call_lost", call=call.pk, model=call.model, task=call.task_id)
    return True


def kept_request(body: dict[str, Any]) -> Any:
    """A request as it is kept: whole, redacted, or not at all."""
    match settings.COUNTERSIGN_KEEP_MODEL_CALLS:
        case "full":
            return storable(body)
        case "redacted":
            return redacted(body)
    return None


def kept_answer(text: str) -> str:
    """An answer as it is kept. What can't be read as JSON is content as a whole."""
    match settings.COUNTERSIGN_KEEP_MODEL_CALLS:
        case "full":
            return storable_text(text)
        case "redacted":
            try:
                return storable_text(json.dumps(redacted(json.loads(text)), ensure_ascii=False))
            except (ValueError, RecursionError):
                return f"({len(text):,} characters)" if text else ""
    return ""


def _settled(call: OpenCall, settlement: Settlement) -> tuple[rows.Aside, Amount]:
    """What is to be written of the call, unless it was given up before; and what it came to."""
    usage, row = settlement.usage, call.row
    fields: dict[str, Any] = {
        "status": Status.ANSWERED if settlement.answered else Status.FAILED,
        "error_kind": str(settlement.error_kind or ""),
        "error": storable_text(settlement.error),
        "latency_ms": int(settlement.seconds * 1000),
        "answer": kept_answer(settlement.body),
        "settled_at": timezone.now(),
    }
    now = call.worst
    if usage is not None:
        prices = prices_of(row.model, usage, row.created_at or timezone.now(), own_prices())
        cost = prices.cost(usage) if prices else None
        now = Amount(cost, usage.input_tokens + usage.output_tokens)
        fields |= _used(usage) | {"cost": cost, "at_most": False, "prices": _written(prices)}
    # Budgets are changed before the provider's row, as when a call is opened: in two orders, two would lock each other.
    then = None if call.budgets else _leaving(call, now)
    return rows.Aside(ModelCall, row.pk, {"status": Status.OPEN}, fields, then), now


def _leaving(call: OpenCall, now: Amount) -> rows.Statement:
    return pacing.leaving(call.row.provider, call.estimated, now.tokens)


def _used(usage: Usage) -> dict[str, Any]:
    names = ("input_tokens", "cached_tokens", "written_tokens", "output_tokens")
    return {name: getattr(usage, name) for name in names}


def _worst(opening: Opening, dearest: Prices | None) -> Amount:
    into, out = opening.input_tokens_at_most, opening.output_tokens_at_most
    cost = min(dearest.worst_case(into, out), MOST) if dearest else None
    return Amount(cost, into + out)


def _written(prices: Prices | None) -> dict[str, str] | None:
    if prices is None:
        return None
    amounts = {name: f"{getattr(prices, name):f}" for name in ("input", "cached", "written", "output")}
    return amounts | {"source": prices.source}


def _together(budgets_: tuple[Budget, ...]) -> AbstractContextManager[None]:
    """A transaction, where a call and its provider's pace, one statement, are not all that changes."""
    return transaction.atomic() if budgets_ else nullcontext()
