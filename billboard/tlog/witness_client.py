"""Client that asks a witness over HTTP to cosign a log (SPEC 9.4; C2SP tlog-witness)."""

from __future__ import annotations

import hashlib
from typing import final

from curl_cffi import Response, Session

from billboard.errors import ForkError, InvalidEncodingError, InvalidSignatureError, WitnessError
from billboard.tlog.checkpoint import Checkpoint, decode_number
from billboard.tlog.cosigner import AddCheckpoint
from billboard.tlog.note import Algorithm, Note, NoteKey, Signature
from billboard.tlog.tiles import TileReader
from billboard.web.client import URL, Answer, NoAnswerError, ask, session

TIMEOUT = 10.0
"""Seconds for one request, from connecting to the last byte."""

LARGEST_ANSWER = 65_536
"""Bytes that an answer may have."""

_ATTEMPTS = 3
"""The first may only learn the witness's size; another publisher may be faster than the second."""

_SIZE_TYPE = "text/x.tlog.size"

_MEANINGS = {
    400: "considers the request malformed",
    403: "does not know the key that signed",
    404: "does not watch this log",
    413: "considers the request too large",
    429: "gets too many requests",
}
"""What a status says about the witness."""


@final
class WitnessClient:
    """The witness with ``key`` whose submission prefix is ``url``: a `Witness` of a board.

    It may be used from several threads. Raises `InvalidEncodingError` if ``url`` is not a URL, or
    ``key`` not one that cosigns.
    """

    def __init__(self, url: str, key: NoteKey) -> None:
        if not URL.fullmatch(url):
            raise InvalidEncodingError("witness", "its URL must be http(s)://host[:port][/path]")
        if key.algorithm is not Algorithm.COSIGNATURE:
            raise InvalidEncodingError("witness", f"the key of {key.name} is not one that cosigns")
        self._prefix, self._key = url.rstrip("/"), key
        self._url = f"{self._prefix}/add-checkpoint"
        self._size = 0  # what it knew last; a right guess saves a request, a wrong one is refused

    def cosign(self, note: Note, reader: TileReader) -> Signature:
        """Return a cosignature of the checkpoint ``note`` of the log that ``reader`` reads.

        Raises `WitnessError` that says what the witness did, and `ForkError` if it says that it has
        cosigned a checkpoint that this log does not continue. The error has that checkpoint: it is
        signed, unlike the refusal, but is not verified here.
        """
        checkpoint = Checkpoint.from_text(note.text)
        size = checkpoint.size
        old = min(self._size, size)
        with session(timeout=TIMEOUT) as own:
            for _ in range(_ATTEMPTS):
                answer = self._post(own, self._request(old, note, reader))
                if answer.status == 422:
                    problem = "says that it has seen a log that this one does not continue"
                    raise self._fork(own, checkpoint.origin, problem)
                if answer.status != 409:
                    signature = self._cosignature(note, answer)
                    self._size = size
                    return signature
                old = self._known(answer)
                if old > size:
                    problem = f"says it cosigned {old} entries of this log, which has {size} here"
                    raise self._fork(own, checkpoint.origin, problem)
        raise self._error(f"told {_ATTEMPTS} sizes in a row, each different from the one before")

    def _request(self, old: int, note: Note, reader: TileReader) -> bytes:
        try:
            proof = reader.consistency_proof(old)
        except (LookupError, InvalidEncodingError) as error:
            raise self._error(
                f"has cosigned {old} entries, and the log cannot show that it continues them"
                f" ({error}): run `billboard board fsck`"
            ) from None
        return bytes(AddCheckpoint(old, tuple(proof), note))

    def _post(self, own: Session[Response], body: bytes) -> Answer:
        headers = {"content-type": "text/plain; charset=utf-8"}
        try:
            return ask(own, "POST", self._url, limit=LARGEST_ANSWER, headers=headers, body=body)
        except NoAnswerError as error:
            raise self._error(f"did not answer: {error}") from None

    def _fork(self, own: Session[Response], origin: str, problem: str) -> WitnessError:
        """Return the error for a witness that says that it has another log of ``origin``."""
        url = f"{self._prefix}/{hashlib.sha256(origin.encode()).hexdigest()}/checkpoint"
        try:
            answer = ask(own, "GET", url, limit=LARGEST_ANSWER)
        except NoAnswerError as error:
            return self._error(f"{problem}, but does not show it: {error}")
        if answer.status != 200:
            return self._error(f"{problem}, but does not show it: it answered {answer.status}")
        meaning = "this is an old backup, or somebody else signs with its key"
        return ForkError(f"{self} {problem}: {meaning}", answer.body)

    def _known(self, answer: Answer) -> int:
        """Return the size that a 409 tells."""
        content_type = answer.headers.get("content-type") or ""
        text = answer.body.decode("ascii", "replace")
        try:
            if content_type.partition(";")[0].strip() != _SIZE_TYPE or not text.endswith("\n"):
                raise InvalidEncodingError("size", "is missing")
            return decode_number("size", text.removesuffix("\n"))
        except InvalidEncodingError:
            raise self._error("knows another size of this log, but does not say which") from None

    def _cosignature(self, note: Note, answer: Answer) -> Signature:
        if answer.status != 200:
            meaning = _MEANINGS.get(answer.status, "cannot do it now")
            raise self._error(f"answered {answer.status}: it {meaning}")
        try:
            cosigned = Note.from_bytes(f"{note.text}\n".encode() + answer.body)
            time = cosigned.time_of(self._key)
        except (InvalidEncodingError, InvalidSignatureError) as error:
            raise self._error(f"answered with no cosignature of its key: {error}") from None
        if not time:
            raise self._error("answered with a cosignature that has no time")
        return next(each for each in cosigned.signatures if each.is_of(self._key))

    def __str__(self) -> str:
        return f"witness {self._key.name} at {self._url}"

    def _error(self, problem: str) -> WitnessError:
        return WitnessError(f"{self} {problem}")
