"""Frames, the plaintexts of blobs: a device token or a handle, and an expiry (SPEC 5)."""

from __future__ import annotations

import enum
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, overload

import numpy as np
from numpy.typing import NDArray

from billboard import _core, html
from billboard.errors import InvalidEncodingError, NotMine
from billboard.times import HOUR, hours
from billboard.tokens import HANDLE_SIZE, DeviceToken, Handle, Platform

_OVERHEAD = 42
_NO_GATE = bytes(16)

GATE_SIZE = 16
"""Bytes of a gate (SPEC 5)."""

SALT_SIZE = 7
"""Bytes of the salt in a frame of class H (SPEC 5.2)."""


class FrameClass(enum.IntEnum):
    """The size of all frames, blobs and posts of one board (SPEC 4.1).

    The value is n, the number of elements of a message. H carries a `Handle`, for throughput. The
    others carry a `DeviceToken`: S is long enough for APNs, L (the default) also for FCM, XL also
    for Web Push. A function that takes a class also takes its number, and raises
    `InvalidEncodingError` for anything else.
    """

    H = 2
    S = 3
    L = 8
    XL = 38

    @classmethod
    def _missing_(cls, value: object) -> NoReturn:  # noqa: ARG003
        known = ", ".join(f"{each.name} = {each:d}" for each in cls)
        raise InvalidEncodingError("frame class", f"must be one of {known}")

    @property
    def elements(self) -> int:
        """The number n of elements of a message."""
        return int(self)

    @property
    def frame_size(self) -> int:
        """Bytes of a frame."""
        return 30 * self

    @property
    def blob_size(self) -> int:
        """Bytes of a blob."""
        return 32 * (self + 1)

    @property
    def carries_handle(self) -> bool:
        """Whether frames carry a `Handle` instead of a `DeviceToken`: only in class H."""
        return self is FrameClass.H

    @property
    def longest_token(self) -> int:
        """Bytes of the longest device token that fits; 0 in class H, which carries none."""
        return 0 if self.carries_handle else self.frame_size - _OVERHEAD

    @property
    def dtype(self) -> np.dtype[np.void]:
        """The fields of a frame as a NumPy record (SPEC 5.1, 5.2)."""
        if self.carries_handle:
            return np.dtype(
                [
                    ("version", "u1"),
                    ("expiry", ">u4"),
                    ("gate", "u1", GATE_SIZE),
                    ("salt", "u1", SALT_SIZE),
                    ("handle", "u1", HANDLE_SIZE),
                    ("tag", "u1", 16),
                ]
            )
        return np.dtype(
            [
                ("version", "u1"),
                ("platform", "u1"),
                ("app", ">u2"),
                ("length", ">u2"),
                ("expiry", ">u4"),
                ("gate", "u1", GATE_SIZE),
                ("token", "u1", self.longest_token),
                ("tag", "u1", 16),
            ]
        )


