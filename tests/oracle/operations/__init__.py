"""Every operation of the vectors, from a JSON input to a JSON output."""

from __future__ import annotations

from collections.abc import Callable

from ..refusals import Refused
from . import board, logs, protocol, push, research
from .inputs import Input, Json

__all__ = ["Input", "Json", "run"]

MODULES = (protocol, board, logs, push, research)
RESERVED = {"tuple": "tuple_", "hash": "hash_"}


def run(operation: str, inputs: Json, keys: Json | None = None) -> Json:
    """Run an operation as the result of a case says it.

    `keys` has the key sets to which inputs refer by name, as the `keys` of a file. The result is
    `{"result": "valid", "output": ..}` or `{"result": ..., "reason": ..}`.
    """
    try:
        output = _function_of(operation)(Input(inputs, keys or {}))
    except Refused as refusal:
        return {"result": refusal.outcome, "reason": refusal.reason}
    return {"result": "valid", "output": output}


def _function_of(operation: str) -> Callable[[Input], Json]:
    """Find the function of an operation: `post/read` is `post_read`."""
    name = operation.replace("/", "_").replace("-", "_")
    name = RESERVED.get(name, name)
    for module in MODULES:
        if hasattr(module, name):
            function: Callable[[Input], Json] = getattr(module, name)
            return function
    raise LookupError(f"no module of oracle.operations has {name}, the operation {operation}")
