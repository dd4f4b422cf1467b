"""Which models can this installation ask? From the names in an agent's chain and the environment, to proposers.

Keys are read from the environment, handed to the SDKs explicitly, and shown nowhere. Clients are shared by all
threads of a process.
"""

import functools
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx2

from agents.definition import AgentDefinition
from agents.llm.anthropic import Messages
from agents.llm.asking import Bounds, Model, Recorder, Wire
from agents.llm.base import NoProposal, Proposal, ProposalRequest, Proposer
from agents.llm.openai import Chat, Responses
from agents.llm.playbook import Playbook

if TYPE_CHECKING:
    import anthropic
    import openai

KEYLESS = "none"
"""Sent as the key where a server of one's own asks for none."""
MAX_ANSWER_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Account:
    """How one provider is reached. An empty address is the provider's own."""

    provider: str
    key: str = field(repr=False)
    base_url: str
    chat: bool = False
    """OpenAI's protocol: chat completions instead of Responses."""


@dataclass(frozen=True)
class NotConfigured:
    """A link of a chain that this installation can't ask. It never pretends to be a model."""

    name: str
    why: str

    def propose(self, request: ProposalRequest) -> Proposal:
        raise NoProposal(f"{self.name} is not configured here: {self.why}")


class Misconfigured(ValueError):
    """An account that can't be used; the message says what to set."""


def links(
    definition: AgentDefinition, recorder: Recorder, environment: Mapping[str, str], bounds: Bounds
) -> tuple[Proposer, ...]:
    """The proposers of an agent, in the order of its chain."""
    return tuple(link(name, recorder, environment, bounds) for name in definition.models)


def link(name: str, recorder: Recorder, environment: Mapping[str, str], bounds: Bounds) -> Proposer:
    """One proposer, by the name that a chain gives it: `playbook`, `anthropic:…` or `openai:…`."""
    if name == "playbook":
        return Playbook()
    provider, _, model = name.partition(":")
    try:
        return Model(name, _wire(account(provider, environment), model), recorder, bounds)
    except Misconfigured as error:
        return NotConfigured(name, str(error))


def load(environment: Mapping[str, str]) -> None:
    """Makes the clients of all that is configured, so that no task waits for their SDKs."""
    for provider in ("anthropic", "openai"):
        with suppress(Misconfigured):
            _wire(account(provider, environment), "")


def account(provider: str, environment: Mapping[str, str]) -> Account:
    """How the provider is reached from here. Raises Misconfigured.

    A server at an address of one's own may need no key. It is asked by chat completions unless OPENAI_PROTOCOL says
    `responses`; OpenAI itself by Responses unless it says `chat`.
    """
    name = provider.upper()
    key = environment.get(f"{name}_API_KEY", "").strip()
    address = environment.get(f"{name}_BASE_URL", "").strip()
    if not key and not address:
        raise Misconfigured(f"set {name}_API_KEY, or {name}_BASE_URL for a server of your own.")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise Misconfigured(f"{name}_API_KEY has characters that no key has.")
    if address and not address.startswith(("https://", "http://")):
        raise Misconfigured(f"{name}_BASE_URL must begin with https:// or http://.")
    try:
        httpx2.URL(address)
    except httpx2.InvalidURL as error:
        raise Misconfigured(f"{name}_BASE_URL is not an address: {error}.") from None
    protocol = environment.get("OPENAI_PROTOCOL", "").strip().lower() or ("chat" if address else "responses")
    if provider == "openai" and protocol not in {"chat", "responses"}:
        raise Misconfigured("OPENAI_PROTOCOL must be chat or responses.")
    return Account(provider, key or KEYLESS, address, chat=provider == "openai" and protocol == "chat")


def _wire(known: Account, model: str) -> Wire:
    """Raises Misconfigured where no client can be made, be it for a proxy of another kind or a missing certificate."""
    try:
        if known.provider == "anthropic":
            return Messages(_anthropic(known), model)
        client = _openai(known)
    except Exception as error:
        raise Misconfigured(f"its client can't be made ({type(error).__name__}: {error}).") from None
    return Chat(client, model) if known.chat else Responses(client, model)


@functools.cache
def _anthropic(known: Account) -> "anthropic.Anthropic":
    import anthropic  # takes a second and 40 MB, of a process that asks it

    # Tracing of the SDK's own is off: what leaves this house goes to the provider and nowhere else.
    return anthropic.Anthropic(
        api_key=known.key,
        base_url=known.base_url or "https://api.anthropic.com",
        max_retries=0,
        timeout=Bounds.seconds,
        http_client=http_client(),
        open_telemetry=False,
    )


@functools.cache
def _openai(known: Account) -> "openai.OpenAI":
    import openai  # takes half a second and 20 MB, of a process that asks it

    return openai.OpenAI(
        api_key=known.key,
        base_url=known.base_url or "https://api.openai.com/v1",
        max_retries=0,
        timeout=Bounds.seconds,
        http_client=http_client(),
    )


def http_client(**options: Any) -> httpx2.Client:
    """The HTTP client of all threads: no redirects, and answers that are bounded in time and size as a whole.

    A read timeout of HTTP alone is for one piece of an answer, however many pieces there are.
    """
    _quieten()
    return httpx2.Client(
        follow_redirects=False,
        limits=httpx2.Limits(max_connections=1000, max_keepalive_connections=500, keepalive_expiry=30.0),
        event_hooks={"request": [_note_deadline], "response": [_bound]},
        **options,
    )


def _quieten() -> None:
    """These write requests and addresses to the log, and addresses may hold a password."""
    for name in ("anthropic", "openai", "httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _note_deadline(request: httpx2.Request) -> None:
    seconds = request.extensions.get("timeout", {}).get("read")
    if seconds is not None:
        request.extensions["countersign_until"] = time.monotonic() + seconds


def _bound(response: httpx2.Response) -> None:
    until = response.request.extensions.get("countersign_until", float("inf"))
    assert isinstance(response.stream, httpx2.SyncByteStream)
    response.stream = _Bounded(response.stream, until)


@dataclass
class _Bounded(httpx2.SyncByteStream):
    """A body that ends in an error where it takes too long or grows too large."""

    stream: httpx2.SyncByteStream
    until: float

    def __iter__(self) -> Iterator[bytes]:
        taken = 0
        for piece in self.stream:
            taken += len(piece)
            if time.monotonic() > self.until:
                raise httpx2.ReadTimeout("The answer took too long as a whole.")
            if taken > MAX_ANSWER_BYTES:
                raise httpx2.DecodingError("The answer is too large.")
            yield piece

    def close(self) -> None:
        self.stream.close()
