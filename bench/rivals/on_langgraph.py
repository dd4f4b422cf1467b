"""LangGraph with its PostgreSQL checkpointer: a node for the model, a node for the tools, a checkpoint after each.

After https://docs.langchain.com/oss/python/langgraph: AsyncPostgresSaver over a pool with `autocommit` and `dict_row`,
durability `async`, which is its default, and the graph of its quickstart. Merged, one node does both.
"""

import asyncio
import operator
import os
import uuid
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.graph import END, START, StateGraph
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from bench import doors
from bench.asking import Turn, async_model, carried_out, ended
from bench.goals import Goal
from bench.submitting import serve

MERGED = bool(os.environ["BENCH_MERGED"])


class State(TypedDict):
    goal: str
    past: Annotated[list[Turn], operator.add]
    called: Turn


def graph(saver: AsyncPostgresSaver) -> Any:
    asked = async_model()

    async def llm_call(state: State) -> dict[str, Any]:
        called = await asked.ask(state["goal"], state["past"])
        if called["name"] == "finish":
            return {"past": [called]}
        return {"past": [carried_out(called)]} if MERGED else {"called": called}

    async def tool_node(state: State) -> dict[str, list[Turn]]:
        return {"past": [carried_out(state["called"])]}

    def onward(state: State) -> str:
        return END if ended(state["past"]) else again

    built = StateGraph(State)
    built.add_node("llm_call", llm_call)
    built.add_edge(START, "llm_call")
    again = "llm_call"
    if not MERGED:
        again = "tool_node"
        built.add_node("tool_node", tool_node)
        built.add_edge("tool_node", "llm_call")
    built.add_conditional_edges("llm_call", onward, [again, END])
    return built.compile(checkpointer=saver)


def pool() -> AsyncConnectionPool:
    """As many connections as Countersign's own pool has."""
    options = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    return AsyncConnectionPool(os.environ["BENCH_DATABASE_URL"], max_size=20, kwargs=options, open=False)


async def _work() -> None:
    async with pool() as connections:
        compiled = graph(AsyncPostgresSaver(connections))
        slots = asyncio.Semaphore(int(os.environ["BENCH_SLOTS"]))
        running: set[asyncio.Task[None]] = set()

        async def run(goal: str) -> None:
            thread = {
                "configurable": {"thread_id": str(uuid.uuid4())},
                "recursion_limit": 2 * Goal.read(goal).steps + 5,
            }
            async with slots:
                await compiled.ainvoke({"goal": goal, "past": []}, thread)

        async def start(goal: str) -> None:
            task = asyncio.create_task(run(goal))
            running.add(task)
            task.add_done_callback(running.discard)

        await doors.serve(start)


async def _make_tables() -> None:
    async with pool() as connections:
        await AsyncPostgresSaver(connections).setup()


def hand_in(goals: list[str], line: dict[str, Any]) -> None:
    doors.knock(goals)


def setup() -> None:
    asyncio.run(_make_tables())


def work() -> None:
    asyncio.run(_work())


def submit() -> None:
    serve(hand_in, ("langgraph", "langgraph-checkpoint-postgres", "psycopg", "openai"))
