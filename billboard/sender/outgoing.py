"""`Outgoing`: the queue of requests to push servers, repeated unchanged (SPEC 10.2)."""

from __future__ import annotations

import random
from collections.abc import Collection
from typing import final

from billboard.blob import Blob
from billboard.errors import BillboardError, RefusedRequestError, RequestRefusal
from billboard.posts import Envelope
from billboard.push.requests.courier import Courier
from billboard.push.requests.request import PushRequest, seal
from billboard.sender.book import Book
from billboard.sender.state import Waiting

LIFETIME = 86_400.0
"""Seconds after which a request is given up."""

FIRST_RETRY, LONGEST_RETRY = 30.0, 3600.0
"""Shortest and longest wait in seconds before a request is tried again."""


@final
class Outgoing:
    """The waiting requests in ``book``, which ``courier`` delivers to push servers."""

    def __init__(self, book: Book, courier: Courier) -> None:
        self._book, self._courier = book, courier

    def add(self, name: str, count: int) -> None:
        """Queue one request for each of ``count`` devices of a contact."""
        now, state = self._book.clock(), self._book.state
        # Requests that are not sealed yet would wake it for the earlier message: replace them.
        state.waiting = [each for each in state.waiting if each.contact != name or each.request]
        for number in range(count):
            state.waiting.append(Waiting(name, number, now + LIFETIME, now))

    def drop(self, names: Collection[str]) -> None:
        """Remove the waiting requests for these contacts."""
        state = self._book.state
        state.waiting = [each for each in state.waiting if each.contact not in names]

    def look_again(self) -> None:
        """Try again now to seal what could not be sealed before, as after a fetch."""
        for each in self._book.state.waiting:
            each.next = each.next if each.request else self._book.clock()

    def correct(self, longest: float) -> None:
        """Shorten what a wrong clock made too long: waits and lifetimes of requests.

        No wait may exceed both ``longest`` seconds and `LONGEST_RETRY`; no lifetime `LIFETIME`.
        """
        now = self._book.clock()
        for each in self._book.state.waiting:
            each.until = min(each.until, now + LIFETIME)
            if each.next > now + max(LONGEST_RETRY, longest):
                each.next = now

    def cover(self) -> None:
        """Queue cover requests to nobody, as many as a random contact would get."""
        now = self._book.clock()
        sizes = [len(contact.lanes) for contact in self._book.state.contacts.values()]
        for number in range(random.SystemRandom().choice(sizes or [1])):
            self._book.state.waiting.append(Waiting("", number, now + LIFETIME, now))

    def send_all(self) -> tuple[int, BillboardError | None]:
        """Send the requests that are due. Return how many were accepted, and the first error."""
        now, taken, error = self._book.clock(), 0, None
        for each in list(self._book.state.waiting):
            if each.until <= now:
                self._book.state.waiting.remove(each)
                self._book.tell(
                    f"{each.contact or 'a cover request'}: given up after a day, as no push server "
                    "accepted the request"
                )
                continue
            if each.request and (
                each.ends <= now or each.server not in self._book.state.descriptors
            ):
                each.request = b""  # its blob has expired, or its push server is no longer known
            if each.next <= now and not each.request:
                self._make(each, now)
        self._book.save()
        for each in list(self._book.state.waiting):
            if each.next <= now and each.request:
                failed = self._send(each, now)
                taken += failed is None
                error = error or failed
        self._book.save()
        return taken, error

    def _make(self, each: Waiting, now: float) -> None:
        """Seal a request if all that it needs is known; otherwise try again later."""
        each.next = max(self._book.state.fetch_at, now + FIRST_RETRY)
        if not each.contact:
            texts = [text for text in self._book.state.descriptors if self._book.is_usable(text)]
            if texts:
                each.ends = each.until
                self._seal(each, random.SystemRandom().choice(texts), None, now)
            return
        lanes = self._book.state.contacts[each.contact].lanes
        usable: dict[int, Envelope] = {}
        for number, lane in enumerate(lanes):
            if lane.found and lane.found.envelope and self._book.is_live(lane):
                usable[number] = Envelope.from_bytes(lane.found.envelope)
                each.ends = self._book.ends(lane)
        if not usable:
            if any(lane.found and lane.found.envelope is None for lane in lanes):
                self._book.state.waiting.remove(
                    each
                )  # this contact withdrew its posts: it does not want to be woken
            return
        # A device that does not exist or is not to be woken gets the same request, for nobody.
        envelope = usable.get(each.number)
        wanted = envelope or next(iter(usable.values()))
        server = self._book.servers.get(wanted.descriptor)
        if server is None:
            self._book.state.waiting.remove(each)
            self._book.tell(
                f"{each.contact}: dropped, as this sender does not know its push server"
            )
        elif self._book.is_usable(str(server)):
            self._seal(each, str(server), envelope, now)
        else:
            self._book.doubt(str(server))

    def _seal(self, each: Waiting, text: str, envelope: Envelope | None, now: float) -> None:
        descriptor = self._book.descriptor(text)
        key = descriptor.keys[0]
        if envelope is not None:
            named = [known for known in descriptor.keys if known.key_id == envelope.key_id]
            if not named:
                self._book.doubt(text)
                return
            key = named[0]
        blob = Blob.random(key.frame_class) if envelope is None else envelope.blob.rerandomize(key)
        each.request = seal(PushRequest.of(key.key_id, blob), descriptor, now=now)
        each.server, each.next = text, now

    def _send(self, each: Waiting, now: float) -> BillboardError | None:
        try:
            self._courier.send(each.request, self._book.descriptor(each.server))
        except RefusedRequestError as error:
            if error.reason is RequestRefusal.KEY:
                self._book.doubt(each.server)
                each.request, each.next = b"", now + FIRST_RETRY
            else:
                self._book.state.waiting.remove(each)
                self._book.tell(f"{each.contact or 'a cover request'}: {error}")
            return error
        except BillboardError as error:
            wait = min(FIRST_RETRY * 2**each.tries, LONGEST_RETRY)
            each.tries += 1
            each.next = now + random.SystemRandom().uniform(wait / 2, wait)
            return error
        self._book.state.waiting.remove(each)
        return None
