"""HTTP connections that do not wait for slow clients, which uvicorn leaves to a proxy."""

from __future__ import annotations

import asyncio
from typing import Any, final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

PATIENCE = 10.0
"""Seconds that a client may take to send the head of a request, or to read what was sent."""

LARGEST_HEAD = 65_536
"""Bytes that the head of a request may have."""

MOST_CONNECTIONS = 8192
"""Connections; more are closed at once. The limit on open files must be higher."""


@final
class TimedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, but it ends slow connections. For slow bodies see `create_app`."""

    _reading: asyncio.TimerHandle | None = None
    _writing: asyncio.TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the head of a first request, but not for ever."""
        super().connection_made(transport)
        self.access_log = False  # it would have addresses and times
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
            return
        # With a limit of 0 the transport tells when something is left to write, and when it is not.
        transport.set_write_buffer_limits(0)
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Take bytes. The head of a request must be whole in time, within `LARGEST_HEAD` bytes."""
        if self._reading is not None:
            if self._head > LARGEST_HEAD:
                self.transport.abort()
                return
            self._head += len(data)
        super().data_received(data)
        if self._reading is None and (self.cycle is None or self.cycle.response_complete):
            self._expect()

    def on_headers_complete(self) -> None:
        """Stop the clock: the head of a request is whole."""
        self._head = 0
        self._reading = _cancelled(self._reading)
        super().on_headers_complete()

    def pause_writing(self) -> None:
        """Start the clock: the client must read what was sent."""
        super().pause_writing()
        self._writing = self.loop.call_later(PATIENCE, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop the clock: the client has read it."""
        self._writing = _cancelled(self._writing)
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop both clocks: the connection is gone."""
        self._reading, self._writing = _cancelled(self._reading), _cancelled(self._writing)
        super().connection_lost(exc)

    def _expect(self) -> None:
        self._reading = self.loop.call_later(PATIENCE, self.transport.abort)


def _cancelled(timer: asyncio.TimerHandle | None) -> Any:
    if timer is not None:
        timer.cancel()
