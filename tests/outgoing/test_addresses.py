"""Which houses may be called: never one inside, however it is written, unless the operator named its network."""

import socket
import threading
from typing import Any

import pytest

from agents.errors import Invalid
from agents.outgoing import addresses, calling
from agents.outgoing.calling import NoAnswer
from tests.outgoing.conftest import Receiver

INSIDE = [
    "127.0.0.1",
    "10.0.0.1",
    "172.16.3.4",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "192.88.99.1",
    "::1",
    "::",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "fe80::1",
    "fd00::1",
    "fc00::1",
    "ff02::1",
    "2001:db8::1",
]


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_refused(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(Invalid, match="not a public address"):
        addresses.read(f"https://{host}/hook")
    with pytest.raises(addresses.Unreachable, match="not a public address"):
        addresses.resolve(address, 443, encrypted=True)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111"])
def test_a_public_address_may_be_called_by_tls_only(address: str) -> None:
    known = addresses.ip_address(address)
    assert addresses.may_call(known, encrypted=True)
    assert not addresses.may_call(known, encrypted=False)


@pytest.mark.parametrize("host", ["0x7f.1", "2130706433", "0177.0.0.1", "127.1", "localhost", "①②⑦.⓪.⓪.①"])
def test_another_way_to_write_loopback_is_still_loopback(host: str) -> None:
    with pytest.raises(addresses.Unreachable):
        addresses.resolve(host, 443, encrypted=True)


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("http://example.org/", "https://"),
        ("ftp://example.org/", "https://"),
        ("https://", "no host"),
        ("https:///path", "no host"),
        ("https://user:word@example.org/", "password"),
        ("https://example.org:0/", "port"),
        ("https://example.org:99999/", "read"),
        ("https://example.org/#part", "#"),
        ("https://exa mple.org/", "blanks"),
        ("https://example.org/\r\nX: y", "ASCII"),
        ("https://ex\u00e4mple.org/", "ASCII"),
        ("https://example.org/" + "x" * 2000, "2,000"),
        ("https://[::1", "read"),
        ("", "https://"),
    ],
)
def test_a_url_that_is_none_is_refused_with_a_sentence(url: str, hint: str) -> None:
    with pytest.raises(Invalid, match=hint):
        addresses.read(url)


def test_all_addresses_of_a_name_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(addresses.Unreachable, match=r"10\.0\.0\.1"):
        addresses.resolve("two-faced.example", 443, encrypted=True)


def test_the_connection_goes_to_the_address_that_was_looked_at(
    receiver: Receiver, loopback: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that answers otherwise the second time is not asked a second time."""
    port = int(receiver.url.split(":")[2].split("/")[0])
    asked: list[str] = []
    real = socket.getaddrinfo

    def answer(host: str, *rest: Any, **more: Any) -> Any:
        asked.append(host)
        return real("127.0.0.1" if host == "rebinding.example" else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    given = calling.post(f"http://rebinding.example:{port}/", b"{}", {}, seconds=60)
    assert given.status == 204
    assert asked.count("rebinding.example") == 1
    assert receiver.got[0][0]["host"] == f"rebinding.example:{port}"


def test_loopback_is_not_called_unless_it_was_named(receiver: Receiver) -> None:
    with pytest.raises((NoAnswer, Invalid)):
        calling.post(receiver.url, b"{}", {}, seconds=60)
    with pytest.raises(Invalid):
        calling.post(receiver.url.replace("http:", "https:"), b"{}", {}, seconds=60)
    assert receiver.got == []


def test_a_redirect_is_not_followed(receiver: Receiver, loopback: None) -> None:
    receiver.answers = [(302, {"Location": "http://169.254.169.254/latest/meta-data"})]
    assert calling.post(receiver.url, b"{}", {}, seconds=60).status == 302
    assert len(receiver.got) == 1


def test_a_target_that_drips_is_cut_off_at_the_deadline(loopback: None) -> None:
    """One byte now and then keeps every single read within its timeout; the whole call has a deadline."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as door:

        def drip() -> None:
            peer, _ = door.accept()
            with peer:
                peer.sendall(b"HTTP/1.1 200 OK\r\n")
                while not done.wait(0.05):
                    try:
                        peer.sendall(b"X-Slow: y\r\n"[:1])
                    except OSError:
                        return

        threading.Thread(target=drip, daemon=True).start()
        with pytest.raises(NoAnswer, match="within"):
            calling.post(f"http://127.0.0.1:{door.getsockname()[1]}/", b"{}", {}, seconds=0.5)
        done.set()


@pytest.mark.parametrize("said", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 20"])
def test_a_broken_answer_is_no_answer(loopback: None, said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:

        def answer() -> None:
            peer, _ = door.accept()
            with peer:
                peer.recv(65536)
                peer.sendall(said)

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(NoAnswer):
            calling.post(f"http://127.0.0.1:{door.getsockname()[1]}/", b"{}", {}, seconds=60)
