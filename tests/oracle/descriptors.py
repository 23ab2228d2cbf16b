"""A push server, its descriptors and its request keys, SPEC 10.1, 10.2 and 11."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from . import hpke, keys, notes
from .notation import be32, hash_parts
from .refusals import Refused, require, require_length
from .text import from_base64, lines_of, number, split_lines, to_base64

KIND = "billboard/push@v1"
CLASS_NAMES = {"H": 2, "S": 3, "L": 8, "XL": 38}
KEY, REQUEST = "key ", "request "
MOST_KEYS, MOST_REQUEST_KEYS = 4, 16
URL_LENGTHS = range(9, 256)


class RequestKey(NamedTuple):
    """A request key, and the hours in which senders use it."""

    start: int
    until: int
    public: bytes


class Descriptor(NamedTuple):
    """What holds of a push server."""

    name: str
    number: int
    n: int
    url: str
    keys: tuple[bytes, ...]
    request_keys: tuple[RequestKey, ...]

    def key_ids(self) -> list[bytes]:
        """Give the ids of the key sets."""
        return [keys.key_id(keys.decode_public_key(key).key_hash) for key in self.keys]

    def lines(self) -> list[str]:
        """Give the lines of the text."""
        names = {n: name for name, n in CLASS_NAMES.items()}
        of_requests = [f"{REQUEST}{a} {b} {to_base64(key)}" for a, b, key in self.request_keys]
        of_keys = [f"{KEY}{to_base64(key)}" for key in self.keys]
        return [KIND, self.name, str(self.number), names[self.n], self.url, *of_keys, *of_requests]


def server_id(key: notes.Key) -> bytes:
    """Give the id of the server that has a server key."""
    return hash_parts("server", key.name.encode(), key.public)


def request_key_id(server_key: bytes, public: bytes) -> bytes:
    """Give the id of a request key of a server."""
    return hash_parts("request-key", server_key, public)[:8]


def encode(descriptor: Descriptor) -> bytes:
    """Encode the text of a descriptor, of which lists of keys may be wrong."""
    text = lines_of(*descriptor.lines())
    decode(text, descriptor.name)
    return text


def decode(text: bytes, name: str) -> Descriptor:
    """Decode the text of the descriptor of a server of that name."""
    lines = split_lines(text, text.count(b"\n"))
    if len(lines) < 5:
        raise Refused("lines")
    require(lines[0] == KIND, "entry-kind")
    require(lines[1] == name, "server-name")
    if lines[3] not in CLASS_NAMES:
        raise Refused("class-name")
    n = CLASS_NAMES[lines[3]]
    _check_url(lines[4])
    rest = lines[5:]
    count = next((i for i, line in enumerate(rest) if not line.startswith(KEY)), len(rest))
    public_keys = tuple(_key(line.removeprefix(KEY), n) for line in rest[:count])
    request_keys = tuple(map(_request_key, rest[count:]))
    require(1 <= count <= MOST_KEYS, "key-count")
    hashes = {keys.decode_public_key(key).key_hash for key in public_keys}
    require(len(hashes) == len(public_keys), "key-repeated")
    require(1 <= len(request_keys) <= MOST_REQUEST_KEYS, "request-key-count")
    starts = [key.start for key in request_keys]
    require(starts == sorted(set(starts)), "request-key-order")
    return Descriptor(name, number(lines[2], 63), n, lines[4], public_keys, request_keys)


def _check_url(url: str) -> None:
    require(len(url.encode()) in URL_LENGTHS, "url-length")
    require(re.fullmatch("[\x21-\x7e]*", url) is not None, "url-character")
    require(url.startswith(("https://", "http://")), "url-scheme")
    require("?" not in url and "#" not in url, "url-query")
    require(not url.endswith("/"), "url-slash")


def _key(encoded: str, n: int) -> bytes:
    data = from_base64(encoded)
    require(keys.decode_public_key(data).n == n, "key-class")
    return data


def _request_key(line: str) -> RequestKey:
    parts = line.removeprefix(REQUEST).split(" ")
    if not line.startswith(REQUEST) or len(parts) != 3:
        raise Refused("lines")
    key = RequestKey(number(parts[0], 32), number(parts[1], 32), from_base64(parts[2]))
    require(key.start < key.until, "request-key-hours")
    hpke.check_public(key.public)
    return key


def sign(descriptor: Descriptor, seed: bytes) -> bytes:
    """Make the signed note of a descriptor."""
    text = encode(descriptor)
    return notes.encode(text, [notes.sign(text, notes.BOARD, seed, descriptor.name)])


def open_(note: bytes, key: notes.Key) -> Descriptor:
    """Open the descriptor of the server with that key, which alone must have signed it."""
    require(key.algorithm == notes.BOARD, "algorithm")
    decoded = notes.decode(note)
    notes.require_signed(decoded, key)
    require(len(decoded.signatures) == 1, "signature-count")
    return decode(decoded.text, key.name)


def request_key_at(hours: Sequence[tuple[int, int]], time: int) -> int:
    """Tell the place of the request key that a sender uses at a time, by their from and until."""
    good = [i for i, (start, until) in enumerate(hours) if start <= time // 3600 < until]
    if not good:
        raise Refused("no-request-key")
    return good[-1]


def check_taken(start: int, until: int, time: int) -> None:
    """Refuse a request key that a server does not take at a time, SPEC 10.3."""
    require(start - 1 <= time // 3600 < until + 1, "request-key-unknown")


def newest(logged: Sequence[bytes], key: notes.Key) -> int | None:
    """Tell the place of the descriptor of a server that holds, of what anybody logged."""
    place, greatest = None, -1
    for i, note in enumerate(logged):
        try:
            found = open_(note, key)
        except Refused:
            continue
        if found.number > greatest:
            place, greatest = i, found.number
    return place


def encode_payload(start: int, until: int, seed: bytes) -> bytes:
    """Encode the payload of a secret file, SPEC 11."""
    payload = be32(start) + be32(until) + seed
    decode_payload(payload)
    return payload


def decode_payload(payload: bytes) -> tuple[int, int, bytes]:
    """Decode it: from, until and the seed."""
    require_length(payload, 40)
    start, until = (int.from_bytes(payload[i : i + 4], "big") for i in (0, 4))
    require(start < until, "request-key-hours")
    return start, until, payload[8:]
