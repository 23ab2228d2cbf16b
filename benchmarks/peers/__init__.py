"""The peers: other libraries that do the same from bytes to bytes, as their callers would.

Each peer holds its keys decoded, processes one ciphertext at a time, and draws fresh random scalars
each time. It makes as few calls as the library allows.
"""

try:
    import coincurve  # noqa: F401
    import libpep  # noqa: F401
    import petlib  # noqa: F401
    import py_arkworks_bls12381  # noqa: F401
    import py_ecc  # noqa: F401
    import rbcl  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"the benchmarks need {error.name}, which is not installed: make .venv/group-bench",
        name=error.name,
    ) from None
