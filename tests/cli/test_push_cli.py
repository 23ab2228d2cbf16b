"""The commands `billboard push`: a server that runs, and what an operator may get wrong."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from processes import LONGEST, watched
from push.requests.waku_node import WakuNode
from web.running import request

from billboard import FrameClass, SecretKey
from billboard.errors import ConfigError
from billboard.push import ServerDescriptor, SqliteOutbox
from billboard.push.config import Config
from billboard.push.dispatch import Provider
from billboard.push.dispatch.notification import Notification, Outcome
from billboard.push.dispatch.queue import Settlement
from billboard.push.outbox import Pace
from billboard.tlog.note import NoteKey
from billboard.tokens import DeviceToken, Platform
from billboard.webpush import WebPushSubscription
from cli.shell import BILLBOARD, TOKEN, Shell

# Who runs the tests in the background has SIGINT ignored, and so would the emulator.
HEARS_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a push server of class L, one blob for it, and the key in ``vkey``."""
    made = Shell(tmp_path_factory.mktemp("template"))
    vkey = made.ok("push", "init", "push", "--name", "example.org/push", "--url", "http://wake")
    made.write("vkey", vkey.strip())
    made.write("tokens", TOKEN + "\n")
    made.ok("encrypt", "push/public.key", "tokens", "--out", "blob")
    return made.directory


@pytest.fixture
def shell(template: Path, tmp_path: Path) -> Shell:
    return Shell(Path(shutil.copytree(template, tmp_path / "shell")))


@contextmanager
def program(shell: Shell, *arguments: str, ends: signal.Signals, code: int) -> Iterator[IO[str]]:
    """A command that runs until the block is left; what it prints."""
    python, option, main = BILLBOARD
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = subprocess.Popen(
            [python, option, HEARS_CTRL_C + main, *arguments],
            cwd=shell.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "COLUMNS": "200", "PYTHONUNBUFFERED": "1"},
        )
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.stdout is not None
    assert process.stderr is not None
    with watched(process, 5 * LONGEST), process.stdout, process.stderr:
        yield process.stdout
        process.send_signal(ends)
        said = process.stderr.read()
        assert process.wait() == code, said
        assert TOKEN not in said
        assert "Traceback" not in said


SOON = """
[timing]
tick = 0.1
minimum = 1
patience = 0.1
jitter = 0.0
"""


def set_up(shell: Shell, section: str) -> None:
    """Have the push server push, at once: by itself it waits for others to hide each among."""
    with (shell.directory / "push" / "push.toml").open("a") as file:
        file.write(section + SOON)


@pytest.fixture
def emulator(shell: Shell) -> Iterator[IO[str]]:
    """`billboard emulator` in the background, and its section in the configuration."""
    with program(shell, "emulator", ends=signal.SIGINT, code=130) as said:
        section = "".join(iter(said.readline, "\n"))
        set_up(shell, section)
        yield said


def test_a_blob_wakes_a_device(shell: Shell, emulator: IO[str]) -> None:
    checked = shell.ok("push", "check", "push")
    assert "example.org/push at http://wake, class L" in checked
    assert "pushes to APNS" in checked
    serve = ("push", "serve", "push", "--port", "0")
    with program(shell, *serve, ends=signal.SIGTERM, code=0) as said:
        url = said.readline().strip()
        key = shell.read("vkey")
        assert request(int(url.rpartition(":")[2]), "GET", "/readyz").status == 200
        assert shell.ok("push", "send", url, "--key", key, "blob") == "1 taken\n"
        assert "woke a device of com.example" in emulator.readline()
        stranger = key.replace("example.org", "example.com")
        assert "note key" in shell.fails("push", "send", url, "--key", stranger, "blob")
        named = ("--key", key, "--key-id", "no hex", "blob")
        assert "--key-id must be given in hex" in shell.fails("push", "send", url, *named)
    assert "cannot be reached" in shell.fails("push", "send", url, "--key", key, "blob")
    said_of = shell.ok("push", "info", "push")
    assert "0 requests wait" in said_of


