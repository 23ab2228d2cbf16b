"""The command ``billboard serve``: the board over HTTP, and its schedule (SPEC 9.2, 9.9)."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, final

import typer
import uvicorn

from billboard.board import open_board
from billboard.board.admission import Admission, ProofOfWork, Rate
from billboard.board.board import Witness
from billboard.board.note import NoteKey
from billboard.board.protocol import TimedProtocol
from billboard.board.server import create_app
from billboard.board.store import BoardParameters
from billboard.cli import files
from billboard.cli.files import Ask, BoardPath
from billboard.errors import BillboardError
from billboard.posts import epoch_at

_log = logging.getLogger(__name__)

DRAIN = 30
"""Seconds for which what was accepted is answered after SIGTERM, clients that do not read apart."""

RETRY = 5.0
"""Seconds after which a publication that failed is tried again."""

LONGEST_SLEEP = 30.0
"""Seconds: a clock that is set is noticed after that."""


def serve(
    board: BoardPath,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 for a free one.")] = 8080,
    rate: Annotated[
        float | None, typer.Option(help="Posts a second that are let in, all clients together.")
    ] = None,
    proof_of_work: Annotated[
        int | None, typer.Option(metavar="BITS", help="Ask for a proof of work with each post.")
    ] = None,
    quota: Annotated[
        int | None, typer.Option(help="Posts that may wait for the next edition of an epoch.")
    ] = None,
    witness: Annotated[
        list[str] | None,
        typer.Option(metavar="URL=VKEY", help="Ask this witness to cosign; may be repeated."),
    ] = None,
    metrics_token: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Serve /metrics to who bears the token in this file."),
    ] = None,
    passphrase: Ask = False,
) -> None:
    """Serve a board over HTTP and publish its editions when they are due, until SIGTERM."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    chosen, witnesses = files.passphrase(passphrase), tuple(witness or ())
    for each in witnesses:
        witness_of(each)
    token = None if metrics_token is None else metrics_token.read_text().strip()
    if token == "":
        raise BillboardError(f"{metrics_token}: holds no token")
    with open_board(board, chosen, quota=quota) as opened:
        admission: list[Admission] = []
        if proof_of_work is not None:
            admission.append(ProofOfWork(opened.origin, proof_of_work))
        if rate is not None:
            admission.append(Rate(rate))
        app = create_app(opened, admission=admission, metrics_token=token)
        server = _Server(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                http=TimedProtocol,
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=DRAIN,
            )
        )
        schedule = Schedule(opened.parameters, board, chosen, witnesses)
        with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
            runner.run(_serve(server, schedule))


def witness_of(text: str) -> Witness:
    """The witness of an option. Raises `InvalidEncodingError`."""
    url, _, vkey = text.partition("=")
    key = NoteKey.from_text(vkey)
    # It brings an HTTP client, which a board without witnesses does not need.
    from billboard.board.witness import WitnessClient

    return WitnessClient(url, key)


@final
class _Server(uvicorn.Server):
    """Ends when it is told to, and so does the program, as after any other success."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """In the place of uvicorn's, which kills the process by the same signal afterwards."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say where it listens."""
        await super().startup(sockets)
        for each in self.servers:
            for listening in each.sockets:
                host, port = listening.getsockname()[:2]
                files.console.print(f"http://{f'[{host}]' if ':' in host else host}:{port}")

    def stop(self) -> None:
        """Answer what was accepted, and end."""
        self.should_exit = True


@final
@dataclass(frozen=True)
class Schedule:
    """Publishes and expires on the board ``path``, each time in a new process.

    So the event loop is not disturbed, and a crash of that process is only a later edition.
    """

    parameters: BoardParameters
    path: Path
    passphrase: str | None = field(repr=False)
    witnesses: tuple[str, ...]

    async def run(self) -> None:
        """Publish what is due now, and again whenever something is, until cancelled."""
        while True:
            due = self.next_due(time.time())
            code = await self._publish()
            if code:
                _log.error("publishing ended with %d; it is tried again in %g s", code, RETRY)
                await asyncio.sleep(RETRY)
                continue
            while (wait := due - time.time()) > 0:
                await asyncio.sleep(min(wait, LONGEST_SLEEP))

    def next_due(self, now: float) -> int:
        """When the first edition after ``now`` is due, of the current epoch or those beside it."""
        epoch = epoch_at(now, self.parameters.epoch_length)
        beside = range(max(epoch - 1, 0), epoch + 2)
        return min(self.parameters.next_due(each, now) for each in beside)

    async def _publish(self) -> int:
        """The exit code of one process that publishes; 0 for a success."""
        context = multiprocessing.get_context("spawn")
        arguments = self.path, self.passphrase, self.witnesses
        process = context.Process(target=publish, args=arguments, daemon=True)
        await asyncio.to_thread(process.start)
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(process.sentinel, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(process.sentinel)
            process.terminate()  # if this is cancelled: the next one goes on where it stopped
            process.join()
        return process.exitcode or 0


def publish(path: Path, passphrase: str | None, witnesses: tuple[str, ...]) -> None:
    """Publish what is due on the board ``path``, and expire what is old: what a process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    try:
        asked = tuple(map(witness_of, witnesses))
        with open_board(path, passphrase, witnesses=asked) as board:
            board.publish_due()
            board.expire()
    except BillboardError as error:
        _log.error("%s", error)
        sys.exit(1)


async def _serve(server: _Server, schedule: Schedule) -> None:
    """Both, until the server is told to stop; an error of the schedule ends it too."""
    publishing = asyncio.create_task(schedule.run())
    publishing.add_done_callback(lambda _: server.stop())
    try:
        await server.serve()
    finally:
        publishing.cancel()
        with suppress(asyncio.CancelledError):
            await publishing
