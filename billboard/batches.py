"""Batches of ristretto255 elements, in native code and on all CPUs (SPEC 6.2, 13.3).

`multiply_batch` and `multiply_generator_batch` are the group operation by itself; ``elgamal``,
``universal``, ``blob`` and ``keys`` have batches of their own operations. All work on NumPy arrays
of encodings, in blocks of some hundred elements, and release the GIL. While a call runs, no other
thread may change, reshape or resize its arrays.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from billboard import _core
from billboard.errors import InvalidRowsError

__all__ = ["Array", "Mask", "Progress", "backend", "multiply_batch", "multiply_generator_batch"]

Array = NDArray[np.uint8]
"""Elements, scalars or ciphertexts, 32 bytes each: uint8 of shape (items, .., 32)."""

Mask = NDArray[np.bool_]
"""A yes or no for each item of a batch: bool of shape (items,)."""

Progress = Callable[[int, int], object]
"""Called as ``progress(done, items)``, a few times a second."""


def backend() -> str:
    """Return the code that batches run on: ``"ifma"`` for AVX-512 IFMA, or else ``"portable"``.

    Both give the same bytes. The environment variable ``BILLBOARD_BACKEND`` forces one of them. It
    is read when the native core is loaded, that is, when the first module that needs the core is
    imported; that import raises `ValueError` if the backend does not exist on this machine.
    """
    return _core.backend()


def multiply_batch(
    elements: Array,
    scalars: Array,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Array:
    """Multiply element i by scalar i; operands and result are uint8 of shape (items, 32).

    Takes constant time with respect to the scalars. ``threads`` is the number of threads; None
    means all CPUs that this process may use. ``progress(done, items)`` is called a few times a
    second. Raises `InvalidRowsError` if an element or a scalar is not canonical: the error lists
    all such rows, and the results of the other rows are not returned.
    """
    output, valid = _core.multiply(_column(elements), _column(scalars), threads, progress)
    refuse_invalid_rows("elements or scalars", valid)
    return output[:, 0]


def multiply_generator_batch(
    scalars: Array, *, threads: int | None = None, progress: Progress | None = None
) -> Array:
    """Multiply the generator G by each scalar; both arrays are uint8 of shape (items, 32).

    Parameters and errors are those of `multiply_batch`.
    """
    output, valid = _core.multiply_generator(_column(scalars), threads, progress)
    refuse_invalid_rows("scalars", valid)
    return output[:, 0]


def refuse_invalid_rows(field: str, valid: Mask) -> None:
    """Raise `InvalidRowsError` unless all rows are valid."""
    if not valid.all():
        raise InvalidRowsError(field, np.flatnonzero(~valid).tolist())


def _column(array: Array) -> Array:
    """Return the rows as rows of one element. The core refuses whatever has another shape."""
    return array[:, np.newaxis] if isinstance(array, np.ndarray) and array.ndim == 2 else array
