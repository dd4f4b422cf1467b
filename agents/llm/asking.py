"""How is a model asked? One answer, or one of the ways in which there is none; the same for every provider.

A `Wire` writes a request in its provider's protocol and reads the answer. A `Model` asks over it: it records each
call before it is made and after it, tries again soon where that helps, and makes a proposal of what was said.
"""

import json
import random
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import structlog

from agents.llm.abilities import LEARNED, Abilities, Learned, lesson
from agents.llm.base import RAW_LIMIT, InvalidProposal, Proposal, ProposalRequest, read_envelope
from agents.llm.envelope import Offered, arguments_said, offered
from agents.llm.failures import Failure, Kind, ModelUnavailable, ModelUnfit, failure, read_error
from agents.llm.messages import RESULT_TOKENS, Conversation, conversation
from agents.llm.reading import without_key
from agents.llm.strict import Dialect
from agents.storable import storable_text

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Usage:
    """The tokens of one call. `input_tokens` is all of the input, cached or not."""

    input_tokens: int = 0
    cached_tokens: int = 0
    """Read from the provider's cache."""
    written_tokens: int = 0
    """Written to the provider's cache."""
    output_tokens: int = 0
    tier: str = ""
    """The service tier that the provider says it used; some are priced apart."""

    @property
    def fresh_tokens(self) -> int:
        return max(self.input_tokens - self.cached_tokens - self.written_tokens, 0)


@dataclass(frozen=True)
class SaidCall:
    """A call as the model made it: `input` is parsed, or its JSON text."""

    name: str
    input: object


@dataclass(frozen=True)
class Answer:
    """What a model said, before anybody judged it."""

    calls: tuple[SaidCall, ...]
    text: str = ""
    stopped: Kind | None = None
    """REFUSED, CUT_OFF or CONTEXT_TOO_LONG; None where the model ended by itself."""
    why: str = ""
    """What was said about the stop."""
    usage: Usage | None = None
    body: str = ""
    """The answer as it came."""


class NotDone(Exception):
    """The provider answered with success and reports that the model failed."""

    def __init__(self, failed: Failure, usage: Usage | None) -> None:
        super().__init__(failed.message)
        self.failed = failed
        self.usage = usage


class Wire(Protocol):
    """One provider's protocol, with its client."""

    @property
    def dialect(self) -> Dialect:
        """What its strict mode takes."""
        ...

    @property
    def key(self) -> str:
        """The key that it sends, which is never shown, whoever echoes it."""
        ...

    def body(self, talk: Conversation, tools: tuple[Offered, ...], abilities: Abilities, most: int) -> dict[str, Any]:
        """The request as it goes out; `most` is the limit of output tokens."""
        ...

    def send(self, body: dict[str, Any], seconds: float) -> Answer:
        """Sends it, once. Raises what the SDK raises, NoAnswer or NotDone."""
        ...


@dataclass(frozen=True)
class Opening:
    """A call that is about to be made, and the most that it can cost."""

    model: str
    attempt: int
    """1, 2, … within one turn."""
    input_tokens_at_most: int
    output_tokens_at_most: int
    body: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Settlement:
    """What came of a call."""

    usage: Usage | None
    """None: the provider did not say, so the worst case counts. Requests that were turned away have zeros."""
    error_kind: Kind | None
    error: str
    answered: bool
    """The model said something, though it may be no proposal."""
    seconds: float
    body: str = field(default="", repr=False)
    """The answer as it came, as text: no JSON is too deep or too odd for it."""


class Recorder(Protocol):
    """Who writes down what is asked. It is called with no transaction open."""

    def opened(self, opening: Opening) -> Any:
        """Before anything is sent; the answer is given back to `settled`. May raise Unavailable or NoProposal, and
        then nothing is sent."""
        ...

    def waiting(self) -> AbstractContextManager[None]:
        """Around all that waits: for an answer, or before another try."""
        ...

    def settled(self, call: Any, settlement: Settlement) -> None:
        """After the call, however it ended; not called where the process died."""
        ...


