"""Batches of elements of ristretto255, natively and on all CPUs (SPEC 6.2, 13.3).

`multiply_batch` and `multiply_generator_batch` are the group operation by itself; ``elgamal``,
``universal``, ``blob`` and ``keys`` have batches of what they define. All work on NumPy arrays of
encodings, in blocks of some hundred elements, without the GIL: while one is worked on, nothing may
change, reshape or resize it.
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
"""Something about each item of a batch: bool of shape (items,)."""

Progress = Callable[[int, int], object]
"""Called as ``progress(done, items)``, a few times a second."""


def backend() -> str:
    """What batches run on: ``"ifma"`` where the processor has AVX-512 IFMA, or ``"portable"``.

    Both give the same bytes. The environment variable ``BILLBOARD_BACKEND`` forces one of them when
    the core is loaded, with the first module that needs it; `ValueError` if there is none such.
    """
    return _core.backend()


def multiply_batch(
    elements: Array,
    scalars: Array,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Array:
    """Element i times scalar i: both, and the result, are uint8 of shape (items, 32).

    In constant time for the scalars. ``threads`` is the number of threads, None for all CPUs this
    process may use; ``progress(done, items)`` is called a few times a second. Raises
    `InvalidRowsError`, which lists all rows in which the element or the scalar is not canonical,
    and then returns nothing.
    """
    output, valid = _core.multiply(_column(elements), _column(scalars), threads, progress)
    refuse_invalid_rows("elements or scalars", valid)
    return output[:, 0]


def multiply_generator_batch(
    scalars: Array, *, threads: int | None = None, progress: Progress | None = None
) -> Array:
    """The generator G times each scalar: uint8 of shape (items, 32), as are the scalars.

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
    """Rows as rows of one element. What is no array, or has another shape, the core refuses."""
    return array[:, np.newaxis] if isinstance(array, np.ndarray) and array.ndim == 2 else array
