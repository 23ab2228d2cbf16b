"""The groups of bundles that a reader asks for together (SPEC 9.5)."""

from __future__ import annotations

import random
import re

from billboard.board.reading.cache import Cache
from billboard.errors import StoreError

_GROUP = re.compile(rb"[0-9]{1,8}(?: [0-9]{1,8})*", re.ASCII)

_system = random.SystemRandom()


class Decoys:
    """The groups of bundles of the first edition of each epoch, which ``cache`` remembers.

    A board that answers wrong, or whose reader forgot what it had, is asked again. From a different
    group it could tell which bundle is wanted: the one in both groups. So a bundle stays in one
    group for ever. Nothing shows which bundle of a group was wanted.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._groups: dict[int, dict[int, tuple[int, ...]]] = {}

    def group(self, epoch: int, bundles: int, position: int, decoys: int) -> tuple[int, ...]:
        """Return the group of the bundle at ``position``, one of ``bundles``, in the order to ask.

        A new group has ``decoys`` other bundles, or all that are in no group if fewer than
        ``decoys`` would be left over. When this returns, the group is on stable storage, if the
        cache has a directory. Raises `StoreError`.
        """
        groups = self._of(epoch, bundles)
        if position not in groups:
            others = [each for each in range(bundles) if each != position and each not in groups]
            count = decoys if len(others) > 2 * decoys else len(others)
            order = [position, *_system.sample(others, count)]
            _system.shuffle(order)
            new = dict.fromkeys(order, tuple(order))
            self._cache.save(_name(epoch), _encode(groups | new))
            groups |= new
        return groups[position]

    def expire(self, epoch: int) -> None:
        """Forget the groups of epochs before ``epoch``; the cache forgets them by itself."""
        self._groups = {each: groups for each, groups in self._groups.items() if each >= epoch}

    def _of(self, epoch: int, bundles: int) -> dict[int, tuple[int, ...]]:
        if epoch not in self._groups:
            self._groups[epoch] = _decode(_name(epoch), self._cache.load(_name(epoch)), bundles)
        return self._groups[epoch]


def _name(epoch: int) -> str:
    return f"decoys/{epoch}"


def _encode(groups: dict[int, tuple[int, ...]]) -> bytes:
    """Encode each group as one line."""
    lines = (" ".join(map(str, group)) for each, group in groups.items() if each == group[0])
    return "".join(f"{line}\n" for line in lines).encode()


def _decode(name: str, data: bytes | None, bundles: int) -> dict[int, tuple[int, ...]]:
    groups: dict[int, tuple[int, ...]] = {}
    for line in (data or b"").splitlines():
        group = tuple(map(int, line.split())) if _GROUP.fullmatch(line) else ()
        new = dict.fromkeys(group, group)
        if not group or len(new) < len(group) or max(group) >= bundles or new.keys() & groups:
            raise StoreError(
                f"{name} in the reader's directory is damaged. You may delete it, but then bundles"
                " that the board answered wrong before are no longer hidden among others"
            )
        groups |= new
    return groups
