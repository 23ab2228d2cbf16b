"""Which endpoints a push server lets itself be sent to: every kind that is refused, listed."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from billboard.errors import ProviderError
from billboard.push.providers.webpush_hosts import (
    ANY_HOST,
    BROWSER_SERVICES,
    MAX_PINS,
    PIN_LIFETIME,
    PinnedHosts,
    Refused,
    resolve,
)
from push.support import Clock

PUBLIC = "8.8.8.8"


class Names:
    """A name server that gives its answers in turn, and the last of them ever after."""

    def __init__(self, *answers: Sequence[str] | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, _port: int) -> Sequence[str]:
        self.asked.append(host)
        await asyncio.sleep(0)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def pinned(names: Names | None = None, **options: Any) -> PinnedHosts:
    settings: dict[str, Any] = {
        "hosts": BROWSER_SERVICES,
        "ports": (443,),
        "networks": (),
        "resolve": names or Names([PUBLIC]),
        "clock": Clock(),
    }
    return PinnedHosts(**(settings | options))


async def pin(*addresses: str, **options: Any) -> str:
    hosts = pinned(Names(addresses), **options)
    return await hosts.pin(hosts.target("https://fcm.googleapis.com/x"))


@pytest.mark.parametrize(
    ("endpoint", "origin", "url"),
    [
        ("https://fcm.googleapis.com/fcm/send/a:b", "https://fcm.googleapis.com", None),
        ("https://fcm.googleapis.com:443/a", "https://fcm.googleapis.com", "/a"),
        ("https://FCM.googleapis.com", "https://fcm.googleapis.com", "/"),
        ("https://fcm.googleapis.com?a=1", "https://fcm.googleapis.com", "?a=1"),
        (
            "https://updates.push.services.mozilla.com/wpush/v2/a",
            "https://updates.push.services.mozilla.com",
            None,
        ),
        ("https://web.push.apple.com/Qx", "https://web.push.apple.com", None),
        ("https://wns2-by3p.notify.windows.com/w/?token=a%2f", "", None),
    ],
)
def test_push_services_of_browsers_are_reached(endpoint: str, origin: str, url: str | None) -> None:
    target = pinned().target(endpoint)
    assert target.origin == (origin or "https://wns2-by3p.notify.windows.com")
    assert target.url == (endpoint if url is None else target.origin + url)
    assert endpoint not in repr(target)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://fcm.googleapis.com/",
        "HTTPS://fcm.googleapis.com/",
        "ftp://fcm.googleapis.com/",
        "//fcm.googleapis.com/",
        "https:fcm.googleapis.com/",
        "https://",
        "https:///",
        "https://@fcm.googleapis.com/",
        "https://user@fcm.googleapis.com/",
        "https://fcm.googleapis.com@example.org/",
        "https://fcm.googleapis.com\\@example.org/",
        "https://example.org\\.fcm.googleapis.com/",
        "https://fcm.googleapis.com#@example.org/",
        "https://fcm.googleapis.com%2f.example.org/",
        "https://fcm%2egoogleapis.com/",
        "https://fcm.googleapis.com./",
        "https://fcm..googleapis.com/",
        "https://.fcm.googleapis.com/",
        "https://fcm.googleapis.com:/",
        "https://fcm.googleapis.com:+443/",
        "https://fcm.googleapis.com:443x/",
        "https://fcm.googleapis.com:0443443/",
        "https://f\u0441m.googleapis.com/",
        "https://fcm_googleapis.com/",
        "https://a,b/",
        "https://a;b/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[v1.a]/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://8.8.8.8/",
        "https://fcm.googleapis.com/\n",
        " https://fcm.googleapis.com/",
    ],
)
@pytest.mark.parametrize("hosts", [BROWSER_SERVICES, ANY_HOST])
def test_what_is_not_https_with_the_name_of_a_host_is_refused(
    endpoint: str, hosts: frozenset[str]
) -> None:
    with pytest.raises(Refused) as raised:
        pinned(hosts=hosts).target(endpoint)
    assert raised.value.reason == "the endpoint is not https with the name of a host"
    assert not raised.value.transient


@pytest.mark.parametrize(
    "host",
    [
        "example.org",
        "localhost",
        "googleapis.com",
        "www.fcm.googleapis.com",
        "xfcm.googleapis.com",
        "fcm.googleapis.com.example.org",
        "push.apple.com",
        "xpush.apple.com",
        "evil-push.apple.com.example.org",
        "push.services.mozilla.com",
        "notify.windows.com",
        "windows.com",
        "com",
    ],
)
def test_a_host_that_is_not_on_the_list_is_refused(host: str) -> None:
    with pytest.raises(Refused) as raised:
        pinned().target(f"https://{host}/")
    assert raised.value.reason == "the endpoint's host is not on the list"
    assert host not in raised.value.reason


def test_the_list_is_extended_by_names_and_by_what_is_under_a_name() -> None:
    hosts = pinned(hosts=BROWSER_SERVICES | {"Push.example.org", "*.example.net"})
    for host in ("push.example.org", "a.example.net", "a.b.example.net", "fcm.googleapis.com"):
        assert hosts.target(f"https://{host}/").host == host
    for host in ("example.net", "example.org", "a.push.example.org", "aexample.net"):
        with pytest.raises(Refused, match="not on the list"):
            hosts.target(f"https://{host}/")
    assert pinned(hosts=ANY_HOST).target("https://any.example/").host == "any.example"


@pytest.mark.parametrize("port", [0, 22, 80, 444, 8443, 65535, 65536, 99999])
def test_another_port_is_refused_unless_it_is_on_the_list(port: int) -> None:
    endpoint = f"https://fcm.googleapis.com:{port}/"
    with pytest.raises(Refused, match="port is not on the list"):
        pinned().target(endpoint)
    if 0 < port < 65536:
        target = pinned(ports=(port,)).target(endpoint)
        assert (target.origin, target.url) == (endpoint[:-1], endpoint)
        with pytest.raises(Refused, match="port"):
            pinned(ports=(port,)).target("https://fcm.googleapis.com/")


@pytest.mark.parametrize(
    ("address", "pinned_to"), [(PUBLIC, PUBLIC), ("2606:4700:4700::1111", "[2606:4700:4700::1111]")]
)
async def test_a_public_address_is_reached(address: str, pinned_to: str) -> None:
    assert await pin(address) == f"+fcm.googleapis.com:443:{pinned_to}"
    both = await pin(PUBLIC, address)
    assert both == f"+fcm.googleapis.com:443:{PUBLIC},{pinned_to}"


NOT_PUBLIC = [
    "0.0.0.0",  # noqa: S104
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::8.8.8.8",
    "::ffff:8.8.8.8",
    "::ffff:127.0.0.1",
    "64:ff9b::8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:808:808::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%1",
    "2606:4700:4700::1111%1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
async def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    for addresses in ([address], [PUBLIC, address], [address, PUBLIC]):
        with pytest.raises(Refused) as raised:
            await pin(*addresses)
        assert raised.value.reason == "the endpoint's host is not at a public address"
        assert not raised.value.transient


async def test_networks_beside_the_public_one_are_named() -> None:
    networks = ("10.0.0.0/8", "64:ff9b::/96")
    assert (await pin("10.1.2.3", networks=networks)).endswith(":10.1.2.3")
    assert (await pin("64:ff9b::1", networks=networks)).endswith(":[64:ff9b::1]")
    for address in ("127.0.0.1", "192.168.0.1", "::1"):
        with pytest.raises(Refused, match="public"):
            await pin(address, networks=networks)


@pytest.mark.parametrize("answer", [[], ["nonsense"], [""], OSError("x"), UnicodeError("x")])
async def test_no_address_may_be_there_later(answer: Any) -> None:
    hosts = pinned(Names(answer))
    with pytest.raises(Refused) as raised:
        await hosts.pin(hosts.target("https://fcm.googleapis.com/"))
    assert raised.value.reason == "the endpoint's host has no address"
    assert raised.value.transient
    assert raised.value.__cause__ is None


async def test_a_name_that_is_rebound_is_asked_for_once_and_refused_later() -> None:
    clock, names = Clock(), Names([PUBLIC], ["127.0.0.1"])
    hosts = pinned(names, clock=clock)
    target = hosts.target("https://fcm.googleapis.com/")
    pins = await asyncio.gather(*(hosts.pin(target) for _ in range(10)))
    clock.now += PIN_LIFETIME - 1
    pins.append(await hosts.pin(target))
    assert set(pins) == {f"+fcm.googleapis.com:443:{PUBLIC}"}
    assert len(names.asked) == 1
    clock.now += 1
    with pytest.raises(Refused, match="public"):
        await hosts.pin(target)
    assert len(names.asked) == 2


async def test_a_clock_that_goes_back_keeps_no_address_for_long() -> None:
    clock, names = Clock(), Names([PUBLIC])
    hosts = pinned(names, clock=clock)
    target = hosts.target("https://fcm.googleapis.com/")
    await hosts.pin(target)
    clock.now -= 1
    await hosts.pin(target)
    assert len(names.asked) == 2


async def test_a_look_up_that_failed_is_made_again() -> None:
    hosts = pinned(names := Names(OSError("x"), [PUBLIC]))
    target = hosts.target("https://fcm.googleapis.com/")
    with pytest.raises(Refused, match="no address"):
        await hosts.pin(target)
    assert (await hosts.pin(target)).endswith(PUBLIC)
    assert len(names.asked) == 2


async def test_strangers_fill_no_memory() -> None:
    hosts = pinned(names := Names([PUBLIC]), hosts=ANY_HOST)
    for index in range(MAX_PINS + 50):
        await hosts.pin(hosts.target(f"https://h{index}.example/"))
        await hosts.pin(hosts.target("https://busy.example/"))
    assert len(hosts._pins) == MAX_PINS
    assert names.asked.count("busy.example") == 1, "who is asked for often is kept"


async def test_closing_waits_for_a_look_up() -> None:
    released = asyncio.Event()

    async def slow(_host: str, _port: int) -> list[str]:
        await released.wait()
        return [PUBLIC]

    hosts = pinned(resolve=slow)
    task = asyncio.create_task(hosts.pin(hosts.target("https://fcm.googleapis.com/")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    closing = asyncio.create_task(hosts.aclose())
    await asyncio.sleep(0.01)
    assert not closing.done()
    released.set()
    await closing
    assert (await task).endswith(PUBLIC)


async def test_who_waits_for_a_name_server_keeps_nothing_else_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Everything else that runs in threads shares those of the event loop."""
    answer, waiting = threading.Event(), threading.Semaphore(0)

    def slow(*_: Any, **__: Any) -> list[Any]:
        waiting.release()
        assert answer.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    lookups = [asyncio.create_task(resolve(f"h{n}.example", 443)) for n in range(32)]
    try:
        await asyncio.to_thread(waiting.acquire, timeout=60)
        async with asyncio.timeout(60):
            assert await asyncio.to_thread(lambda: 1) == 1
    finally:
        answer.set()
        await asyncio.gather(*lookups)


async def test_the_system_finds_addresses() -> None:
    assert set(await resolve("localhost", 443)) <= {"127.0.0.1", "::1"}
    with pytest.raises((OSError, UnicodeError)):
        await resolve("x" * 64 + ".invalid", 443)


@pytest.mark.parametrize(
    "entry", ["", "*.", "*.*", "a.*", "https://a.b", "a.b:443", "1.2.3.4", "a b"]
)
def test_an_unusable_entry_is_refused(entry: str) -> None:
    with pytest.raises(ProviderError, match="Web Push hosts"):
        pinned(hosts={entry})


@pytest.mark.parametrize("network", ["", "10.0.0.1/8", "localhost", "10.0.0.0/33"])
def test_an_unusable_network_is_refused(network: str) -> None:
    with pytest.raises(ProviderError, match="Web Push networks") as raised:
        pinned(networks=(network,))
    assert raised.value.__context__ is None
