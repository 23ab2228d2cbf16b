"""The emulator: that it refuses what APNs refuses. By clients that are not ours."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from curl_cffi import AsyncSession, CurlHttpVersion
from processes import LONGEST

from billboard.push.emulators.apns import ApnsEmulator
from billboard.push.providers.content import CONTENT_FREE_PAYLOAD
from push.support import TOPIC, Clock

TOKEN = bytes(range(32))
STRANGER = ec.generate_private_key(ec.SECP256R1())


def bearer(emulator: ApnsEmulator, clock: Callable[[], float], **changes: Any) -> str:
    """A good provider token, but for the changes (None: left out)."""
    claims = {"iss": emulator.key.team_id, "iat": int(clock())} | changes.pop("claims", {})
    headers = {"kid": emulator.key.key_id} | changes.pop("headers", {})
    key = changes.pop("key", emulator.key.private_key())
    claims = {name: value for name, value in claims.items() if value is not None}
    return "bearer " + jwt.encode(claims, key, changes.pop("algorithm", "ES256"), headers)


async def request(
    emulator: ApnsEmulator,
    headers: dict[str, str | None] | None = None,
    *,
    method: Any = "POST",
    path: str = f"/3/device/{TOKEN.hex()}",
    body: bytes = CONTENT_FREE_PAYLOAD,
    authorization: str | None = None,
) -> tuple[int, str | None, dict[str, str | None]]:
    """Status, reason and headers of the answer. A header that is None is not sent."""
    everything: dict[str, str | None] = {
        "authorization": authorization or bearer(emulator, emulator._clock),
        "apns-topic": TOPIC,
        "apns-push-type": "alert",
    }
    everything |= headers or {}
    sent = {name: value for name, value in everything.items() if value is not None}
    async with AsyncSession(
        http_version=CurlHttpVersion.V2TLS,
        verify=str(emulator.ca_file),  # type: ignore[arg-type]
        trust_env=False,
    ) as session:
        answer = await session.request(method, emulator.url + path, headers=sent, data=body)
    reason = json.loads(answer.content)["reason"] if answer.content else None
    return answer.status_code, reason, dict(answer.headers)


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ({"method": "PUT"}, 405, "MethodNotAllowed"),
        ({"path": "/"}, 404, "BadPath"),
        ({"path": "/2/device/00"}, 404, "BadPath"),
        ({"path": "/3/device/"}, 400, "MissingDeviceToken"),
        ({"path": "/3/device/0"}, 400, "BadDeviceToken"),
        ({"path": "/3/device/zz"}, 400, "BadDeviceToken"),
        ({"path": "/3/device/00/"}, 400, "BadDeviceToken"),
        ({"path": "/3/device/00?x"}, 400, "BadDeviceToken"),
        ({"path": "/3/device/" + "00" * 199}, 400, "BadDeviceToken"),
        ({"headers": {"authorization": None}}, 403, "MissingProviderToken"),
        ({"headers": {"authorization": "bearer"}}, 403, "MissingProviderToken"),
        ({"headers": {"authorization": "basic eA=="}}, 403, "MissingProviderToken"),
        ({"headers": {"authorization": "bearer x.y.z"}}, 403, "InvalidProviderToken"),
        ({"headers": {"apns-topic": None}}, 400, "MissingTopic"),
        ({"headers": {"apns-topic": "a b"}}, 400, "BadTopic"),
        ({"headers": {"apns-push-type": None}}, 400, "InvalidPushType"),
        ({"headers": {"apns-push-type": "shout"}}, 400, "InvalidPushType"),
        ({"headers": {"apns-priority": "7"}}, 400, "BadPriority"),
        ({"headers": {"apns-expiration": "tomorrow"}}, 400, "BadExpirationDate"),
        ({"headers": {"apns-expiration": "-1"}}, 400, "BadExpirationDate"),
        ({"headers": {"apns-id": "7"}}, 400, "BadMessageId"),
        ({"headers": {"apns-id": uuid.uuid4().hex}}, 400, "BadMessageId"),
        ({"headers": {"apns-collapse-id": "c" * 65}}, 400, "BadCollapseId"),
        ({"headers": {"apns-topic": "a", "Apns-Topic": "a"}}, 400, "DuplicateHeaders"),
        ({"body": b""}, 400, "PayloadEmpty"),
        ({"body": b"{}"}, 400, "PayloadEmpty"),
        ({"body": b"[1]"}, 400, "PayloadEmpty"),
        ({"body": b"{"}, 400, "PayloadEmpty"),
        ({"body": b"\xff"}, 400, "PayloadEmpty"),
        ({"body": b"[" * 4000}, 400, "PayloadEmpty"),
        ({"body": b'{"a":"' + b"x" * 4089 + b'"}'}, 413, "PayloadTooLarge"),
        ({"body": b"x" * 200_000}, 413, "PayloadTooLarge"),
    ],
)
async def test_what_is_wrong_is_refused(change: dict[str, Any], status: int, reason: str) -> None:
    async with ApnsEmulator() as emulator:
        assert (await request(emulator, **change))[:2] == (status, reason)
        assert emulator.deliveries == []


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"path": "/3/device/00"},
        {"path": f"/3/device/{TOKEN.hex().upper()}"},
        {"headers": {"apns-push-type": "background", "apns-priority": "5"}},
        {"headers": {"apns-expiration": "0", "apns-priority": "1"}},
        {"headers": {"apns-collapse-id": "c" * 64}},
        {"body": b'{"a":"' + b"x" * 4088 + b'"}'},
    ],
)
async def test_what_is_right_is_accepted(change: dict[str, Any]) -> None:
    async with ApnsEmulator() as emulator:
        assert (await request(emulator, **change))[:2] == (200, None)
        assert len(emulator.deliveries) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"claims": {"iat": 1_700_000_000 - 3601}}, "ExpiredProviderToken"),
        ({"claims": {"iat": 1_700_000_000 + 1}}, "InvalidProviderToken"),
        ({"claims": {"iat": "1700000000"}}, "InvalidProviderToken"),
        ({"claims": {"iat": 1_700_000_000.0}}, "InvalidProviderToken"),
        ({"claims": {"iat": True}}, "InvalidProviderToken"),
        ({"claims": {"iat": None}}, "InvalidProviderToken"),
        ({"claims": {"iss": None}}, "InvalidProviderToken"),
        ({"claims": {"iss": "SOMEBODY12"}}, "InvalidProviderToken"),
        ({"headers": {"kid": "OTHERKEY12"}}, "InvalidProviderToken"),
        ({"key": STRANGER}, "InvalidProviderToken"),
        ({"key": "secret" * 8, "algorithm": "HS256"}, "InvalidProviderToken"),
        ({"key": None, "algorithm": "none"}, "InvalidProviderToken"),
    ],
)
async def test_a_wrong_provider_token_is_refused(change: dict[str, Any], reason: str) -> None:
    clock = Clock(1_700_000_000.0)
    async with ApnsEmulator(clock=clock) as emulator:
        authorization = bearer(emulator, clock, **change)
        answer = await request(emulator, authorization=authorization)
        assert answer[:2] == (403, reason)
        assert emulator.deliveries == []


async def test_a_provider_token_is_good_for_an_hour() -> None:
    clock = Clock()
    async with ApnsEmulator(clock=clock) as emulator:
        authorization = bearer(emulator, clock)
        clock.now += 3600
        assert (await request(emulator, authorization=authorization))[0] == 200
        clock.now += 1
        answer = await request(emulator, authorization=authorization)
        assert answer[:2] == (403, "ExpiredProviderToken")


async def test_expire_jwts_ends_those_that_were_good_and_no_later_one() -> None:
    clock = Clock()
    async with ApnsEmulator(clock=clock) as emulator:
        old = bearer(emulator, clock)
        assert (await request(emulator, authorization=old))[0] == 200
        emulator.expire_jwts()
        assert (await request(emulator, authorization=old))[1] == "ExpiredProviderToken"
        assert (await request(emulator))[0] == 200


async def test_an_id_is_returned_or_made() -> None:
    given = str(uuid.uuid4())
    async with ApnsEmulator() as emulator:
        for headers in ({"apns-id": given}, {"apns-id": given, "apns-priority": "7"}):
            assert (await request(emulator, headers))[2]["apns-id"] == given  # type: ignore[arg-type]
        made = (await request(emulator))[2]["apns-id"]
        assert str(uuid.UUID(made)) == made
        assert made != given


async def test_a_dead_token_and_a_throttled_one() -> None:
    clock = Clock()
    async with ApnsEmulator(clock=clock) as emulator:
        emulator.throttle(TOKEN, times=1, retry_after=9)
        status, reason, headers = await request(emulator)
        assert (status, reason, headers["retry-after"]) == (429, "TooManyRequests", "9")
        assert (await request(emulator))[0] == 200
        emulator.throttle(TOKEN, times=1)
        assert "retry-after" not in (await request(emulator))[2]
        emulator.unregister(TOKEN)
        assert (await request(emulator))[:2] == (410, "Unregistered")
        assert (await request(emulator, path="/3/device/00"))[0] == 200


async def test_only_the_same_id_for_the_same_token_is_a_duplicate() -> None:
    headers: dict[str, str | None] = {"apns-id": str(uuid.uuid4())}
    async with ApnsEmulator() as emulator:
        await request(emulator, headers)
        await request(emulator, headers, path="/3/device/00")
        await request(emulator)
        await request(emulator, headers)
        assert [each.duplicate for each in emulator.deliveries] == [False, False, False, True]


async def test_two_emulators_share_nothing() -> None:
    async with ApnsEmulator() as one, ApnsEmulator() as two:
        assert (one.url, one.ca_file, one.key) != (two.url, two.ca_file, two.key)
        foreign = bearer(one, one._clock)
        assert (await request(two, authorization=foreign))[1] == "InvalidProviderToken"
        assert one.connections == 0


async def test_its_files_are_private_and_leave_with_it() -> None:
    async with ApnsEmulator() as emulator:
        directory = emulator.ca_file.parent
        assert directory.stat().st_mode & 0o777 == 0o700
        assert [each.name for each in directory.iterdir()] == ["ca.pem"]
        assert b"PRIVATE" not in emulator.ca_file.read_bytes()
    assert not directory.exists()


async def test_a_start_that_fails_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    async with ApnsEmulator() as emulator:
        port = int(emulator.url.rpartition(":")[2])
        with pytest.raises(OSError, match="Address already in use"):
            async with ApnsEmulator(port):
                pass
    assert list(tmp_path.iterdir()) == []


async def test_it_listens_on_loopback_only() -> None:
    async with ApnsEmulator() as emulator:
        assert emulator._listener.getsockname()[0] == "127.0.0.1"


async def test_a_client_that_has_not_shaken_hands_holds_up_no_end() -> None:
    async with ApnsEmulator() as emulator:
        port = int(emulator.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while not emulator.connections:
            await asyncio.sleep(0)
    assert await reader.read() == b""
    writer.close()
    gc.collect()  # a transport that was left open warns


async def run_curl(emulator: ApnsEmulator, *urls: str) -> list[str]:
    """The curl of the system: another build, with another TLS library, than curl_cffi's."""
    command = ["curl", "--silent", "--http2", "--noproxy", "*", "--cacert", str(emulator.ca_file)]
    command += ["--parallel", "--write-out", "%{http_version} %{http_code} %{errormsg}\n"]
    command += ["--header", f"authorization: {bearer(emulator, emulator._clock)}"]
    command += ["--header", f"apns-topic: {TOPIC}", "--header", "apns-push-type: alert"]
    command += ["--data-binary", CONTENT_FREE_PAYLOAD.decode(), *urls]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    out, _ = await asyncio.wait_for(process.communicate(), timeout=30)
    return out.decode().split("\n")[:-1]


