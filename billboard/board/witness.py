"""Asking a witness over HTTP to cosign a log (SPEC 9.4; C2SP tlog-witness)."""

from __future__ import annotations

import hashlib
from typing import final

from curl_cffi import CurlError, CurlOpt, Response, Session

from billboard.board.checkpoint import Checkpoint, decode_number
from billboard.board.connection import URL
from billboard.board.cosigner import AddCheckpoint
from billboard.board.note import Algorithm, Note, NoteKey, Signature
from billboard.board.tiles import TileReader
from billboard.errors import ForkError, InvalidEncodingError, InvalidSignatureError, WitnessError

__all__ = ["WitnessClient"]

TIMEOUT = 10.0
"""Seconds for one request, from connecting to the last byte."""

LARGEST_ANSWER = 65_536
"""Bytes."""

_ATTEMPTS = 3
"""The first may learn how far the witness is, and another publisher may be faster than the next."""

_CURL_OPTIONS: dict[CurlOpt, int | str] = {
    CurlOpt.MAXFILESIZE_LARGE: LARGEST_ANSWER,
    CurlOpt.PROXY: "",  # not what the environment says; curl_cffi 0.16 ignores trust_env here
}

_SIZE_TYPE = "text/x.tlog.size"

_MEANINGS = {
    400: "takes the request for malformed",
    403: "does not know the key that signed",
    404: "does not watch this log",
    413: "takes the request for too large",
    429: "has too many requests",
}
"""What a status says of the witness."""


@final
class WitnessClient:
    """The witness with ``key`` whose submission prefix is ``url``: a `Witness` of a board.

    It may be used from several threads. Raises `InvalidEncodingError` if the URL is none, or the
    key none that cosigns.
    """

    def __init__(self, url: str, key: NoteKey) -> None:
        if not URL.fullmatch(url):
            raise InvalidEncodingError("witness", "its URL must be http(s)://host[:port][/path]")
        if key.algorithm is not Algorithm.COSIGNATURE:
            raise InvalidEncodingError("witness", f"the key of {key.name} is not one that cosigns")
        self._prefix, self._key = url.rstrip("/"), key
        self._url = f"{self._prefix}/add-checkpoint"
        self._size = 0  # what it knew last, which saves a request; it says so if it is wrong

    def cosign(self, note: Note, reader: TileReader) -> Signature:
        """A cosignature of the checkpoint ``note`` of the log that ``reader`` reads.

        Raises `WitnessError` that says what the witness did; `ForkError` with the checkpoint that
        it has cosigned, if it says that this log does not continue that. Its answer to a request is
        not signed, and that checkpoint, which is not verified here, is.
        """
        checkpoint = Checkpoint.from_text(note.text)
        size = checkpoint.size
        old = min(self._size, size)
        with Session[Response](
            timeout=TIMEOUT, allow_redirects=False, discard_cookies=True, curl_options=_CURL_OPTIONS
        ) as session:
            for _ in range(_ATTEMPTS):
                response = self._post(session, self._request(old, note, reader))
                if response.status_code == 422:
                    problem = "has seen a log that this one does not continue"
                    raise self._fork(session, checkpoint.origin, problem)
                if response.status_code != 409:
                    signature = self._cosignature(note, response)
                    self._size = size
                    return signature
                old = self._known(response)
                if old > size:
                    problem = f"has cosigned {old} entries of this log, which has {size} here"
                    raise self._fork(session, checkpoint.origin, problem)
        raise self._error(f"told {_ATTEMPTS} sizes in a row, each not that of before")

    def _request(self, old: int, note: Note, reader: TileReader) -> bytes:
        try:
            proof = reader.consistency_proof(old)
        except (LookupError, InvalidEncodingError) as error:
            raise self._error(
                f"has cosigned {old} entries, and the log can not show that it continues them"
                f" ({error}): run `billboard board fsck`"
            ) from None
        return bytes(AddCheckpoint(old, tuple(proof), note))

    def _post(self, session: Session[Response], body: bytes) -> Response:
        headers = {"content-type": "text/plain; charset=utf-8"}
        try:
            return session.post(self._url, data=body, headers=headers, accept_encoding=None)
        except CurlError as error:
            raise self._error(f"did not answer: {error}") from None

    def _fork(self, session: Session[Response], origin: str, problem: str) -> WitnessError:
        """What it means that a witness says that it has another log of ``origin``."""
        url = f"{self._prefix}/{hashlib.sha256(origin.encode()).hexdigest()}/checkpoint"
        try:
            response = session.get(url, accept_encoding=None)
        except CurlError as error:
            return self._error(f"{problem}, it says, but does not show it: {error}")
        if response.status_code != 200:
            status = response.status_code
            return self._error(f"{problem}, it says, but does not show it: it answered {status}")
        meaning = "this is an old backup, or somebody else signs with its key"
        return ForkError(f"{self} {problem}: {meaning}", response.content)

    def _known(self, response: Response) -> int:
        """The size that a 409 tells."""
        content_type = response.headers.get("content-type") or ""
        text = response.content.decode("ascii", "replace")
        try:
            if content_type.partition(";")[0].strip() != _SIZE_TYPE or not text.endswith("\n"):
                raise InvalidEncodingError("size", "is missing")
            return decode_number("size", text.removesuffix("\n"))
        except InvalidEncodingError:
            raise self._error("knows another size of this log, but does not say which") from None

    def _cosignature(self, note: Note, response: Response) -> Signature:
        if response.status_code != 200:
            meaning = _MEANINGS.get(response.status_code, "can not do it now")
            raise self._error(f"answered {response.status_code}: it {meaning}")
        try:
            answer = Note.from_bytes(f"{note.text}\n".encode() + response.content)
            time = answer.time_of(self._key)
        except (InvalidEncodingError, InvalidSignatureError) as error:
            raise self._error(f"answered with no cosignature of its key: {error}") from None
        if not time:
            raise self._error("answered with a cosignature that has no time")
        return next(each for each in answer.signatures if each.is_of(self._key))

    def __str__(self) -> str:
        return f"witness {self._key.name} at {self._url}"

    def _error(self, problem: str) -> WitnessError:
        return WitnessError(f"{self} {problem}")