def test_a_dry_run_wakes_nobody(shell: Shell) -> None:
    set_up(shell, SECTION)
    make_key(shell)
    serve = ("push", "serve", "push", "--dry-run", "--port", "0")
    with program(shell, *serve, ends=signal.SIGTERM, code=0) as said:
        url = said.readline().strip()
        assert shell.ok("push", "send", url, "--key", shell.read("vkey"), "blob") == "1 taken\n"
        deadline = time.monotonic() + LONGEST
        with SqliteOutbox(shell.directory / "push" / "outbox.sqlite") as outbox:
            while outbox.waiting()[0] or outbox.pending():
                assert time.monotonic() < deadline
                time.sleep(0.1)
            assert outbox.dead_letters(10) == []


def test_the_descriptor_is_what_a_board_logs(shell: Shell) -> None:
    set_up(shell, SECTION)
    make_key(shell)
    text = shell.ok("push", "descriptor", "push")
    assert shell.ok("push", "descriptor", "push") == text
    key = NoteKey.from_text(shell.read("vkey"))
    descriptor = ServerDescriptor.from_bytes(text.encode(), key)
    assert (descriptor.url, len(descriptor.request_keys)) == ("http://wake", 8)
    shell.write("descriptor", text)
    shell.ok("board", "init", "board", "--origin", "example.org/board")
    shell.ok("board", "publish", "board")
    shell.ok("board", "descriptor", "board", "descriptor")


def test_the_operator_says_that_the_clock_is_right(shell: Shell) -> None:
    assert "UTC" in shell.ok("push", "clock", "push")
    assert abs((shell.directory / "push" / "clock").stat().st_mtime - time.time()) < LONGEST
    assert "not a push server's directory" in shell.fails("push", "clock", ".")


def test_what_was_given_up_is_replayed(shell: Shell) -> None:
    with SqliteOutbox(shell.directory / "push" / "outbox.sqlite") as outbox:
        made = [
            Notification(DeviceToken(Platform.APNS, os.urandom(32)), expires=2.0**32)
            for _ in range(3)
        ]
        outbox.enqueue([], [(each, 0.0) for each in made], Pace())
        claims = outbox.claim(Platform.APNS, 3, time.time(), time.time() + 60)
        reasons = {each.id: "TopicDisallowed" for each in made[:2]} | {made[2].id: "BadCertificate"}
        ended = [
            Settlement(each, Outcome.REJECTED, reasons[each.notification.id]) for each in claims
        ]
        outbox.settle(ended, time.time())
    shown = shell.ok("push", "info", "push")
    assert shown.count("TopicDisallowed") == 2
    assert "say which" in shell.fails("push", "replay", "push")
    assert shell.run("push", "replay", "push", "--outcome", "expired")[:2] == (
        1,
        "0 of 0 are due again\n",
    )
    assert shell.ok("push", "replay", "push", str(made[2].id)) == "1 of 1 are due again\n"
    code, out, _ = shell.run("push", "replay", "push", str(made[2].id))
    assert (code, out) == (1, "0 of 1 are due again\n")
    assert "badly formed" in shell.fails("push", "replay", "push", "none")
    again = shell.ok("push", "replay", "push", "--reason", "TopicDisallowed")
    assert again == "2 of 2 are due again\n"
    assert "3 notifications wait for APNS" in shell.ok("push", "info", "push")


SECTION = """
[apns]
team_id = "ABCDE12345"
key_id = "FGHIJ67890"
key_file = "apns.p8"
topics = { "0" = "org.example.messenger" }
"""


def make_key(shell: Shell) -> None:
    """A signing key as Apple gives it, in ``push/apns.p8``."""
    options = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:named_curve"
    command = ["openssl", "genpkey", *options.split(), "-out", "push/apns.p8"]
    subprocess.run(command, cwd=shell.directory, check=True, capture_output=True)


def write_secret(shell: Shell, name: str, text: str) -> None:
    shell.write(name, text)
    (shell.directory / name).chmod(0o600)


BEGIN = 'url = "http://wake"\nkeys = ["secret.key"]\n'

