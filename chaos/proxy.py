"""What lies between a process and its servers? A line that can be cut, slowed down or frozen."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any
from urllib.parse import urlsplit, urlunsplit

CHUNK = 64 * 1024


class Lines:
    """The event loop of all proxies, in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        done: Future[Any] = asyncio.run_coroutine_threadsafe(work, self.loop)
        return done.result(10)

    def close(self) -> None:
        self.run(self._end_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)

    async def _end_all(self) -> None:
        tasks = [one for one in asyncio.all_tasks(self.loop) if one is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Proxy:
    """A port of this machine that leads to another one."""

    def __init__(self, lines: Lines, host: str, port: int) -> None:
        self.port = 0
        self._lines = lines
        self._target = (host, port)
        self._delay = 0.0
        self._open = True
        self._flows = asyncio.Event()
        self._pairs: set[asyncio.StreamWriter] = set()
        lines.run(self._start())

    def cut(self) -> None:
        """Every connection ends, and no new one is taken, until `heal`."""
        self._open = False
        self._lines.run(self._cut())

    def slow(self, seconds: float) -> None:
        """Everything takes so much longer, each way, until `heal`."""
        self._delay = seconds

    def freeze(self) -> None:
        """Nothing gets through and nothing is closed, until `heal`: nobody can tell whether the other side lives."""
        self._lines.loop.call_soon_threadsafe(self._flows.clear)

    def heal(self) -> None:
        self._open, self._delay = True, 0.0
        self._lines.loop.call_soon_threadsafe(self._flows.set)

    async def _start(self) -> None:
        self._flows.set()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]

    async def _cut(self) -> None:
        for writer in list(self._pairs):
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open:
            writer.transport.abort()
            return
        self._pairs.add(writer)
        try:
            there, back = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            self._pairs.discard(writer)
            return
        self._pairs.add(back)
        try:
            await asyncio.gather(self._carry(reader, back), self._carry(there, writer))
        finally:
            for one in (writer, back):
                one.transport.abort()
                self._pairs.discard(one)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK):
                await self._flows.wait()
                if self._delay:
                    await asyncio.sleep(self._delay)
                writer.write(chunk)
                await writer.drain()
        writer.close()


def line_to(lines: Lines, url: str) -> tuple[str, Proxy]:
    """A new line to a server, and the server's address by that line."""
    place = urlsplit(url)
    line = Proxy(lines, place.hostname or "127.0.0.1", place.port or {"redis": 6379}.get(place.scheme, 5432))
    who = f"{place.netloc.rpartition('@')[0]}@" if "@" in place.netloc else ""
    return urlunsplit(place._replace(netloc=f"{who}127.0.0.1:{line.port}")), line
