"""What does a service do that uses Countersign in a storm? It repeats with the same key until it has an answer."""

import http.client
import json
import queue
import random
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from chaos.goals import Goal, left_alone, share

SUBMITTERS = 8
TIMEOUT = 10.0
TWICE = 0.1
"""The share of goals that are posted once more after they were acknowledged."""
CANCELED = 0.03


class NoAnswer(Exception):
    """Nobody knows what became of the request."""


@dataclass(frozen=True)
class Canceled:
    """A cancel that was answered: 200 says that the task has ended, 202 that it will."""

    task: int
    status: int
    at: float


@dataclass
class Record:
    """What this side knows, whatever happens on the other one."""

    posted: dict[str, Goal] = field(default_factory=dict)
    """By idempotency key: all that was ever sent."""
    acknowledged: dict[str, int] = field(default_factory=dict)
    answers: dict[str, set[bytes]] = field(default_factory=dict)
    """Each different body that a key was answered with."""
    cancels: list[Canceled] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    """Answers that say that we did something wrong, which we did not."""
    unanswered: int = 0
    """Requests that ended without an answer, or with one that says to come again."""


class Client:
    """Submits goals over so many seconds, answers questions, and cancels a few."""

    def __init__(self, port: int, key: str, run: str) -> None:
        self.record = Record()
        self._port = port
        self._key = key
        self._run = run
        self._queue: queue.Queue[tuple[float, Goal] | None] = queue.Queue()
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._submit_all, daemon=True) for _ in range(SUBMITTERS)]
        self._threads.append(threading.Thread(target=self._answer_all, daemon=True))

    def start(self, goals: Iterable[Goal], seconds: float) -> None:
        """Begins to submit; the goals are spread evenly over the time."""
        wanted = list(goals)
        begun = time.monotonic()
        for place, goal in enumerate(wanted):
            self._queue.put((begun + seconds * place / len(wanted), goal))
        for _ in range(SUBMITTERS):
            self._queue.put(None)
        for thread in self._threads:
            thread.start()

    @property
    def submitting(self) -> bool:
        return any(thread.is_alive() for thread in self._threads[:SUBMITTERS])

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(TIMEOUT + 5)

    def submit(self, goal: Goal) -> int | None:
        """Posts a goal until it is acknowledged; None when this side was stopped before."""
        key = f"chaos {self._run} {goal.number}"
        self.record.posted[key] = goal
        while not self._stopped.is_set():
            try:
                status, body = self.ask("POST", "/api/v1/tasks", goal.body(), key)
            except NoAnswer:
                self.record.unanswered += 1
            else:
                if status == 202:
                    self.record.answers.setdefault(key, set()).add(body)
                    task = int(json.loads(body)["id"])
                    return self.record.acknowledged.setdefault(key, task)
                # 409: an earlier sending, whose answer never came, is still being worked on. 429: not in this minute.
                if status < 500 and status not in (409, 429):
                    self.record.refusals.append(f"{goal.text}: {status} {body[:300]!r}")
                    return None
                self.record.unanswered += 1
            self._stopped.wait(random.uniform(0.1, 0.5))  # noqa: S311
        return None

    def ask(self, method: str, path: str, body: Any = None, key: str = "") -> tuple[int, bytes]:
        """One request on a connection of its own."""
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT)
        try:
            line.request(method, path, None if body is None else json.dumps(body), headers)
            answer = line.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(str(error)) from None
        finally:
            line.close()

    def _submit_all(self) -> None:
        while (one := self._queue.get()) is not None:
            due, goal = one
            self._stopped.wait(max(0.0, due - time.monotonic()))
            task = self.submit(goal)
            if task is not None and share(f"twice:{self._run}:{goal.text}") < TWICE:
                self.submit(goal)
            if task is not None and share(f"cancel:{self._run}:{goal.text}") < CANCELED:
                self._stopped.wait(share(f"when:{goal.text}") * 2)
                self._cancel(task)

    def _cancel(self, task: int) -> None:
        while not self._stopped.is_set():
            try:
                status, _ = self.ask("POST", f"/api/v1/tasks/{task}/cancel")
            except NoAnswer:
                status = 503
            if status < 500 and status != 429:
                self.record.cancels.append(Canceled(task, status, time.time()))
                return
            self._stopped.wait(0.3)

    def _answer_all(self) -> None:
        while not self._stopped.wait(0.5):
            try:
                status, body = self.ask("GET", "/api/v1/tasks?status=needs_input&limit=100")
                for task in json.loads(body)["results"] if status == 200 else ():
                    if not left_alone(task["goal"]):
                        self.ask("POST", f"{task['url']}/answer", {"answer": "blue"})
            except NoAnswer:
                continue
