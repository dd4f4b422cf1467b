"""procrastinate: a queue in PostgreSQL. It has no steps, so a task keeps its progress in a row of its own.

After https://procrastinate.readthedocs.io: asynchronous tasks, the worker's `concurrency`, LISTEN/NOTIFY on.
"""

import asyncio
import functools
import json
import os
from typing import Any

import procrastinate
import psycopg
from psycopg_pool import AsyncConnectionPool

from bench.asking import AsyncLight, AsyncSdk, Turn, async_model, carried_out, ended
from bench.rivals.rows import INSERT, TABLE, UPDATE
from bench.submitting import serve

URL = os.environ["BENCH_DATABASE_URL"]
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=URL, max_size=10))


@functools.cache
def pool() -> AsyncConnectionPool:
    """With the connector's ten, as many connections as Countersign's own pool has."""
    return AsyncConnectionPool(URL, max_size=10, kwargs={"autocommit": True}, open=False)


@functools.cache
def asked() -> AsyncLight | AsyncSdk:
    return async_model()


@app.task(name="run")
async def run(task: int, goal: str) -> None:
    past: list[Turn] = []
    while not ended(past):
        past.append(carried_out(await asked().ask(goal, past)))
        async with pool().connection() as connection:
            await connection.execute(UPDATE, (len(past), json.dumps(past[-1]), ended(past), task))


async def _work() -> None:
    async with app.open_async(), pool():
        await app.run_worker_async(concurrency=int(os.environ["BENCH_SLOTS"]))


def queue(goals: list[str], line: dict[str, Any]) -> None:
    with psycopg.connect(URL, autocommit=True) as connection:
        for goal in goals:
            row = connection.execute(INSERT, (goal,)).fetchone()
            assert row is not None
            run.defer(task=row[0], goal=goal)


async def _make_tables() -> None:
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
    with psycopg.connect(URL, autocommit=True) as connection:
        connection.execute(TABLE)


def setup() -> None:
    asyncio.run(_make_tables())


def work() -> None:
    asyncio.run(_work())


def submit() -> None:
    with app.open():
        serve(queue, ("procrastinate", "psycopg", "openai"))