@dataclass(frozen=True)
class Bounds:
    """How long and how much."""

    seconds: float = 120.0
    """For one turn, with everything that is tried in it."""
    output_tokens: int = 8_000
    result_tokens: int = RESULT_TOKENS
    attempts: int = 3
    """Tries in one turn, where the provider may be back in a moment. Longer waits are the database's."""
    short_wait: float = 5.0
    """The longest wait within a turn."""


_SOON = frozenset({Kind.OVERLOADED, Kind.UNAVAILABLE, Kind.MALFORMED, Kind.RATE_LIMITED})
_jitter = random.SystemRandom()


@dataclass(frozen=True)
class Model:
    """A proposer: one model, by one provider."""

    name: str
    """As an agent's chain names it."""
    wire: Wire = field(repr=False)
    recorder: Recorder = field(repr=False)
    bounds: Bounds = Bounds()
    learned: Learned = field(default=LEARNED, repr=False)
    pause: Callable[[float], None] = field(default=time.sleep, repr=False)

    def propose(self, request: ProposalRequest) -> Proposal:
        """The model's proposal. Raises InvalidProposal, ModelUnavailable or ModelUnfit, and what the recorder raises.

        1. What can't be sent with this model, by what was learned, is left out.
        2. A refusal that names something to leave out is asked again at once without it.
        3. A provider that may be back in a moment is asked again after a short wait with jitter.
        """
        until = time.monotonic() + self.bounds.seconds
        key = (self.name, tuple(offer.name for offer in request.offers))
        attempt, tried = 0, 0
        while True:
            attempt += 1
            abilities = self.learned.of(key)
            said = self._ask(request, abilities, attempt, until)
            if isinstance(said, Proposal):
                return said
            instead = lesson(abilities, said)
            if instead is not None:
                log.warning("model.asked_for_less", model=self.name, abilities=str(instead))
                self.learned.learn(key, instead)
                continue
            tried += 1
            self._wait_or_give_up(said, tried, until)

    def _ask(self, request: ProposalRequest, abilities: Abilities, attempt: int, until: float) -> Proposal | Failure:
        """One call. A failure is returned, so that no exception drags along what the SDK's said: it may quote a key."""
        tools = offered(request.offers, self.wire.dialect if abilities.strict else None)
        talk = conversation(request, self.bounds.result_tokens)
        body = self.wire.body(talk, tools, abilities, self.bounds.output_tokens)
        call = self.recorder.opened(
            Opening(self.name, attempt, tokens_at_most(body), self.bounds.output_tokens, body),
        )
        spent = 0.0
        try:
            with self.recorder.waiting():
                started = time.monotonic()
                try:
                    answer = self.wire.send(body, max(until - started, 1.0))
                finally:
                    spent = time.monotonic() - started
            if answer.stopped == Kind.CONTEXT_TOO_LONG:
                raise NotDone(failure(Kind.CONTEXT_TOO_LONG, self.name), answer.usage)
        except Exception as error:
            failed, usage = self._failure(error)
            self.recorder.settled(call, Settlement(usage, failed.kind, failed.message, False, spent))
            return failed
        try:
            proposal = self._read(answer, request, tools)
        except InvalidProposal as invalid:
            kind = answer.stopped or Kind.MALFORMED
            self.recorder.settled(call, Settlement(answer.usage, kind, invalid.message, True, spent, answer.body))
            raise
        self.recorder.settled(call, Settlement(answer.usage, None, "", True, spent, answer.body))
        return proposal

    def _failure(self, error: Exception) -> tuple[Failure, Usage | None]:
        if isinstance(error, NotDone):
            return error.failed, error.usage
        failed = read_error(error, self.name)
        if failed is None:
            # A mistake of ours, or a new surprise of an SDK; its text is not shown, since it may hold anything.
            log.error("model.unexpected", model=self.name, error=type(error).__name__, where=_where(error))
            failed = failure(Kind.WRONG_REQUEST, self.name, f"{type(error).__name__} while asking")
        failed = replace(failed, message=without_key(failed.message, self.wire.key))
        return failed, Usage() if failed.unbilled else None

    def _wait_or_give_up(self, failed: Failure, tried: int, until: float) -> None:
        wait = _jitter.uniform(0.25, 0.75) * 2**tried if failed.retry_after is None else failed.retry_after
        stated = failed.kind != Kind.RATE_LIMITED or failed.retry_after is not None
        soon = failed.kind in _SOON and stated and wait <= self.bounds.short_wait
        if soon and tried < self.bounds.attempts and time.monotonic() + wait + 1.0 < until:
            with self.recorder.waiting():
                self.pause(wait + _jitter.uniform(0.0, 0.25))
            return
        if failed.kind == Kind.UNAUTHORISED:
            _alarm(self.name)
        if failed.kind == Kind.REFUSED:
            raise InvalidProposal("answer.refused", failed.message, proposer=self.name)
        if failed.kind in {Kind.WRONG_REQUEST, Kind.CONTEXT_TOO_LONG}:
            raise ModelUnfit(failed.kind, failed.message)
        raise ModelUnavailable(failed.kind, failed.message, failed.retry_after)

    def _read(self, answer: Answer, request: ProposalRequest, tools: tuple[Offered, ...]) -> Proposal:
        """The proposal in an answer. Raises InvalidProposal with what the next turn has to know."""
        if answer.stopped is not None:
            raise self._invalid(answer, *_STOPPED[answer.stopped], answer.why)
        if not answer.calls:
            if not answer.text.strip():
                raise self._invalid(answer, "answer.empty", "Nothing was said. Make exactly one call.")
            raise self._invalid(
                answer, "answer.no_call", "No tool was called. Text alone is not read: make exactly one call."
            )
        if len(answer.calls) > 1:
            names = ", ".join(call.name[:100] for call in answer.calls[:10])
            message = f"{len(answer.calls)} calls were made at once ({names}); none was run. Make exactly one call."
            raise self._invalid(answer, "answer.several_calls", message)
        (call,) = answer.calls
        said = call.input
        if isinstance(said, str):
            said = _parsed(said)
        offers = {offer.name: offer for offer in request.offers}
        if isinstance(said, dict) and any(tool.name == call.name and tool.strict for tool in tools):
            said = arguments_said(offers[call.name], said)
        return read_envelope(call.name, said, request, self.name)

    def _invalid(self, answer: Answer, code: str, message: str, why: str = "") -> InvalidProposal:
        sentence = f"{message} ({storable_text(why)[:300]})" if why else message
        return InvalidProposal(code, sentence, _raw(answer), self.name)


