"""Is this process going away? Then running slices hand their tasks over at the next step boundary."""

import threading

_draining = threading.Event()


def begin() -> None:
    _draining.set()


def end() -> None:
    """Takes work again; for a process that starts a second worker, such as a test."""
    _draining.clear()


def draining() -> bool:
    return _draining.is_set()
