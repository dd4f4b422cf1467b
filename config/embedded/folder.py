"""What does a data folder hold besides the database? A secret key, and the lock of the process using it."""

import fcntl
import json
import os
import secrets
from pathlib import Path
from typing import IO

from config.environment import refuse


def prepare(folder: Path) -> None:
    """Make the folder, for its owner alone, or refuse with a sentence if nothing can be written there."""
    probe = folder / f".writable-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe.touch()
        probe.unlink()
    except OSError as error:
        refuse(f"the data folder {folder} can't be written to ({error.strerror}); choose another.")


def secret_key(folder: Path) -> str:
    """The folder's own key, made at the first call. Sessions outlive a restart with it."""
    prepare(folder)
    path = folder / "secret_key"
    try:
        # O_EXCL: of two processes that come at once, one makes the key and the other reads it.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_key(path)
    with os.fdopen(descriptor, "w") as file:
        file.write(key := secrets.token_urlsafe(64))
    return key


def _read_key(path: Path) -> str:
    try:
        path.chmod(0o600)
        return path.read_text().strip()
    except OSError as error:
        refuse(f"the secret key in {path} can't be read ({error.strerror}).")


def lock(folder: Path) -> IO[str]:
    """The folder's lock, held until the file is closed or the process ends, however it ends.

    Refuses with a sentence if another process holds it.
    """
    file = (folder / "up.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        refuse(f"{_holder(file)} uses the data folder {folder}; stop that one, or choose another folder.")
    except OSError as error:
        refuse(f"the data folder {folder} can't be locked ({error.strerror}); choose one on a local disk.")
    return file


def sign(file: IO[str], address: str) -> None:
    """Write into the lock who holds it, for the sentence that the next one reads."""
    file.seek(0)
    file.truncate()
    json.dump({"pid": os.getpid(), "address": address}, file)
    file.flush()


def _holder(file: IO[str]) -> str:
    file.seek(0)
    try:
        holder = json.load(file)
        return f"process {holder['pid']}, at {holder['address']},"
    except (ValueError, KeyError, TypeError):
        return "another process"
