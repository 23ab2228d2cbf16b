"""`Sender`: what an application needs to wake its user's contacts (SPEC 8.3, 10.2)."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self, final

from billboard.board.client import BoardClient
from billboard.errors import (
    BillboardError,
    InvalidEncodingError,
)
from billboard.lanes import decode_grants
from billboard.push.requests.courier import Courier, HttpCourier
from billboard.sender.book import Book, reaches
from billboard.sender.fetching import Fetching
from billboard.sender.outgoing import Outgoing
from billboard.sender.state import (
    FollowedLane,
    SenderContact,
    SenderState,
)
from billboard.storage.secret_file import Kind
from billboard.storage.state_file import StateFile
from billboard.times import epoch_at, utc
from billboard.tlog.note import NoteKey

DECOYS = 7
"""How many other bundles are read to hide the bundle of a lane."""


@dataclass(frozen=True)
class Errand:
    """Result of `Sender.wake` and `Sender.work`: how many requests were accepted, how many wait.

    ``next`` is when to call `Sender.work` again, in seconds since 1970. ``error`` is the first
    error; what failed is tried again. A `BoardError` may carry evidence against the board.
    """

    taken: int
    waiting: int
    next: float
    error: BillboardError | None = None


@final
class Sender:
    """Wakes contacts, for one user of an application.

    ``boards`` and ``servers`` are those that the application knows, from a published list that is
    the same for all users. The grant and the posts of a contact say which of them it uses. The
    state is one file, encrypted under ``key``, 32 bytes. It is created if it does not exist.

    Nothing happens by itself: call `work` now and then, and at the time that it returns. It fetches
    on its own schedule, about every ``interval`` seconds, and never because of a message. About
    ``cover`` times a day, at random, it sends cover requests to nobody, to hide when real requests
    are sent. ``clock`` gives seconds since 1970. Only one thread at a time may use a sender.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        key: bytes,
        boards: Sequence[BoardClient],
        servers: Iterable[NoteKey],
        *,
        interval: float = 3600.0,
        decoys: int = DECOYS,
        cover: float = 0.0,
        courier: Courier | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._interval, self._cover = interval, cover
        file = StateFile(path, key, Kind.SENDER, SenderState)
        courier = courier or HttpCourier()
        self._book = Book(file, servers, clock)
        self._fetching = Fetching(self._book, boards, courier, decoys)
        self._outgoing = Outgoing(self._book, courier)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the state, so that another process can use it. The board clients stay open."""
        self._book.close()

    # contacts

    @property
    def contacts(self) -> tuple[str, ...]:
        """The names of the contacts."""
        return tuple(self._book.state.contacts)

    def add_contact(self, name: str, grant: bytes) -> None:
        """Add a contact with the grant that it sent. A new grant replaces the old one.

        Raises `InvalidEncodingError` if the grant is not valid, does not reach the current epoch,
        or is for a board that this sender does not know.
        """
        readers = decode_grants(grant)
        if not self._fetching.knows(readers[0].origin):
            problem = f"is for the board {readers[0].origin}, which this sender does not know"
            raise InvalidEncodingError("grant", problem)
        opted_out = name in self._book.state.contacts and self._book.state.contacts[name].opted_out
        current = epoch_at(self._book.clock(), readers[0].epoch_length)
        if any(not reaches(reader, current) for reader in readers):
            raise InvalidEncodingError("grant", f"does not reach epoch {current}, the current one")
        lanes = [FollowedLane(bytes(reader)) for reader in readers]
        self._book.state.contacts[name] = SenderContact(lanes, opted_out)
        self._book.save()

    def remove_contact(self, name: str) -> None:
        """Remove a contact and its waiting requests. Raises `BillboardError` if there is none."""
        self._book.contact(name)
        del self._book.state.contacts[name]
        self._outgoing.drop([name])
        self._book.save()

    def opt_out(self, name: str | None = None, *, out: bool = True) -> None:
        """Stop using push servers for a contact, or for all current contacts if ``name`` is None.

        Waiting requests are dropped. With ``out=False``, use push servers again. Raises
        `BillboardError` if there is no such contact.
        """
        names = list(self._book.state.contacts) if name is None else [name]
        for each in names:
            self._book.contact(each).opted_out = out
        if out:
            self._outgoing.drop(names)
        self._book.save()

    # what is done

    def wake(self, name: str) -> Errand:
        """Wake a contact, with one request for each of its devices.

        The requests look alike and are independent. A request is on stable storage before it is
        sent. It is repeated with the same bytes until a push server accepts it, for at most a day.
        Nothing is fetched now: a request whose post is not known yet waits for `work`. Raises
        `BillboardError` if there is no such contact.
        """
        contact = self._book.contact(name)
        if not contact.opted_out:
            self._outgoing.add(name, len(contact.lanes))
        return self._send_all(None)

    def work(self) -> Errand:
        """Do what is due: fetch, send what waits, and send cover requests.

        What fails is reported in the result or by `status`, and tried again. Only `SecretFileError`
        is raised, if the state cannot be written.
        """
        now, error = self._book.clock(), None
        self._correct(now)
        if now >= self._book.state.fetch_at:
            error = self._fetching.fetch()
            self._outgoing.look_again()
            self._book.state.fetch_at = now + self._interval * random.SystemRandom().uniform(
                0.75, 1.25
            )
        if self._cover and now >= self._book.state.cover_at:
            if self._book.state.cover_at:
                self._outgoing.cover()
            wait = random.SystemRandom().expovariate(self._cover / 86_400)
            self._book.state.cover_at = now + wait
        return self._send_all(error)

    def status(self) -> tuple[str, ...]:
        """Return sentences: until when contacts can be woken, what waits, and what failed."""
        return tuple(self._sentences())

    # how

    def _send_all(self, error: BillboardError | None) -> Errand:
        """Send what is due. ``error`` is an earlier error of this call, if any."""
        now, state = self._book.clock(), self._book.state
        taken, failed = self._outgoing.send_all()
        times = [each.next for each in state.waiting] + [state.fetch_at]
        if self._cover:
            times.append(state.cover_at)
        return Errand(taken, len(state.waiting), max(now, min(times)), error or failed)

    def _correct(self, now: float) -> None:
        """Shorten waits that were planned while the clock was wrong."""
        state = self._book.state
        if state.fetch_at > now + 2 * self._interval:
            state.fetch_at = now
        if self._cover and state.cover_at > now + 20 * 86_400 / self._cover:
            state.cover_at = now
        self._outgoing.correct(2 * self._interval)

    def _sentences(self) -> Iterator[str]:
        for name, contact in self._book.state.contacts.items():
            yield f"{name}: {self._contact_sentence(contact)}"
        if self._book.state.waiting:
            yield f"requests waiting: {len(self._book.state.waiting)}"
        yield f"next look at the boards: {utc(self._book.state.fetch_at)}"
        yield from self._book.state.problems()

    def _contact_sentence(self, contact: SenderContact) -> str:
        if contact.opted_out:
            return "opted out"
        found = [lane.found for lane in contact.lanes if lane.found is not None]
        live = [lane for lane in contact.lanes if self._book.is_live(lane)]
        if live:
            return f"can be woken until {utc(max(map(self._book.ends, live)))}"
        if any(each.envelope is None for each in found):
            return "does not want to be woken by this user at present"
        if found:
            last = max(each.epoch for each in found)
            return f"cannot be woken: its newest post is from epoch {last}, which is over"
        return "nothing was found yet"
