"""`Fetching`: finds the posts of contacts and push server descriptors (SPEC 8.3, 10.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from billboard.board.client import BoardClient
from billboard.errors import BillboardError, InvalidEncodingError, NotMine, WithdrawnError
from billboard.posts import Post
from billboard.push.requests.courier import Courier
from billboard.sender.book import Book, reaches
from billboard.sender.state import FollowedLane, Found
from billboard.times import epoch_at


@final
class Fetching:
    """Reads ``boards`` for the lanes in ``book``, each bundle among ``decoys`` other bundles."""

    def __init__(
        self, book: Book, boards: Sequence[BoardClient], courier: Courier, decoys: int
    ) -> None:
        self._book, self._courier, self._decoys = book, courier, decoys
        self._boards = {board.origin: board for board in boards}
        self._seen: dict[tuple[bytes, int], int] = {}

    def knows(self, origin: str) -> bool:
        """Whether the sender reads the board with this origin."""
        return origin in self._boards

    def fetch(self) -> BillboardError | None:
        """Look for newer posts of all lanes and newer descriptors. Return the first error."""
        errors: list[BillboardError] = []
        for board in self._boards.values():
            try:
                self._fetch_from(board)
                logged = [each.data for each in board.descriptors()]
                for server in self._book.servers.values():
                    self._book.learn(str(server), logged)
            except BillboardError as error:
                errors.append(error)
                self._book.tell(str(error))
        self._refresh_descriptors(errors)
        self._book.save()
        return errors[0] if errors else None

    def _fetch_from(self, board: BoardClient) -> None:
        its = board.parameters()
        current = epoch_at(self._book.clock(), its.epoch_length)
        lanes: list[FollowedLane] = []
        for name, contact in self._book.state.contacts.items():
            for lane in contact.lanes:
                reader = self._book.reader(lane)
                if reader.origin != board.origin:
                    continue
                if (reader.epoch_length, reader.frame_class) != (its.epoch_length, its.frame_class):
                    self._book.tell(
                        f"{name}: the grant has another epoch length or class than the board. "
                        "Ask this contact for a new grant."
                    )
                elif not reaches(reader, current):
                    self._book.tell(
                        f"{name}: the grant does not reach epoch {current}, the current one. "
                        "Check the clock, or ask this contact for a new grant."
                    )
                else:
                    lanes.append(lane)
        for epoch in (current - 1, current):
            by_seen: dict[int, list[FollowedLane]] = {}
            for lane in lanes:
                if self._book.reader(lane).epoch <= epoch:
                    by_seen.setdefault(self._seen.get((lane.grant, epoch), 0), []).append(lane)
            for seen, those in by_seen.items():
                readers = [self._book.reader(lane) for lane in those]
                newest, editions = board.find_all(readers, epoch, since=seen, decoys=self._decoys)
                for lane, post in zip(those, newest, strict=True):
                    self._take(lane, post)
                    self._seen[lane.grant, epoch] = editions
        for lane in lanes:
            self._advance(lane, current - 1)

    def _take(self, lane: FollowedLane, post: Post | None) -> None:
        """Keep a post if it is newer than what was found before."""
        if post is None:
            return
        reader = self._book.reader(lane)
        place = post.epoch, reader.slot_of(post)
        if lane.found is None or place > (lane.found.epoch, lane.found.slot):
            try:
                envelope = bytes(reader.open(post))
            except WithdrawnError:
                envelope = None
            except (NotMine, InvalidEncodingError):
                return  # the owner of the lane made a wrong post
            lane.found = Found(*place, envelope)

    def _advance(self, lane: FollowedLane, epoch: int) -> None:
        """Delete the keys of a lane for epochs before ``epoch``."""
        old = lane.grant
        self._book.advance(lane, epoch)
        if lane.grant != old:
            for each in [at for grant, at in self._seen if grant == old]:
                seen = self._seen.pop((old, each))
                if each >= epoch:
                    self._seen[lane.grant, each] = seen

    def _refresh_descriptors(self, errors: list[BillboardError]) -> None:
        """Ask a push server for its descriptor, if the known one is doubted or has no valid key."""
        state = self._book.state
        for text in list(state.descriptors):
            if text in state.doubted or not self._book.is_usable(text):
                try:
                    offered = self._courier.descriptor(self._book.descriptor(text))
                except BillboardError as error:
                    errors.append(error)
                else:
                    self._book.learn(text, [offered])
                    state.doubted = [each for each in state.doubted if each != text]