_STOPPED = {
    Kind.REFUSED: ("answer.refused", "The answer was a refusal. Where the goal must not be pursued, call escalate."),
    Kind.CUT_OFF: (
        "answer.cut_off",
        "The answer was too long and was cut off, so that it can't be used. Say the same in fewer words, or plan "
        "fewer steps at once.",
    ),
}


def tokens_at_most(body: dict[str, Any]) -> int:
    """An upper bound of the input tokens of a request: no token is shorter than one byte of it.

    The margin is for what providers add around tools and messages.
    """
    return len(_json(body).encode("utf-8", "replace")) + 1_000


_json = json.JSONEncoder(ensure_ascii=False).encode


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _raw(answer: Answer) -> str:
    said = [answer.text] if answer.text.strip() else []
    said += [f"{call.name}({_shown(call.input)})" for call in answer.calls]
    return storable_text("\n".join(said))[:RAW_LIMIT]


def _shown(said: object) -> str:
    if isinstance(said, str):
        return said
    try:
        return json.dumps(said, ensure_ascii=False)
    except RecursionError:
        return "an input without bottom"


def _where(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""


MINUTE = 60.0
_alarms: dict[str, float] = {}
_alarm_lock = threading.Lock()


def _alarm(model: str) -> None:
    """Tells the operator, once a minute for each model and process: a thousand tasks have one wrong key."""
    now = time.monotonic()
    with _alarm_lock:
        if now - _alarms.get(model, -MINUTE) < MINUTE:
            return
        _alarms[model] = now
    log.error("model.unauthorised", model=model, hint="Check the key and the account; docs/models.md says where.")
