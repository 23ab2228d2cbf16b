"""The push server on this machine: requests taken a second, and pushes delivered a second.

    python benchmarks/push.py [--requests N]

It measures three parts of the way, each with everything on the same machine:

- transport: the APNs provider alone, on one connection, with 100 requests in flight
- outbox: the same, from an outbox in which each attempt is claimed and settled durably
- end to end: sealed requests of class L over HTTP, on 64 open connections. Each is stored before it
  is answered, opened at a tick (every 0.5 s), and pushed.

The push service is nginx, which answers 200 to everything. The tests, and not this, check that each
push arrives once. Set BILLBOARD_BACKEND=portable to measure the portable backend.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from load import write_requests
from machine import describe

from billboard import DeviceToken, Platform, SecretKey, batches
from billboard.push import (
    PushRequest,
    PushServer,
    ServerDescriptor,
    ServerKeys,
    SqliteOutbox,
    Timing,
    create_app,
    create_server_keys,
    seal,
)
from billboard.push.dispatch import Dispatcher, Notification, Outcome
from billboard.push.outbox import Pace
from billboard.push.providers.apns import ApnsKey, ApnsProvider
from billboard.web.slow_clients import TimedProtocol

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from push.providers.nginx import Nginx

HERE = Path(__file__).resolve().parent

IN_FLIGHT, CONNECTIONS = 100, 64
TOPIC = "org.example.app"
TIMING = Timing(tick=0.5, minimum=1, patience=0.5, jitter=0.0, pace=Pace(0.0, 1))


def apns(nginx: Nginx) -> ApnsProvider:
    """Return an APNs provider whose requests go to a path that nginx answers by itself."""
    private_key = ec.generate_private_key(ec.SECP256R1())
    pem = private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    provider = ApnsProvider(
        ApnsKey("TEAM123456", "KEY1234567", pem), {0: TOPIC}, nginx.url, nginx.ca_file
    )
    provider._url = f"{nginx.url}/nothing/"
    return provider


def notifications(count: int) -> list[Notification]:
    """Return ``count`` notifications, each for another device."""
    expires = time.time() + 3600
    return [
        Notification(DeviceToken(Platform.APNS, os.urandom(32)), expires=expires)
        for _ in range(count)
    ]


async def transport(count: int) -> float:
    """Send ``count`` notifications by the provider alone. Return requests a second."""
    async with Nginx(10**6) as nginx:
        provider = apns(nginx)
        gate = asyncio.Semaphore(IN_FLIGHT)

        async def send(one: Notification) -> None:
            async with gate:
                assert (await provider.send(one)).outcome is Outcome.DELIVERED

        made = notifications(count)
        await asyncio.gather(*map(send, made[:IN_FLIGHT]))
        start = time.perf_counter()
        await asyncio.gather(*map(send, made[IN_FLIGHT:]))
        seconds = time.perf_counter() - start
        await provider.aclose()
    return (count - IN_FLIGHT) / seconds


async def from_outbox(directory: Path, count: int) -> float:
    """Deliver ``count`` notifications from an outbox. Return notifications a second."""
    async with Nginx(10**6) as nginx:
        with SqliteOutbox.create(directory / "outbox.sqlite") as outbox:
            outbox.enqueue([], [(each, 0.0) for each in notifications(count)], Pace(0.0, 1))
            dispatcher = Dispatcher(outbox, [apns(nginx)], concurrency=IN_FLIGHT)
            start = time.perf_counter()
            running = asyncio.create_task(dispatcher.run())
            while outbox.pending():
                await asyncio.sleep(0.02)
            seconds = time.perf_counter() - start
            dispatcher.stop()
            await running
            await dispatcher.aclose()
            assert not outbox.dead_letters(1)
    return count / seconds


@asynccontextmanager
async def serving(directory: Path, secret: SecretKey) -> AsyncIterator[tuple[PushServer, int]]:
    """Run a push server over HTTP. Give it and its port."""
    async with Nginx(10**6) as nginx:
        with SqliteOutbox(directory / "outbox.sqlite") as outbox:
            dispatcher = Dispatcher(outbox, [apns(nginx)], concurrency=IN_FLIGHT)
            keys = ServerKeys(directory, [secret], "https://push.example.org")
            async with PushServer(keys, outbox, dispatcher, timing=TIMING) as server:
                config = uvicorn.Config(
                    create_app(server), port=0, http=TimedProtocol, lifespan="off",
                    log_config=None, access_log=False,
                )  # fmt: skip
                http_server = uvicorn.Server(config)
                listening = config.bind_socket()
                task = asyncio.create_task(http_server.serve(sockets=[listening]))
                yield server, listening.getsockname()[1]
                http_server.should_exit = True
                await task


def make(secret_bytes: bytes, descriptor: bytes, key: Any, count: int, seed: int) -> list[bytes]:
    """Return ``count`` sealed requests, each to wake another device."""
    del seed
    secret = SecretKey.from_file_bytes(secret_bytes)
    known = ServerDescriptor.from_bytes(descriptor, key)
    public = secret.public_key
    tokens = [DeviceToken(Platform.APNS, os.urandom(32)) for _ in range(count)]
    blobs = public.encrypt_batch(tokens, threads=1)
    return [seal(PushRequest(public.key_id, each.tobytes()), known) for each in blobs]


def http_request(body: bytes) -> bytes:
    """Return the HTTP request that hands in a sealed request."""
    head = f"POST /push HTTP/1.1\r\nHost: p\r\nContent-Length: {len(body)}\r\n"
    return (head + "Content-Type: application/octet-stream\r\n\r\n").encode() + body


async def end_to_end(directory: Path, count: int) -> dict[str, Any]:
    """Return what the load generator printed, and pushes a second until the last delivery."""
    secret = SecretKey.generate()
    secret.save(directory / "secret.key")
    key = create_server_keys(directory, "push.example.org")
    SqliteOutbox.create(directory / "outbox.sqlite").close()
    keys = ServerKeys(directory, [secret], "https://push.example.org")
    keys.renew(time.time())
    encoded = (directory / "secret.key").read_bytes()
    with multiprocessing.Pool(2) as pool:
        parts = [(encoded, keys.descriptor, key, count // 2, seed) for seed in range(2)]
        sealed = [each for part in pool.starmap(make, parts) for each in part]
    path = directory / "requests"
    write_requests(path, list(map(http_request, sealed)))
    async with serving(directory, secret) as (server, port):
        command = [sys.executable, str(HERE / "load.py"), str(port), str(CONNECTIONS), "0"]
        start = time.perf_counter()
        load = await asyncio.create_subprocess_exec(
            *command, str(path), stdout=asyncio.subprocess.PIPE
        )
        said, _ = await load.communicate()
        while server.outbox.waiting()[0] or server.outbox.pending():
            await asyncio.sleep(0.02)
        seconds = time.perf_counter() - start
        assert not server.outbox.dead_letters(1)
    result: dict[str, Any] = json.loads(said)
    assert result["statuses"] == {"202": len(sealed)}, result["statuses"]
    return {**result, "delivered_per_second": len(sealed) / seconds}


def main() -> None:
    """Measure three times, and print the results."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=20_000)
    count = parser.parse_args().requests
    print(json.dumps({**describe(), "backend": batches.backend(), "load": os.getloadavg()}))
    for _ in range(3):
        print("transport", round(asyncio.run(transport(count))), "requests/s", flush=True)
        with tempfile.TemporaryDirectory(dir=".") as directory:
            rate = asyncio.run(from_outbox(Path(directory).resolve(), count))
            print("outbox", round(rate), "notifications/s", flush=True)
        with tempfile.TemporaryDirectory(dir=".") as directory:
            print("end to end", asyncio.run(end_to_end(Path(directory).resolve(), count)))


if __name__ == "__main__":
    main()
