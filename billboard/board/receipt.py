"""Receipts: what a board promises to those who submit a post (SPEC 9.6)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from billboard.errors import InvalidEncodingError
from billboard.times import MAX_UINT32
from billboard.tlog.checkpoint import decode_hash, decode_number
from billboard.tlog.note import Note, NoteKey, NoteSigner, encode_base64

LABEL = "billboard/receipt@v1"


@final
@dataclass(frozen=True)
class Receipt:
    """A promise that the post with this SHA-256 will be in an edition of ``epoch`` by ``deadline``.

    A post with the same identifier and a greater seq may take its place. The edition is due before
    ``deadline``, which is in seconds since 1970.
    """

    epoch: int
    post_hash: bytes
    deadline: int
    note: Note

    @classmethod
    def sign(cls, signer: NoteSigner, epoch: int, post: bytes, deadline: int) -> Receipt:
        """Sign a receipt for ``post``, as the board that ``signer`` is named after."""
        (receipt,) = cls.sign_all(signer, [epoch], [post], [deadline])
        return receipt

    @classmethod
    def sign_all(
        cls,
        signer: NoteSigner,
        epochs: Sequence[int],
        posts: Sequence[bytes],
        deadlines: Sequence[int],
    ) -> list[Receipt]:
        """Sign a receipt for each of ``posts``, as `sign` does for one."""
        hashes = [hashlib.sha256(post).digest() for post in posts]
        promises = list(zip(epochs, hashes, deadlines, strict=True))
        texts = [
            f"{LABEL}\n{signer.key.name}\n{epoch}\n{encode_base64(post_hash)}\n{deadline}\n"
            for epoch, post_hash, deadline in promises
        ]
        signed = zip(promises, texts, signer.sign_all(texts), strict=True)
        return [cls(*promise, Note(text, (signature,))) for promise, text, signature in signed]

    def __bytes__(self) -> bytes:
        return bytes(self.note)

    @classmethod
    def from_bytes(cls, data: bytes, key: NoteKey) -> Receipt:
        """Parse a receipt of the board that signs with ``key``, and verify it.

        Raises `InvalidEncodingError`, `InvalidSignatureError`.
        """
        note = Note.from_bytes(data)
        lines = note.text.removesuffix("\n").split("\n")
        if len(lines) != 5 or lines[:2] != [LABEL, key.name]:
            raise InvalidEncodingError("receipt", f"is not one of {key.name}")
        note.time_of(key)
        epoch, deadline = (decode_number("receipt", lines[i]) for i in (2, 4))
        if epoch > MAX_UINT32:
            raise InvalidEncodingError("receipt", "its epoch is out of range")
        return cls(epoch, decode_hash("receipt", lines[3]), deadline, note)
