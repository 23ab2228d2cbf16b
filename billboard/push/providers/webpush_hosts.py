"""The hosts that endpoints of Web Push may name, and the addresses at which they are reached.

Anybody can make a subscription, and an endpoint may be any URL. Without these checks a push server
would post wherever a stranger likes, also to hosts of its own network (RFC 8030, section 8).
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections import Counter, OrderedDict
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Sequence,
)
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial

from billboard.errors import ProviderError

BROWSER_SERVICES = frozenset(
    {
        "fcm.googleapis.com",  # Chrome and what is built on it
        "*.push.services.mozilla.com",  # Firefox
        "*.push.apple.com",  # Safari
        "*.notify.windows.com",  # Edge
    }
)
"""The push services of browsers. ``*.`` stands for one label or more."""

ANY_HOST = frozenset({"*"})
"""Every host, at a public address: for apps whose users choose a server of UnifiedPush."""

PIN_LIFETIME = 60.0
"""Seconds for which the addresses of a host are used without asking again."""

MAX_PINS = 1000
"""Hosts whose addresses are kept."""

RESOLVE_TIMEOUT = 10.0
"""Seconds for one look-up."""

MOST_AT_HOST = 20
"""The most requests in flight at one address of a host that only ``*`` allows."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""A function that finds the addresses of a host and port. It raises OSError if there are none."""

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# The last label begins with a letter, so that nothing takes the host for an address.
_NAME = r"(?:[A-Za-z0-9-]+\.)*[A-Za-z][A-Za-z0-9-]*"
_ENDPOINT = re.compile(rf"https://(?P<host>{_NAME})(?::(?P<port>[0-9]{{1,5}}))?(?P<rest>[/?].*)?")
_ENTRY = re.compile(rf"\*|(?:\*\.)?{_NAME}")

# Not reached even where `is_global` is true: addresses that embed one of IPv4, and those of sites.
_NOT_REACHED = tuple(
    ipaddress.ip_network(each)
    for each in (
        "192.88.99.0/24",  # relays of 6to4, RFC 7526
        "::/96",  # IPv4-compatible, RFC 4291
        "::ffff:0:0/96",  # IPv4-mapped, RFC 4291
        "64:ff9b::/96",  # NAT64, RFC 6052
        "64:ff9b:1::/48",  # NAT64 of a network's own, RFC 8215
        "2001::/32",  # Teredo, RFC 4380
        "2002::/16",  # 6to4, RFC 3056
        "fec0::/10",  # site-local, RFC 3879
    )
)


_LOOKUPS = ThreadPoolExecutor(32, "lookup")
"""Threads for look-ups only: one that waits for a name server keeps nothing else waiting."""


