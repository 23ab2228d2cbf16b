"""The command ``billboard serve``: the board over HTTP, and its schedule (SPEC 9.2, 9.9)."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, final

import typer

from billboard.board import open_board
from billboard.board.parameters import BoardParameters
from billboard.cli import files
from billboard.cli.files import Ask, BoardPath, Host, Port
from billboard.cli.logs import log_warnings
from billboard.cli.trust import Witnesses, witnesses_of
from billboard.errors import BillboardError
from billboard.times import epoch_at

_log = logging.getLogger(__name__)

RETRY = 5.0
"""Seconds after which a publication that failed is tried again."""

LONGEST_SLEEP = 30.0
"""Seconds after which it is noticed that the clock was set."""


def serve(
    board: BoardPath,
    host: Host = "127.0.0.1",
    port: Port = 8080,
    rate: Annotated[
        float | None, typer.Option(help="Posts a second that are let in, all clients together.")
    ] = None,
    proof_of_work: Annotated[
        int | None, typer.Option(metavar="BITS", help="Ask for a proof of work with each post.")
    ] = None,
    quota: Annotated[
        int | None, typer.Option(help="Posts that may wait for the next edition of an epoch.")
    ] = None,
    witness: Witnesses = None,
    metrics_token: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Serve /metrics to clients with the token in FILE."),
    ] = None,
    passphrase: Ask = False,
) -> None:
    """Serve a board over HTTP and publish its editions when they are due, until SIGTERM."""
    from billboard.board.server import create_app
    from billboard.cli.server import Server, admission_of

    chosen = files.passphrase(passphrase)
    witnesses_of(witness)  # or a wrong one would be refused only when an edition is due
    token = None if metrics_token is None else metrics_token.read_text().strip()
    if token == "":
        raise BillboardError(f"{metrics_token}: holds no token")
    with open_board(board, chosen, quota=quota) as opened:
        admission = admission_of(opened.origin, proof_of_work, rate)
        app = create_app(opened, admission=admission, metrics_token=token)
        schedule = Schedule(opened.parameters, board, chosen, tuple(witness or ()))
        Server(app, host, port).serve_until_stopped(schedule.run())


@final
@dataclass(frozen=True)
class Schedule:
    """Publishes and expires on the board ``path``, each time in a new process.

    So the event loop is not disturbed, and if that process crashes, an edition is only late.
    """

    parameters: BoardParameters
    path: Path
    passphrase: str | None = field(repr=False)
    witnesses: tuple[str, ...]

    async def run(self) -> None:
        """Publish now what is due, and again whenever an edition is due, until cancelled."""
        while True:
            due = self.next_due(time.time())
            code = await self._publish()
            if code:
                _log.error("publishing failed (exit code %d): next try in %g s", code, RETRY)
                await asyncio.sleep(RETRY)
                continue
            while (wait := due - time.time()) > 0:
                await asyncio.sleep(min(wait, LONGEST_SLEEP))

    def next_due(self, now: float) -> int:
        """Return when the next edition is due, of the current epoch or those beside it."""
        epoch = epoch_at(now, self.parameters.epoch_length)
        beside = range(max(epoch - 1, 0), epoch + 2)
        return min(self.parameters.next_due(each, now) for each in beside)

    async def _publish(self) -> int:
        """Publish in a new process, and return its exit code; 0 means success."""
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
            process.terminate()  # if this is cancelled; the next process goes on where it stopped
            process.join()
        return process.exitcode or 0


def publish(path: Path, passphrase: str | None, witnesses: tuple[str, ...]) -> None:
    """Publish what is due on the board ``path`` and expire what is old; run as a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this
    log_warnings()
    try:
        with open_board(path, passphrase, witnesses=witnesses_of(witnesses)) as board:
            board.publish_due()
            board.expire()
            board.sweep()
    except BillboardError as error:
        _log.error("%s", error)
        sys.exit(1)
