"""The HTTP board on this machine: posts a second, and bundles read a second.

    python benchmarks/board.py [--posts N] [--servers uvicorn granian]

The server is one process, the load generator (`load.py`) another, on the same machine. Posts are
made and signed before; a 201 means that the post is on stable storage, fsync and all.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from load import write_requests

from billboard import posts
from billboard.board import BUNDLE, Board, BoardParameters, create_board, open_board
from billboard.board.protocol import TimedProtocol
from billboard.board.server import create_app
from billboard.board.tiles import tile_path

HERE = Path(__file__).resolve()

_OPENED = ExitStack()


def serve(server: str, directory: str, port: int) -> None:
    """Run the application of a board until SIGTERM."""
    if server == "uvicorn":
        import uvicorn

        with open_board(directory) as board:
            options = {"access_log": False, "log_level": "warning", "loop": "uvloop"}
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
    """What granian's worker loads."""
    return create_app(_OPENED.enter_context(open_board(os.environ["BENCHMARK_BOARD"])))


class Serving:
    """A server that runs: its ``port``, and what it costs."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process, self.port = process, port

    def cpu(self) -> float:
        """Seconds of processor time that it has taken, with its children (it leads a group)."""
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[2]) == self.process.pid:
                    ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def load(self, connections: int, seconds: float, requests: list[bytes]) -> dict[str, object]:
        """Run the load generator."""
        with tempfile.NamedTemporaryFile() as file:
            write_requests(Path(file.name), requests)
            command = [sys.executable, str(HERE.parent / "load.py"), str(self.port)]
            arguments = [str(connections), str(seconds), file.name]
            before = self.cpu()
            found = subprocess.run(  # noqa: S603
                [*command, *arguments], check=True, capture_output=True
            )
        result: dict[str, object] = json.loads(found.stdout)
        count = sum(result["statuses"].values())
        result["server_cpu_us"] = 1e6 * (self.cpu() - before) / count
        return result


@contextmanager
def serving(server: str, directory: Path) -> Iterator[Serving]:
    """The server of a board, in a process of its own."""
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
    """A request."""
    lines = [
        "POST /posts HTTP/1.1",
        "Host: b",
        "Content-Type: application/octet-stream",
        f"Content-Length: {len(post)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + post


def reading(name: str) -> bytes:
    """A request."""
    return f"GET /{name} HTTP/1.1\r\nHost: b\r\n\r\n".encode()


def make_posts(board: Board, count: int) -> list[bytes]:
    """Valid posts of this epoch."""
    options = {"origin": board.origin, "epoch": board.epoch}
    return [bytes(posts.dummy(board.frame_class, **options)) for _ in range(count)]


def measure(server: str, directory: Path, count: int, connections: int) -> None:
    """A board of its own for each server."""
    create_board(directory, BoardParameters("example.org/board"))
    with open_board(directory) as board:
        requests = [submission(post) for post in make_posts(board, count)]
    with serving(server, directory) as running:
        running.load(8, 0, requests[:500])
        print(server, "POST", running.load(connections, 0, requests[500:]), flush=True)
    with open_board(directory) as board:
        edition = board.publish(board.epoch)
        assert edition.size >= count
        names = [
            f"{edition.epoch}/0/{tile_path('entries', i)}" for i in range(edition.size // BUNDLE)
        ]
    with serving(server, directory) as running:
        for name, path in (("bundles", names), ("checkpoint", ["checkpoint"])):
            made = list(map(reading, path))
            running.load(8, 0.5, made)
            print(server, "GET", name, running.load(32, 5, made), flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--posts", type=int, default=30_000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--servers", nargs="+", default=["uvicorn", "granian"])
    arguments = parser.parse_args()
    for server in arguments.servers:
        with tempfile.TemporaryDirectory(dir=".") as directory:
            measure(server, Path(directory).resolve() / "b", arguments.posts, arguments.connections)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main()
