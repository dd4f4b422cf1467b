"""How does Countersign run in one process? All it needs is started in order, and stopped in reverse."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from types import FrameType

from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from waitress.server import create_server

from agents.engine import drain, leases
from config.embedded import folder, people
from config.embedded.banner import banner
from config.embedded.options import Options
from config.embedded.worker import EmbeddedWorker
from config.environment import Refused, refuse


class Stop(KeyboardInterrupt):
    """Ctrl-C or SIGTERM."""


def serve(options: Options, say: Callable[[str], None]) -> None:
    """Run until Ctrl-C or SIGTERM. Refuses with one sentence if something is in the way.

    1. Take the folder's lock: whatever it holds, nobody else works on it.
    2. Listen, before anything is changed, so that a port in use costs nothing. Browsers wait until step 5.
    3. Bring the database up to date, take back the tasks of the process before, and prepare the demo.
    4. Start the worker.
    5. Serve, until a signal comes; then hand the running tasks over and stop.
    """
    with (
        _stopping_on_signals(),
        closing(folder.lock(settings.DATA_FOLDER)) as lock,
        closing(_listen(options)) as door,
    ):
        try:
            address = _address(options.host, door.getsockname()[1])
            folder.sign(lock, address)
            call_command("migrate", interactive=False, verbosity=0)
            leases.take_back_everything()
            sign_ins = people.with_demo(known_passwords=options.on_loopback) if options.demo else people.without_demo()
            words = banner(address, sign_ins, demo=options.demo, reachable=not options.on_loopback, ignored=_ignored())
            with _worker(say):
                _serve_web(door, lambda: say(words))
        except Stop:
            say("Stopped before it was ready.")


@contextmanager
def _worker(say: Callable[[str], None]) -> Iterator[None]:
    """A worker while the body runs; afterwards its tasks are handed over."""
    stopping = died = False

    def ended() -> None:
        nonlocal died
        died = not stopping
        if died:
            os.kill(os.getpid(), signal.SIGTERM)

    worker = EmbeddedWorker(settings.COUNTERSIGN_SLOTS, on_end=ended)
    try:
        if not worker.start():
            refuse("its worker did not get ready; the lines above say why.")
        yield
    finally:
        stopping = True
        say("\nStopping: running tasks are handed over at their next step. Ctrl-C again stops at once.")
        drain.begin()
        if not worker.stop():
            say("A step is still running; the next start finds out what became of it.")
            # Python would wait for its thread, however long it takes.
            os._exit(0)
    if died:
        # Without a worker every task would stay pending, and nobody would know why.
        raise Refused("Countersign stopped: its worker ended; the lines above say why.")
    say("Stopped.")


def _serve_web(door: socket.socket, when_ready: Callable[[], None]) -> None:
    server = create_server(
        get_wsgi_application(),
        sockets=[door],
        threads=8,
        ident="countersign",
        # Django refuses far smaller ones, and says so in the form that callers expect.
        max_request_body_size=64 * 1024 * 1024,
        asyncore_use_poll=True,
        clear_untrusted_proxy_headers=True,
    )
    when_ready()
    try:
        # Ends by itself on KeyboardInterrupt, after the requests in hand.
        server.run()
    finally:
        server.close()


def _listen(options: Options) -> socket.socket:
    """A socket that already listens: on Linux, two that only bind can share a port unnoticed."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            options.host, options.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror:
        refuse(f"{options.host} is no address of this machine; try --host 127.0.0.1.")
    door = socket.socket(family, kind, protocol)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind(place)
        door.listen(128)
    except OSError as error:
        door.close()
        refuse(
            f"port {options.port} of {options.host} can't be used ({error.strerror}); "
            "choose another with --port (or make run PORT=8001)."
        )
    return door


def _address(host: str, port: int) -> str:
    shown = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)  # noqa: S104
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/"


def _ignored() -> list[str]:
    return [name for name in ("DATABASE_URL", "REDIS_URL") if os.environ.get(name)]


@contextmanager
def _stopping_on_signals() -> Iterator[None]:
    """The first signal raises Stop in the main thread. The second ends the process at once."""
    seen = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal seen
        if seen:
            os._exit(1)
        seen = True
        raise Stop

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
