"""How is another house called? The one HTTP client that leaves ours: checked addresses, no redirects, a deadline."""

import http.client
import socket
import ssl
import threading
from dataclasses import dataclass

from agents.outgoing import addresses
from agents.outgoing.addresses import Unreachable

MAX_ANSWER = 16 * 1024
"""Bytes of an answer that are read; the rest is nobody's business here."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class NoAnswer(Exception):
    """Nothing came back that is an answer. The message says what happened instead."""


def post(url: str, body: bytes, headers: dict[str, str], *, seconds: float) -> Answer:
    """Posts once and reads the answer, all within so many seconds. A redirect is an answer, and is not followed.

    Raises NoAnswer, also where the address may not be called.
    """
    parts = addresses.read(url)
    encrypted = parts.scheme == "https"
    host, port = str(parts.hostname), parts.port or (443 if encrypted else 80)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection = _Connection(host, port, addresses.resolve(host, port, encrypted=encrypted), encrypted, seconds)
    except Unreachable as refused:
        raise NoAnswer(str(refused)) from None
    # A peer that sends one byte now and then would never meet a socket's own timeout.
    timer = threading.Timer(seconds, connection.cut)
    timer.daemon = True
    timer.start()
    try:
        connection.request("POST", target, body, {"Host": _host_header(host, parts.port), **headers})
        response = connection.getresponse()
        answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read(MAX_ANSWER))
    except (OSError, http.client.HTTPException, ValueError) as error:
        if connection.was_cut or isinstance(error, TimeoutError):
            raise NoAnswer(f"No answer within {seconds:g} s.") from None
        raise NoAnswer(f"{type(error).__name__}: {error}"[:300]) from None
    finally:
        timer.cancel()
        connection.close()
    if connection.was_cut:
        raise NoAnswer(f"No whole answer within {seconds:g} s.")
    return answer


class _Connection(http.client.HTTPConnection):
    """A connection to one of the addresses that were looked at, whatever the name resolves to by now."""

    def __init__(self, host: str, port: int, checked: list[str], encrypted: bool, seconds: float) -> None:
        super().__init__(host, port, timeout=seconds)
        self.checked = checked
        self.encrypted = encrypted
        self.was_cut = False

    def connect(self) -> None:
        last: OSError | None = None
        self.sock = None
        for address in self.checked[:3]:
            try:
                self.sock = socket.create_connection((address, self.port), self.timeout)
                break
            except OSError as error:
                last = error
                if self.was_cut:
                    break
        if self.sock is None or self.was_cut:
            raise last or TimeoutError("cut")
        if self.encrypted:
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)

    def cut(self) -> None:
        """The deadline: whatever is going on ends now."""
        self.was_cut = True
        sock = self.sock
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                sock.close()


def _host_header(host: str, port: int | None) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{port}" if port else shown
