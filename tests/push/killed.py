"""A push server in a process of its own, to be killed at any moment and started again."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from billboard import DeviceToken, Platform, SecretKey
from billboard.push.dispatch import Attempt, Dispatcher, Notification, Outcome
from billboard.push.dispatch.dispatcher import CLAIM_SECONDS
from billboard.push.outbox import Pace
from billboard.push.providers.apns import ApnsProvider
from billboard.push.providers.apns_key import ApnsKey
from billboard.push.requests.descriptor import ServerDescriptor
from billboard.push.requests.request import PushRequest, request_size, seal
from billboard.push.server_keys import ServerKeys, create_server_keys
from billboard.push.service import PushServer, Timing
from billboard.push.sqlite import SqliteOutbox
from billboard.push.waku_source import WakuSource
from push.support import TOPIC

URL = "https://push.example.org"
SENDERS = 64
"""Requests that are on their way at once."""

AT_ONCE = Timing(
    tick=0.05, minimum=1, patience=0.05, jitter=0.05, lifetime=86_400.0, pace=Pace(0.0, 1)
)

# What starts a server quickly: the process that forks them has imported all of this.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "billboard.push.service",
        "billboard.push.providers.apns",
        "billboard.push.waku_source",
    ]
)


@dataclass(frozen=True)
class Site:
    """What a push server and its senders have in files."""

    directory: Path
    key: ApnsKey
    url: str
    ca_file: Path

    @property
    def outbox(self) -> Path:
        return self.directory / "outbox.sqlite"

    @property
    def requests(self) -> Path:
        """Sealed requests, one after the other."""
        return self.directory / "requests"

    @property
    def accepted(self) -> Path:
        """The numbers of those that were answered, 4 bytes each."""
        return self.directory / "accepted"

    def secret_key(self) -> SecretKey:
        return SecretKey.load(self.directory / "secret.key")

    def accepted_numbers(self) -> list[int]:
        data = self.accepted.read_bytes()
        return [int.from_bytes(data[at : at + 4], "big") for at in range(0, len(data) - 3, 4)]


def make_site(directory: Path, key: ApnsKey, url: str, ca_file: Path) -> Site:
    """Make the keys and the outbox of a server."""
    site = Site(directory, key, url, ca_file)
    SecretKey.generate().save(directory / "secret.key")
    create_server_keys(directory, "push.example.org")
    SqliteOutbox.create(site.outbox).close()
    ServerKeys(directory, [site.secret_key()], URL).renew(time.time())
    return site


def write_requests(site: Site, tokens: Sequence[bytes]) -> None:
    """Seal one request for each token, and forget which were accepted before."""
    secret = site.secret_key()
    keys = ServerKeys(site.directory, [secret], URL)
    descriptor = ServerDescriptor.from_bytes(keys.descriptor, keys.server)
    public = secret.public_key
    devices = [DeviceToken(Platform.APNS, each) for each in tokens]
    blobs = public.encrypt_batch(devices, expires=time.time() + 30 * 86_400)
    with site.requests.open("wb") as file:
        for blob in blobs:
            request = PushRequest(public.key_id, blob.tobytes())
            file.write(seal(request, descriptor))
    site.accepted.write_bytes(b"")


def serve(site: Site, ahead: float) -> None:
    """Take what was not accepted before, and deliver all; the clock is ``ahead`` by seconds."""
    asyncio.run(_serve(site, lambda: time.time() + ahead))


async def _serve(site: Site, clock: Callable[[], float]) -> None:
    provider = ApnsProvider(site.key, {0: TOPIC}, site.url, site.ca_file)
    with SqliteOutbox(site.outbox) as outbox:
        dispatcher = Dispatcher(outbox, [provider], clock=clock)
        keys = ServerKeys(site.directory, [site.secret_key()], URL)
        async with PushServer(keys, outbox, dispatcher, timing=AT_ONCE, clock=clock) as server:
            size = request_size(keys.frame_class)
            count = site.requests.stat().st_size // size
            left = iter(sorted(set(range(count)) - set(site.accepted_numbers())))
            with site.requests.open("rb") as file, site.accepted.open("ab", 0) as accepted:

                async def send() -> None:
                    for number in left:
                        await server.take(os.pread(file.fileno(), size, number * size))
                        accepted.write(number.to_bytes(4, "big"))

                async with asyncio.TaskGroup() as senders:
                    for _ in range(SENDERS):
                        senders.create_task(send())
            while outbox.waiting()[0] or outbox.next_due(Platform.APNS) is not None:
                await asyncio.sleep(0.02)


def take_from_waku(site: Site, url: str) -> None:
    """Take what the Waku node at ``url`` has, and open nothing of it, until this is killed."""
    asyncio.run(_take_from_waku(site, url))


async def _take_from_waku(site: Site, url: str) -> None:
    with SqliteOutbox(site.outbox) as outbox:
        keys = ServerKeys(site.directory, [site.secret_key()], URL)
        server = PushServer(keys, outbox, Dispatcher(outbox, []))
        await WakuSource(server, url, site.directory / "swept", interval=0.01).run()


@dataclass
class Lives:
    """Starts a server again and again, and kills it at random moments.

    Its clock must not get further ahead than a request key is taken after its end: an hour.
    """

    site: Site
    chosen: random.Random
    longest: float
    """Seconds that one life may take."""
    killed: int = 0
    ahead: float = 0.0

    def live(self, kills: int, each: int, progress: Callable[[], int]) -> None:
        """Until all is done; killed about ``kills`` times, after ``each`` steps on average.

        ``progress`` tells steps. Between two lives time passes, so that claims end.
        """
        assert kills * (CLAIM_SECONDS + 1) < 3300
        for number in range(kills + 1):
            process = CONTEXT.Process(target=serve, args=(self.site, self.ahead))
            process.start()
            if number < kills:
                self._wait(process, each, progress)
            else:
                process.join(self.longest)
            if process.exitcode is None:
                assert number < kills, "the last life was not to end like this"
                process.kill()
                process.join()
                self.killed += 1
                self.ahead += CLAIM_SECONDS + 1
            else:
                assert process.exitcode == 0
                return

    def _wait(self, process: ForkServerProcess, each: int, progress: Callable[[], int]) -> None:
        end = time.monotonic() + self.longest
        if self.chosen.random() < 0.2:  # while it starts
            process.join(self.chosen.uniform(0, 0.5))
            return
        goal = progress() + self.chosen.randrange(1, 2 * each)
        while process.exitcode is None and progress() < goal:
            assert time.monotonic() < end, "it gets nowhere"
            process.join(0.01)


class Writing:
    """A provider that writes the id of all it is to send into a file of its own.

    It waits until each of ``others`` has begun too.
    """

    platform = Platform.APNS
    one_service = True
    credential_age: float | None = None

    def __init__(self, path: Path, others: Sequence[Path]) -> None:
        self._file, self._others = path.open("ab", 0), others

    def serves(self, token: DeviceToken) -> bool:
        del token
        return True

    async def send(self, notification: Notification) -> Attempt:
        self._file.write(notification.id.bytes)
        while not all(each.exists() and each.stat().st_size for each in self._others):
            await asyncio.sleep(0.02)
        return Attempt(Outcome.DELIVERED, None, 200)

    async def aclose(self) -> None:
        self._file.close()


def dispatch(outbox_path: Path, told: Path, others: Sequence[Path]) -> None:
    """Deliver all that is in an outbox, together with the processes that write ``others``."""

    async def main() -> None:
        with SqliteOutbox(outbox_path) as outbox:
            dispatcher = Dispatcher(outbox, [Writing(told, others)])
            async with asyncio.TaskGroup() as group:
                group.create_task(dispatcher.run())
                while outbox.next_due(Platform.APNS) is not None:
                    await asyncio.sleep(0.02)
                dispatcher.stop()
            await dispatcher.aclose()

    asyncio.run(main())
