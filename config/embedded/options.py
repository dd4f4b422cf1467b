"""What was `up` told on its command line, and which settings follow from it?"""

import argparse
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

DEFAULT_FOLDER = Path(__file__).resolve().parents[2] / "var"


@dataclass(frozen=True)
class Options:
    host: str
    port: int
    data_dir: Path
    demo: bool

    @property
    def on_loopback(self) -> bool:
        """Is it out of reach for every other machine?"""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1: this machine only)")
    parser.add_argument("--port", type=_port, default=8000, help="the port to listen on (8000; 0 takes a free one)")
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=DEFAULT_FOLDER,
        help="the folder for the database and the secret key (var)",
    )
    parser.add_argument("--no-demo", action="store_true", help="without the sample desk and its sign-ins")


def from_namespace(said: argparse.Namespace | dict[str, object]) -> Options:
    """The options out of what argparse, or Django around it, made of the command line."""
    values = said if isinstance(said, dict) else vars(said)
    return Options(
        host=str(values["host"]),
        port=int(str(values["port"])),
        data_dir=Path(str(values["data_dir"])).expanduser().absolute(),
        demo=not values["no_demo"],
    )


def export(arguments: Sequence[str]) -> Options:
    """Put what follows from the command line into the environment, where the settings will look.

    An option that is not understood is left for Django's own parser, which knows the others too.
    """
    parser = argparse.ArgumentParser(prog="manage.py up", add_help=False, exit_on_error=False, allow_abbrev=False)
    add_arguments(parser)
    try:
        options = from_namespace(parser.parse_known_args(arguments)[0])
    except argparse.ArgumentError as error:
        raise SystemExit(f"Countersign can't start: {error}.") from None
    os.environ["COUNTERSIGN_DATA"] = str(options.data_dir)
    os.environ["COUNTERSIGN_DEMO"] = "true" if options.demo else "false"
    os.environ.setdefault("ALLOWED_HOSTS", _hosts(options))
    return options


def _hosts(options: Options) -> str:
    """Listening beyond this machine, nobody knows under which names it will be called."""
    return "localhost,127.0.0.1,[::1]" if options.on_loopback else "*"


def _port(said: str) -> int:
    if not said.isascii() or not said.isdigit() or int(said) > 65535:
        raise argparse.ArgumentTypeError(f"{said!r} is not a port; it must be a number up to 65535")
    return int(said)
