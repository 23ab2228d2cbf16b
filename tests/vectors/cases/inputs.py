"""Typed access to the JSON input of a case."""

import hashlib
from typing import Any

from reference import group, lanes, notation

from .material import NAMED_KEYS, NamedKey

Json = dict[str, Any]


class Input:
    """Typed access to the input of a case."""

    def __init__(self, values: Json) -> None:
        self._values = values

    def data(self, name: str) -> bytes:
        """Bytes from hex."""
        return bytes.fromhex(self._values[name])

    def items(self, name: str) -> list[Any]:
        """A list as it is."""
        return list(self._values[name])

    def byte_strings(self, name: str) -> tuple[bytes, ...]:
        """Several byte strings from hex."""
        return tuple(map(bytes.fromhex, self._values[name]))

    def scalar(self, name: str) -> int:
        """A canonical scalar."""
        return group.decode_scalar(self.data(name))

    def scalars(self, name: str) -> tuple[int, ...]:
        """Several canonical scalars."""
        return tuple(map(group.decode_scalar, self.byte_strings(name)))

    def element(self, name: str) -> group.Element:
        """A canonical element."""
        return group.decode(self.data(name))

    def number(self, name: str) -> int:
        """An integer."""
        return int(self._values[name])

    def text(self, name: str) -> str:
        """A text."""
        return str(self._values[name])

    def optional_text(self, name: str) -> str | None:
        """A text or nothing."""
        value = self._values[name]
        return None if value is None else str(value)

    def key(self) -> NamedKey:
        """The key set that the input names."""
        return NAMED_KEYS[self.text("key")]

    def lane(self) -> lanes.Lane:
        """The lane of the input."""
        return lanes.decode_lane(self.data("lane"))

    def grant(self) -> lanes.Grant:
        """The grant of the input."""
        return lanes.decode_grant(self.data("grant"))

    def edition(self, name: str) -> list[bytes]:
        """The identifiers that a seed and a count stand for, sorted."""
        seed, count = self._values[name]["seed"].encode(), self._values[name]["count"]
        return sorted(hashlib.sha256(seed + notation.be32(i)).digest() for i in range(count))
