"""How is a setting read from the environment? What is wrong with one ends the start with one sentence."""

import importlib.util
import ipaddress
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import environ
from cryptography.fernet import Fernet

T = TypeVar("T")
env = environ.Env()


class Refused(SystemExit):
    """Countersign can't start like this. The message is one sentence: what is wrong, and what to do."""


def refuse(sentence: str) -> NoReturn:
    """End the start with this sentence on standard error and exit code 1, without a traceback."""
    raise Refused(f"Countersign can't start: {sentence}")


def read_env_file(path: Path) -> None:
    """Take NAME=value lines from the file, if it is there. What the environment already says wins."""
    if path.is_file():
        environ.Env.read_env(path)


def text(name: str, default: str = "") -> str:
    """The setting as it stands, without blanks around it. Set but empty counts as not set."""
    return env.str(name, default="").strip() or default


def words(name: str, default: list[str] | None = None) -> list[str]:
    """The setting as a list, divided by commas."""
    return [word.strip() for word in text(name).split(",") if word.strip()] or (default or [])


def networks(name: str) -> list[str]:
    """Networks such as 10.1.0.0/16, divided by commas."""
    said = words(name)
    for word in said:
        try:
            ipaddress.ip_network(word)
        except ValueError:
            refuse(f"{name} has {word!r}, which is no network; it must look like 10.1.0.0/16 or fd00::/8.")
    return said


def fernet_keys(name: str) -> list[str]:
    """Keys of 32 bytes in URL-safe base64, divided by commas."""
    said = words(name)
    for place, word in enumerate(said, start=1):
        try:
            Fernet(word)
        except ValueError:
            refuse(
                f"{name} has a key that is none, in place {place}; each must be 32 bytes in URL-safe base64 "
                "(`openssl rand -base64 32 | tr '+/' '-_'` prints one)."
            )
    return said


def importable(name: str) -> bool:
    """Is there an app of this name: a package, or the path of an AppConfig class?"""
    for candidate in (name, name.rpartition(".apps.")[0]):
        try:
            if candidate and importlib.util.find_spec(candidate):
                return True
        except ImportError:
            continue
    return False


def switch(name: str, default: bool) -> bool:
    """A yes or a no. Anything else refuses the start, since a guess could switch a protection off."""
    said = text(name).lower()
    if not said:
        return default
    if said in {"1", "true", "yes", "on"}:
        return True
    if said in {"0", "false", "no", "off"}:
        return False
    refuse(f"{name} is {said!r}; say true or false.")


def whole(name: str, default: int, at_least: int = 0) -> int:
    """A whole number, no smaller than `at_least`."""
    return _number(int, "a whole number", name, default, at_least)


def amount(name: str) -> Decimal | None:
    """An amount of money above nothing, exactly as it is written; None if it is not set."""
    said = text(name)
    if not said:
        return None
    try:
        value = Decimal(said)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or not 0 < value <= 1_000_000:
        refuse(f"{name} is {said!r}; it must be an amount such as 12.50, above 0 and at most 1000000.")
    return value


def share(name: str, default: float) -> float:
    """A part of the whole, from 0 to 1."""
    value = _number(float, "a number from 0 to 1", name, default, 0)
    return value if value <= 1 else refuse(f"{name} is {value:g}; it must be a number from 0 to 1.")


def seconds(name: str, default: float, at_least: float = 0.01) -> float:
    """A length of time in seconds, no shorter than `at_least`."""
    return _number(float, "a number of seconds", name, default, at_least)


def several_seconds(name: str, default: list[float]) -> list[float]:
    """Lengths of time in seconds, divided by commas."""
    said = words(name)
    try:
        values = [float(word) for word in said]
    except ValueError:
        values = [-1.0]
    if any(not 0 <= value < float("inf") for value in values):
        refuse(f"{name} is {','.join(said)!r}; it must be seconds divided by commas, such as 2,10,30.")
    return values or default


def _number(kind: Callable[[Any], T], noun: str, name: str, default: T, at_least: float) -> T:
    said = text(name)
    if not said:
        return default
    try:
        value = kind(said)
    except ValueError:
        refuse(f"{name} is {said!r}; it must be {noun}.")
    # Written so that "nan", which is neither above nor below anything, is refused too.
    if not at_least <= value < float("inf"):  # type: ignore[operator]
        refuse(f"{name} is {said}; it must be {noun}, {at_least} or more.")
    return value
