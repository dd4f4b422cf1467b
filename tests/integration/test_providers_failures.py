"""A provider that fails is one of ten kinds, whichever SDK says so; what can be back in a moment is asked again."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx2
import pytest
import structlog

from agents.llm import asking
from agents.llm.abilities import Learned
from agents.llm.asking import Bounds, Model, Usage
from agents.llm.base import InvalidProposal, NoProposal, Unavailable
from agents.llm.failures import Kind, ModelUnavailable, ModelUnfit
from agents.llm.providers import http_client
from tests.model_requests import KEY, PROTOCOLS, Asked, Ledger, asked, envelope, in_turn, refuses, request, says, wire

FINISH = ("finish", envelope(result="Done."))


def fails(protocol: str, answer: httpx2.Response | Exception, **bounds: Any) -> tuple[Exception, Asked]:
    over = asked(protocol, in_turn(answer), **({"attempts": 1} | bounds))
    with pytest.raises((Unavailable, NoProposal, InvalidProposal)) as raised:
        over.model.propose(request())
    # No exception below comes along: it may quote a header.
    assert raised.value.__context__ is None
    return raised.value, over


def kind_of(error: Exception) -> Kind:
    assert isinstance(error, ModelUnavailable | ModelUnfit)
    return error.kind


STATUSES = [
    (429, {"type": "rate_limit_error", "message": "Too many requests"}, Kind.RATE_LIMITED),
    (429, {"code": "rate_limit_exceeded", "message": "Rate limit reached"}, Kind.RATE_LIMITED),
    (429, "slow down", Kind.RATE_LIMITED),
    (429, {"type": "engine_overloaded_error", "message": "The engine is overloaded"}, Kind.OVERLOADED),
    (529, {"type": "overloaded_error", "message": "Overloaded"}, Kind.OVERLOADED),
    (503, {"message": "The engine is currently overloaded, please try again later"}, Kind.OVERLOADED),
    (503, {"message": "Service unavailable"}, Kind.UNAVAILABLE),
    (500, {"type": "api_error", "message": "Internal server error"}, Kind.UNAVAILABLE),
    (502, "<html><body>502 Bad Gateway</body></html>", Kind.UNAVAILABLE),
    (409, {"message": "conflict"}, Kind.UNAVAILABLE),
    (504, {"type": "timeout_error", "message": "timeout"}, Kind.TIMED_OUT),
    (408, "", Kind.TIMED_OUT),
    (401, {"type": "authentication_error", "message": f"invalid x-api-key {KEY}"}, Kind.UNAUTHORISED),
    (402, {"type": "billing_error", "message": "pay"}, Kind.UNAUTHORISED),
    (403, {"type": "permission_error", "message": "not yours"}, Kind.UNAUTHORISED),
    (400, {"type": "invalid_request_error", "message": "Your credit balance is too low"}, Kind.UNAUTHORISED),
    (429, {"code": "insufficient_quota", "message": "You exceeded your current quota"}, Kind.UNAUTHORISED),
    (400, {"message": "prompt is too long: 210000 tokens > 200000 maximum"}, Kind.CONTEXT_TOO_LONG),
    (400, {"code": "context_length_exceeded", "message": "too many"}, Kind.CONTEXT_TOO_LONG),
    (400, {"message": "This model's maximum context length is 8192 tokens"}, Kind.CONTEXT_TOO_LONG),
    (413, {"type": "request_too_large", "message": "too large"}, Kind.CONTEXT_TOO_LONG),
    (400, {"type": "invalid_request_error", "message": "max_tokens: 8000 > 4096"}, Kind.WRONG_REQUEST),
    (404, {"type": "not_found_error", "message": "model: claude-nothing"}, Kind.WRONG_REQUEST),
    (422, {"detail": "unprocessable"}, Kind.WRONG_REQUEST),
    (418, "[]", Kind.WRONG_REQUEST),
    (301, "moved", Kind.WRONG_REQUEST),
]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(("status", "error", "kind"), STATUSES)
def test_an_http_error_has_its_kind(protocol: str, status: int, error: Any, kind: Kind) -> None:
    raised, over = fails(protocol, refuses(status, error, {"location": "https://elsewhere.test/"}))
    assert kind_of(raised) == kind
    waits = kind not in {Kind.WRONG_REQUEST, Kind.CONTEXT_TOO_LONG}
    assert isinstance(raised, Unavailable if waits else NoProposal)
    settled = over.ledger.settlements[-1]
    assert (settled.error_kind, settled.answered) == (kind, False)
    assert over.model.name in str(raised)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("code", ["content_policy_violation", "content_filter"])
def test_a_filter_that_turns_the_request_away_is_a_refusal(protocol: str, code: str) -> None:
    raised, over = fails(protocol, refuses(400, {"code": code, "message": "flagged"}))
    assert isinstance(raised, InvalidProposal)
    assert raised.code == "answer.refused"
    assert over.ledger.settlements[0].error_kind == "refused"


BROKEN = [
    httpx2.Response(200, content=b""),
    httpx2.Response(200, content=b'{"id": "msg_1", "content": [{"ty', headers={"content-type": "application/json"}),
    httpx2.Response(200, json={"unexpected": True}),
    httpx2.Response(200, json=[1, 2]),
    httpx2.Response(200, json=None),
    httpx2.Response(200, text="<html>Sign in to the hotel's network</html>", headers={"content-type": "text/html"}),
    httpx2.Response(200, content=b"\xff\xfe\x00", headers={"content-type": "application/json"}),
    httpx2.Response(200, content=b"[" * 100_000, headers={"content-type": "application/json"}),
]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("answer", BROKEN, ids=lambda answer: repr(answer.content[:12]))
def test_a_success_that_is_no_answer_is_malformed(protocol: str, answer: httpx2.Response) -> None:
    raised, over = fails(protocol, answer)
    assert kind_of(raised) == Kind.MALFORMED
    assert over.ledger.settlements[0].usage is None


ODD = {
    "anthropic": [{"type": "message", "content": None}, {"type": "error", "error": {}}, {"type": "message"}],
    "responses": [
        {"status": "completed", "output": None},
        {"status": "queued", "output": []},
        {"status": "in_progress", "output": []},
        {"output": []},
    ],
    "chat": [{"choices": []}, {"choices": None}, {"choices": [None]}, {"choices": [{"message": None}]}],
}


@pytest.mark.parametrize(("protocol", "body"), [(name, body) for name, bodies in ODD.items() for body in bodies])
def test_a_success_of_another_shape_is_malformed(protocol: str, body: Any) -> None:
    raised, _ = fails(protocol, httpx2.Response(200, json=body))
    assert kind_of(raised) == Kind.MALFORMED


@pytest.mark.parametrize(
    ("protocol", "body"),
    [
        ("anthropic", {"type": "message", "content": [None, 3, {"type": "tool_use"}, {"type": "text", "text": None}]}),
        ("responses", {"status": "completed", "output": [None, {"type": "function_call"}, {"type": "message"}]}),
        ("chat", {"choices": [{"message": {"tool_calls": [None, {"function": None}], "content": [1]}}]}),
    ],
)
def test_odd_parts_of_an_answer_are_an_invalid_proposal(protocol: str, body: Any) -> None:
    raised, _ = fails(protocol, httpx2.Response(200, json=body))
    assert isinstance(raised, InvalidProposal)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx2.ConnectError("no route"), Kind.UNAVAILABLE),
        (httpx2.RemoteProtocolError("peer closed connection"), Kind.UNAVAILABLE),
        (httpx2.ReadError("reset"), Kind.UNAVAILABLE),
        (httpx2.LocalProtocolError(f"Illegal header value b'Bearer {KEY}'"), Kind.UNAVAILABLE),
        (httpx2.ReadTimeout("slow"), Kind.TIMED_OUT),
        (httpx2.ConnectTimeout("slow"), Kind.TIMED_OUT),
        (httpx2.PoolTimeout("busy"), Kind.TIMED_OUT),
        (httpx2.DecodingError("bad gzip"), Kind.MALFORMED),
    ],
)
def test_a_broken_connection_has_its_kind(protocol: str, error: Exception, kind: Kind) -> None:
    raised, over = fails(protocol, error)
    # The SDKs wrap what breaks while sending, so that a bad encoding there is a lost connection to them.
    assert kind_of(raised) in {kind, Kind.UNAVAILABLE} if kind == Kind.MALFORMED else {kind}
    # Without a connection nobody got the request; after any other break a provider may have worked, and bill it.
    never_sent = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)
    assert over.ledger.settlements[0].usage == (Usage() if never_sent else None)


def test_an_unforeseen_exception_ends_in_a_sentence_and_a_line_in_the_log() -> None:
    with structlog.testing.capture_logs() as lines:
        raised, over = fails("chat", RuntimeError(f"surprise {KEY}"))
    # OpenAI's SDK takes any exception of the transport for a lost connection.
    assert isinstance(raised, ModelUnavailable | ModelUnfit)
    assert KEY not in str(raised) + str(lines)
    assert over.ledger.settlements[0].error_kind is not None


FAILED = [
    ("server_error", Kind.UNAVAILABLE),
    ("rate_limit_exceeded", Kind.RATE_LIMITED),
    ("data_residency_mismatch", Kind.WRONG_REQUEST),
    ("something_new", Kind.UNAVAILABLE),
]


@pytest.mark.parametrize(("code", "kind"), FAILED)
def test_a_response_that_reports_its_failure_has_its_kind_and_is_paid(code: str, kind: Kind) -> None:
    answer = says("responses", status="failed", error={"code": code, "message": "x"})
    raised, over = fails("responses", answer)
    assert kind_of(raised) == kind
    usage = over.ledger.settlements[0].usage
    assert usage is not None
    assert usage.input_tokens == 800


def test_a_response_that_failed_for_policy_is_a_refusal() -> None:
    raised, _ = fails("responses", says("responses", status="failed", error={"code": "bio_policy"}))
    assert isinstance(raised, InvalidProposal)


def test_a_context_that_ran_full_while_answering_is_too_long() -> None:
    raised, over = fails("anthropic", says("anthropic", text="x", stop_reason="model_context_window_exceeded"))
    assert kind_of(raised) == Kind.CONTEXT_TOO_LONG
    assert over.ledger.settlements[0].usage is not None


# --- When to come back --------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "37"}, 37.0),
        ({"retry-after": "3600"}, 3600.0),
        ({"retry-after-ms": "41500", "retry-after": "1"}, 41.5),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_the_time_that_a_provider_names_is_passed_on(
    protocol: str, headers: dict[str, str], seconds: float | None
) -> None:
    raised, over = fails(protocol, refuses(429, None, headers), attempts=3)
    assert isinstance(raised, Unavailable)
    assert raised.retry_after == seconds
    assert len(over.sent) == 1


def test_a_date_to_come_back_at_is_read() -> None:
    later = datetime.now(UTC) + timedelta(seconds=90)
    raised, _ = fails("anthropic", refuses(429, None, {"retry-after": format_datetime(later, usegmt=True)}))
    assert isinstance(raised, Unavailable)
    assert raised.retry_after is not None
    assert 80 < raised.retry_after <= 90


# --- Asked again soon ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "failure",
    [refuses(529), refuses(500), refuses(429, None, {"retry-after": "1"}), BROKEN[0], httpx2.ReadError("reset")],
    ids=["overloaded", "unavailable", "rate_limited", "malformed", "reset"],
)
def test_a_provider_that_may_be_back_in_a_moment_is_asked_again(protocol: str, failure: Any) -> None:
    over = asked(protocol, in_turn(failure, failure, says(protocol, FINISH)))
    assert over.model.propose(request()).name == "finish"
    assert [opening.attempt for opening in over.ledger.openings] == [1, 2, 3]
    assert [settled.error_kind is None for settled in over.ledger.settlements] == [False, False, True]
    assert len(over.pauses) == 2
    assert all(0 < pause <= 6 for pause in over.pauses)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_attempts_of_a_turn_are_few(protocol: str) -> None:
    _, over = fails(protocol, refuses(500), attempts=3)
    assert len(over.sent) == 3


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("status", [400, 401, 404, 413, 408])
def test_what_would_fail_again_or_took_the_time_is_not_asked_again(protocol: str, status: int) -> None:
    _, over = fails(protocol, refuses(status), attempts=3)
    assert len(over.sent) == 1
    assert not over.pauses


def test_no_attempt_begins_that_the_turn_has_no_time_for() -> None:
    _, over = fails("anthropic", refuses(500), attempts=3, seconds=1.2)
    assert len(over.sent) == 1


def test_what_a_provider_turned_away_is_not_billed_and_what_went_wrong_or_silent_may_be() -> None:
    for status in (429, 503, 529):
        _, turned_away = fails("anthropic", refuses(status))
        assert turned_away.ledger.settlements[0].usage == Usage()
    _, broken = fails("anthropic", refuses(502))
    assert broken.ledger.settlements[0].usage is None
    _, silent = fails("anthropic", httpx2.ReadTimeout("slow"))
    assert silent.ledger.settlements[0].usage is None


# --- Keys and alarms ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_wrong_key_alarms_the_operator_once_and_lets_the_tasks_wait(
    protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "_alarms", {})
    over = asked(protocol, in_turn(refuses(401, {"message": f"Incorrect API key provided: {KEY}"})))
    with structlog.testing.capture_logs() as lines:
        for _ in range(5):
            with pytest.raises(ModelUnavailable) as raised:
                over.model.propose(request())
    assert [line["event"] for line in lines] == ["model.unauthorised"]
    assert lines[0]["log_level"] == "error"
    assert raised.value.retry_after == 300
    assert KEY not in str(lines) + str(raised.value) + repr(over.ledger)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 529])
def test_a_key_that_a_gateway_echoes_is_shown_nowhere(protocol: str, status: int) -> None:
    raised, over = fails(protocol, refuses(status, {"message": f"Bearer {KEY} is odd", "code": KEY}))
    assert KEY not in str(raised)
    assert KEY not in "".join(settled.error for settled in over.ledger.settlements)


# --- A real socket ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def served(*pieces: bytes, hold: bool = False, reset: bool = False) -> Iterator[str]:
    """A server on loopback that answers every request with these bytes, and then closes, waits or resets."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def answer(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.recv(1_000_000)
            for piece in pieces:
                connection.sendall(piece)
                if len(pieces) > 10:
                    stop.wait(0.05)
            if hold:
                stop.wait(10)
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        stop.set()
        listener.close()


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n"


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("pieces", "options", "kind"),
    [
        ((), {}, Kind.UNAVAILABLE),
        ((), {"reset": True}, Kind.UNAVAILABLE),
        ((HEAD, b'{"id"'), {}, Kind.UNAVAILABLE),
        ((HEAD, b'{"id"'), {"reset": True}, Kind.UNAVAILABLE),
        ((), {"hold": True}, Kind.TIMED_OUT),
        ((HEAD, b'{"id"'), {"hold": True}, Kind.TIMED_OUT),
        ((HEAD, *[b" "] * 200), {"hold": True}, Kind.TIMED_OUT),
        ((b"not http at all\r\n\r\n",), {}, Kind.UNAVAILABLE),
    ],
    ids=["closed", "reset", "cut", "cut by reset", "silent", "stalled", "dripping", "not http"],
)
def test_a_connection_that_breaks_has_its_kind(
    protocol: str, pieces: tuple[bytes, ...], options: dict[str, bool], kind: Kind
) -> None:
    with served(*pieces, **options) as address, http_client() as client:
        ledger = Ledger()
        bounds = Bounds(seconds=1.0, attempts=1)
        model = Model("anthropic:m", wire(protocol, client, address), ledger, bounds, Learned())
        with pytest.raises(ModelUnavailable) as raised:
            model.propose(request())
        assert raised.value.kind == kind


