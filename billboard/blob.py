"""Blobs: encrypted device tokens or handles that anybody can re-randomise (SPEC 6.3)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import DTypeLike

from billboard import _core, html
from billboard.batches import Array, Mask, Progress
from billboard.errors import InvalidEncodingError
from billboard.frames import FrameClass
from billboard.groups.ristretto255 import Element

if TYPE_CHECKING:
    from billboard.keys import PublicKey


@final
class Blob:
    """One blob: canonical elements A, B_1 .. B_n, of which A is not the identity (SPEC 6.3).

    It has 96, 128, 288 or 1248 bytes in class H, S, L or XL.
    """

    __slots__ = ("_bytes", "frame_class")

    def __init__(self, data: bytes, frame_class: FrameClass) -> None:
        """Use `from_bytes`."""
        self._bytes = data
        self.frame_class = frame_class

    @classmethod
    def from_bytes(cls, data: bytes) -> Blob:
        """Decode a blob. Raises `InvalidEncodingError` if it is not canonical (SPEC 6.3)."""
        data = bytes(memoryview(data))
        frame_class = next((c for c in FrameClass if c.blob_size == len(data)), None)
        if frame_class is None:
            sizes = ", ".join(str(c.blob_size) for c in FrameClass)
            raise InvalidEncodingError("blob", f"must be one of {sizes} bytes, not {len(data)}")
        blob = cls(data, frame_class)
        if not _core.validate(blob.array, frame_class.elements + 1, 1)[0]:
            raise InvalidEncodingError("blob", "an element is not canonical, or A is the identity")
        return blob

    @classmethod
    def random(cls, frame_class: FrameClass) -> Blob:
        """Return random elements that look like a blob but hold no frame.

        Only the holder of the secret key can tell them from a real blob, and drops them.
        """
        frame_class = FrameClass(frame_class)
        elements = [Element.from_uniform_bytes(os.urandom(64)) for _ in range(frame_class + 1)]
        return cls.from_bytes(b"".join(map(bytes, elements)))

    @property
    def array(self) -> Array:
        """A read-only batch of this one blob: uint8 of shape (1, n + 1, 32)."""
        return np.frombuffer(self._bytes, np.uint8).reshape(1, self.frame_class.elements + 1, 32)

    def rerandomize(self, public_key: PublicKey) -> Blob:
        """Return a fresh blob of the same frame, unlinkable to this one without the secret key.

        ``public_key`` must be the key that this blob was encrypted under: with another key, the
        result opens under neither. Raises `InvalidEncodingError` if the key is of another class.
        """
        if public_key.frame_class is not self.frame_class:
            problem = f"is of class {self.frame_class.name}, the key {public_key.frame_class.name}"
            raise InvalidEncodingError("blob", problem)
        return Blob(public_key.rerandomize_batch(self.array, threads=1).tobytes(), self.frame_class)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        """Return the elements A, B_1 .. B_n, for ``np.asarray``: uint8 of shape (n + 1, 32)."""
        return np.array(self.array[0], dtype, copy=copy)

    def __bytes__(self) -> bytes:
        return self._bytes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Blob) and self._bytes == other._bytes

    def __hash__(self) -> int:
        return hash(self._bytes)

    def __repr__(self) -> str:
        return f"<Blob {self.frame_class.name}>"

    def _repr_html_(self) -> str:
        rows = {"class": self.frame_class.name, "bytes": len(self._bytes)}
        return html.table("Blob", rows) + html.strip([bytes(row) for row in np.asarray(self)])


def stack(blobs: Iterable[Blob]) -> Array:
    """Join blobs of one class into a batch: uint8 of shape (items, n + 1, 32).

    Raises `InvalidEncodingError` if there is no blob, or if they are of several classes.
    """
    arrays = [blob.array for blob in blobs]
    if len({array.shape for array in arrays}) != 1:
        raise InvalidEncodingError("blobs", "must be one or more, all of one class")
    return np.concatenate(arrays)


def unstack(array: Array) -> list[Blob]:
    """Return the blobs of a batch. Raises `InvalidEncodingError` if one is not canonical."""
    return [Blob.from_bytes(row.tobytes()) for row in array]


def validate_batch(
    array: Array,
    frame_class: FrameClass = FrameClass.L,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Mask:
    """Return which rows of ``array`` are blobs of ``frame_class``: bool of shape (items,).

    ``array`` is uint8 of shape (items, n + 1, 32). ``threads`` and ``progress`` are those of
    `batches.multiply_batch`.
    """
    return _core.validate(array, FrameClass(frame_class).elements + 1, threads, progress)
