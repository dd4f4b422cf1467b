"""How does a task get into a process that has no queue of its own? By a line on a loopback socket, as a request would.

LangGraph leaves the queue to its users, and DBOS starts a workflow at once only in its own process.
"""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

HOST = "127.0.0.1"
PATIENCE = 60.0
"""Seconds until the door of a worker that is starting must be open."""


async def serve(start: Callable[[str], Awaitable[Any]]) -> None:
    """Starts each goal that comes in, on the port in BENCH_DOOR. Never returns."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            await start(line.decode().rstrip())
        writer.close()

    server = await asyncio.start_server(take, HOST, int(os.environ["BENCH_DOOR"]))
    async with server:
        await server.serve_forever()


def knock(goals: list[str]) -> None:
    """Hands goals in; waits for the door of a worker that is still starting."""
    with _opened() as line:
        line.sendall("".join(f"{goal}\n" for goal in goals).encode())


def _opened() -> socket.socket:
    address = (HOST, int(os.environ["BENCH_DOOR"]))
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection(address)
        except ConnectionRefusedError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.01)