@dataclass(frozen=True)
class Frame:
    """The plaintext of a blob: a device token, or in class H a handle, and an expiry (SPEC 5).

    ``expires`` is in seconds since 1970, a whole hour. ``gate`` is 16 bytes that are not all zero,
    or None. ``salt`` is 7 random bytes for a handle (drawn if left out), and None for a token. Both
    may be anything that `memoryview` takes.

    Raises `InvalidEncodingError`.
    """

    token: DeviceToken | Handle
    expires: int
    gate: bytes | None = field(default=None, repr=False)
    salt: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.expires % HOUR or not 0 <= self.expires // HOUR < 2**32:
            problem = f"{self.expires} is not a whole hour since 1970, in seconds"
            raise InvalidEncodingError("expires", problem)
        for name in ("gate", "salt"):
            if (given := getattr(self, name)) is not None:
                object.__setattr__(self, name, bytes(memoryview(given)))
        if self.gate is not None and (len(self.gate) != GATE_SIZE or self.gate == _NO_GATE):
            raise InvalidEncodingError("gate", "must be 16 bytes that are not all zero, or None")
        if isinstance(self.token, Handle):
            if self.salt is None:
                object.__setattr__(self, "salt", os.urandom(SALT_SIZE))
            elif len(self.salt) != SALT_SIZE:
                problem = f"must be {SALT_SIZE} bytes, not {len(self.salt)}"
                raise InvalidEncodingError("salt", problem)
        elif self.salt is not None:
            raise InvalidEncodingError("salt", "must be None in a frame with a device token")

    def encode(self, frame_class: FrameClass, key_hash: bytes) -> bytes:
        """Return the bytes of this frame under the key set with ``key_hash`` (SPEC 4.3, 5).

        Raises `InvalidEncodingError` if the token is too long for the class, and for a token in
        class H or a handle in another class.
        """
        frame_class = FrameClass(frame_class)
        expiry, gate = self.expires // HOUR, self.gate or _NO_GATE
        if isinstance(self.token, Handle):
            if not frame_class.carries_handle:
                problem = f"class {frame_class.name} carries device tokens, not handles"
                raise InvalidEncodingError("handle", problem)
            return _core.encode_handle_frame(
                key_hash,
                expiry=expiry,
                gate=gate,
                salt=self.salt or b"",
                handle=self.token.value,
            )
        if frame_class.carries_handle:
            problem = f"class {frame_class.name} carries handles, not device tokens"
            raise InvalidEncodingError("token", problem)
        return _core.encode_frame(
            frame_class.elements,
            key_hash,
            platform=self.token.platform,
            app=self.token.app,
            expiry=expiry,
            gate=gate,
            token=self.token.value,
        )

    @classmethod
    def decode(
        cls, data: bytes, frame_class: FrameClass, key_hash: bytes, *, now: float | None = None
    ) -> Frame:
        """Decode a frame that is valid at ``now`` (seconds since 1970; the clock if None).

        Raises `NotMine` for everything else, and does not say which (SPEC 5).
        """
        frame_class = FrameClass(frame_class)
        fits = len(data) == frame_class.frame_size
        if not fits or not _core.decode_frame(data, key_hash, hours(now)):
            raise NotMine("not a frame of this key that is valid now")
        return cls._from_record(np.frombuffer(data, frame_class.dtype)[0], frame_class)

    @classmethod
    def _from_record(cls, record: Any, frame_class: FrameClass) -> Frame:
        expires = int(record["expiry"]) * HOUR
        gate = None if (found := record["gate"].tobytes()) == _NO_GATE else found
        if frame_class.carries_handle:
            handle = Handle(record["handle"].tobytes())
            return cls(handle, expires, gate, record["salt"].tobytes())
        value = record["token"].tobytes()[: int(record["length"])]
        token = DeviceToken(Platform(int(record["platform"])), value, int(record["app"]))
        return cls(token, expires, gate)


class FrameBatch(Sequence[Frame]):
    """The frames of an opened batch, one for each row.

    ``frames[i]`` raises `NotMine` where row i did not open. ``records`` is the whole batch as a
    NumPy record array of `FrameClass.dtype`, zero where a row did not open; it prints tokens, so
    do not log it.
    """

    def __init__(
        self, array: NDArray[np.uint8], opened: NDArray[np.bool_], frame_class: FrameClass
    ) -> None:
        frame_class = FrameClass(frame_class)
        flat = array.reshape(len(array), frame_class.frame_size)
        self.records = flat.view(frame_class.dtype).reshape(len(array))
        self._opened = opened.copy()
        self._class = frame_class

    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, index: int) -> Frame: ...
    @overload
    def __getitem__(self, index: slice) -> list[Frame]: ...
    def __getitem__(self, index: int | slice) -> Frame | list[Frame]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not self._opened[index]:
            raise NotMine(f"row {index} is not for this key, or no longer valid")
        return Frame._from_record(self.records[index], self._class)

    def __repr__(self) -> str:
        return f"<FrameBatch of {len(self)}, {int(self._opened.sum())} opened>"

    def _repr_html_(self) -> str:
        rows = {
            "class": self._class.name,
            "rows": len(self),
            "opened": int(self._opened.sum()),
        }
        if not self._class.carries_handle:
            numbers = self.records["platform"][self._opened].tolist()
            counted = Counter(Platform(number).name for number in numbers)
            rows |= dict(sorted(counted.items()))
        return html.table("Frames", rows)
