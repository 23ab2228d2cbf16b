"""The commands `billboard push`: run a push server, and look after it."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, final
from uuid import UUID

import typer
from rich.table import Table

from billboard.cli import files
from billboard.cli.files import Ask, Blobs, Class, Host, Port, console
from billboard.cli.logs import log_json_lines
from billboard.errors import BillboardError
from billboard.keys import SecretKey
from billboard.push import (
    PushRequest,
    PushServer,
    ServerDescriptor,
    ServerKeys,
    SqliteOutbox,
    create_server_keys,
    seal,
)
from billboard.push.clock import ClockWatch
from billboard.push.config import Config
from billboard.push.dispatch import Attempt, Dispatcher, Notification, Outcome, Provider
from billboard.push.requests.descriptor import check_url
from billboard.push.service import CLOCK
from billboard.storage.files import new_directory
from billboard.tlog.note import NoteKey, check_name
from billboard.tokens import DeviceToken, Platform

if TYPE_CHECKING:
    from billboard.push.requests.courier import Courier

push_app = typer.Typer(no_args_is_help=True, help="Run a push server.")

Directory = Annotated[
    Path,
    typer.Argument(
        metavar="SERVER", help="The push server's directory.", callback=files.not_as_root
    ),
]

CONFIG, OUTBOX, SWEPT = "push.toml", "outbox.sqlite", "waku-swept"
FIRST_KEY, PUBLIC_KEY = "secret.key", "public.key"

REPLAY_SECONDS = 3600.0
"""Seconds after which a replayed notification is no longer worth delivering."""

_TEMPLATE = """\
# The configuration of a push server. docs/push_server.md explains it, docs/push_services.md has a
# section for each push service. `billboard push check` says what is wrong. Restart after a change.

# These lines must stand above the first section, that is, above the first line like [this].
url = "{url}"  # where senders reach the server
keys = ["{key}"]  # secret keys, the newest first; "$NAME" takes base64 from the environment
# host = "127.0.0.1"  # the address to listen at
# port = 8090
rate = 1000  # requests a second that are taken, of all senders together
# proof_of_work = 20  # bits: a request costs its sender 2^20 hashes; 1 to 28
# metrics_token_file = "metrics.token"  # a file of mode 0600; without this line no /metrics

# [timing]  # in seconds, but for minimum and pace_burst; these are the defaults
# tick = 3.0  # look this often whether to open requests
# minimum = 16  # open them if so many wait
# patience = 15.0  # or if the first has waited for so long
# jitter = 2.0  # delay each push by a random part of this
# lifetime = 3600  # a push that was not delivered after this is given up
# pace_interval = 10  # push one token once in this time,
# pace_burst = 6  # but so many times at once after a pause

# [waku]  # take requests over Waku too
# url = "http://127.0.0.1:8645"

# One section for each push service.
# [apns]
# team_id = "ABCDE12345"
# key_id = "FGHIJ67890"
# key_file = "AuthKey_FGHIJ67890.p8"  # of mode 0600, like all files with secrets
# topics = {{ "0" = "org.example.messenger" }}  # app number = bundle id
"""


@push_app.command("init")
def init(
    directory: Directory,
    name: Annotated[str, typer.Option(help="The server's name: a domain and a path.")],
    url: Annotated[str, typer.Option(help="The URL where senders reach it.")],
    class_name: Class = "L",
    passphrase: Ask = False,
) -> None:
    """Make a push server's keys, outbox and configuration, and show its server key."""
    frame_class = files.frame_class(class_name)
    check_url(url)
    check_name(name)
    chosen = files.passphrase(passphrase, confirm=True)
    with new_directory(directory):
        key = create_server_keys(directory, name, chosen)
        secret_key = SecretKey.generate(frame_class)
        secret_key.save(directory / FIRST_KEY, chosen)
        with files.new_file(directory / PUBLIC_KEY) as file:
            file.write(files.encode_lines([bytes(secret_key.public_key)]))
        SqliteOutbox.create(directory / OUTBOX).close()
        with files.new_file(directory / CONFIG) as file:
            file.write(_TEMPLATE.format(url=url, key=FIRST_KEY))
    console.print(str(key))
    files.errors.print(f"Next: put the credentials of a push service into {directory / CONFIG}")


