"""The three ways of docs/embedding.md, each as it stands there: a sender wakes a phone once."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cli.shell import with_billboard
from places import ROOT
from processes import LONGEST, watched
from web.running import Running, request

from billboard import DeviceToken, Platform, SecretKey
from billboard.errors import RefusedRequestError, RequestRefusal
from billboard.push import (
    HttpCourier,
    PushRequest,
    Revocation,
    ServerDescriptor,
    SqliteOutbox,
    create_server_keys,
    gate_of,
    new_kappa,
    seal,
)
from billboard.push.emulators.apns import ApnsEmulator
from billboard.tlog.note import NoteKey

PAGE = (ROOT / "docs/embedding.md").read_text()
SHELL = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
PASTED, UVICORN = SHELL
IN_FASTAPI, IN_STARLETTE, TICK, AROUND, OPENED = PYTHON

TOML = """
url = "{url}"
keys = ["secret.key"]
[timing]
tick = 0.05
minimum = 1
patience = 0.05
jitter = 0.0
[apns]
team_id = "{key.team_id}"
key_id = "{key.key_id}"
key_file = "key.p8"
topics = {{ "0" = "com.example" }}
host = "{host}"
ca_file = "{ca_file}"
"""


class Contact:
    """A contact of the owner of a phone: knows the server's key, and a blob of the phone."""

    def __init__(self, secret: SecretKey, key: NoteKey) -> None:
        self.public, self.key = secret.public_key, key
        self.phone = DeviceToken(Platform.APNS, os.urandom(32))
        self.kappa = new_kappa()
        self.blob = self.public.encrypt(self.phone, gate=gate_of(self.kappa))

    def descriptor(self, port: int, path: str) -> ServerDescriptor:
        body = request(port, "GET", f"{path}/descriptor").body
        return ServerDescriptor.from_bytes(body, self.key)

    def wake(self, descriptor: ServerDescriptor) -> bytes:
        """Send a request, and the same bytes once more, as for want of an answer; the bytes."""
        fresh = PushRequest.of(self.public.key_id, self.blob.rerandomize(self.public))
        sealed = seal(fresh, descriptor)
        HttpCourier().send(sealed, descriptor)
        HttpCourier().send(sealed, descriptor)
        return sealed


@pytest.fixture
def contact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Contact:
    """A contact who knows the server in the directory ``push``, as `push init` makes one."""
    folder = tmp_path / "push"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    key = create_server_keys(folder, "example.org/push")
    secret = SecretKey.generate()
    secret.save(folder / "secret.key", None)
    SqliteOutbox.create(folder / "outbox.sqlite").close()
    return Contact(secret, key)


def configure(url: str, emulator: ApnsEmulator) -> None:
    folder = Path("push")
    (folder / "key.p8").touch(0o600)
    (folder / "key.p8").write_bytes(emulator.key.private_key_pem)
    toml = TOML.format(url=url, key=emulator.key, host=emulator.url, ca_file=emulator.ca_file)
    (folder / "push.toml").write_text(toml)


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


async def woken(emulator: ApnsEmulator) -> list[bytes]:
    """The phones that were woken, once one was and nothing is left to do."""
    deadline = time.monotonic() + LONGEST
    with SqliteOutbox(Path("push/outbox.sqlite")) as outbox:
        while not emulator.deliveries or outbox.waiting()[0] or outbox.pending():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
    return [each.token for each in emulator.deliveries]


def test_the_page_is_short() -> None:
    assert len(PAGE.split()) <= 1500
    _, _, body = TICK.partition("def tick")
    assert len(body.splitlines()) <= 16


