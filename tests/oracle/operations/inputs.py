"""Typed access to the JSON input of an operation."""

import hashlib
from typing import Any, NamedTuple

from .. import lanes, notation, notes
from ..blobs import OpeningKey
from ..groups import GROUPS, Element

Json = dict[str, Any]


class KeySet(NamedTuple):
    """The key set that an input names."""

    n: int
    elements: tuple[bytes, ...]
    opening: OpeningKey


class Input:
    """Typed access to the input of an operation, and to the key sets that it may name."""

    def __init__(self, values: Json, keys: Json) -> None:
        self._values = values
        self._keys = keys
        self.group = GROUPS[values.get("group", "ristretto255")]

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
        """A canonical scalar of the group."""
        return self.group.decode_scalar(self.data(name))

    def scalars(self, name: str) -> tuple[int, ...]:
        """Several canonical scalars of the group."""
        return tuple(map(self.group.decode_scalar, self.byte_strings(name)))

    def element(self, name: str) -> Element:
        """A canonical element of the group."""
        return self.group.decode(self.data(name))

    def number(self, name: str) -> int:
        """An integer."""
        return int(self._values[name])

    def text(self, name: str) -> str:
        """A text."""
        return str(self._values[name])

    def optional(self, name: str) -> Any:
        """A value as it is, or nothing."""
        return self._values[name]

    def optional_text(self, name: str) -> str | None:
        """A text or nothing."""
        value = self._values[name]
        return None if value is None else str(value)

    def key(self) -> KeySet:
        """The key set that the input names."""
        return self._key_set(self.text("key"))

    def key_sets(self, name: str) -> list[KeySet]:
        """The key sets that the input names."""
        return list(map(self._key_set, self.items(name)))

    def _key_set(self, name: str) -> KeySet:
        key = self._keys[name]
        public_key = bytes.fromhex(key["public_key"])
        elements = tuple(public_key[i : i + 32] for i in range(2, len(public_key), 96))
        secrets = tuple(self.group.decode_scalar(bytes.fromhex(x)) for x in key["secrets"])
        return KeySet(key["class"], elements, OpeningKey(secrets, bytes.fromhex(key["key_hash"])))

    def lane(self) -> lanes.Lane:
        """The lane of the input."""
        return lanes.decode_lane(self.data("lane"))

    def grant(self) -> lanes.Grant:
        """The grant of the input."""
        return lanes.decode_grant(self.data("grant"))

    def optional_data(self, name: str) -> bytes | None:
        """Bytes from hex, or nothing."""
        value = self._values[name]
        return None if value is None else bytes.fromhex(value)

    def optional_number(self, name: str) -> int | None:
        """An integer or nothing."""
        value = self._values[name]
        return None if value is None else int(value)

    def vkey(self, name: str) -> notes.Key:
        """A key that signs notes."""
        return notes.decode_vkey(self.text(name))

    def vkeys(self, name: str) -> tuple[notes.Key, ...]:
        """Several of them."""
        return tuple(map(notes.decode_vkey, self.items(name)))

    def hashes(self, name: str) -> list[bytes]:
        """The hashes that a seed and a count stand for, in order of their numbers."""
        seed, count = self._values[name]["seed"].encode(), self._values[name]["count"]
        return [hashlib.sha256(seed + notation.be32(i)).digest() for i in range(count)]

    def edition(self, name: str) -> list[bytes]:
        """The identifiers that a seed and a count stand for, sorted; `zeros` begin each."""
        zeros = self._values[name].get("zeros", 0)
        return sorted(bytes(zeros) + each[zeros:] for each in self.hashes(name))
