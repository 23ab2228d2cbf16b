"""Which error of the engine stands for which refusal of the test vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from billboard import (
    BoardError,
    EpochError,
    InvalidEncodingError,
    InvalidSignatureError,
    NotMine,
    RefusedPostError,
    SecretFileError,
    WithdrawnError,
)
from billboard.errors import NotAdmittedError, RefusedRequestError, UnsupportedError

Errors = tuple[type[Exception], ...]

REFUSALS: dict[str, type[Exception]] = {
    "commitment-not-canonical": InvalidSignatureError,
    "response-not-canonical": InvalidSignatureError,
    "signature-equation": InvalidSignatureError,
    "epoch-before": EpochError,
    "epoch-too-far": EpochError,
    "slot-out-of-range": EpochError,
    "index-out-of-range": EpochError,
    "derived-zero": EpochError,
    "too-early": EpochError,
    "too-late": EpochError,
    "epoch-still-needed": EpochError,
    "epoch-not-yet-open": RefusedPostError,
    "epoch-closed": RefusedPostError,
    "epoch-over": RefusedPostError,
    "epoch-expired": RefusedPostError,
    "in-edition": RefusedPostError,
    "seq-not-greater": RefusedPostError,
    "quota": RefusedPostError,
    "stale": BoardError,
    "not-due": BoardError,
    "yet-to-come": BoardError,
    "log-size": BoardError,
    "edition-size": BoardError,
    "signature-missing": InvalidSignatureError,
    "too-few-witnesses": InvalidSignatureError,
    "cosignature-time": InvalidSignatureError,
    "box": SecretFileError,
    "unsupported": UnsupportedError,
    "no-request-key": UnsupportedError,
    "zero": ZeroDivisionError,
}
"""The class of a reason, where it is not `InvalidEncodingError`."""

IN_A_FILE = {
    "secret-key/decode",
    "lane/decode",
    "note-key/decode-payload",
    "file/decode",
    "file/decode-keyed",
    "file/encode",
    "file/encode-keyed",
    "file/encode-protected",
    "file/mode",
    "request-key/decode-payload",
}
"""Whatever is wrong with a secret file raises `SecretFileError`."""


OF_PROOFS = {
    "checkpoint/open",
    "descriptor/open",
    "ed25519/verify",
    "merkle/check-consistency",
    "merkle/check-inclusion",
    "note/verify",
    "proof/check-absence",
    "proof/check-post",
}
"""What does not verify may be so malformed that nothing could be verified."""

TAKEN = {"request/open", "registration/open", "request-key/taken"}
"""What a push server refuses to whoever brings it."""


def expected_errors(case: Mapping[str, Any]) -> Errors:
    """The classes of which one fits a refused case: its ``operation``, ``result``, ``reason``."""
    operation, reason = case["operation"], case["reason"]
    if case["result"] == "not-mine":
        return (NotMine,)
    if case["result"] == "withdrawn":
        return (WithdrawnError,)
    if operation in IN_A_FILE:
        return (SecretFileError,)
    if (operation, reason) == ("board/submit", "wrong-length"):
        return (InvalidEncodingError, RefusedPostError)  # of no class, or of another
    if (operation, reason) == ("edition/close", "epoch-expired"):
        return (EpochError,)
    if operation in TAKEN:
        return (RefusedRequestError,)
    if operation == "work/check":
        return (ValueError,) if reason == "work-bits" else (NotAdmittedError,)
    if operation in OF_PROOFS:
        return (InvalidEncodingError, InvalidSignatureError)
    if operation == "blob/open-batch":
        return (ValueError,)  # an array of the wrong shape
    if operation == "schnorr/verify" and reason == "wrong-length":
        return (InvalidEncodingError, InvalidSignatureError)  # of the public key, or the signature
    if (operation, reason) == ("schnorr/verify", "public-identity"):
        return (InvalidSignatureError,)
    if (operation, reason) == ("epoch/at", "epoch-out-of-range"):
        return (EpochError,)
    refusal = REFUSALS.get(reason, InvalidEncodingError)
    in_board = operation == "board/submit" and refusal is InvalidSignatureError
    return (RefusedPostError,) if in_board else (refusal,)