WRONG = {
    "no TOML": ("url = ", "is not TOML"),
    "no url": ('keys = ["secret.key"]', "url is missing"),
    "a url with a query": (BEGIN.replace("wake", "wake?x"), "url cannot be used"),
    "no keys": ('url = "http://wake"\nkeys = []\n' + SECTION, "keys names no key"),
    "keys that are no list": ('url = "http://wake"\nkeys = "a"', 'like ["this"]'),
    "a key that is not there": (BEGIN.replace("secret", "other"), "cannot be read"),
    "a key that is not set": (BEGIN.replace("secret.key", "$NOT_THERE"), "$NOT_THERE is not set"),
    "a key that is no key": (BEGIN.replace("secret.key", "$NO_KEY"), "keys cannot be used"),
    "no push service": (BEGIN, "has no section of a push service: [apns]"),
    "an unknown word": (BEGIN + "ports = 1\n" + SECTION, "ports is not known here; there are"),
    "a port too high": (BEGIN + "port = 65536\n" + SECTION, "port must be a number from 0 to"),
    "half a port": (BEGIN + "port = 1.5\n" + SECTION, "port must be a whole number"),
    "a port that is true": (BEGIN + "port = true\n" + SECTION, "port must be a number"),
    "no rate": (BEGIN + "rate = 0\n" + SECTION, "rate must be a number from 0.001"),
    "a rate that is none": (BEGIN + "rate = nan\n" + SECTION, "rate must be a number"),
    "no token": (BEGIN + 'metrics_token_file = "empty"\n' + SECTION, "holds no token"),
    "an unknown timing": (BEGIN + "[timing]\ntack = 1\n" + SECTION, "[timing] tack is not known"),
    "a key that is there twice": (
        BEGIN.replace('"]', '", "secret.key"]') + SECTION,
        "more than once",
    ),
    "two ways to one platform": (
        BEGIN
        + SECTION
        + '[gorush_apns]\nhost = "http://127.0.0.1:1"\ntopics = { "0" = "org.a" }\n',
        "several sections push to APNS",
    ),
    "a Waku node without a URL": (BEGIN + SECTION + "[waku]\n", "[waku] url is missing"),
    "a Waku node that is none": (
        BEGIN + SECTION + '[waku]\nurl = "127.0.0.1:8645"\n',
        "[waku] url cannot be used: the URL of a Waku node must be http(s)://host",
    ),
    "a Waku node with more": (
        BEGIN + SECTION + '[waku]\nurl = "http://127.0.0.1:8645"\ntopic = "a"\n',
        "[waku] topic is not known here; there are url",
    ),
    "a delay that outlives a push": (
        BEGIN + "[timing]\njitter = 60\nlifetime = 60\n" + SECTION,
        "longer than its lifetime",
    ),
    "a tick of nothing": (BEGIN + "[timing]\ntick = 0\n" + SECTION, "tick must be above 0"),
    "no project": (BEGIN + '[fcm.accounts.0]\nkey_file = "empty"\n', "project_id is missing"),
    "no account": (
        BEGIN + '[fcm.accounts.0]\nproject_id = "p-1234"\nkey_file = "empty"\n',
        "JSON key",
    ),
    "ports": (
        BEGIN + '[web_push]\nkey_file = "apns.p8"\ncontact = "mailto:a@b.c"\nports = [0]',
        "ports must",
    ),
    "no contact": (BEGIN + '[web_push]\nkey_file = "apns.p8"\ncontact = "me"', "VAPID contact"),
    "no team": (BEGIN + SECTION.replace("team_id", "team"), "[apns] team_id is missing"),
    "an unknown key": (BEGIN + SECTION + "topic = 1\n", "[apns] topic is not known"),
    "no file": (BEGIN + SECTION.replace("apns.p8", "no.p8"), "no.p8 cannot be read"),
    "a key that others can read": (
        BEGIN + SECTION.replace("apns.p8", "open.p8"),
        "open.p8 is open to others than its owner: run chmod 600 on it",
    ),
    "an account that others can read": (
        BEGIN + '[fcm.accounts.0]\nproject_id = "p-1234"\nkey_file = "open.p8"\n',
        "is open to others",
    ),
    "a VAPID key that others can read": (
        BEGIN + '[web_push]\nkey_file = "open.p8"\ncontact = "mailto:a@b.c"',
        "is open to others",
    ),
    "an API key that others can read": (
        BEGIN + '[pushy.api_key_files]\n0 = "open.p8"\n',
        "is open to others",
    ),
    "a token that others can read": (
        BEGIN + 'metrics_token_file = "open.p8"\n' + SECTION,
        "is open to others",
    ),
    "no p8 file": (BEGIN + SECTION.replace("apns.p8", "empty"), "not an unencrypted P-256"),
    "no topics": (BEGIN + SECTION.split("topics")[0], "topics is missing"),
    "an app that is no number": (BEGIN + SECTION.replace('"0"', '"x"'), "is no number of an app"),
    "a topic that is none": (BEGIN + SECTION.replace("org.", "org "), "not a bundle id"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_configuration_that_is_wrong(
    shell: Shell, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, message = WRONG[case]
    monkeypatch.setenv("NO_KEY", "bm8ga2V5")
    make_key(shell)
    write_secret(shell, "push/empty", "")
    shell.write("push/open.p8", "")
    (shell.directory / "push" / "open.p8").chmod(0o640)
    shell.write("push/push.toml", text)
    path = shell.directory / "push" / "push.toml"
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        Config.load(path)
    assert str(caught.value).startswith(str(path))


ALL = (
    BEGIN
    + SECTION
    + """
[fcm.accounts.0]
project_id = "example-app"
key_file = "fcm.json"
[fcm.accounts.7]
project_id = "another-app"
key_file = "fcm.json"
[web_push]
key_file = "apns.p8"
contact = "mailto:push@example.org"
hosts = ["ntfy.example.org"]
networks = ["10.0.0.0/8"]
ports = [443, 8443]
[pushy.api_key_files]
0 = "pushy.key"
"""
)

GORUSH = (
    BEGIN
    + """
[gorush_apns]
host = "http://127.0.0.1:8088"
topics = { "0" = "org.example.messenger", "3" = "org.example.other" }
[gorush_fcm]
host = "http://127.0.0.1:8088"
"""
)


def test_every_push_service_has_a_section(shell: Shell) -> None:
    make_key(shell)
    write_secret(shell, "push/fcm.json", json.dumps(service_account()))
    write_secret(shell, "push/pushy.key", "0123456789abcdef0123456789abcdef\n")
    path = shell.directory / "push" / "push.toml"
    shell.write("push/push.toml", ALL)
    apns, fcm, web_push, pushy = Config.load(path).providers
    assert serves(apns, Platform.APNS) == {0}
    assert serves(fcm, Platform.FCM) == {0, 7}
    assert serves(pushy, Platform.PUSHY) == {0}
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    p256dh = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    for endpoint, served in {
        "https://ntfy.example.org:8443/up": True,
        "https://ntfy.example.org:444/up": False,
        "https://fcm.googleapis.com/up": False,
    }.items():
        token = WebPushSubscription(endpoint, p256dh, bytes(16)).to_token()
        assert web_push.serves(token) == served
    shell.write("push/push.toml", GORUSH)
    to_apple, to_google = Config.load(path).providers
    assert serves(to_apple, Platform.APNS) == {0, 3}
    assert serves(to_google, Platform.FCM) == set(range(10))


def test_amazon_has_a_section(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    arn = "arn:aws:sns:eu-west-1:123456789012:app/APNS/example"
    shell.write("push/push.toml", BEGIN + f'[sns.applications]\n5 = "{arn}"\n')
    (sns,) = Config.load(shell.directory / "push" / "push.toml").providers
    assert serves(sns, Platform.SNS) == {5}


def serves(provider: Provider, platform: Platform) -> set[int]:
    """The apps below 10 that there are credentials for."""
    assert provider.platform is platform
    return {app for app in range(10) if provider.serves(DeviceToken(platform, b"token", app))}


def service_account() -> dict[str, str]:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {
        "type": "service_account",
        "project_id": "example-app",
        "private_key_id": "1",
        "private_key": pem.decode(),
        "client_email": "push@example-app.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    }


def test_what_is_wrong_is_said(shell: Shell) -> None:
    assert "has no section of a push service" in shell.fails("push", "check", "push")


def test_a_key_in_the_environment(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    make_key(shell)
    encoded = base64.b64encode((shell.directory / "push" / "secret.key").read_bytes()).decode()
    monkeypatch.setenv("THE_KEY", encoded)
    shell.write("push/push.toml", BEGIN.replace("secret.key", "$THE_KEY") + SECTION)
    config = Config.load(shell.directory / "push" / "push.toml")
    assert config.keys[0].public_key.frame_class is FrameClass.L


def test_keys_of_two_classes(shell: Shell) -> None:
    make_key(shell)
    SecretKey.generate(FrameClass.S).save(shell.directory / "push" / "s.key")
    shell.write("push/push.toml", BEGIN.replace('"]', '", "s.key"]') + SECTION)
    with pytest.raises(ConfigError, match="several classes"):
        Config.load(shell.directory / "push" / "push.toml")


def test_all_secrets_have_the_passphrase(shell: Shell) -> None:
    tmp_path = shell.directory
    secret = {"BILLBOARD_PASSPHRASE": "open sesame"}
    init = ("push", "init", "protected", "--name", "example.org/p", "--url", "http://other")
    shell.ok(*init, "--class", "XL", **secret)
    set_up_at = tmp_path / "protected" / "push.toml"
    set_up_at.write_text(set_up_at.read_text() + SECTION)
    make_key(shell)
    (tmp_path / "push" / "apns.p8").rename(tmp_path / "protected" / "apns.p8")
    shell.ok("push", "descriptor", "protected", **secret)
    assert "needs its passphrase" in shell.fails("push", "check", "protected")
    for path in (tmp_path / "protected" / "request-keys").iterdir():
        assert path.read_bytes()[19] == 1  # SPEC 11: protection 1
    config = Config.load(set_up_at, "open sesame")
    assert config.keys[0].public_key.frame_class is FrameClass.XL
    assert "open sesame" not in repr(config)
    assert "exists" in shell.fails(*init)
    assert "url" in shell.fails("push", "init", "third", "--name", "n", "--url", "ftp://x.org")
    assert not (tmp_path / "third").exists()


def test_requests_over_waku(shell: Shell) -> None:
    """A server with a node, and a sender that has to do with the node alone; it is a stub."""
    node = WakuNode()
    with node.running():
        make_key(shell)
        set_up(shell, SECTION + f'[waku]\nurl = "{node.url}"\n')
        key = shell.read("vkey")
        checked = shell.ok("push", "check", "push")
        assert f"from the Waku node at {node.url}, under\n/billboard/1/push-" in checked
        shell.write("descriptor", shell.ok("push", "descriptor", "push"))
        sent = shell.ok(
            "push", "send", "descriptor", "--key", key, "blob", "--waku", node.url
        )  # while there is no server
        assert sent == "1 sent\n"
        assert node.pushed[0]["contentTopic"] in checked
        serve = ("push", "serve", "push", "--dry-run", "--port", "0")
        with program(shell, *serve, ends=signal.SIGTERM, code=0) as said:
            said.readline()
            deadline = time.monotonic() + LONGEST
            with SqliteOutbox(shell.directory / "push" / "outbox.sqlite") as outbox:
                query = "SELECT count(*) FROM pace"  # of each token that was to be pushed
                while outbox._database.rows(query) == [(0,)]:
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
        node.peers = 0
        arguments = ("push", "send", "descriptor", "--key", key, "blob", "--waku")
        assert "line 1: the Waku node answers 505" in shell.fails(*arguments, node.url)
    nobody = f"line 1: the Waku node: {node.url}/lightpush/v3/message: connection refused"
    assert nobody in shell.fails(*arguments, node.url)
    assert "the URL of a Waku node must be" in shell.fails(*arguments, "node")
