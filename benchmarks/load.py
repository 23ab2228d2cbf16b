"""A load generator for `board.py` and `push.py`: open connections, one request after the other.

    python load.py PORT CONNECTIONS SECONDS FILE

FILE has requests that were made before, each after its length in 4 bytes, big-endian. The
connections to PORT send them in turn, once. If SECONDS is not 0, they send them again and again
until SECONDS are over. Prints JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import uvloop

_ROOM = 1 << 18  # bytes of the buffer for what is received


def read_requests(path: Path) -> list[bytes]:
    """Return the requests in a file."""
    data, position, requests = path.read_bytes(), 0, []
    while position < len(data):
        end = position + 4 + int.from_bytes(data[position : position + 4], "big")
        requests.append(data[position + 4 : end])
        position = end
    return requests


def write_requests(path: Path, requests: list[bytes]) -> None:
    """Write requests to a file, for `read_requests`."""
    path.write_bytes(b"".join(len(each).to_bytes(4, "big") + each for each in requests))


class Connection(asyncio.BufferedProtocol):
    """A connection that sends a request when it has the whole answer to the one before."""

    def __init__(self, requests: Iterator[bytes], load: Load) -> None:
        self._requests, self._load = requests, load
        self._buffer = memoryview(bytearray(_ROOM))
        self._head, self._missing, self._status = b"", -1, 0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self.next()

    def next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
        else:
            self._started = time.perf_counter()
            self._transport.write(request)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return self._buffer

    def buffer_updated(self, size: int) -> None:
        if self._missing < 0:
            self._head += self._buffer[:size]
            head, separator, body = self._head.partition(b"\r\n\r\n")
            if not separator:
                return
            lower = head.lower()
            length = lower.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
            self._status, self._missing = int(head[9:12]), int(length) - len(body)
        else:
            self._missing -= size
        if self._missing == 0:
            self._head, self._missing = b"", -1
            self._load.answered(self._status, time.perf_counter() - self._started)
            self.next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(error)


class Load:
    """The statuses of all answers, and the seconds until each was whole."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.latencies: list[float] = []

    def answered(self, status: int, seconds: float) -> None:
        self.statuses[status] += 1
        self.latencies.append(seconds)

    async def run(self, port: int, connections: int, requests: Iterator[bytes]) -> float:
        loop, started = asyncio.get_running_loop(), time.perf_counter()
        made = [
            (await loop.create_connection(lambda: Connection(requests, self), "127.0.0.1", port))[1]
            for _ in range(connections)
        ]
        await asyncio.gather(*(each.done for each in made))
        return time.perf_counter() - started


def endless(requests: list[bytes], seconds: float) -> Iterator[bytes]:
    """Yield the requests once, or again and again for ``seconds`` if that is not 0."""
    end = time.perf_counter() + seconds
    yield from requests
    while seconds and time.perf_counter() < end:
        for each in requests:
            if time.perf_counter() >= end:
                return
            yield each


def main() -> None:
    port, connections = int(sys.argv[1]), int(sys.argv[2])
    requests = read_requests(Path(sys.argv[4]))
    load, cpu = Load(), time.process_time()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        wall = runner.run(load.run(port, connections, endless(requests, float(sys.argv[3]))))
    ordered = sorted(load.latencies)
    result = {
        "statuses": load.statuses,
        "a_second": len(ordered) / wall,
        "p50_ms": 1000 * ordered[len(ordered) // 2],
        "p99_ms": 1000 * ordered[len(ordered) * 99 // 100],
        "generator_cpu": (time.process_time() - cpu) / wall,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