@push_app.command("serve")
def serve(
    directory: Directory,
    host: Host | None = None,
    port: Port | None = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Wake no device; report everything as delivered.")
    ] = False,
    passphrase: Ask = False,
) -> None:
    """Take requests over HTTP and deliver them, until SIGTERM; then finish what has begun."""
    from billboard.cli.server import Server, admission_of
    from billboard.push.metrics import Metrics
    from billboard.push.server import create_app

    chosen = files.passphrase(passphrase)
    log_json_lines()
    config = Config.load(directory / CONFIG, chosen)
    metrics = Metrics()
    providers = [_DryRun(each) for each in config.providers] if dry_run else config.providers
    with SqliteOutbox(directory / OUTBOX) as outbox:
        server = PushServer(
            ServerKeys(directory, config.keys, config.url, chosen),
            outbox,
            Dispatcher(outbox, providers, observe=metrics.attempt),
            timing=config.timing,
            observe=metrics.tick,
        )
        name = server.keys.server.name
        rate = admission_of(name, None, config.rate)  # one rate for HTTP and Waku together
        admission = [*admission_of(name, config.proof_of_work, None), *rate]
        app = create_app(
            server, admission=admission, metrics=metrics, metrics_token=config.metrics_token
        )
        http = Server(app, host or config.host, config.port if port is None else port)
        beside = [_run(server)]
        if config.waku is not None:
            from billboard.push.waku_source import WakuSource

            path = directory / SWEPT
            source = WakuSource(server, config.waku, path, admission=rate, metrics=metrics)
            beside.append(source.run())
        http.serve_until_stopped(*beside)


@push_app.command("check")
def check(directory: Directory, passphrase: Ask = False) -> None:
    """Check the configuration and all files that it names, and say what the server would do."""
    chosen = files.passphrase(passphrase)
    config = Config.load(directory / CONFIG, chosen)
    keys = ServerKeys(directory, config.keys, config.url, chosen)
    console.print(f"{keys.server.name} at {config.url}, class {keys.frame_class.name}")
    console.print(f"key {keys.server}")
    for key in keys.secret_keys:
        console.print(f"reads blobs under {key.public_key.key_id.hex()}")
    with SqliteOutbox(directory / OUTBOX) as outbox:
        Dispatcher(outbox, config.providers)
        keys.renew(time.time())
    if config.waku is not None:
        from billboard.push.requests.waku import content_topic

        console.print(f"takes requests from the Waku node at {config.waku}, under")
        console.print(content_topic(keys.server))
    for provider in config.providers:
        console.print(f"pushes to {provider.platform.name}")


@push_app.command("clock")
def clock(directory: Directory) -> None:
    """Confirm that the clock of this machine is right, after the server was down for over a day.

    What has expired by this clock is then destroyed. If the server is running, restart it.
    """
    now = time.time()
    if not (directory / CONFIG).is_file():
        raise BillboardError(f"{directory} is not a push server's directory: it has no {CONFIG}")
    ClockWatch(directory / CLOCK, time.monotonic).trust(now)
    console.print(f"it is {datetime.datetime.fromtimestamp(now, datetime.UTC):%Y-%m-%d %H:%M} UTC")


@push_app.command("descriptor")
def descriptor(directory: Directory, passphrase: Ask = False) -> None:
    """Show the descriptor, for `billboard board descriptor`. Makes request keys if needed."""
    chosen = files.passphrase(passphrase)
    config = Config.load(directory / CONFIG, chosen)
    keys = ServerKeys(directory, config.keys, config.url, chosen)
    keys.renew(time.time())
    ServerDescriptor.from_bytes(keys.descriptor, keys.server)
    typer.echo(keys.descriptor.decode(), nl=False)


@push_app.command("info")
def info(directory: Directory) -> None:
    """Show what is waiting, and the notifications that were given up lately."""
    with SqliteOutbox(directory / OUTBOX) as outbox:
        count, first = outbox.waiting()
        since = "" if first is None else f", the first for {time.time() - first:.0f} s"
        console.print(f"{count} requests wait for a tick{since}")
        for platform, waiting in outbox.pending().items():
            console.print(f"{waiting} notifications wait for {platform.name}")
        dead = outbox.dead_letters(1000)
        table = Table("died (UTC)", "platform", "app", "outcome", "reason", "id")
        for each in dead[:20]:
            died = datetime.datetime.fromtimestamp(each.died, datetime.UTC)
            table.add_row(
                f"{died:%Y-%m-%d %H:%M:%S}", each.platform.name, str(each.app),
                each.outcome.value, each.reason or "", str(each.id),
            )  # fmt: skip
        console.print(table)


