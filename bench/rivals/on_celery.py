"""The floor: plain Celery with Redis, and a row update for each step. It promises nothing.

celery -A bench.rivals.on_celery worker --pool threads --concurrency N
"""

import functools
import json
import os
from typing import Any

import psycopg
from celery import Celery
from psycopg_pool import ConnectionPool

from bench.asking import Light, Sdk, Turn, carried_out, ended, model
from bench.rivals.rows import INSERT, TABLE, UPDATE
from bench.submitting import serve

app = Celery("floor", broker=os.environ["BENCH_REDIS_URL"])
app.conf.update(task_ignore_result=True, task_default_queue="floor", broker_connection_retry_on_startup=True)


@functools.cache
def pool() -> ConnectionPool:
    """As many connections as Countersign's own pool has."""
    return ConnectionPool(os.environ["BENCH_DATABASE_URL"], max_size=20, kwargs={"autocommit": True}, open=True)


@functools.cache
def asked() -> Light | Sdk:
    return model()


@app.task(name="run")
def run(task: int, goal: str) -> None:
    past: list[Turn] = []
    while not ended(past):
        past.append(carried_out(asked().ask(goal, past)))
        with pool().connection() as connection:
            connection.execute(UPDATE, (len(past), json.dumps(past[-1]), ended(past), task))


def queue(goals: list[str], line: dict[str, Any]) -> None:
    with psycopg.connect(os.environ["BENCH_DATABASE_URL"], autocommit=True) as connection:
        for goal in goals:
            row = connection.execute(INSERT, (goal,)).fetchone()
            assert row is not None
            run.delay(row[0], goal)


def setup() -> None:
    with psycopg.connect(os.environ["BENCH_DATABASE_URL"], autocommit=True) as connection:
        connection.execute(TABLE)


def submit() -> None:
    serve(queue, ("celery", "redis", "psycopg", "openai"))
