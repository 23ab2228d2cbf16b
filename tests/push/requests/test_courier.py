"""How requests come to a push server over HTTP, and what its answers mean."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from billboard import SecretKey
from billboard.errors import (
    BillboardError,
    BusyError,
    RefusedRequestError,
    UnreachableError,
)
from billboard.push import ServerDescriptor, ServerKeys, create_server_keys
from billboard.push.requests.courier import HttpCourier
from billboard.web.admission import ProofOfWork

BITS = 6


@dataclass
class Answers:
    """A push server that answers as it is told to."""

    status: int = 202
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, bytes, str, int]] = field(default_factory=list)
    work: str = ""


@pytest.fixture
def answers() -> Iterator[tuple[Answers, str]]:
    told = Answers()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])))

        def _answer(self, body: bytes) -> None:
            content_type = self.headers.get("content-type", "")
            told.asked.append((self.path, body, content_type, self.client_address[1]))
            told.work = self.headers.get("billboard-work", "")
            status = 202 if told.work else told.status
            self.send_response(status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield told, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def descriptor(tmp_path: Path, answers: tuple[Answers, str]) -> ServerDescriptor:
    key = create_server_keys(tmp_path, "example.org/push")
    keys = ServerKeys(tmp_path, [SecretKey.generate()], answers[1])
    keys.renew(1_800_000_000.0)
    return ServerDescriptor.from_bytes(keys.descriptor, key)


def test_each_request_has_a_connection_of_its_own(
    answers: tuple[Answers, str], descriptor: ServerDescriptor
) -> None:
    told, _ = answers
    courier = HttpCourier()
    courier.send(b"one", descriptor)
    courier.send(b"two", descriptor)
    told.status = 204
    courier.register(b"three", descriptor)
    assert [each[:3] for each in told.asked] == [
        ("/push", b"one", "application/octet-stream"),
        ("/push", b"two", "application/octet-stream"),
        ("/handles", b"three", "application/octet-stream"),
    ]
    assert len({each[3] for each in told.asked}) == 3


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (422, b'{"reason": "key"}', RefusedRequestError),
        (422, b'{"reason": "time"}', RefusedRequestError),
        (422, b"\xff", RefusedRequestError),
        (422, b'{"reason": ["key"]}', RefusedRequestError),
        (429, b"", BusyError),
        (503, b"", BusyError),
        (200, b"", UnreachableError),
        (302, b"", UnreachableError),
        (404, b"", UnreachableError),
        (500, b"", UnreachableError),
    ],
)
def test_what_answers_mean(
    answers: tuple[Answers, str],
    descriptor: ServerDescriptor,
    status: int,
    body: bytes,
    expected: type[BillboardError],
) -> None:
    told, url = answers
    told.status, told.body, told.headers = status, body, {"Location": f"{url}/elsewhere"}
    with pytest.raises(expected) as caught:
        HttpCourier().send(b"secret request", descriptor)
    assert len(told.asked) == 1, "no redirect is followed"
    assert "secret" not in str(caught.value)
    if isinstance(caught.value, RefusedRequestError):
        reason = json.loads(body)["reason"] if body.startswith(b'{"reason": "') else "encoding"
        assert caught.value.reason == reason


def test_work_is_done_where_it_is_asked_for(
    answers: tuple[Answers, str], descriptor: ServerDescriptor
) -> None:
    told, _ = answers
    told.status, told.headers = 429, {"Billboard-Work": str(BITS)}
    HttpCourier().send(b"request", descriptor)
    assert len(told.asked) == 2
    ProofOfWork(descriptor.server.name, BITS).admit(b"request", bytes.fromhex(told.work))


@pytest.mark.parametrize("bits", ["0", "29", "255", "x", "-1", ""])
def test_not_any_amount_of_work_is_done(
    answers: tuple[Answers, str], descriptor: ServerDescriptor, bits: str
) -> None:
    told, _ = answers
    told.status, told.headers = 429, {"Billboard-Work": bits}
    with pytest.raises(BusyError):
        HttpCourier().send(b"request", descriptor)
    assert len(told.asked) == 1


def test_nobody_there(descriptor: ServerDescriptor) -> None:
    nowhere = replace(descriptor, url="http://127.0.0.1:9")
    with pytest.raises(UnreachableError, match=r"http://127\.0\.0\.1:9/push: connection refused"):
        HttpCourier(timeout=5).send(b"request", nowhere)


def test_a_proxy_is_used_and_none_of_the_environment(
    answers: tuple[Answers, str], descriptor: ServerDescriptor, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, url = answers
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    HttpCourier().send(b"request", descriptor)
    elsewhere = replace(descriptor, url="http://push.invalid")
    HttpCourier(proxy=url).send(b"through a proxy", elsewhere)
    assert told.asked[-1][:2] == ("http://push.invalid/push", b"through a proxy")


def test_descriptors_are_verified(
    answers: tuple[Answers, str], descriptor: ServerDescriptor, tmp_path: Path
) -> None:
    told, _ = answers
    courier = HttpCourier()
    signed = (tmp_path / "descriptor").read_bytes()
    told.status, told.body = 200, signed
    assert courier.descriptor(descriptor) == signed
    for bad in (b"", signed[:-3], signed.replace(b"key ", b"kex "), b"x" * (1 << 18)):
        told.body = bad
        with pytest.raises(UnreachableError):
            courier.descriptor(descriptor)
    told.status, told.body = 404, b""
    with pytest.raises(UnreachableError, match="404"):
        courier.descriptor(descriptor)
