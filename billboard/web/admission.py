"""Admission of what is well-formed (SPEC 9.1): a rate for all clients, or a proof of work.

No check looks at who asks: a server that can tell its clients apart can link what they send.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import re
import time
from collections.abc import Callable, Mapping
from typing import Protocol, final

from billboard.errors import InvalidEncodingError, NotAdmittedError
from billboard.hashing import LABEL, encode_tuple

WORK = 8
"""Bytes of a proof of work."""

WORK_HEADER = "Billboard-Work"
"""The header with a proof of work, or with the bits that a server asks for (SPEC 9.9)."""

MOST_BITS = 64
"""Bits that a proof of 8 bytes can reasonably show."""

MOST_WORK = 28
"""Bits of the largest proof of work that a client makes; it takes minutes."""

_WORK = re.compile(rb"[0-9a-f]{16}")
_BITS = re.compile(r"[0-9]{1,3}")


class Admission(Protocol):
    """A check of what is well-formed, before costly checks. It runs often, and must not wait."""

    def admit(self, data: bytes, work: bytes) -> None:
        """Return if ``data`` may come in; ``work`` is its proof of work, empty if it has none.

        Raises `NotAdmittedError` otherwise.
        """


@final
class Rate:
    """A limit of ``per_second`` on average and ``burst`` at once, for all senders together.

    If ``burst`` is left out it is ``per_second``, but at least 1. ``clock`` gives seconds. Raises
    `ValueError` if ``per_second`` is not above 0, ``burst`` is below 1, or one is infinite.
    """

    def __init__(
        self,
        per_second: float,
        burst: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = per_second
        self._burst = max(per_second, 1.0) if burst is None else burst
        if not (0 < per_second < math.inf and 1 <= self._burst < math.inf):
            raise ValueError(
                "a rate must be greater than 0, its burst at least 1, and both finite; they are"
                f" {per_second} and {self._burst}. For no limit, leave the rate out"
            )
        self._clock = clock
        self._tokens, self._time = self._burst, clock()

    def admit(self, data: bytes, work: bytes) -> None:  # noqa: ARG002
        """See `Admission.admit`."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._time) * self._rate)
        self._time = now
        if self._tokens < 1:
            raise NotAdmittedError("the rate limit is reached: retry later")
        self._tokens -= 1


@final
class ProofOfWork:
    """A demand for a proof that cost about 2^``bits`` hashes (SPEC 9.1), for what ``origin`` gets.

    Raises `ValueError` if ``bits`` is not from 1 to 64.
    """

    def __init__(self, origin: str, bits: int) -> None:
        self._origin = origin
        self.bits = _check_bits(bits)
        """Bits that a proof must show."""

    def admit(self, data: bytes, work: bytes) -> None:
        """See `Admission.admit`."""
        if len(work) != WORK:
            problem = f"{self._origin} asks for a proof of work of {self.bits} bits"
            raise NotAdmittedError(f"{problem}: send its 8 bytes too")
        tried = _prefix(self._origin, data)
        tried.update(work)
        if int.from_bytes(tried.digest(), "big") >> (256 - self.bits):
            raise NotAdmittedError(f"the proof of work does not show {self.bits} bits for this")


def find_work(origin: str, data: bytes, bits: int) -> bytes:
    """Find a proof of work of ``bits`` bits for ``data``, sent to ``origin``: 8 bytes (SPEC 9.1).

    This takes about 2^bits hashes. Raises `ValueError` if ``bits`` is not from 1 to 64.
    """
    shift, prefix = 256 - _check_bits(bits), _prefix(origin, data)
    for number in itertools.count():
        work = number.to_bytes(WORK, "big")
        tried = prefix.copy()
        tried.update(work)
        if not int.from_bytes(tried.digest(), "big") >> shift:
            break
    return work


def decode_work(text: bytes | None) -> bytes:
    """Return the proof of work in a header; empty if none. Raises `InvalidEncodingError`."""
    if text is None:
        return b""
    if not _WORK.fullmatch(text):
        problem = "must be 8 bytes as 16 lower-case hexadecimal digits"
        raise InvalidEncodingError(WORK_HEADER, problem)
    return bytes.fromhex(text.decode())


def asked_bits(headers: Mapping[str, str | None]) -> int | None:
    """Return the bits of the proof of work that an answer asks for; None if it asks for none."""
    bits = headers.get(WORK_HEADER) or ""
    return int(bits) if _BITS.fullmatch(bits) else None


def _prefix(origin: str, data: bytes) -> hashlib._Hash:
    """Hash ``HASH("work"; origin, data, N)`` up to the bytes of N, so that trying an N is cheap."""
    encoded = encode_tuple(LABEL + b"work", origin.encode(), data)
    return hashlib.sha256(encoded + WORK.to_bytes(4, "big"))


def _check_bits(bits: int) -> int:
    if not 1 <= bits <= MOST_BITS:
        raise ValueError(f"a proof of work has 1 to {MOST_BITS} bits, not {bits}")
    return bits
