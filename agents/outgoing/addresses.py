"""May this house be called from here? Only public addresses, and the networks that the operator named.

A name is resolved once, every address of it is looked at, and the connection goes to one that was looked at: a name
that changes its answer between the check and the call gains nothing.
"""

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from agents.errors import Invalid

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# is_global lets these through: an old relay, and addresses that stand for another one inside.
_REFUSED = tuple(
    ip_network(text) for text in ("192.88.99.0/24", "2001::/23", "2002::/16", "2001:db8::/32", "3fff::/20")
)
# Whatever is not in here (loopback, local, mapped, translated, multicast) is no public IPv6 address.
_PUBLIC_V6 = IPv6Network("2000::/3")
MAX_URL = 2000


class Unreachable(Exception):
    """The address may not be called, or nobody knows it. The message is for the owner of the URL."""


def read(url: str, field: str = "url") -> SplitResult:
    """A URL that may be worth calling. Raises Invalid with what is wrong; its addresses are checked at each call."""
    if not isinstance(url, str) or len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise Invalid(f"The {field} must have at most {MAX_URL:,} ASCII characters, without blanks.", field=field)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Invalid(f"The {field} can't be read as a URL.", field=field) from None
    schemes = ("https", "http") if allowed() else ("https",)
    if parts.scheme not in schemes:
        raise Invalid(f"The {field} must begin with {' or '.join(f'{one}://' for one in schemes)}.", field=field)
    if not parts.hostname or port == 0 or len(parts.hostname) > 253:
        raise Invalid(f"The {field} names no host, or no port that can be called.", field=field)
    if "@" in parts.netloc:
        raise Invalid(f"The {field} must not carry a user or a password; check the signature instead.", field=field)
    if parts.fragment:
        raise Invalid(f"The {field} must not have a part after #, which is never sent.", field=field)
    literal = _literal(parts.hostname)
    if literal is not None and not may_call(literal, encrypted=parts.scheme == "https"):
        raise Invalid(f"The {field} leads to {literal}, which is not a public address.", field=field)
    return parts


def resolve(host: str, port: int, *, encrypted: bool) -> list[str]:
    """The addresses of a host, all of which may be called. Raises Unreachable."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreachable(f"There is no address for {host}.") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for text in addresses:
        address = _literal(text)
        if address is None or not may_call(address, encrypted=encrypted):
            raise Unreachable(f"{host} leads to {text}, which is not a public address.")
    return addresses


def may_call(address: Address, *, encrypted: bool) -> bool:
    """Public addresses by TLS; in the networks that the operator named, without it too."""
    if any(address in network for network in allowed()):
        return True
    if not encrypted or not address.is_global or address.is_multicast:
        return False
    if any(address in network for network in _REFUSED):
        return False
    return isinstance(address, IPv4Address) or address in _PUBLIC_V6


def allowed() -> tuple[Network, ...]:
    """The networks inside that may be called nevertheless (COUNTERSIGN_OUTGOING_NETWORKS)."""
    return tuple(ip_network(text) for text in settings.COUNTERSIGN_OUTGOING_NETWORKS)


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None