def test_the_ready_server(tmp_path: Path) -> None:
    with (
        subprocess.Popen(
            ["bash", "-ec", PASTED],
            cwd=tmp_path,
            env=with_billboard(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process,
        watched(process),
    ):
        try:
            code = process.wait()
        finally:
            os.killpg(process.pid, signal.SIGKILL)
        assert process.stdout is not None
        out = process.stdout.read()
    assert code == 0, out
    assert "1 taken" in out
    assert (tmp_path / "emulator.toml").read_text().count("woke a device of com.example") == 1


async def test_in_a_fastapi_application(tmp_path: Path, contact: Contact) -> None:
    port = free_port()
    command = shlex.split(UVICORN.replace("8090", port))
    (tmp_path / "wake.py").write_text(IN_FASTAPI)
    async with ApnsEmulator() as emulator:
        configure(f"http://127.0.0.1:{port}/wake", emulator)
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with process, watched(process):
            assert process.stdout is not None
            logged: list[str] = []
            while not logged or "running on" not in logged[-1]:
                logged.append(await asyncio.to_thread(process.stdout.readline))
                assert logged[-1], logged
            descriptor = contact.descriptor(int(port), "/wake")
            await asyncio.to_thread(contact.wake, descriptor)
            assert await woken(emulator) == [contact.phone.value]
            assert request(int(port), "GET", "/wake/readyz").status == 200
            process.send_signal(signal.SIGTERM)
            logged.append(await asyncio.to_thread(process.stdout.read))
    assert "Application shutdown complete" in logged[-1]
    assert [line for line in logged if "/wake" in line or "Error" in line] == []


async def test_in_a_starlette_application(contact: Contact) -> None:
    port, names = int(free_port()), dict[str, Any]()
    exec(IN_FASTAPI + IN_STARLETTE, names)  # noqa: S102
    async with ApnsEmulator() as emulator:
        configure(f"http://127.0.0.1:{port}/wake", emulator)
        app = names["application"]()
        http = Running(app, port)
        try:
            await asyncio.to_thread(contact.wake, contact.descriptor(port, "/wake"))
            assert await woken(emulator) == [contact.phone.value]
        finally:
            # In a thread: the server waits for the emulator, which answers in this event loop.
            await asyncio.to_thread(http.stop)
    with pytest.raises(RuntimeError, match="this PushServer ran before"):
        async with app.router.lifespan_context(app):
            pass


def test_only_the_engine(contact: Contact) -> None:
    with serving() as server:
        port = server.server_address[1]
        names: dict[str, Any] = {}
        url = f"http://127.0.0.1:{port}"
        exec(TICK + AROUND + OPENED.replace("https://wake.example.org", url), names)  # noqa: S102
        keys, outbox, tick = names["keys"], names["outbox"], names["tick"]
        woken: list[DeviceToken] = []
        with closing(outbox):
            server.answers = {
                "/push": lambda body: names["take"](keys, outbox, body),
                "/descriptor": lambda _: (200, keys.descriptor),
            }
            tick(keys, outbox, woken.append)
            names["renew"](keys, outbox)
            descriptor = contact.descriptor(port, "")
            taken = contact.wake(descriptor)
            for reason, junk in (
                (RequestRefusal.ENCODING, b""),
                (RequestRefusal.ENCODING, bytes(1450)),
                (RequestRefusal.KEY, b"\1" + bytes(1449)),
            ):
                with pytest.raises(RefusedRequestError) as caught:
                    HttpCourier().send(junk, descriptor)
                assert caught.value.reason is reason
            unreadable = taken[:-1] + bytes([taken[-1] ^ 1])
            HttpCourier().send(unreadable, descriptor)
            assert outbox.waiting()[0] == 2
            tick(keys, outbox, woken.append)
            assert woken == [contact.phone]
            HttpCourier().send(taken, descriptor)
            assert outbox.waiting()[0] == 0
            contact.wake(descriptor)
            HttpCourier().send(seal(Revocation(contact.kappa, 2**32 - 1), descriptor), descriptor)
            tick(keys, outbox, woken.append)  # the owner's revocation is in it, and comes first
            names["renew"](keys, outbox)
            contact.wake(descriptor)
            assert outbox.waiting()[0] == 1
            tick(keys, outbox, woken.append)
            assert woken == [contact.phone]
            assert outbox.waiting()[0] == 0


class _Existing(ThreadingHTTPServer):
    answers: dict[str, Any]


class _Handler(BaseHTTPRequestHandler):
    """What an HTTP server of somebody's own does with a request."""

    server: _Existing

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length", 0))
        status, body = self.server.answers[self.path](self.rfile.read(length))
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[_Existing]:
    """A server that was there before the engine was."""
    with _Existing(("127.0.0.1", 0), _Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
