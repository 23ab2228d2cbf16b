"""The HTTP/2 half of the emulators: one server connection over asyncio (RFC 9113).

It knows requests, replies and the ways in which a connection fails, but nothing about push.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
from hyperframe.frame import GoAwayFrame

# hpack prints every header at DEBUG: device tokens and provider tokens.
logging.getLogger("hpack").setLevel(logging.INFO)

MAX_BODY = 16 * 1024
"""Bytes of a request body that are kept. The rest is cut off."""

MAX_STREAMS = 1000
"""The most concurrent requests of a connection, as APNs allows."""

LINGER = 1.0
"""Seconds for which a connection that is done still reads, so that closing it loses no answer."""


@dataclass(frozen=True)
class Reply:
    """An answer."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class ResetStream(Exception):
    """Raised instead of a reply: resets the stream (RST_STREAM, INTERNAL_ERROR)."""


class DropConnection(Exception):
    """Raised instead of a reply: drops the TCP connection, and with it all answers not yet sent."""


@dataclass
class Request:
    """A request; ``headers`` in order, pseudo-headers included."""

    headers: list[tuple[str, str]] = field(repr=False)
    body: bytearray = field(default_factory=bytearray, repr=False)

    def values(self, name: str) -> list[str]:
        """Each value of a header."""
        return [value for key, value in self.headers if key == name]

    def value(self, name: str) -> str:
        """The first value of a header, or an empty string."""
        return next(iter(self.values(name)), "")


Handler = Callable[[Request], Awaitable[Reply]]
"""Answers a request. It is called once for each, in the order in which they were complete."""


class Http2Connection(asyncio.Protocol):
    """One connection. While it is open it is a member of ``opened``.

    After ``goaway_after`` requests it sends GOAWAY, answers what it has accepted, and closes. Later
    streams are ignored, so that the client repeats them elsewhere. Input that violates the protocol
    closes this connection alone.
    """

    def __init__(
        self, handler: Handler, goaway_after: int | None, opened: set[Http2Connection]
    ) -> None:
        self._handler = handler
        self._goaway_after = goaway_after
        self._opened = opened
        self._h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        )
        self._requests: dict[int, Request] = {}
        self._answering: dict[int, asyncio.Task[None]] = {}
        self._unsent: dict[int, bytes] = {}
        self._accepted = 0
        self._last_stream: int | None = None
        self._closing: asyncio.TimerHandle | None = None
        self._closed = asyncio.Event()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._opened.add(self)
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() != "h2":
            transport.close()
            return
        self._h2.local_settings = h2.settings.Settings(
            client=False,
            initial_values={h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAMS},
        )
        self._h2.initiate_connection()
        self._flush()

    def data_received(self, data: bytes) -> None:
        try:
            events = self._h2.receive_data(data)
        except (h2.exceptions.ProtocolError, UnicodeDecodeError):
            self._flush()  # the GOAWAY that says why
            self._transport.close()
            return
        for event in events:
            self._on_event(event)
        self._flush()

    def connection_lost(self, _exc: Exception | None) -> None:
        for task in self._answering.values():
            task.cancel()
        if self._closing is not None:
            self._closing.cancel()
        self._opened.discard(self)
        self._closed.set()

    def pause_writing(self) -> None:
        self._transport.pause_reading()  # a client that reads no answers may send no requests

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    def abort(self) -> None:
        """Drop the TCP connection."""
        self._transport.abort()

    async def wait_closed(self) -> None:
        """Wait until the connection and everything that it started have ended."""
        await self._closed.wait()
        await asyncio.gather(*self._answering.values(), return_exceptions=True)

    # events

    def _on_event(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            self._on_request(event)
        elif isinstance(event, h2.events.DataReceived):
            self._on_data(event)
        elif isinstance(event, h2.events.StreamEnded):
            self._on_complete(event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self._forget(event.stream_id)
        elif isinstance(event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged):
            for stream_id in list(self._unsent):
                self._send_unsent(stream_id)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self._transport.close()

    def _on_request(self, event: h2.events.RequestReceived) -> None:
        if self._last_stream is not None:
            return  # beyond the GOAWAY
        headers = cast(list[tuple[str, str]], event.headers)
        self._requests[event.stream_id] = Request(list(headers))
        self._accepted += 1
        if self._accepted == self._goaway_after:
            self._send_goaway(event.stream_id)

    def _on_data(self, event: h2.events.DataReceived) -> None:
        if event.flow_controlled_length:
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        request = self._requests.get(event.stream_id)
        if request is not None:
            request.body += event.data[: MAX_BODY - len(request.body)]

    def _on_complete(self, stream_id: int) -> None:
        request = self._requests.pop(stream_id, None)
        if request is None:
            return
        task = asyncio.get_running_loop().create_task(self._answer(stream_id, request))
        self._answering[stream_id] = task
        task.add_done_callback(lambda _: self._on_answered(stream_id))

    def _on_answered(self, stream_id: int) -> None:
        del self._answering[stream_id]
        self._flush()

    def _forget(self, stream_id: int) -> None:
        self._requests.pop(stream_id, None)
        self._unsent.pop(stream_id, None)

    # answers

    async def _answer(self, stream_id: int, request: Request) -> None:
        with suppress(h2.exceptions.ProtocolError):  # the client gave up in the meantime
            try:
                self._send_reply(stream_id, await self._handler(request))
            except ResetStream:
                self._h2.reset_stream(stream_id, h2.errors.ErrorCodes.INTERNAL_ERROR)
            except DropConnection:
                self.abort()

    def _send_reply(self, stream_id: int, reply: Reply) -> None:
        headers = [(":status", str(reply.status)), *reply.headers]
        self._h2.send_headers(stream_id, headers, end_stream=not reply.body)
        if reply.body:
            self._unsent[stream_id] = reply.body
            self._send_unsent(stream_id)

    def _send_unsent(self, stream_id: int) -> None:
        """Send as much as the client's flow control windows allow, and the rest when they open."""
        body = self._unsent.pop(stream_id)
        while body:
            room = self._h2.local_flow_control_window(stream_id)
            size = min(len(body), room, self._h2.max_outbound_frame_size)
            if size <= 0:
                self._unsent[stream_id] = body
                return
            self._h2.send_data(stream_id, body[:size], end_stream=size == len(body))
            body = body[size:]

    # the end

    def _send_goaway(self, last_stream: int) -> None:
        """Graceful shutdown (RFC 9113, 6.8).

        It does not use h2 for that, which would refuse to answer the streams that are still open.
        """
        self._last_stream = last_stream
        self._flush()
        self._transport.write(GoAwayFrame(last_stream_id=last_stream).serialize())

    def _flush(self) -> None:
        if self._transport.is_closing():
            return
        data = self._h2.data_to_send()
        if data:
            self._transport.write(data)
        if self._last_stream is not None and self._closing is None and self._is_idle():
            loop = asyncio.get_running_loop()
            self._closing = loop.call_later(LINGER, self._transport.close)

    def _is_idle(self) -> bool:
        return not (self._requests or self._answering or self._unsent)
