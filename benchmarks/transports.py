"""Compare HTTP/2 clients: does one lose requests when connections end, and how fast is it?

    python benchmarks/transports.py

Each client makes 3,000 requests, 100 of them in flight, over nginx and over the emulator of APNs.
It gets a request again only if it reports that the request failed. The decision that rests on this
is docs/adr/0011-push-providers.md. Needs the `bench` dependency group, which includes nginx.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import select
import ssl
import sys
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import httpx2
import pycurl

from billboard.push.dispatch.notification import Attempt, Outcome
from billboard.push.emulators.apns import ApnsEmulator
from billboard.push.providers import transport
from billboard.push.providers.apns_key import ProviderToken

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from push.providers.nginx import Nginx

REQUESTS, IN_FLIGHT, MOST_ATTEMPTS = 3000, 100, 50
BODY = b'{"aps":{"alert":{"loc-key":"NEW_MESSAGE"},"mutable-content":1}}'
PATH = "/3/device/" + "ab" * 32


class Client(Protocol):
    """One of the clients that are compared. ``post`` raises an error if there is no answer."""

    async def post(self, url: str, headers: dict[str, str]) -> int: ...

    async def aclose(self) -> None: ...


class CurlCffi:
    """curl_cffi, through the transport of the providers."""

    def __init__(self, ca_file: Path) -> None:
        self._transport = transport.Transport("benchmark", ca_file)

    async def post(self, url: str, headers: dict[str, str]) -> int:
        attempt = await self._transport.post(
            url, headers, BODY, lambda answer: Attempt(Outcome.DELIVERED, None, answer.status_code)
        )
        if attempt.status is None:
            raise ConnectionError(attempt.reason)
        return attempt.status

    async def aclose(self) -> None:
        await self._transport.aclose()


class PyCurl:
    """pycurl: the multi interface of libcurl in a thread, with options as in the providers."""

    def __init__(self, ca_file: Path) -> None:
        self._ca_file = str(ca_file)
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[str, dict[str, str], asyncio.Future[int]]] = deque()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self._read, self._write = os.pipe()
        self._closed = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    async def post(self, url: str, headers: dict[str, str]) -> int:
        future: asyncio.Future[int] = self._loop.create_future()
        self._waiting.append((url, headers, future))
        os.write(self._write, b"x")
        return await future

    async def aclose(self) -> None:
        self._closed = True
        os.write(self._write, b"x")
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while not self._closed:
            while self._waiting:
                self._multi.add_handle(self._handle(*self._waiting.popleft()))
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
            while self._multi.perform()[0] == pycurl.E_CALL_MULTI_PERFORM:
                pass
            while True:
                left, done, failed = self._multi.info_read()
                for handle in done:
                    self._finish(handle, handle.getinfo(pycurl.RESPONSE_CODE), None)
                for handle, code, _ in failed:
                    self._finish(handle, 0, ConnectionError(str(code)))
                if not left:
                    break
            self._wait()

    def _wait(self) -> None:
        readers, writers, _ = self._multi.fdset()
        timeout = self._multi.timeout()
        seconds = 0.1 if timeout < 0 else min(timeout / 1000, 0.1)
        ready, _, _ = select.select([*readers, self._read], writers, [], seconds)
        if self._read in ready:
            os.read(self._read, 65536)

    def _handle(self, url: str, headers: dict[str, str], future: asyncio.Future[int]) -> Any:
        handle = pycurl.Curl()
        handle.setopt(pycurl.URL, url)
        handle.setopt(pycurl.CAINFO, self._ca_file)
        handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
        handle.setopt(pycurl.PIPEWAIT, 1)
        handle.setopt(pycurl.POSTFIELDS, BODY)
        handle.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in headers.items()])
        handle.setopt(pycurl.WRITEDATA, BytesIO())
        handle.setopt(pycurl.TIMEOUT, 30)
        handle.future = future
        return handle

    def _finish(self, handle: Any, status: int, error: Exception | None) -> None:
        self._multi.remove_handle(handle)
        future = handle.future
        call = future.set_result if error is None else future.set_exception
        self._loop.call_soon_threadsafe(call, status if error is None else error)


class Httpx2:
    """httpx2, which uses h2."""

    def __init__(self, ca_file: Path) -> None:
        context = ssl.create_default_context(cafile=str(ca_file))
        limits = httpx2.Limits(max_connections=1000)
        self._client = httpx2.AsyncClient(http2=True, verify=context, limits=limits, timeout=30)

    async def post(self, url: str, headers: dict[str, str]) -> int:
        try:
            answer = await self._client.post(url, headers=headers, content=BODY)
        except Exception as error:  # its own errors, and those of h2 below it
            raise ConnectionError(type(error).__name__) from error
        return answer.status_code

    async def aclose(self) -> None:
        with suppress(Exception):
            await self._client.aclose()


CLIENTS: dict[str, Callable[[Path], Client]] = {
    "curl_cffi": CurlCffi,
    "pycurl": PyCurl,
    "httpx2": Httpx2,
}


async def post_all(client: Client, url: str, headers: dict[str, str]) -> tuple[str, list[str]]:
    """Make all requests. Return a summary as text, and the ids of the requests that got a 200."""
    gate, errors, answered = asyncio.Semaphore(IN_FLIGHT), Counter[str](), []
    again = 0

    async def post(identifier: str) -> None:
        nonlocal again
        async with gate:
            for attempt in range(MOST_ATTEMPTS):
                again += attempt > 0
                try:
                    status = await client.post(url, headers | {"apns-id": identifier})
                except ConnectionError as error:
                    errors[str(error)] += 1
                    continue
                if status == 200:
                    answered.append(identifier)
                return

    start, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(post(str(uuid.uuid4())) for _ in range(REQUESTS)))
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    text = f"{len(answered):5} answered, {again:5} sent again, {REQUESTS / wall:6.0f}/s"
    text += f", {cpu / REQUESTS * 1e6:5.0f} us of processor time each"
    return text + (f"; {dict(errors)}" if errors else ""), answered


async def over_nginx(make: Callable[[Path], Client], path: str, keepalive_requests: int) -> str:
    async with Nginx(keepalive_requests) as nginx:
        client = make(nginx.ca_file)
        try:
            text, answered = await post_all(client, nginx.url + path, {})
        finally:
            await client.aclose()
        return text + ("" if path == "/nothing" else processed(nginx.ids, answered))


async def over_emulator(make: Callable[[Path], Client], **failure: Any) -> str:
    async with ApnsEmulator(**failure) as emulator:
        bearer = ProviderToken(emulator.key, time.time).current()
        headers = {
            "authorization": f"bearer {bearer}",
            "apns-topic": "org.example",
            "apns-push-type": "alert",
        }
        client = make(emulator.ca_file)
        try:
            text, answered = await post_all(client, emulator.url + PATH, headers)
        finally:
            await client.aclose()
        ids = Counter(str(each.apns_id) for each in emulator.deliveries)
        return f"{text}{processed(ids, answered)}; {emulator.connections} connections"


def processed(ids: Counter[str], answered: list[str]) -> str:
    doubled = sum(ids.values()) - len(ids)
    return f"; lost {REQUESTS - len(set(answered) & set(ids))}, doubled {doubled}"


SCENES: dict[str, Callable[[Callable[[Path], Client]], Awaitable[str]]] = {
    "nginx, one connection, no upstream": lambda make: over_nginx(make, "/nothing", 1_000_000),
    "nginx, GOAWAY after each 1000": lambda make: over_nginx(make, PATH, 1000),
    "nginx, GOAWAY after each 100": lambda make: over_nginx(make, PATH, 100),
    "nginx, GOAWAY after each 10": lambda make: over_nginx(make, PATH, 10),
    "emulator, one connection": over_emulator,
    "emulator, GOAWAY after each 100": lambda make: over_emulator(make, goaway_every=100),
    "emulator, each 7th stream reset": lambda make: over_emulator(make, reset_every=7),
    "emulator, dropped after each 101": lambda make: over_emulator(make, drop_every=101),
}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--client", choices=CLIENTS, action="append")
    clients = parser.parse_args().client or list(CLIENTS)
    print(f"{pycurl.version}; httpx2 {httpx2.__version__}; load {os.getloadavg()}")
    for scene, run in SCENES.items():
        print(scene)
        for name in clients:
            try:
                text = await asyncio.wait_for(run(CLIENTS[name]), 120)
            except Exception as error:  # printed, so that the others go on
                text = f"failed: {type(error).__name__} {error}"
            print(f"    {name:10} {text}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
