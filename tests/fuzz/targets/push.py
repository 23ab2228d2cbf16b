"""The answers of APNs; and the emulator: its HTTP/2, and the requests in it."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from functools import cache
from typing import Any

import hpack
import jwt
from curl_cffi import Headers, Response
from hyperframe.frame import DataFrame, HeadersFrame, PingFrame, SettingsFrame, WindowUpdateFrame

from billboard.push.dispatch import Outcome
from billboard.push.emulators.apns import ApnsEmulator
from billboard.push.emulators.http2 import MAX_BODY, Http2Connection, Reply, Request
from billboard.push.providers.apns import _parse
from billboard.push.providers.apns_key import ProviderToken
from billboard.push.providers.content import CONTENT_FREE_PAYLOAD

from ..target import Source, Target, require

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
NOW = 1_700_000_000.0
NAMES = (
    ":method",
    ":scheme",
    ":authority",
    ":path",
    "authorization",
    "apns-topic",
    "apns-push-type",
    "apns-id",
    "apns-priority",
    "apns-expiration",
    "apns-collapse-id",
    "content-length",
)
USUAL = ("POST", "https", "localhost", "/3/device/" + "ab" * 32, "", "com.example", "alert")


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


@cache
def _emulator() -> ApnsEmulator:
    return ApnsEmulator(clock=lambda: NOW)


@cache
def _bearer() -> str:
    return "bearer " + ProviderToken(_emulator().key, lambda: NOW).current()


def _fresh() -> ApnsEmulator:
    """The emulator as it was in the beginning; to make its key again would take long."""
    emulator = _emulator()
    emulator._issued.clear()
    emulator._delivered.clear()
    emulator.deliveries.clear()
    return emulator


class Transport(asyncio.Transport):
    """A connection without a network. What is written to it is dropped."""

    def __init__(self) -> None:
        super().__init__()
        self.closing = False

    def write(self, _data: Any) -> None:
        require(not self.closing, "nothing is written to a connection that is closing")

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


def http2(data: bytes) -> None:
    """A connection that gets the preface and then frames of all kinds, or any bytes."""
    source = Source(data)
    start, goaway_after = source.number(), source.number() % 4 or None
    chunks = [] if start & 1 else [PREFACE + SettingsFrame(0).serialize()]
    encoder = hpack.Encoder()
    while source.left and len(chunks) < 60:
        chunks.append(_chunk(source, encoder))
    if start & 2:
        joined, size = b"".join(chunks), 1 + start // 4
        chunks = [joined[i : i + size] for i in range(0, len(joined), size)]
    _loop().run_until_complete(_talk(chunks, goaway_after))


def _chunk(source: Source, encoder: hpack.Encoder) -> bytes:
    kind = source.number() % 6
    if kind == 0:
        return source.part()
    stream = source.number() % 8
    if kind == 1:
        frame_type, flags, payload = source.take(1), source.take(1), source.part()
        return (
            len(payload).to_bytes(3, "big")
            + frame_type
            + flags
            + bytes([0, 0, 0, stream])
            + payload
        )
    if kind == 2:
        headers = HeadersFrame(stream or 1, encoder.encode(_headers(source)))
        headers.flags.add("END_HEADERS")
        if source.number() & 1:
            headers.flags.add("END_STREAM")
        return bytes(headers.serialize())
    if kind == 3:
        body = DataFrame(stream or 1, source.part(2))
        if source.number() & 1:
            body.flags.add("END_STREAM")
        return bytes(body.serialize())
    if kind == 4:
        return bytes(WindowUpdateFrame(stream, source.number(4) % 2**31 or 1).serialize())
    settings = {source.number() % 8: source.number(4) for _ in range(source.number() % 4)}
    ping = PingFrame(0, source.take(8)).serialize()
    return bytes(SettingsFrame(0, settings).serialize() + ping)


def _headers(source: Source) -> list[tuple[str, str]]:
    """Those of a good request, with some replaced and some added."""
    values = dict(zip(NAMES, USUAL, strict=False)) | {"authorization": _bearer()}
    added = []
    for _ in range(source.number() % 6):
        choice = source.number()
        name, value = NAMES[choice % len(NAMES)], source.part().decode("utf-8", "replace")
        if choice < 128:
            values[name] = value
        else:
            added.append((name, value))
    return list(values.items()) + added


async def _talk(chunks: list[bytes], goaway_after: int | None) -> None:
    loop, tasks, emulator = asyncio.get_running_loop(), list[asyncio.Task[Any]](), _fresh()

    def started(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> Any:
        tasks.append(asyncio.Task(coroutine, loop=loop, **options))
        return tasks[-1]

    async def handler(request: Request) -> Reply:
        require(len(request.body) <= MAX_BODY, "a body is cut")
        return await emulator._respond(request)

    connection, transport = Http2Connection(handler, goaway_after, set()), Transport()
    loop.set_task_factory(started)
    try:
        connection.connection_made(transport)
        for chunk in chunks:
            if transport.is_closing():
                break
            connection.data_received(chunk)
            await asyncio.sleep(0)
        for _ in range(3):
            await asyncio.sleep(0)
        connection.connection_lost(None)
        await connection.wait_closed()
    finally:
        loop.set_task_factory(None)
    for task in tasks:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            raise error


def _connections() -> Iterator[bytes]:
    request = b"\x02\x01\0\0" + b"\x03\x01" + len(CONTENT_FREE_PAYLOAD).to_bytes(2, "big")
    request += CONTENT_FREE_PAYLOAD + b"\x01"
    yield b"\0\0" + request
    yield b"\0\x01" + request + request.replace(b"\x02\x01", b"\x02\x03", 1)
    yield b"\x1e\0" + request
    yield b"\0\0" + b"\x05\0\x01\x04" + (0).to_bytes(4, "big") + b"8 bytes." + request
    yield b"\0\0" + b"\x02\x01\0\x01" + b"\x04\x01" + b"\0\0\0\x01"
    yield b"\x01\0\0\x18" + PREFACE
    for frame_type in range(10):
        yield b"\0\0" + b"\x01\x01" + bytes([frame_type, 0, 8]) + bytes(8)


def request(data: bytes) -> None:
    """A request with any headers and any body; provider tokens also signed with the right key."""
    source, emulator = Source(data), _fresh()
    kind = source.number()
    headers = _headers(source)
    if kind & 1:
        token = _signed(source.part(), source.part(2))
        headers = [pair for pair in headers if pair[0] != "authorization"]
        headers.append(("authorization", "bearer " + token))
    body = bytearray(source.rest())
    before = repr(Request(headers, body))
    require(before == "Request()", "a repr shows headers or body")
    for repeat in (False, True):
        reply = emulator._process(Request(list(headers), body))
        if reply.status == 200:
            delivery = emulator.deliveries[-1]
            apns_id = dict(reply.headers)["apns-id"]
            require(delivery.apns_id == uuid.UUID(apns_id), "the id of a delivery")
            named = any(name == "apns-id" and value for name, value in headers)
            require(delivery.duplicate == (repeat and named), "a repeat is a duplicate")
            require(delivery.token.hex() not in repr(delivery), "a repr shows the token")
        else:
            require(400 <= reply.status < 500, "a refusal is the client's fault")
            require(set(json.loads(reply.body)) == {"reason"}, "a refusal has a reason")
    require(len(emulator.deliveries) in (0, 2), "both or none")
    require(all(at <= NOW for at in emulator._issued.values()), "when tokens were issued")


def _signed(header: bytes, payload: bytes) -> str:
    """A token whose signature is right, with any payload and some header fields."""
    try:
        fields = json.loads(header)
        return jwt.api_jws.encode(
            payload,
            _emulator().key.private_key(),
            "ES256",
            fields if isinstance(fields, dict) else None,
        )
    except (ValueError, TypeError, RecursionError, jwt.PyJWTError):
        return header.decode("utf-8", "replace")


def _requests() -> Iterator[bytes]:
    yield b"\0\0" + CONTENT_FREE_PAYLOAD
    for index, value in (
        (3, b"/3/device/"),
        (3, b"/4"),
        (7, b"6b8d6c1e-0b5e-4a86-9d0e-3f6d1a6f2c11"),
        (8, b"5"),
        (9, b"0"),
        (10, b"collapse"),
        (0, b"GET"),
        (4, b"bearer a.b.c"),
        (128 + 7, b"x"),
    ):
        yield b"\0\x01" + bytes([index, len(value)]) + value + CONTENT_FREE_PAYLOAD
    header = b'{"kid": "EMULATORKY"}'
    for claims in (
        b'{"iss": "EMULATORTM", "iat": 1700000000}',
        b'{"iss": "EMULATORTM", "iat": 1.5, "exp": 1, "nbf": "x", "aud": []}',
        b'{"iss": ["EMULATORTM"], "iat": 1690000000}',
        b"[]",
    ):
        start = b"\x01\0" + bytes([len(header)]) + header
        yield start + len(claims).to_bytes(2, "big") + claims + CONTENT_FREE_PAYLOAD


REASONS = ("BadDeviceToken", "ExpiredToken", "Unregistered")
"""Those that say that a token is dead."""


def answer(data: bytes) -> None:
    """Whatever APNs answers is an attempt, and no token is dead unless a reason says so."""
    source, response = Source(data), Response()
    response.status_code = source.number(2)
    response.headers = Headers({"retry-after": source.part().decode("latin-1")})
    response.content = source.rest()
    attempt = _parse(response, NOW)
    require(attempt.status == response.status_code, "the status is APNs' own")
    delivered = attempt.outcome is Outcome.DELIVERED
    require(delivered == (attempt.status == 200), "what was delivered")
    require(attempt.outcome is not Outcome.UNREGISTERED or attempt.reason in REASONS, "the dead")
    require(attempt.reason is None or attempt.reason.encode() in response.content, "the reason")
    retried = attempt.outcome is Outcome.RETRY
    require(attempt.retry_after is None or (retried and attempt.retry_after >= 0), "when to retry")
    since = attempt.unregistered_at
    require(since is None or attempt.outcome is Outcome.UNREGISTERED, "only the dead died")
    require(since is None or 0 <= since < 2**53, "when a token died")


def _answers() -> Iterator[bytes]:
    for status in (200, 400, 403, 410, 429, 500, 503, 301, 0):
        for reason in (*REASONS, "ExpiredProviderToken", "Shutdown", "no reason"):
            body = json.dumps({"reason": reason, "timestamp": 1_700_000_000_000}).encode()
            yield status.to_bytes(2, "big") + b"\x02" + b"60" + body
    gone = (410).to_bytes(2, "big")
    for body in (b"", b"[]", b"{", b'{"reason": 5, "timestamp": true}', b"\xff", b"[" * 1500):
        yield gone + b"\x04soon" + body
    for number in (b"-1", b"1e400", b"1.5", b"9" * 30, b"9" * 1000):
        yield gone + b'\0{"reason": "Unregistered", "timestamp": ' + number + b"}"


TARGETS = {
    "apns-answer": Target(answer, _answers, 1800),
    "emulator-http2": Target(http2, _connections, 1500),
    "emulator-request": Target(request, _requests, 800),
}