@pytest.mark.slow
async def test_the_curl_of_the_system_is_served() -> None:
    async with ApnsEmulator() as emulator:
        url = f"{emulator.url}/3/device/{TOKEN.hex()}"
        assert [line.split()[:2] for line in await run_curl(emulator, url)] == [["2", "200"]]
        (answer,) = await run_curl(emulator, f"{emulator.url}/3/device/xy")
        assert "BadDeviceToken" in answer
        assert answer.split()[-1] == "400"
        assert len(emulator.deliveries) == 1


@pytest.mark.slow
async def test_the_curl_of_the_system_loses_nothing_over_graceful_shutdowns() -> None:
    tokens = [os.urandom(32) for _ in range(200)]
    async with ApnsEmulator(goaway_every=20, latency=0.01) as emulator:
        urls = [f"{emulator.url}/3/device/{token.hex()}" for token in tokens]
        answers = await run_curl(emulator, *urls)
        assert {tuple(line.split()[:2]) for line in answers} == {("2", "200")}
        assert len(answers) == 200
        assert sorted(each.token for each in emulator.deliveries) == sorted(tokens)
        assert emulator.connections >= 10


def test_a_emulator_runs_without_asyncio_debris() -> None:
    program = (
        "import asyncio\n"
        "from billboard.push.emulators.apns import ApnsEmulator\n"
        "async def main():\n"
        "    asyncio.get_running_loop().slow_callback_duration = 60\n"
        "    async with ApnsEmulator() as emulator:\n"
        "        print(emulator.url)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program],
        capture_output=True,
        check=True,
        text=True,
        timeout=LONGEST,
    )
    assert done.stdout.startswith("https://127.0.0.1:")
    assert done.stderr == ""
