"""Runs a real gorush before local push services, and records what it answers.

PYTHONPATH=tests python -m push.record_gorush GORUSH

GORUSH is the program, of github.com/appleboy/gorush. It is not changed: it is told of a proxy,
which leads what is meant for Apple and Google to the emulator, or to an FCM of this module that
answers by Google's documentation. Everything is TLS. Each answer has to mean to `GorushProvider`
what the push service said, and what came out at the other end has to be what we asked for; then
the answers are written to gorush_answers.json, which the tests replay.

`make test` does not do this itself: it would have to build gorush, a minute of two processors, and
not every proxy of Go modules has it.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import tempfile
import uuid
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import trustme
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from billboard.push.dispatch import Attempt, Notification, Outcome
from billboard.push.emulators.http2 import Reply, Request
from billboard.push.emulators.server import EmulatorServer
from billboard.push.providers import gorush
from billboard.push.providers.content import CONTENT_FREE_DATA, CONTENT_FREE_PAYLOAD
from billboard.tokens import DeviceToken, Platform
from push.support import TOPIC, Canned

ANSWERS = Path(__file__).with_name("gorush_answers.json")
APPLE, GOOGLE = "api.emulator.push.apple.com", "fcm.googleapis.com"
APNS_TOKEN, FCM_TOKEN = bytes(range(32)), b"fcm-token:APA91b" + b"x" * 120
NOTIFICATION = uuid.UUID("123e4567-e89b-12d3-a456-426614174000")
EXPIRES = 4_000_000_000.0
START_SECONDS = 60
D, U, L, X = Outcome.DELIVERED, Outcome.UNREGISTERED, Outcome.RETRY, Outcome.REJECTED


def apple(status: int, reason: str) -> Reply:
    return Reply(
        status, (("content-type", "application/json"),), json.dumps({"reason": reason}).encode()
    )


def google(code: int, status: str, message: str, error: str | None = None) -> Reply:
    details = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": error}]
    body: dict[str, Any] = {"code": code, "message": message, "status": status}
    if error:
        body["details"] = details
    return Reply(
        code, (("content-type", "application/json"),), json.dumps({"error": body}).encode()
    )


# what the push service says, or None if it cannot be reached; what it has to mean
APNS_CASES: list[tuple[str, Reply | None, Outcome]] = [
    ("accepted", Reply(200), D),
    ("Unregistered", apple(410, "Unregistered"), U),
    ("ExpiredToken", apple(410, "ExpiredToken"), U),
    ("BadDeviceToken", apple(400, "BadDeviceToken"), U),
    ("DeviceTokenNotForTopic", apple(400, "DeviceTokenNotForTopic"), X),
    ("InvalidProviderToken", apple(403, "InvalidProviderToken"), X),
    ("TooManyRequests", apple(429, "TooManyRequests"), L),
    ("InternalServerError", apple(500, "InternalServerError"), L),
    ("ServiceUnavailable", apple(503, "ServiceUnavailable"), L),
    ("no reason", Reply(502), L),
    ("unreadable", Reply(502, (), b"<html>"), L),
    ("unreachable", None, L),
]
FCM_CASES: list[tuple[str, Reply | None, Outcome]] = [
    ("accepted", Reply(200, (), b'{"name":"projects/emulator/messages/1"}'), D),
    (
        "UNREGISTERED",
        google(404, "NOT_FOUND", "Requested entity was not found.", "UNREGISTERED"),
        U,
    ),
    (
        "INVALID_ARGUMENT",
        google(
            400,
            "INVALID_ARGUMENT",
            "The registration token is not a valid FCM registration token",
            "INVALID_ARGUMENT",
        ),
        X,
    ),
    (
        "SENDER_ID_MISMATCH",
        google(403, "PERMISSION_DENIED", "SenderId mismatch", "SENDER_ID_MISMATCH"),
        X,
    ),
    (
        "THIRD_PARTY_AUTH_ERROR",
        google(
            401,
            "UNAUTHENTICATED",
            "Auth error from APNS or Web Push Service",
            "THIRD_PARTY_AUTH_ERROR",
        ),
        X,
    ),
    ("QUOTA_EXCEEDED", google(429, "RESOURCE_EXHAUSTED", "Quota exceeded.", "QUOTA_EXCEEDED"), L),
    ("INTERNAL", google(500, "INTERNAL", "Internal error encountered.", "INTERNAL"), L),
    (
        "UNAVAILABLE",
        google(503, "UNAVAILABLE", "The service is currently unavailable.", "UNAVAILABLE"),
        L,
    ),
    ("unreadable", Reply(502, (), b"<html>"), L),
    ("unreadable refusal", Reply(403, (), b"<html>"), X),
    ("unreachable", None, L),
]


class Fcm(EmulatorServer):
    """FCM, and the token endpoint of OAuth; answers each message alike."""

    def __init__(self) -> None:
        super().__init__()
        self.reply = Reply(200)
        self.requests: list[Request] = []

    def _process(self, request: Request) -> Reply:
        if request.value(":path") == "/token":
            token = {"access_token": "t", "token_type": "Bearer", "expires_in": 3600}
            return Reply(200, (("content-type", "application/json"),), json.dumps(token).encode())
        self.requests.append(request)
        return self.reply


class Proxy:
    """An HTTP proxy that leads each host to a port of this machine, or closes if there is none."""

    def __init__(self) -> None:
        self.ports: dict[str, int] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            port = self.ports.get(head.split()[1].decode().partition(":")[0])
            if port is not None:
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                await asyncio.gather(pipe(reader, far_writer), pipe(far_reader, writer))
        writer.close()


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while part := await reader.read(65536):
            writer.write(part)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def running(program: Path, config: dict[str, Any], environment: dict[str, str]) -> Any:
    """gorush, until it takes connections; the port of it."""
    with tempfile.TemporaryDirectory() as directory, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        path = Path(directory) / "gorush.json"
        config["core"]["port"] = str(port)
        path.write_text(json.dumps(config))  # which is YAML too
        process = await asyncio.create_subprocess_exec(
            program, "-c", path, env=os.environ | environment, cwd=directory
        )
        try:
            async with asyncio.timeout(START_SECONDS):
                while True:
                    with suppress(ConnectionError):
                        _, writer = await asyncio.open_connection("127.0.0.1", port)
                        writer.close()
                        break
                    await asyncio.sleep(0.1)
            yield port
        finally:
            process.kill()
            await process.wait()


async def record(program: Path) -> list[dict[str, Any]]:
    real = trustme.CA.issue_cert
    names = mock.patch.object(
        trustme.CA, "issue_cert", lambda ca, *own: real(ca, *own, APPLE, GOOGLE)
    )
    async with AsyncExitStack() as stack:
        stack.enter_context(names)
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        apns = await stack.enter_async_context(Canned(Reply(200)))
        fcm = await stack.enter_async_context(Fcm())
        proxy = Proxy()
        listening = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
        await stack.enter_async_context(listening)
        proxy_url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        authority = trustme.CA()
        authority.cert_pem.write_to_path(directory / "ca.pem")
        own = real(authority, "127.0.0.1")
        own.cert_chain_pems[0].write_to_path(directory / "cert.pem")
        own.private_key_pem.write_to_path(directory / "key.pem")
        (directory / "apple.p8").write_bytes(apns.key.private_key_pem)
        (directory / "google.json").write_text(json.dumps(service_account()))
        trusted = apns.ca_file.read_text() + fcm.ca_file.read_text()
        (directory / "trusted.pem").write_text(trusted)
        config = {
            "core": {
                "address": "127.0.0.1",
                "sync": True,
                "ssl": True,
                "cert_path": str(directory / "cert.pem"),
                "key_path": str(directory / "key.pem"),
            },
            "ios": {
                "enabled": True,
                "key_path": str(directory / "apple.p8"),
                "key_id": apns.key.key_id,
                "team_id": apns.key.team_id,
            },
            "android": {"enabled": True, "key_path": str(directory / "google.json")},
        }
        environment = {"SSL_CERT_FILE": str(directory / "trusted.pem"), "HTTPS_PROXY": proxy_url}
        found: list[dict[str, Any]] = []
        for platform in (Platform.APNS, Platform.FCM):
            server: Any = apns if platform is Platform.APNS else fcm
            cases = APNS_CASES if platform is Platform.APNS else FCM_CASES
            for case, reply, outcome in cases:
                # With http_proxy gorush speaks HTTP/1.1 to Google, without it no proxy to Apple.
                # Each case has a gorush of its own, for it keeps connections.
                config["core"]["http_proxy"] = proxy_url if platform is Platform.APNS else ""
                proxy.ports = {} if reply is None else {APPLE: port(apns), GOOGLE: port(fcm)}
                proxy.ports["oauth2.googleapis.com"] = port(fcm)
                server.reply = reply or Reply(200)
                async with running(program, config, environment) as number:
                    found.append(await one(platform, case, number, directory / "ca.pem", outcome))
            check(platform, server.requests[0])
        config["ios"]["enabled"] = False
        async with running(program, config, environment) as number:
            found.append(await one(Platform.APNS, "disabled", number, directory / "ca.pem", X))
        return found


def port(server: EmulatorServer) -> int:
    return int(server.url.rpartition(":")[2])


def service_account() -> dict[str, str]:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {
        "type": "service_account",
        "project_id": "emulator",
        "private_key_id": "1",
        "private_key": pem.decode(),
        "client_email": "push@emulator.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": f"https://{GOOGLE}/token",
    }


async def one(
    platform: Platform, case: str, number: int, ca_file: Path, outcome: Outcome
) -> dict[str, Any]:
    """Send a notification, and return the answer and what it meant."""
    topics = {0: TOPIC} if platform is Platform.APNS else None
    token = APNS_TOKEN if platform is Platform.APNS else FCM_TOKEN
    answers: list[bytes] = []
    parse = gorush._parse

    def recording(kind: Platform, response: Any, now: float) -> Attempt:
        answers.append(response.content)
        return parse(kind, response, now)

    provider = gorush.GorushProvider(platform, f"https://127.0.0.1:{number}", topics, ca_file)
    with mock.patch.object(gorush, "_parse", recording):
        attempt = await provider.send(
            Notification(
                DeviceToken(platform, token),
                id=NOTIFICATION,
                collapse_id="merge",
                expires=EXPIRES,
                priority=5,
            )
        )
    await provider.aclose()
    assert attempt.outcome is outcome, (platform, case, attempt, answers)
    return {
        "platform": platform.name,
        "case": case,
        "outcome": outcome.name,
        "reason": attempt.reason,
        "answer": json.loads(answers[0]),
    }


def check(platform: Platform, request: Request) -> None:
    """What came out at the other end."""
    body = json.loads(request.body)
    if platform is Platform.FCM:
        message = body["message"]
        assert message["token"] == FCM_TOKEN.decode()
        assert message["data"] == dict(CONTENT_FREE_DATA), message
        android = message["android"]
        assert (android["priority"], android["collapse_key"]) == ("normal", "merge"), android
        assert android["ttl"] == f"{gorush.MAX_TTL}s", android
        return
    assert body == json.loads(CONTENT_FREE_PAYLOAD), body
    assert request.value(":path") == f"/3/device/{APNS_TOKEN.hex()}"
    assert {name: value for name, value in request.headers if name.startswith("apns-")} == {
        "apns-id": str(NOTIFICATION),
        "apns-topic": TOPIC,
        "apns-push-type": "alert",
        "apns-priority": "5",
        "apns-expiration": str(int(EXPIRES)),
        "apns-collapse-id": "merge",
    }


if __name__ == "__main__":
    recorded = asyncio.run(record(Path(sys.argv[1]).resolve()))
    rows = ",\n".join(json.dumps(row) for row in recorded)
    ANSWERS.write_text(f"[\n{rows}\n]\n")
