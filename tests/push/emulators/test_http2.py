"""The emulator's HTTP/2, by a client on h2 that may misbehave."""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings
import pytest

from billboard.push.emulators.apns import ApnsEmulator
from billboard.push.providers.apns_key import ProviderToken
from billboard.push.providers.content import CONTENT_FREE_PAYLOAD
from push.support import TOPIC

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Client:
    """A bare HTTP/2 client: nothing is acknowledged or repeated by itself."""

    def __init__(self, emulator: ApnsEmulator) -> None:
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.emulator = emulator
        self.statuses: dict[int, str] = {}
        self.bodies: dict[int, bytearray] = defaultdict(bytearray)
        self.ended: set[int] = set()
        self.goaway: h2.events.ConnectionTerminated | None = None
        self.eof = False

    async def connect(self, *alpn: str) -> None:
        tls = ssl.create_default_context(cafile=str(self.emulator.ca_file))
        tls.set_alpn_protocols(list(alpn))
        address, port = self.emulator.url.removeprefix("https://").split(":")
        self.reader, self.writer = await asyncio.open_connection(address, int(port), ssl=tls)

    def start(self, **settings: int) -> None:
        codes = {getattr(h2.settings.SettingCodes, name): value for name, value in settings.items()}
        self.h2.local_settings = h2.settings.Settings(client=True, initial_values=codes)
        self.h2.initiate_connection()

    def post(self, token: bytes, body: bytes = CONTENT_FREE_PAYLOAD, end: bool = True) -> int:
        stream = self.h2.get_next_available_stream_id()
        bearer = ProviderToken(self.emulator.key, self.emulator._clock).current()
        headers = {
            ":method": "POST",
            ":scheme": "https",
            ":authority": "localhost",
            ":path": f"/3/device/{token.hex()}",
            "authorization": f"bearer {bearer}",
            "apns-topic": TOPIC,
            "apns-push-type": "alert",
        }
        self.h2.send_headers(stream, list(headers.items()))
        if end:
            self.h2.send_data(stream, body, end_stream=True)
        return stream

    def flush(self) -> None:
        self.writer.write(self.h2.data_to_send())

    async def read(self) -> None:
        """Send what is due, and take in what comes next."""
        self.flush()
        data = await asyncio.wait_for(self.reader.read(65536), timeout=5)
        self.eof = not data
        for event in self.h2.receive_data(data) if data else []:
            self.take(event)
        self.flush()

    def take(self, event: Any) -> None:
        if isinstance(event, h2.events.ResponseReceived):
            headers: dict[Any, Any] = dict(event.headers)
            self.statuses[event.stream_id] = headers[":status"]
        elif isinstance(event, h2.events.DataReceived):
            self.bodies[event.stream_id] += event.data
        elif isinstance(event, h2.events.StreamEnded):
            self.ended.add(event.stream_id)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = event

    async def until_ended(self, *streams: int) -> None:
        while not self.ended.issuperset(streams):
            await self.read()


@asynccontextmanager
async def connected(emulator: ApnsEmulator, **settings: int) -> AsyncIterator[Client]:
    client = Client(emulator)
    await client.connect("h2")
    client.start(**settings)
    try:
        yield client
    finally:
        client.writer.transport.abort()


async def test_a_request_is_answered() -> None:
    async with ApnsEmulator() as emulator, connected(emulator) as client:
        stream = client.post(b"token")
        await client.until_ended(stream)
        assert client.statuses == {stream: "200"}
        assert emulator.deliveries[0].token == b"token"


async def test_an_answer_waits_for_the_windows_of_the_client() -> None:
    async with ApnsEmulator() as emulator, connected(emulator, INITIAL_WINDOW_SIZE=0) as client:
        stream = client.post(b"token", b"")
        while stream not in client.statuses:
            await client.read()
        assert client.bodies[stream] == b""
        for _ in range(3):
            had = len(client.bodies[stream])
            client.h2.increment_flow_control_window(5, stream)
            while len(client.bodies[stream]) < had + 5:
                await client.read()
            assert len(client.bodies[stream]) == had + 5, "no more than the window"
        client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 1000})
        await client.until_ended(stream)
        assert client.bodies[stream] == b'{"reason": "PayloadEmpty"}'


async def test_a_body_of_many_windows_is_read_and_refused() -> None:
    async with ApnsEmulator() as emulator, connected(emulator) as client:
        stream = client.post(b"token", end=False)
        left = 300_000
        while left:
            size = min(left, client.h2.local_flow_control_window(stream), 16384)
            if size:
                client.h2.send_data(stream, b"x" * size, end_stream=size == left)
                left -= size
                client.flush()
            else:
                await client.read()
        await client.until_ended(stream)
        assert client.statuses[stream] == "413"


