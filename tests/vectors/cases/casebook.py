"""A file of cases in the making: runs each case by the oracle and checks what it is to show."""

from typing import Any

from oracle.operations import Json, run
from oracle.refusals import waived

# Without the check that finds one of these, there is nothing sensible to go on with.
STRUCTURAL = {
    "base64",
    "box",
    "class-name",
    "entry-count",
    "entry-kind",
    "epoch-before",
    "hash-length",
    "identifier-not-of-lane",
    "index-not-in-tree",
    "lines",
    "no-blank-line",
    "no-extra",
    "no-manifest",
    "number",
    "other-protection",
    "ephemeral-not-on-curve",
    "ephemeral-range",
    "present",
    "private-key-range",
    "protection-unknown",
    "public-no-point",
    "signature-line",
    "size-smaller",
    "unsupported",
    "utf-8",
    "vkey-form",
    "wrong-length",
}


class CaseError(Exception):
    """A case does not show what it is to show."""


def _as_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    if isinstance(value, dict):
        return {name: _as_json(item) for name, item in value.items()}
    return value


class Casebook:
    """The cases of one file."""

    def __init__(self, file: str, keys: Json | None = None) -> None:
        self._file = file
        self._keys = keys
        self._cases: dict[str, Json] = {}

    def valid(self, operation: str, name: str, comment: str, **values: Any) -> Json:
        """Add a case that must be valid, and give its output."""
        case = self._add(operation, name, comment, values)
        if case["result"] != "valid":
            raise CaseError(f"{case['id']}: {case['reason']}")
        output: Json = case["output"]
        return output

    def refused(
        self,
        operation: str,
        name: str,
        comment: str,
        reason: str,
        single: bool = True,
        **values: Any,
    ) -> None:
        """Add a case that must be refused for the given reason, and for that one only.

        `single` is false where it cannot be the only failure, or leaves nothing to go on with.
        """
        case = self._add(operation, name, comment, values)
        if case.get("reason") != reason:
            raise CaseError(f"{case['id']}: {case.get('reason')}, not {reason}")
        if not single or reason in STRUCTURAL:
            return
        with waived(reason):
            without = run(operation, case["input"], self._keys)
        if without["result"] != "valid":
            raise CaseError(f"{case['id']}: also {without['reason']}")

    def _add(self, operation: str, name: str, comment: str, values: Json) -> Json:
        identity = f"{self._file}/{operation}/{name}"
        if identity in self._cases:
            raise CaseError(f"{identity}: twice")
        inputs = _as_json({key.rstrip("_"): value for key, value in values.items()})
        case = {"id": identity, "operation": operation, "comment": comment, "input": inputs}
        case.update(run(operation, inputs, self._keys))
        self._cases[identity] = case
        return case

    def as_json(self) -> Json:
        """Give the file."""
        keys = {"keys": self._keys} if self._keys else {}
        cases = list(self._cases.values())
        return {"spec": "0.1", "file": self._file, **keys, "cases": cases}
