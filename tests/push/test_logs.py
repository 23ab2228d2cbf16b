"""Nothing that a push server must not tell is in what it logs, counts or shows."""

from __future__ import annotations

import base64
import logging
import os
from pathlib import Path

import pytest

from billboard import DeviceToken, Platform
from billboard.cli.logs import JsonLines
from billboard.push import PushRequest, Revocation, new_kappa, seal
from billboard.push.dispatch import Attempt, Notification, Outcome
from billboard.push.metrics import Metrics
from push.servers import Scripted
from push.test_server import BEARER, put, served, wait_for


class DebugLog(logging.Handler):
    """All that is logged anywhere, as the server writes it and with its tracebacks."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self._plain = logging.Formatter()
        self.setFormatter(JsonLines())

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += [self.format(record), self._plain.format(record)]


def forms(secret: bytes) -> set[str]:
    """How bytes may be written."""
    encoded = {
        secret.hex(),
        secret.hex().upper(),
        base64.b64encode(secret).decode().rstrip("="),
        base64.urlsafe_b64encode(secret).decode().rstrip("="),
        repr(secret)[2:-1],
    }
    return {each[:24] for each in encoded}


def test_what_is_told_of_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        0: Attempt(Outcome.DELIVERED, None, 200),
        1: Attempt(Outcome.UNREGISTERED, "Unregistered", 410),
        2: Attempt(Outcome.REJECTED, "BadTopic", 400),
        3: Attempt(Outcome.RETRY, "Busy", 429),
    }

    def answer(one: Notification) -> Attempt:
        if one.token.app == 4:
            raise LookupError(one.token.value.hex())
        return answers[one.token.app]

    def complain(token: DeviceToken, since: float | None) -> None:
        raise LookupError(token.value.hex(), since)

    log, metrics = DebugLog(), Metrics()
    root = logging.getLogger()
    monkeypatch.setattr(root, "level", logging.DEBUG)
    root.addHandler(log)
    provider = Scripted(answer=answer, apps=range(5))
    tokens = [DeviceToken(Platform.APNS, os.urandom(32), app) for app in range(6)]
    try:
        with served(
            tmp_path,
            provider,
            metrics=metrics,
            metrics_token=BEARER,
            observe=metrics.tick,
        ) as (made, http):
            made.server.dispatcher._on_unregistered = complain
            made.server.dispatcher._observe = metrics.attempt
            blobs = [bytes(made.blob(token)) for token in tokens]
            kappa, descriptor = new_kappa(), made.descriptor
            key_id = made.secret.public_key.key_id
            sealed = [seal(PushRequest(key_id, blob), descriptor) for blob in blobs]
            sealed += [seal(Revocation(kappa, 2**31), descriptor)]
            sealed += [made.push(tokens[0])[:-1], sealed[0][:9] + os.urandom(len(sealed[0]) - 9)]
            shown = [put(http, each).body.decode() for each in sealed]
            wait_for(lambda: len({one.token.app for one in provider.sent}) == 5)
            wait_for(lambda: len(made.server.outbox.dead_letters(9)) == 2)
            shown.append(http.get("/metrics", authorization=f"Bearer {BEARER}").body.decode())
            assert 'reason="provider raised LookupError"' in shown[-1]
            made.server.outbox.close()  # type: ignore[attr-defined]
            assert http.get("/metrics", authorization=f"Bearer {BEARER}").status == 503
            shown += [put(http, sealed[0] + b"").body.decode()]
            shown += [str(error) for error in (made.server.keys, made.descriptor, provider.sent)]
            secrets = [token.value for token in tokens] + blobs + sealed + [kappa]
            secrets += [secret._seed for secret in made.server.keys._requests.values()]
            secrets += [(tmp_path / "server.key").read_bytes()[20:52]]
    finally:
        root.removeHandler(log)
    assert any("on_unregistered raised LookupError" in line for line in log.lines)
    told = "\n".join([*log.lines, *shown])
    found = [number for number, each in enumerate(secrets) if any(f in told for f in forms(each))]
    assert found == []
