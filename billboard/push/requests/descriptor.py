"""The descriptor of a push server: its keys and its URL, the same for all (SPEC 10.1)."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import final

from billboard.errors import InvalidEncodingError, InvalidSignatureError, UnsupportedError
from billboard.frames import FrameClass
from billboard.hashing import hash_bytes
from billboard.keys import PublicKey
from billboard.push.requests.request_key import RequestKey
from billboard.times import hours
from billboard.tlog.checkpoint import decode_number
from billboard.tlog.note import Algorithm, Note, NoteKey, NoteSigner, decode_base64, encode_base64

MOST_KEYS = 4
"""The most public keys in a descriptor."""

MOST_REQUEST_KEYS = 16
"""The most request keys in a descriptor."""

_LABEL = "billboard/push@v1"
_URL = re.compile(r"https?://[!-~]+")
_NO_URL = re.compile(r"[?#]|/$")


def server_id(server: NoteKey) -> bytes:
    """Return the 32 bytes by which posts name a push server (SPEC 10.1). They never change."""
    return hash_bytes("server", server.name.encode(), server.public)


@final
@dataclass(frozen=True)
class ServerDescriptor:
    """The keys and the URL of a push server. Of two descriptors the greater ``number`` holds.

    Devices encrypt to the first of ``keys``. Senders bring requests to ``url``, sealed to one of
    the ``request_keys``. Raises `InvalidEncodingError` if a part is not as in SPEC 10.1.
    """

    server: NoteKey
    number: int
    url: str
    keys: tuple[PublicKey, ...]
    request_keys: tuple[RequestKey, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if self.server.algorithm is not Algorithm.ED25519:
            raise InvalidEncodingError("server key", "must be an Ed25519 key")
        if not 0 <= self.number < 2**63:
            raise InvalidEncodingError("number", "must be from 0 to 2^63 - 1")
        check_url(self.url)
        if not 1 <= len(self.keys) <= MOST_KEYS or len({key.key_id for key in self.keys}) != len(
            self.keys
        ):
            raise InvalidEncodingError("keys", f"must be 1 to {MOST_KEYS} different ones")
        if len({key.frame_class for key in self.keys}) != 1:
            raise InvalidEncodingError("keys", "must all be of one class")
        starts = [key.start for key in self.request_keys]
        if not 1 <= len(starts) <= MOST_REQUEST_KEYS or starts != sorted(set(starts)):
            problem = f"must be 1 to {MOST_REQUEST_KEYS}, each beginning after the one before"
            raise InvalidEncodingError("request keys", problem)

    @property
    def frame_class(self) -> FrameClass:
        """The class of its keys."""
        return self.keys[0].frame_class

    @property
    def id(self) -> bytes:
        """The server id; see `server_id`."""
        return server_id(self.server)

    def request_key(self, now: float | None = None) -> RequestKey:
        """Return the key for requests at ``now`` (seconds since 1970; the clock if None).

        Raises `UnsupportedError` if there is none: get the newest descriptor.
        """
        hour = hours(now)
        for key in reversed(self.request_keys):
            if key.start <= hour < key.end:
                return key
        problem = "no request key of this descriptor is for this time"
        raise UnsupportedError(f"{self.server.name}: {problem}; get its newest descriptor")

    def sign(self, signer: NoteSigner) -> bytes:
        """Return the signed note.

        Raises `InvalidEncodingError` if ``signer`` does not have the server key.
        """
        if signer.key != self.server:
            raise InvalidEncodingError("server key", f"is not the one of {self.server.name}")
        text = "".join(f"{line}\n" for line in self._lines())
        return bytes(Note(text, (signer.sign(text),)))

    @classmethod
    def from_bytes(cls, data: bytes, server: NoteKey) -> ServerDescriptor:
        """Parse a descriptor of ``server``, and verify its signature.

        Raises `InvalidEncodingError` or `InvalidSignatureError`.
        """
        note = Note.from_bytes(data)
        lines = note.text.removesuffix("\n").split("\n")
        if len(lines) < 7 or lines[:2] != [_LABEL, server.name] or len(note.signatures) != 1:
            raise InvalidEncodingError("descriptor", f"is not one of {server.name}")
        note.time_of(server)
        keys, request_keys = _keys(lines[5:])
        number = decode_number("descriptor", lines[2])
        descriptor = cls(server, number, lines[4], keys, request_keys)
        if list(descriptor._lines()) != lines:
            raise InvalidEncodingError("descriptor", "is not in its canonical form")
        return descriptor

    def _lines(self) -> Iterator[str]:
        yield from (_LABEL, self.server.name, str(self.number), self.frame_class.name, self.url)
        for key in self.keys:
            yield f"key {encode_base64(bytes(key))}"
        for each in self.request_keys:
            yield f"request {each.start} {each.end} {encode_base64(each.public)}"


@functools.lru_cache(maxsize=16)
def read_descriptor(data: bytes, server: NoteKey) -> ServerDescriptor:
    """Return what `ServerDescriptor.from_bytes` does, from a cache: that takes milliseconds."""
    return ServerDescriptor.from_bytes(data, server)


def newest_descriptor(server: NoteKey, logged: Iterable[bytes], known: bytes = b"") -> bytes:
    """Return the descriptor of ``server`` that holds: ``known``, or a logged one of greater number.

    Everything else in ``logged`` is passed over, because anybody may have put it there. Returns no
    bytes if there is no descriptor of the server.
    """
    number = _said_number(known, server)
    for data in logged:
        if (said := _said_number(data, server)) > number:
            with contextlib.suppress(InvalidEncodingError, InvalidSignatureError):
                read_descriptor(data, server)
                known, number = data, said
    return known


def _said_number(data: bytes, server: NoteKey) -> int:
    """Return the number in ``data`` if it claims to be a descriptor of ``server``, else -1."""
    lines = data.split(b"\n", 3)
    if len(lines) < 4 or lines[:2] != [_LABEL.encode(), server.name.encode()]:
        return -1
    return int(lines[2]) if re.fullmatch(rb"[0-9]{1,19}", lines[2]) else -1


def check_url(url: str) -> str:
    """Return the URL of a push server, or raise `InvalidEncodingError`."""
    if not 9 <= len(url) <= 255 or not _URL.fullmatch(url) or _NO_URL.search(url):
        problem = "must be http(s)://host.., 9 to 255 ASCII characters, no ?, no #, no / at the end"
        raise InvalidEncodingError("url", problem)
    return url


def _keys(lines: list[str]) -> tuple[tuple[PublicKey, ...], tuple[RequestKey, ...]]:
    keys, request_keys = [], []
    for line in lines:
        match line.split(" "):
            case ["key", encoded]:
                keys.append(PublicKey.from_bytes(decode_base64("descriptor", encoded)))
            case ["request", start, end, encoded]:
                first, last = (decode_number("descriptor", each) for each in (start, end))
                public = decode_base64("descriptor", encoded)
                request_keys.append(RequestKey(first, last, public))
            case _:
                raise InvalidEncodingError("descriptor", "has a line that is not in SPEC 10.1")
    return tuple(keys), tuple(request_keys)
