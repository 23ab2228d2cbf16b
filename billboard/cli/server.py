"""The HTTP server of all commands that serve; it ends in good order at SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, final

import uvicorn
from starlette.types import ASGIApp

from billboard.cli.files import console
from billboard.cli.logs import log_warnings
from billboard.web.admission import Admission, ProofOfWork, Rate
from billboard.web.slow_clients import TimedProtocol

DRAIN = 30
"""Seconds that a server has after SIGTERM to answer the requests that it accepted."""


def admission_of(name: str, bits: int | None, rate: float | None) -> list[Admission]:
    """Return the checks of a server named ``name``: a proof of work of ``bits``, then a rate."""
    admission: list[Admission] = []
    if bits is not None:
        admission.append(ProofOfWork(name, bits))
    if rate is not None:
        admission.append(Rate(rate))
    return admission


@final
class Server(uvicorn.Server):
    """A server of ``app`` at ``host`` and ``port``, which prints its URL when it listens.

    It answers at most ``most_requests`` requests at a time; others get status 503.
    """

    def __init__(
        self,
        app: ASGIApp,
        host: str,
        port: int,
        *,
        most_requests: int | None = None,
    ) -> None:
        super().__init__(
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
                limit_concurrency=most_requests,
                timeout_graceful_shutdown=DRAIN,
            )
        )

    def serve_until_stopped(self, *beside: Coroutine[Any, Any, None]) -> None:
        """Serve until a signal, or until a coroutine of ``beside`` ends; then cancel the others.

        If a coroutine fails, its error is raised.
        """
        log_warnings()
        with asyncio.Runner(loop_factory=self.config.get_loop_factory()) as runner:
            runner.run(self._serve_beside(beside))

    async def _serve_beside(self, beside: Sequence[Coroutine[Any, Any, None]]) -> None:
        tasks = [asyncio.create_task(each) for each in beside]
        for task in tasks:
            task.add_done_callback(lambda _: self.stop())
        try:
            await self.serve()
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Replace uvicorn's, which afterwards kills the process by the same signal."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and print the URLs where it listens."""
        await super().startup(sockets)
        for each in self.servers:
            for listening in each.sockets:
                host, port = listening.getsockname()[:2]
                shown = f"[{host}]" if ":" in host else host
                console.print(f"http://{shown}:{port}")

    def stop(self) -> None:
        """Answer the requests that were accepted, and end."""
        self.should_exit = True