@push_app.command("replay")
def replay(
    directory: Directory,
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="As `info` shows.")] = None,
    reason: Annotated[
        str | None, typer.Option(help="All that were given up for this reason.")
    ] = None,
    outcome: Annotated[
        Outcome | None,
        typer.Option(help="All that ended with this outcome, and for --reason if that is given."),
    ] = None,
) -> None:
    """Deliver notifications that were given up: their devices are woken now.

    A device is woken even if its owner has had the gate refused since then.
    """
    if (ids is None) == (reason is None and outcome is None):
        problem = "give either ids as `info` shows them, or --reason or --outcome"
        raise BillboardError(f"say which notifications: {problem}")
    with SqliteOutbox(directory / OUTBOX) as outbox:
        chosen = [UUID(each) for each in ids or ()] or [
            each.id
            for each in outbox.dead_letters(10**6)
            if reason in (None, each.reason) and outcome in (None, each.outcome)
        ]
        now = time.time()
        found = outbox.replay(chosen, now, now + REPLAY_SECONDS)
    console.print(f"{found} of {len(chosen)} are due again")
    if found < len(chosen) or not found:
        raise typer.Exit(1)


@push_app.command("send")
def send(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="The push server, or a file with its descriptor.")
    ],
    key: Annotated[str, typer.Option(metavar="VKEY", help="The server's key, as `init` shows it.")],
    blobs: Blobs = "-",
    key_id: Annotated[
        str | None,
        typer.Option(help="Key id of the blobs, in hex; the server's first if left out."),
    ] = None,
    waku: Annotated[
        str | None, typer.Option(metavar="URL", help="Send through the Waku node there.")
    ] = None,
) -> None:
    """Send blobs to a push server, which wakes the devices, and say how many it took.

    Re-randomise each blob before. With --waku it says how many the node has sent; to send without
    any contact to the server itself, give its descriptor in a file.
    """
    from billboard.push.requests.courier import HttpCourier
    from billboard.push.requests.waku import WakuCourier

    server = NoteKey.from_text(key)
    named = None if key_id is None else files.read_hex("--key-id", key_id)
    descriptor = ServerDescriptor.from_bytes(_descriptor(url), server)
    if not Path(url).is_file():
        descriptor = dataclasses.replace(descriptor, url=url)
    chosen = descriptor.keys[0].key_id if named is None else named
    found = files.read_blobs(blobs, descriptor.frame_class)
    requested = [seal(PushRequest(chosen, each.tobytes()), descriptor) for each in found]
    courier: Courier = HttpCourier() if waku is None else WakuCourier(waku)
    for number, request in enumerate(requested, start=1):
        try:
            courier.send(request, descriptor)
        except BillboardError as error:
            raise BillboardError(f"line {number}: {error}") from None
    console.print(f"{len(requested)} {'taken' if waku is None else 'sent'}")


def _descriptor(url: str) -> bytes:
    from curl_cffi import CurlError, requests

    if Path(url).is_file():
        return Path(url).read_bytes()
    try:
        answer = requests.get(f"{url}/descriptor", allow_redirects=False, timeout=30)
    except CurlError as error:
        raise BillboardError(f"{url} cannot be reached (curl error {error.code})") from None
    if answer.status_code != 200:
        raise BillboardError(f"{url}/descriptor: status {answer.status_code}")
    return answer.content


async def _run(server: PushServer) -> None:
    """Run the server until this is cancelled, and then let it finish what has begun."""
    running = asyncio.create_task(server.run())
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        server.stop()
        await running
        raise


@final
class _DryRun:
    """A stand-in for a provider, whose credentials were checked. It wakes nobody."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self.platform: Platform = provider.platform
        self.one_service: bool = provider.one_service
        self.credential_age: float | None = None

    def serves(self, token: DeviceToken) -> bool:
        return self._provider.serves(token)

    async def send(self, notification: Notification) -> Attempt:
        del notification
        return Attempt(Outcome.DELIVERED, "dry run")

    async def aclose(self) -> None:
        await self._provider.aclose()