def test_nobody_there_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with http_client() as client:
        over = wire("chat", client, f"http://127.0.0.1:{port}/v1")
        model = Model("openai:m", over, Ledger(), Bounds(attempts=1), Learned())
        with pytest.raises(ModelUnavailable) as raised:
            model.propose(request())
    assert raised.value.kind == Kind.UNAVAILABLE


def test_an_endless_answer_is_given_up() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"
    with served(head, *[b" " * 8_000_000] * 3) as address, http_client() as client:
        model = Model("openai:m", wire("chat", client, address), Ledger(), Bounds(attempts=1), Learned())
        with pytest.raises(ModelUnavailable) as raised:
            model.propose(request())
    assert raised.value.kind in {Kind.MALFORMED, Kind.UNAVAILABLE}


def test_a_prompt_is_never_sent_on_to_another_address() -> None:
    elsewhere: list[str] = []

    def handler(received: httpx2.Request) -> httpx2.Response:
        elsewhere.append(received.url.host)
        return httpx2.Response(307, headers={"location": "https://elsewhere.test/v1/messages"})

    over = asked("anthropic", handler, attempts=1)
    with pytest.raises(ModelUnfit):
        over.model.propose(request())
    assert set(elsewhere) == {"provider.test"}


def test_many_threads_share_one_client() -> None:
    body = json.dumps(says("chat", FINISH).json()).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    with served(head, body) as address, http_client() as client:
        over = wire("chat", client, address)
        names: list[str] = []

        def ask() -> None:
            names.append(Model("openai:m", over, Ledger(), Bounds(), Learned()).propose(request()).name)

        threads = [threading.Thread(target=ask) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert names == ["finish"] * 50
