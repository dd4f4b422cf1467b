"""Which models can be asked follows from the environment; a key is handed over once and shown nowhere."""

import logging

import pytest

from agents.llm import providers
from agents.llm.anthropic import Messages
from agents.llm.asking import Bounds, Model
from agents.llm.base import NoProposal
from agents.llm.openai import Chat, Responses
from agents.llm.playbook import Playbook
from tests.model_requests import DEFINITION, KEY, Ledger, request
from tests.processes import run


def link(name: str, **environment: str) -> object:
    return providers.link(name, Ledger(), environment, Bounds())


def wire(name: str, **environment: str) -> object:
    found = link(name, **environment)
    assert isinstance(found, Model)
    return found.wire


def test_the_chain_keeps_its_order() -> None:
    definition = DEFINITION.model_copy(update={"models": ("playbook", "anthropic:a", "openai:o")})
    found = providers.links(definition, Ledger(), {"ANTHROPIC_API_KEY": KEY}, Bounds())
    assert [one.name for one in found] == ["playbook", "anthropic:a", "openai:o"]
    assert isinstance(found[0], Playbook)
    assert isinstance(found[1], Model)
    assert isinstance(found[2], providers.NotConfigured)


@pytest.mark.parametrize("name", ["anthropic:claude-sonnet-5", "openai:gpt-5.5"])
def test_a_link_without_a_key_says_what_to_set(name: str) -> None:
    found = link(name, ANTHROPIC_API_KEY="", OPENAI_API_KEY="  ")
    assert isinstance(found, providers.NotConfigured)
    variable = name.split(":")[0].upper() + "_API_KEY"
    with pytest.raises(NoProposal, match=f"{name} is not configured here: set {variable}"):
        found.propose(request())


@pytest.mark.parametrize("address", ["http://localhost:abc/v1", "http://[::1"])
def test_an_address_that_is_none_is_said_and_keeps_no_worker_from_starting(address: str) -> None:
    found = link("openai:m", OPENAI_BASE_URL=address)
    assert isinstance(found, providers.NotConfigured)
    assert "OPENAI_BASE_URL is not an address" in found.why
    providers.load({"OPENAI_BASE_URL": address})


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize(
    ("name", "value", "why"),
    [("ALL_PROXY", "socks5://127.0.0.1:1", "SOCKS"), ("SSL_CERT_FILE", "/nowhere/at/all", "No such file")],
)
def test_a_client_that_can_not_be_made_here_is_said_and_keeps_no_worker_from_starting(
    provider: str, name: str, value: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    known = {f"{provider.upper()}_API_KEY": f"{KEY}-of-nobody-else"}
    found = link(f"{provider}:m", **known)
    assert isinstance(found, providers.NotConfigured)
    assert why in found.why
    providers.load(known)


def test_openai_itself_is_asked_by_responses_and_other_servers_by_chat() -> None:
    assert isinstance(wire("openai:gpt-5.5", OPENAI_API_KEY=KEY), Responses)
    assert isinstance(wire("openai:llama3", OPENAI_BASE_URL="http://localhost:11434/v1"), Chat)
    assert isinstance(wire("openai:m", OPENAI_BASE_URL="http://gateway/v1", OPENAI_PROTOCOL="responses"), Responses)
    assert isinstance(wire("openai:gpt-5.5", OPENAI_API_KEY=KEY, OPENAI_PROTOCOL="chat"), Chat)


def test_a_server_of_ones_own_needs_no_key() -> None:
    found = wire("openai:llama3", OPENAI_BASE_URL="http://localhost:11434/v1")
    assert isinstance(found, Chat)
    assert found.client.api_key == "none"
    assert str(found.client.base_url) == "http://localhost:11434/v1/"


def test_what_is_configured_is_loaded_when_a_worker_starts_and_nothing_else_ever_is() -> None:
    script = (
        "import sys, django; django.setup()\n"
        "from agents.llm import providers\n"
        "def sdks(): return [name for name in ('anthropic', 'openai') if name in sys.modules]\n"
        "print(sdks())\n"
        "providers.load({'OPENAI_BASE_URL': 'http://localhost:1/v1', 'ANTHROPIC_API_KEY': 'a key'})\n"
        "print(sdks())"
    )
    done = run("-c", script, DJANGO_SETTINGS_MODULE="tests.settings", SENTRY_DSN="")
    assert (done.returncode, done.stdout.split("\n")[:2]) == (0, ["[]", "['openai']"]), done.stderr


def test_the_key_of_the_process_environment_is_not_picked_up_behind_our_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-of-the-process")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://elsewhere.test")
    found = wire("anthropic:claude-sonnet-5", ANTHROPIC_API_KEY=KEY)
    assert isinstance(found, Messages)
    assert found.client.api_key == KEY
    assert found.client.base_url.host == "api.anthropic.com"


@pytest.mark.parametrize("key", ["sk-with space", "sk-“quoted”", "sk-with\nnewline-inside"])
def test_a_key_that_can_not_be_one_is_refused_without_showing_it(key: str) -> None:
    found = link("anthropic:claude-sonnet-5", ANTHROPIC_API_KEY=key)
    assert isinstance(found, providers.NotConfigured)
    assert key not in found.why


@pytest.mark.parametrize(
    "environment", [{"OPENAI_BASE_URL": "localhost:11434"}, {"OPENAI_API_KEY": KEY, "OPENAI_PROTOCOL": "smtp"}]
)
def test_a_setting_that_makes_no_sense_is_said(environment: dict[str, str]) -> None:
    assert isinstance(link("openai:gpt-5.5", **environment), providers.NotConfigured)


def test_one_client_serves_all_threads_of_a_process() -> None:
    first = wire("openai:a", OPENAI_API_KEY=KEY)
    second = wire("openai:b", OPENAI_API_KEY=KEY)
    assert isinstance(first, Responses)
    assert isinstance(second, Responses)
    assert first.client is second.client
    assert first.client.max_retries == 0


def test_nothing_that_can_be_printed_shows_a_key() -> None:
    shown = [repr(providers.account("anthropic", {"ANTHROPIC_API_KEY": KEY}))]
    shown += [repr(link(name, ANTHROPIC_API_KEY=KEY, OPENAI_API_KEY=KEY)) for name in ("anthropic:m", "openai:m")]
    assert not [text for text in shown if KEY in text]


def test_the_sdks_write_no_requests_and_no_addresses_to_the_log() -> None:
    wire("openai:a", OPENAI_API_KEY=KEY)
    assert all(
        not logging.getLogger(name).isEnabledFor(logging.INFO)
        for name in ("openai", "anthropic", "httpx2", "httpcore2")
    )