async def test_a_thousand_streams_at_once() -> None:
    async with ApnsEmulator(latency=0.05) as emulator, connected(emulator) as client:
        await client.read()
        streams = [client.post(b"token") for _ in range(1000)]
        await client.until_ended(*streams)
        assert set(client.statuses.values()) == {"200"}
        assert len(emulator.deliveries) == 1000


async def test_goaway_answers_what_is_in_flight_and_ignores_what_came_later() -> None:
    async with ApnsEmulator(goaway_every=3, latency=0.1) as emulator, connected(emulator) as client:
        streams = [client.post(bytes([at])) for at in range(1, 6)]
        while not client.goaway:
            await client.read()
        assert (client.goaway.last_stream_id, client.goaway.error_code) == (streams[2], 0)
        assert client.ended == set(), "the answers are still to come"
        # h2 takes no frame after a GOAWAY, so that the answers are told by the delivery alone
        assert [each.token for each in emulator.deliveries] == [b"\x01", b"\x02", b"\x03"]


async def test_a_connection_that_is_done_is_closed() -> None:
    async with ApnsEmulator(goaway_every=1) as emulator, connected(emulator) as client:
        client.post(b"token")
        client.flush()
        while await asyncio.wait_for(client.reader.read(65536), timeout=5):
            pass


async def test_a_stream_that_the_client_resets_is_forgotten(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with ApnsEmulator(latency=0.1) as emulator, connected(emulator) as client:
        dropped, kept = client.post(b"dropped"), client.post(b"kept")
        half = client.post(b"half", end=False)
        for stream in (dropped, half):
            client.h2.reset_stream(stream)
        await client.until_ended(kept)
        assert client.statuses == {kept: "200"}
        late = client.post(b"late")
        await client.until_ended(late)
    assert caplog.text == "", "no task died of the answer that was not wanted"


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00" * 100,
        PREFACE + bytes.fromhex("004001000000000001") + bytes(0x4001),
        PREFACE + bytes.fromhex("000001000000000001") + b"x",
        PREFACE + bytes.fromhex("000001010400000001") + b"\xff",
    ],
    ids=["http1", "zeros", "overlong", "idle", "hpack"],
)
async def test_malformed_input_closes_that_connection_alone(
    data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with ApnsEmulator() as emulator, connected(emulator) as good:
        first = good.post(b"one")
        await good.until_ended(first)
        bad = Client(emulator)
        await bad.connect("h2")
        bad.writer.write(data)
        while await asyncio.wait_for(bad.reader.read(65536), timeout=5):
            pass
        bad.writer.close()
        second = good.post(b"two")
        await good.until_ended(second)
        assert good.statuses == {first: "200", second: "200"}
    assert caplog.text == "", "no trace of what a client sent"


async def test_a_header_that_is_not_text_closes_that_connection_alone() -> None:
    async with ApnsEmulator() as emulator, connected(emulator) as bad:
        stream = bad.h2.get_next_available_stream_id()
        headers = [(b":method", b"POST"), (b":scheme", b"https"), (b":path", b"/"), (b"x", b"\xff")]
        bad.h2.config.header_encoding = False
        bad.h2.send_headers(stream, [*headers, (b":authority", b"x")][-1:] + headers)
        while not bad.eof and not bad.goaway:
            await bad.read()
        async with connected(emulator) as good:
            await good.until_ended(good.post(b"token"))


@pytest.mark.parametrize("alpn", [("http/1.1",), ()])
async def test_a_client_that_does_not_speak_http2_is_closed(alpn: tuple[str, ...]) -> None:
    async with ApnsEmulator() as emulator:
        client = Client(emulator)
        try:
            await client.connect(*alpn)
        except ssl.SSLError:
            return
        assert await asyncio.wait_for(client.reader.read(), timeout=5) == b""
        client.writer.close()


async def test_leaving_ends_what_is_in_flight() -> None:
    before = asyncio.all_tasks()
    async with ApnsEmulator(latency=60) as emulator, connected(emulator) as client:
        client.post(b"token")
        client.flush()
        while not emulator.deliveries:
            await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == before


async def test_a_client_that_disappears_leaves_nothing() -> None:
    async with ApnsEmulator(latency=60) as emulator:
        before = asyncio.all_tasks()
        async with connected(emulator) as client:
            client.post(b"token")
            client.flush()
            while not emulator.deliveries:
                await asyncio.sleep(0.01)
        while asyncio.all_tasks() != before:
            await asyncio.sleep(0.01)
