"""DBOS Transact: a durable workflow, each model call and each tool a step whose output is recorded.

After https://docs.dbos.dev/python: a queue for many workflows (`register_queue`, polled each second as is its default),
coroutine workflows and steps, a client of its own for submitting. The start latency is taken with a workflow that is
started in the process itself, which does not wait for the queue's next poll.
"""

import asyncio
import os
from typing import Any

from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions

from bench import doors
from bench.asking import Turn, async_model, carried_out, ended
from bench.submitting import serve

URL = os.environ["BENCH_DATABASE_URL"]
QUEUE = "bench"
MERGED = bool(os.environ["BENCH_MERGED"])
# Both processes must name the same version of the application; else it is a digest of the sources.
VERSION = "bench"
asked = async_model()


@DBOS.step()
async def ask(goal: str, past: list[Turn]) -> Turn:
    return await asked.ask(goal, past)


@DBOS.step()
async def carry_out(turn: Turn) -> Turn:
    return carried_out(turn)


@DBOS.step()
async def ask_and_carry_out(goal: str, past: list[Turn]) -> Turn:
    return carried_out(await asked.ask(goal, past))


@DBOS.workflow()
async def run(goal: str) -> int:
    past: list[Turn] = []
    while not ended(past):
        past.append(await (ask_and_carry_out(goal, past) if MERGED else turn(goal, past)))
    return len(past)


async def turn(goal: str, past: list[Turn]) -> Turn:
    """As the documentation has it: whatever touches the world is a step, a model and a tool alike."""
    said = await ask(goal, past)
    return said if said["name"] == "finish" else await carry_out(said)


def launch() -> None:
    config: DBOSConfig = {"name": "bench", "system_database_url": URL, "application_version": VERSION}
    DBOS(config=config)
    DBOS.launch()


async def start(goal: str) -> None:
    await DBOS.start_workflow_async(run, goal)


def setup() -> None:
    launch()
    DBOS.register_queue(QUEUE)
    DBOS.destroy()


def work() -> None:
    launch()
    DBOS.register_queue(QUEUE, worker_concurrency=int(os.environ["BENCH_SLOTS"]))
    asyncio.run(doors.serve(start))


def submit() -> None:
    client = DBOSClient(system_database_url=URL)
    options: EnqueueOptions = {"queue_name": QUEUE, "workflow_name": run.__qualname__, "app_version": VERSION}

    def hand_in(goals: list[str], line: dict[str, Any]) -> None:
        if line.get("at_once"):
            doors.knock(goals)
            return
        for goal in goals:
            client.enqueue(options, goal)

    serve(hand_in, ("dbos", "SQLAlchemy", "psycopg", "openai"))
