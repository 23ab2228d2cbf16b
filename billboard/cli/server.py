"""Serving an application over HTTP until SIGTERM or Ctrl-C: how all servers of this command end."""

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
"""Seconds for which what was accepted is answered after SIGTERM, clients that do not read apart."""


def admission_of(name: str, bits: int | None, rate: float | None) -> list[Admission]:
    """What a server that is named ``name`` asks for: a proof of work of ``bits``, then a rate."""
    admission: list[Admission] = []
    if bits is not None:
        admission.append(ProofOfWork(name, bits))
    if rate is not None:
        admission.append(Rate(rate))
    return admission


@final
class Server(uvicorn.Server):
    """Serves ``app`` at ``host`` and ``port``, and prints the URL when it listens.

    At most ``most_requests`` are answered at a time; others get 503.
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
        """Serve until a signal; what runs ``beside`` is cancelled then, and its error ends this."""
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
                shown = f"[{host}]" if ":" in host else host
                console.print(f"http://{shown}:{port}")

    def stop(self) -> None:
        """Answer what was accepted, and end."""
        self.should_exit = True
