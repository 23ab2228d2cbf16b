"""The HTTP board on this machine: posts a second, and bundles read a second.

    python benchmarks/board.py [--posts N] [--runs R] [--servers uvicorn granian]

The server and the load generator (`load.py`) are two processes on the same machine, and connections
are kept open. Posts are made and signed before anything is timed. A 201 means that the post is on
stable storage, after an fsync. What is timed is also checked. Prints JSON with the medians of the
runs: answers a second (`a_second`), milliseconds until an answer is whole, the server's processor
time for one answer, and how much of a processor the generator took. On a busy machine, compare
processor times.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import machine
from load import write_requests

from billboard import posts
from billboard.board import BUNDLE, Board, BoardParameters, create_board, open_board
from billboard.board.receipt import Receipt
from billboard.board.server import create_app
from billboard.tlog.note import NoteKey
from billboard.tlog.tiles import tile_path
from billboard.web.slow_clients import TimedProtocol

HERE = Path(__file__).resolve()

WARM = 500
"""Posts that are submitted before the timed ones."""

READERS, SECONDS = 32, 5.0
"""Connections that read, and the seconds for which they do."""

Results = dict[str, dict[str, Any]]

_OPENED = ExitStack()


def serve(server: str, directory: str, port: int) -> None:
    """Run the application of the board in ``directory`` until SIGTERM."""
    if server == "uvicorn":
        import uvicorn

        with open_board(directory) as board:
            options = {"access_log": False, "log_level": "warning", "loop": "uvloop"}
            options |= {
                "proxy_headers": False,
                "server_header": False,
                "lifespan": "off",
                "ws": "none",
            }
            uvicorn.run(create_app(board), port=port, http=TimedProtocol, **options)
    else:
        from granian import Granian
        from granian.constants import Interfaces

        os.environ["BENCHMARK_BOARD"] = directory
        Granian(
            "board:granian_app",
            port=port,
            interface=Interfaces.ASGI,
            factory=True,
            log_access=False,
            log_level="warning",
            working_dir=HERE.parent,
            loop="uvloop",
        ).serve()


def granian_app() -> object:
    """Return the application, for the worker of granian."""
    return create_app(_OPENED.enter_context(open_board(os.environ["BENCHMARK_BOARD"])))


class Serving:
    """A running server: its ``process``, its ``port``, and the processor time that it uses."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process, self.port = process, port

    def cpu(self) -> float:
        """Return the seconds of processor time that its process group has used."""
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[2]) == self.process.pid:
                    ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def load(self, connections: int, seconds: float, requests: list[bytes]) -> dict[str, Any]:
        """Run the load generator, and return what it printed and the server's time per answer."""
        with tempfile.NamedTemporaryFile() as file:
            write_requests(Path(file.name), requests)
            command = [sys.executable, str(HERE.parent / "load.py"), str(self.port)]
            arguments = [str(connections), str(seconds), file.name]
            before = self.cpu()
            found = subprocess.run(  # noqa: S603
                [*command, *arguments], check=True, capture_output=True
            )
        result: dict[str, Any] = json.loads(found.stdout)
        count = sum(result["statuses"].values())
        result["server_cpu_us"] = 1e6 * (self.cpu() - before) / count
        return result


@contextmanager
def serving(server: str, directory: Path) -> Iterator[Serving]:
    """Run the server of the board in ``directory`` in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, str(HERE), "serve", server, str(directory), str(port)],
        start_new_session=True,
    )
    try:
        for _ in range(100):
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield Serving(process, port)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def submission(post: bytes) -> bytes:
    """Return the HTTP request that submits a post."""
    lines = [
        "POST /posts HTTP/1.1",
        "Host: b",
        "Content-Type: application/octet-stream",
        f"Content-Length: {len(post)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + post


def reading(name: str) -> bytes:
    """Return the HTTP request that reads a published object."""
    return f"GET /{name} HTTP/1.1\r\nHost: b\r\n\r\n".encode()


def make_posts(board: Board, count: int) -> list[bytes]:
    """Return ``count`` valid posts of this epoch."""
    options = {"origin": board.origin, "epoch": board.epoch}
    return [bytes(posts.dummy(board.frame_class, **options)) for _ in range(count)]


def ask(port: int, method: str, name: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Make one request on a new connection; return the status and the body of the answer."""
    with closing(HTTPConnection("127.0.0.1", port)) as connection:
        headers = {} if body is None else {"Content-Type": "application/octet-stream"}
        connection.request(method, f"/{name}", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


def check_posts(port: int, key: NoteKey, post: bytes) -> None:
    """Check that a post gets its receipt, and that a wrong signature is refused."""
    status, answer = ask(port, "POST", "posts", post)
    receipt = Receipt.from_bytes(answer, key)
    assert (status, receipt.post_hash) == (201, hashlib.sha256(post).digest())
    status, answer = ask(port, "POST", "posts", post[:-32] + bytes(32))
    assert (status, json.loads(answer)["reason"]) == (422, "signature")


def measure(server: str, directory: Path, count: int, connections: int) -> Results:
    """Measure a new board. Check that every status is right and that every post is published."""
    key = create_board(directory, BoardParameters("example.org/board"))
    with open_board(directory) as board:
        made = make_posts(board, WARM + count)
    requests, results = [submission(post) for post in made], {}
    with serving(server, directory) as running:
        check_posts(running.port, key, made[0])
        running.load(8, 0, requests[1:WARM])
        results["posts"] = running.load(connections, 0, requests[WARM:])
    with open_board(directory) as board:
        edition = board.publish(board.epoch)
        assert set(made) <= {bytes(post) for post in board.posts(edition.epoch, edition=0)}
        bundles = range(edition.size // BUNDLE)
        names = [f"{edition.epoch}/0/{tile_path('entries', i)}" for i in bundles]
        published = {name: board.object(name) for name in names}
        published["checkpoint"] = board.checkpoint()
    with serving(server, directory) as running:
        for name, data in published.items():
            assert ask(running.port, "GET", name) == (200, data)
        for what, asked in (("bundles", names), ("checkpoint", ["checkpoint"])):
            reads = list(map(reading, asked))
            running.load(8, 0.5, reads)
            results[what] = running.load(READERS, SECONDS, reads)
    assert results["posts"].pop("statuses") == {"201": count}
    assert list(results["bundles"].pop("statuses")) == ["200"]
    assert list(results["checkpoint"].pop("statuses")) == ["200"]
    return results


def medians(runs: list[Results]) -> Results:
    """Return the median of each figure over the runs."""
    return {
        what: {
            name: round(statistics.median(run[what][name] for run in runs), 3) for name in figures
        }
        for what, figures in runs[0].items()
    }


def main() -> None:
    """Measure all servers and print the results."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--posts", type=int, default=30_000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--servers", nargs="+", default=["uvicorn"])
    arguments = parser.parse_args()
    runs: dict[str, list[Results]] = {server: [] for server in arguments.servers}
    loads = [os.getloadavg()[0]]
    for _ in range(arguments.runs):
        for server, results in runs.items():
            with tempfile.TemporaryDirectory(dir=".") as directory:
                path = Path(directory).resolve() / "b"
                results.append(measure(server, path, arguments.posts, arguments.connections))
            loads.append(os.getloadavg()[0])
    found = {
        "machine": machine.describe(),
        "options": vars(arguments),
        "load average before and after each run": loads,
        "medians": {server: medians(results) for server, results in runs.items()},
    }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main()
