"""Every test vector, run against the engine (SPEC 12)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import vector_engine_board  # noqa: F401  (registers its handlers)
from vector_engine import HANDLERS, Setting

from billboard import (
    EpochError,
    InvalidEncodingError,
    InvalidSignatureError,
    NotMine,
    RefusedPostError,
    SecretFileError,
    WithdrawnError,
)

FOLDER = Path(__file__).parent / "vectors"
FILES = {
    path.stem: json.loads(path.read_text())
    for path in sorted(FOLDER.glob("*.json"))
    if path.name != "schema.json"
}
CASES = [(name, case) for name, file in FILES.items() for case in file["cases"]]

REFUSALS: dict[str, type[Exception]] = {
    "commitment-not-canonical": InvalidSignatureError,
    "response-not-canonical": InvalidSignatureError,
    "signature-equation": InvalidSignatureError,
    "epoch-before": EpochError,
    "epoch-too-far": EpochError,
    "slot-out-of-range": EpochError,
    "too-early": EpochError,
    "too-late": EpochError,
    "epoch-not-yet-open": RefusedPostError,
    "epoch-closed": RefusedPostError,
    "in-edition": RefusedPostError,
    "seq-not-greater": RefusedPostError,
    "box": SecretFileError,
}
"""The class of a reason, where it is not `InvalidEncodingError`."""

IN_A_FILE = {"secret-key/decode", "lane/decode", "file/decode", "file/mode"}
"""Whatever is wrong in a secret file, loading it raises `SecretFileError`."""


def expected_error(case: dict[str, Any]) -> type[Exception] | tuple[type[Exception], ...]:
    operation, reason = case["operation"], case["reason"]
    if case["result"] == "not-mine":
        # Bytes of the wrong length are no `Blob`, and so never reach `SecretKey.open` (SPEC 6.4).
        too_early = (operation, reason) == ("blob/open", "wrong-length")
        return InvalidEncodingError if too_early else NotMine
    if case["result"] == "withdrawn":
        return WithdrawnError
    if operation in IN_A_FILE:
        return SecretFileError
    if operation == "blob/open-batch":
        return ValueError  # an array of the wrong shape
    if operation == "schnorr/verify" and reason == "wrong-length":
        return (InvalidEncodingError, InvalidSignatureError)  # of the public key, or the signature
    if (operation, reason) == ("schnorr/verify", "public-identity"):
        return InvalidSignatureError
    if (operation, reason) == ("epoch/at", "epoch-out-of-range"):
        return EpochError
    refusal = REFUSALS.get(reason, InvalidEncodingError)
    in_board = operation == "board/submit" and refusal is InvalidSignatureError
    return RefusedPostError if in_board else refusal


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_as_the_schema_says(name: str) -> None:
    jsonschema.Draft202012Validator(json.loads((FOLDER / "schema.json").read_text())).validate(
        FILES[name]
    )
    assert FILES[name]["file"] == name


def test_every_operation_has_a_handler_and_every_handler_a_case() -> None:
    operations = {case["operation"] for _, case in CASES}
    assert operations == set(HANDLERS)


def test_ids_are_unique() -> None:
    assert len({case["id"] for _, case in CASES}) == len(CASES)


@pytest.mark.parametrize(("name", "case"), CASES, ids=[case["id"] for _, case in CASES])
def test_vector(name: str, case: dict[str, Any], tmp_path: Path) -> None:
    handler = HANDLERS[case["operation"]]
    setting = Setting(tmp_path, FILES[name].get("keys", {}))
    if case["result"] == "valid":
        assert handler(case["input"], setting) == case["output"]
    else:
        with pytest.raises(expected_error(case)):
            handler(case["input"], setting)