class Refused(Exception):
    """An endpoint that is not reached. ``reason`` tells why, and names neither URL nor host.

    ``transient`` says whether a later try may succeed.
    """

    def __init__(self, reason: str, transient: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.transient = transient


@dataclass(frozen=True)
class Target:
    """Where an endpoint is: a host name in lower case, a port, and the URL as it is asked for."""

    host: str
    port: int
    url: str = field(repr=False)

    @property
    def origin(self) -> str:
        """The origin, as in RFC 6454, section 6.2."""
        return f"https://{self.host}" + ("" if self.port == 443 else f":{self.port}")


class PinnedHosts:
    """Checks endpoints, and finds the addresses of their hosts: once for all who wait.

    An endpoint may name one of ``hosts`` and one of ``ports``. Addresses must be public, or in one
    of ``networks``. ``resolve`` finds the addresses of a host, ``clock`` returns seconds.

    Raises ProviderError if an entry of ``hosts`` or ``networks`` is unusable.
    """

    def __init__(
        self,
        hosts: Iterable[str],
        ports: Collection[int],
        networks: Iterable[str],
        resolve: Resolve,
        clock: Callable[[], float],
    ) -> None:
        self._hosts = frozenset(_checked_entry(each) for each in hosts)
        self._ports = frozenset(ports)
        self._networks = tuple(_checked_network(each) for each in networks)
        self._resolve = resolve
        self._clock = clock
        self._in_flight: Counter[str] = Counter()
        self._pins: OrderedDict[str, tuple[float, asyncio.Task[Sequence[str]]]] = OrderedDict()

    def target(self, endpoint: str) -> Target:
        """Return where an endpoint is. Raises Refused if it may not be reached."""
        matched = _ENDPOINT.fullmatch(endpoint)
        if matched is None:
            raise Refused("the endpoint is not https with the name of a host")
        host, port = matched["host"].lower(), int(matched["port"] or 443)
        if not self._allows(host):
            raise Refused("the endpoint's host is not on the list")
        if port not in self._ports:
            raise Refused("the endpoint's port is not on the list")
        target = Target(host, port, "")
        return Target(host, port, target.origin + (matched["rest"] or "/"))

    async def pin(self, target: Target) -> str:
        """Return the only addresses to connect to for this host, as curl's RESOLVE takes them.

        Raises Refused if there is none, or if one of them may not be reached.
        """
        try:
            addresses = await asyncio.shield(self._addresses(target))
        except (OSError, UnicodeError, TimeoutError):
            raise Refused("the endpoint's host has no address", transient=True) from None
        listed = [self._checked(each) for each in addresses]
        if not listed:
            raise Refused("the endpoint's host has no address", transient=True)
        # With a plus sign curl forgets them after a while.
        return f"+{target.host}:{target.port}:{','.join(listed)}"

    @asynccontextmanager
    async def reserved(self, target: Target) -> AsyncIterator[str]:
        """Give the `pin` of a host, and count the request to it as in flight meanwhile.

        A host that only ``*`` allows may belong to a stranger, and may never answer. So at most
        `MOST_AT_HOST` requests are in flight at one of its addresses, and at most as many wait for
        the addresses of names with the same last two labels. Raises Refused, at once if there is no
        room.
        """
        if self._allows(target.host, ()):
            yield await self.pin(target)
            return
        with self._counted({".".join(target.host.split(".")[-2:])}):
            pin = await self.pin(target)
        with self._counted({_network_of(each) for each in pin.split(":", 2)[2].split(",")}):
            yield pin

    @contextmanager
    def _counted(self, places: Collection[str]) -> Iterator[None]:
        if any(self._in_flight[each] >= MOST_AT_HOST for each in places):
            raise Refused("too many requests wait for the endpoint's host", transient=True)
        self._in_flight.update(places)
        try:
            yield
        finally:
            self._in_flight.subtract(places)
            for each in places:
                if not self._in_flight[each]:
                    del self._in_flight[each]

    async def aclose(self) -> None:
        """Wait for the look-ups that run."""
        pending = [task for _, task in self._pins.values() if not task.done()]
        if pending:
            await asyncio.wait(pending)

    def _allows(self, host: str, any_host: Iterable[str] = ANY_HOST) -> bool:
        labels = host.split(".")
        parents = (".".join(labels[index:]) for index in range(1, len(labels)))
        return not self._hosts.isdisjoint({host, *any_host, *(f"*.{each}" for each in parents)})

    def _addresses(self, target: Target) -> asyncio.Task[Sequence[str]]:
        now = self._clock()
        found, task = self._pins.get(target.host, (0.0, None))
        if task is None or not 0 <= now - found < PIN_LIFETIME or _failed(task):
            lookup = asyncio.wait_for(self._resolve(target.host, target.port), RESOLVE_TIMEOUT)
            task = asyncio.ensure_future(lookup)
            task.add_done_callback(_failed)  # looks at the error: perhaps nobody waits for it now
            self._pins[target.host] = (now, task)
            if len(self._pins) > MAX_PINS:
                self._pins.popitem(last=False)
        self._pins.move_to_end(target.host)
        return task

    def _checked(self, text: str) -> str:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            raise Refused("the endpoint's host has no address", transient=True) from None
        if not (_is_public(address) or any(address in each for each in self._networks)):
            raise Refused("the endpoint's host is not at a public address")
        return f"[{address}]" if address.version == 6 else str(address)


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses that the system finds for a host, in its order."""
    call = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_LOOKUPS, call)
    return [str(address[0]) for *_, address in found]


def _network_of(address: str) -> str:
    """Return what whoever has an address has at least: with IPv6 a network of 2^64 addresses."""
    plain = address.strip("[]")
    return str(ipaddress.ip_network((plain, 64), strict=False)) if ":" in plain else plain


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        return False
    special = address.is_multicast or any(address in each for each in _NOT_REACHED)
    return address.is_global and not special


def _failed(task: asyncio.Task[Sequence[str]]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def _checked_entry(entry: str) -> str:
    if not _ENTRY.fullmatch(entry):
        raise ProviderError(f"Web Push hosts: {entry!r} must be a host name, *.name or *")
    return entry.lower()


def _checked_network(network: str) -> _Network:
    try:
        return ipaddress.ip_network(network)
    except ValueError:
        problem = f"{network!r} is not a network; write it like 10.0.0.0/8"
    raise ProviderError(f"Web Push networks: {problem}")
