"""`Sender`: what an application needs to wake its user's contacts (SPEC 8.3, 10.2)."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self, final

from billboard import posts
from billboard.blob import Blob
from billboard.board.client import BoardClient
from billboard.board.note import NoteKey
from billboard.board.store import EPOCHS_AHEAD
from billboard.errors import (
    BillboardError,
    InvalidEncodingError,
    NotMine,
    RefusedRequestError,
    UnsupportedError,
    WithdrawnError,
)
from billboard.lanes import LONGEST_CATCH_UP, LaneReader, decode_grants
from billboard.posts import Envelope, Post
from billboard.push.courier import Courier, HttpCourier
from billboard.push.descriptor import (
    ServerDescriptor,
    newest_descriptor,
    read_descriptor,
    server_id,
)
from billboard.push.request import PushRequest, seal
from billboard.secretfile import Kind
from billboard.sender.state import (
    Contact,
    Found,
    LaneState,
    SenderState,
    Waiting,
)
from billboard.statefile import StateFile, utc

__all__ = ["Errand", "Sender"]

LIFETIME = 86_400.0
"""Seconds for which a request is tried again."""

DUMMIES = 7
"""Bundles among which that of a lane is hidden."""

_FIRST_RETRY, _LONGEST_RETRY = 30.0, 3600.0


@dataclass(frozen=True)
class Errand:
    """What `Sender.wake` and `Sender.work` did: how many requests push servers took, how many wait.

    ``next`` is when to call `Sender.work` again, in seconds since 1970. ``error`` is what went
    wrong first, and is tried again: a `BoardError` may have evidence.
    """

    taken: int
    waiting: int
    next: float
    error: BillboardError | None = None


@final
class Sender:
    """Wakes contacts, for one user of an application.

    ``boards`` and ``servers`` are those that the application knows, from a published list that is
    the same for all; which of them a contact uses is in its grant and in its posts. The state is
    one file, encrypted under ``key``, 32 bytes. It is made if there is none.

    Nothing happens by itself: call `work` now and then, and at the time that it returns. It fetches
    on a schedule of its own, every ``interval`` seconds or so, and never because of a message.
    ``decoys`` requests a day go to nobody, at random, so that it does not show when there are
    others. ``clock`` gives seconds since 1970. One thread at a time may use it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        key: bytes,
        boards: Sequence[BoardClient],
        servers: Iterable[NoteKey],
        *,
        interval: float = 3600.0,
        dummies: int = DUMMIES,
        decoys: float = 0.0,
        courier: Courier | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._boards = {board.origin: board for board in boards}
        self._servers = {server_id(server): server for server in servers}
        self._interval, self._dummies, self._decoys = interval, dummies, decoys
        self._courier, self._clock = courier or HttpCourier(), clock
        self._file = StateFile(path, key, Kind.SENDER, SenderState)
        self._state = self._file.read_or_create()
        known = {str(server) for server in self._servers.values()}
        for text in self._state.descriptors.keys() - known:
            del self._state.descriptors[text]  # the application does not use it any more
        self._readers: dict[bytes, LaneReader] = {}
        self._seen: dict[tuple[bytes, int], int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let another process use the state. The clients of the boards stay open."""
        self._file.close()

    # contacts

    @property
    def contacts(self) -> tuple[str, ...]:
        """The names of those that can be woken."""
        return tuple(self._state.contacts)

    def add_contact(self, name: str, grant: bytes) -> None:
        """A contact, by the grant that it sent; a newer grant takes the place of an older one.

        Raises `InvalidEncodingError`, also if its board is none that this sender knows.
        """
        readers = decode_grants(grant)
        if readers[0].origin not in self._boards:
            problem = f"is for the board {readers[0].origin}, which this sender does not know"
            raise InvalidEncodingError("grant", problem)
        opted_out = name in self._state.contacts and self._state.contacts[name].opted_out
        current = posts.epoch_at(self._clock(), readers[0].epoch_length)
        if any(not _reaches(reader, current) for reader in readers):
            raise InvalidEncodingError("grant", f"does not reach epoch {current}, the current one")
        lanes = [LaneState(bytes(reader)) for reader in readers]
        self._state.contacts[name] = Contact(lanes, opted_out)
        self._save()

    def remove_contact(self, name: str) -> None:
        """Forget a contact, and what waits for it. Raises `BillboardError` if there is none."""
        self._contact(name)
        del self._state.contacts[name]
        self._drop([name])
        self._save()

    def opt_out(self, name: str | None = None, *, out: bool = True) -> None:
        """Use no push server for a contact, or for any that there is now (None), or do (not out).

        What waits is dropped.
        """
        names = list(self._state.contacts) if name is None else [name]
        for each in names:
            self._contact(each).opted_out = out
        if out:
            self._drop(names)
        self._save()

    # what is done

    def wake(self, name: str) -> Errand:
        """Wake a contact: one request for each of its devices, which are alike and independent.

        It is on stable storage before it is sent, and is sent again with the same bytes until a
        push server has taken it, for a day. Nothing is fetched now: what is not known yet waits for
        `work`. Raises `BillboardError` if there is no such contact.
        """
        contact, now = self._contact(name), self._clock()
        if not contact.opted_out:
            # What is not made yet is for this message too.
            self._state.waiting = [
                each for each in self._state.waiting if each.contact != name or each.request
            ]
            for number in range(len(contact.lanes)):
                self._state.waiting.append(Waiting(name, number, now + LIFETIME, now))
        return self._send_all(None)

    def work(self) -> Errand:
        """Do what is due: fetch, send what waits, and send decoys.

        What fails is told and tried again: nothing is raised but `SecretFileError`, if the state
        can not be written.
        """
        now, error = self._clock(), None
        self._correct(now)
        if now >= self._state.fetch_at:
            error = self._fetch()
            for each in self._state.waiting:
                each.next = each.next if each.request else now
            self._state.fetch_at = now + self._interval * random.SystemRandom().uniform(0.75, 1.25)
        if self._decoys and now >= self._state.decoy_at:
            if self._state.decoy_at:
                self._state.waiting += self._decoy(now)
            wait = random.SystemRandom().expovariate(self._decoys / 86_400)
            self._state.decoy_at = now + wait
        return self._send_all(error)

    def status(self) -> tuple[str, ...]:
        """Who can be woken until when, what waits, and what went wrong: sentences."""
        return tuple(self._sentences())

    # fetching

    def _fetch(self) -> BillboardError | None:
        """Look for newer posts of all lanes, and newer descriptors; what went wrong."""
        errors: list[BillboardError] = []
        for board in self._boards.values():
            try:
                self._fetch_from(board)
                logged = [each.data for each in board.descriptors()]
                for server in self._servers.values():
                    known = self._state.descriptors.get(str(server), b"")
                    if newest := newest_descriptor(server, logged, known):
                        self._state.descriptors[str(server)] = newest
            except BillboardError as error:
                errors.append(error)
                self._tell(str(error))
        self._refresh_descriptors(errors)
        self._save()
        return errors[0] if errors else None

    def _fetch_from(self, board: BoardClient) -> None:
        its = board.parameters()
        current = posts.epoch_at(self._clock(), its.epoch_length)
        lanes: list[LaneState] = []
        for name, contact in self._state.contacts.items():
            for lane in contact.lanes:
                reader = self._reader(lane)
                if reader.origin != board.origin:
                    continue
                if (reader.epoch_length, reader.frame_class) != (its.epoch_length, its.frame_class):
                    self._tell(
                        f"{name}: its grant has other epochs than its board, or another class"
                    )
                elif not _reaches(reader, current):
                    self._tell(f"{name}: its grant does not reach epoch {current}")
                else:
                    lanes.append(lane)
        for epoch in (current - 1, current):
            by_seen: dict[int, list[LaneState]] = {}
            for lane in lanes:
                if self._reader(lane).epoch <= epoch:
                    by_seen.setdefault(self._seen.get((lane.grant, epoch), 0), []).append(lane)
            for seen, those in by_seen.items():
                readers = [self._reader(lane) for lane in those]
                newest, editions = board.find_all(readers, epoch, since=seen, dummies=self._dummies)
                for lane, post in zip(those, newest, strict=True):
                    self._take(lane, post)
                    self._seen[lane.grant, epoch] = editions
        for lane in lanes:
            self._advance(lane, current - 1)

    def _take(self, lane: LaneState, post: Post | None) -> None:
        """Remember a post, if it is newer than what was found before."""
        if post is None:
            return
        reader = self._reader(lane)
        place = post.epoch, reader.slot_of(post)
        if lane.found is None or place > (lane.found.epoch, lane.found.slot):
            try:
                envelope = bytes(reader.open(post))
            except WithdrawnError:
                envelope = None
            except (NotMine, InvalidEncodingError):
                return  # its owner made it wrong
            lane.found = Found(*place, envelope)

    def _advance(self, lane: LaneState, epoch: int) -> None:
        """Forget the keys of the past."""
        reader = self._reader(lane)
        if reader.epoch < epoch:
            old = lane.grant
            reader.advance(epoch)
            lane.grant = bytes(reader)
            del self._readers[old]
            self._readers[lane.grant] = reader
            for each in [at for grant, at in self._seen if grant == old]:
                seen = self._seen.pop((old, each))
                if each >= epoch:
                    self._seen[lane.grant, each] = seen

    def _refresh_descriptors(self, errors: list[BillboardError]) -> None:
        """Ask push servers themselves whose request keys are over before new ones were logged."""
        state = self._state
        for text, data in state.descriptors.items():
            server = NoteKey.from_text(text)
            known = read_descriptor(data, server)
            if text in state.doubted or not _has_request_key(known, self._clock()):
                try:
                    offered = self._courier.descriptor(known)
                except BillboardError as error:
                    errors.append(error)
                else:
                    state.descriptors[text] = newest_descriptor(server, [offered], data)
                    state.doubted = [each for each in state.doubted if each != text]

    # sending

    def _send_all(self, error: BillboardError | None) -> Errand:
        """Send what is due; what is left waits."""
        now, taken = self._clock(), 0
        for each in list(self._state.waiting):
            if each.until <= now:
                self._state.waiting.remove(each)
                self._tell(f"{each.contact or 'a decoy'}: given up, no push server took a request")
                continue
            if each.request and (each.ends <= now or each.server not in self._state.descriptors):
                each.request = b""  # its blob, or its push server, is none any more
            if each.next <= now and not each.request:
                self._make(each, now)
        self._save()
        for each in list(self._state.waiting):
            if each.next <= now and each.request:
                failed = self._send(each, now)
                taken += failed is None
                error = error or failed
        self._save()
        times = [each.next for each in self._state.waiting] + [self._state.fetch_at]
        if self._decoys:
            times.append(self._state.decoy_at)
        return Errand(taken, len(self._state.waiting), max(now, min(times)), error)

    def _make(self, each: Waiting, now: float) -> None:
        """Seal a request, if all that it needs is known; else look again later."""
        each.next = max(self._state.fetch_at, now + _FIRST_RETRY)
        if not each.contact:
            texts = [text for text in self._state.descriptors if self._usable(text, now)]
            if texts:
                each.ends = each.until
                self._seal(each, random.SystemRandom().choice(texts), None, now)
            return
        lanes = self._state.contacts[each.contact].lanes
        usable: dict[int, Envelope] = {}
        for number, lane in enumerate(lanes):
            if lane.found and lane.found.envelope and self._is_live(lane, now):
                usable[number] = Envelope.from_bytes(lane.found.envelope)
                each.ends = self._ends(lane)
        if not usable:
            if any(lane.found and lane.found.envelope is None for lane in lanes):
                self._state.waiting.remove(each)  # it wants so, and not only for now
            return
        # For a device that there is not, or is not to be woken: the same, but for nobody.
        envelope = usable.get(each.number)
        wanted = envelope or next(iter(usable.values()))
        server = self._servers.get(wanted.descriptor)
        if server is None:
            self._state.waiting.remove(each)
            self._tell(f"{each.contact}: its push server is none that this sender knows")
        elif self._usable(str(server), now):
            self._seal(each, str(server), envelope, now)
        else:
            self._doubt(str(server))

    def _seal(self, each: Waiting, text: str, envelope: Envelope | None, now: float) -> None:
        descriptor = self._descriptor(text)
        key = descriptor.keys[0]
        if envelope is not None:
            named = [known for known in descriptor.keys if known.key_id == envelope.key_id]
            if not named:
                self._doubt(text)
                return
            key = named[0]
        blob = Blob.random(key.frame_class) if envelope is None else envelope.blob.rerandomize(key)
        each.request = seal(PushRequest.of(key.key_id, blob), descriptor, now=now)
        each.server, each.next = text, now

    def _send(self, each: Waiting, now: float) -> BillboardError | None:
        try:
            self._courier.send(each.request, self._descriptor(each.server))
        except RefusedRequestError as error:
            if error.reason == "key":
                self._doubt(each.server)
                each.request, each.next = b"", now + _FIRST_RETRY
            else:
                self._state.waiting.remove(each)
                self._tell(f"{each.contact or 'a decoy'}: {error}")
            return error
        except BillboardError as error:
            wait = min(_FIRST_RETRY * 2**each.tries, _LONGEST_RETRY)
            each.tries += 1
            each.next = now + random.SystemRandom().uniform(wait / 2, wait)
            return error
        self._state.waiting.remove(each)
        return None

    def _decoy(self, now: float) -> Iterator[Waiting]:
        """As many requests as one of the contacts would get, for nobody."""
        sizes = [len(contact.lanes) for contact in self._state.contacts.values()]
        for number in range(random.SystemRandom().choice(sizes or [1])):
            yield Waiting("", number, now + LIFETIME, now)

    def _doubt(self, text: str) -> None:
        """Remember to ask this push server for its newest descriptor."""
        if text not in self._state.doubted:
            self._state.doubted.append(text)

    # what is known

    def _descriptor(self, text: str) -> ServerDescriptor:
        return read_descriptor(self._state.descriptors[text], NoteKey.from_text(text))

    def _usable(self, text: str, now: float) -> bool:
        return text in self._state.descriptors and _has_request_key(self._descriptor(text), now)

    def _is_live(self, lane: LaneState, now: float) -> bool:
        """Whether a blob was found that is not over."""
        return lane.found is not None and bool(lane.found.envelope) and now < self._ends(lane)

    def _ends(self, lane: LaneState) -> float:
        """When what was found is over: readers look one epoch back."""
        epoch = 0 if lane.found is None else lane.found.epoch
        return (epoch + 2) * self._reader(lane).epoch_length

    def _reader(self, lane: LaneState) -> LaneReader:
        if lane.grant not in self._readers:
            self._readers[lane.grant] = LaneReader.from_bytes(lane.grant)
        return self._readers[lane.grant]

    def _contact(self, name: str) -> Contact:
        try:
            return self._state.contacts[name]
        except KeyError:
            raise BillboardError(f"there is no contact {name}") from None

    def _correct(self, now: float) -> None:
        """Let nothing wait for long that was planned while the clock was wrong."""
        state = self._state
        if state.fetch_at > now + 2 * self._interval:
            state.fetch_at = now
        if self._decoys and state.decoy_at > now + 20 * 86_400 / self._decoys:
            state.decoy_at = now
        for each in state.waiting:
            each.until = min(each.until, now + LIFETIME)
            if each.next > now + max(_LONGEST_RETRY, 2 * self._interval):
                each.next = now

    def _drop(self, names: Sequence[str]) -> None:
        self._state.waiting = [each for each in self._state.waiting if each.contact not in names]

    def _tell(self, problem: str) -> None:
        self._state.tell(self._clock(), problem)

    def _save(self) -> None:
        self._file.write(self._state)

    def _sentences(self) -> Iterator[str]:
        now = self._clock()
        for name, contact in self._state.contacts.items():
            yield f"{name}: {self._contact_sentence(contact, now)}"
        if self._state.waiting:
            yield f"requests that wait: {len(self._state.waiting)}"
        yield f"looks at the boards again at {utc(self._state.fetch_at)}"
        yield from self._state.problems()

    def _contact_sentence(self, contact: Contact, now: float) -> str:
        if contact.opted_out:
            return "opted out"
        found = [lane.found for lane in contact.lanes if lane.found is not None]
        live = [lane for lane in contact.lanes if self._is_live(lane, now)]
        if live:
            return f"can be woken until {utc(max(map(self._ends, live)))}"
        if any(each.envelope is None for each in found):
            return "wants to be woken by this user no more, for now"
        if found:
            last = max(each.epoch for each in found)
            return f"can not be woken: there is nothing newer than epoch {last}"
        return "nothing was found yet"


def _reaches(reader: LaneReader, epoch: int) -> bool:
    """Whether a lane can be followed at ``epoch``, or soon (SPEC 7.2)."""
    return reader.epoch - EPOCHS_AHEAD <= epoch <= reader.epoch + LONGEST_CATCH_UP


def _has_request_key(descriptor: ServerDescriptor, now: float) -> bool:
    try:
        descriptor.request_key(now)
    except UnsupportedError:
        return False
    return True
