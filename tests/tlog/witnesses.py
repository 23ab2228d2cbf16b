"""Logs to show to witnesses, made by the definitions of RFC 6962, and servers on real ports."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from billboard.tlog.note import Algorithm, NoteSigner


def tree_hash(entries: list[bytes]) -> bytes:
    if not entries:
        return hashlib.sha256().digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\0" + entries[0]).digest()
    split = largest_split(len(entries))
    left, right = tree_hash(entries[:split]), tree_hash(entries[split:])
    return hashlib.sha256(b"\1" + left + right).digest()


def tree_proof(old: int, entries: list[bytes], complete: bool = True) -> list[bytes]:
    """SUBPROOF of section 2.1.2."""
    if old == len(entries):
        return [] if complete else [tree_hash(entries)]
    split = largest_split(len(entries))
    if old <= split:
        return [*tree_proof(old, entries[:split], complete), tree_hash(entries[split:])]
    return [*tree_proof(old - split, entries[split:], False), tree_hash(entries[:split])]


def tree_path(index: int, entries: list[bytes]) -> list[bytes]:
    """PATH of section 2.1.1."""
    if len(entries) == 1:
        return []
    split = largest_split(len(entries))
    if index < split:
        return [*tree_path(index, entries[:split]), tree_hash(entries[split:])]
    return [*tree_path(index - split, entries[split:]), tree_hash(entries[:split])]


def largest_split(size: int) -> int:
    split = 1
    while 2 * split < size:
        split *= 2
    return split


class Log:
    """A log of ``size`` entries, that are those of any other with the same ``salt``."""

    def __init__(self, signer: NoteSigner, salt: bytes = b"") -> None:
        self.signer, self.salt = signer, salt

    def entries(self, size: int) -> list[bytes]:
        return [self.salt + bytes([i]) for i in range(size)]

    def text(self, size: int, root: bytes | None = None) -> str:
        found = tree_hash(self.entries(size)) if root is None else root
        return f"{self.signer.key.name}\n{size}\n{base64.b64encode(found).decode()}\n"

    def note(self, size: int, root: bytes | None = None) -> bytes:
        text = self.text(size, root)
        return f"{text}\n{self.signer.sign(text)}".encode()

    def request(self, old: int, size: int) -> bytes:
        proof = tree_proof(old, self.entries(size)) if 0 < old <= size else []
        return body(old, proof, self.note(size))


def body(old: object, proof: list[bytes], note: bytes) -> bytes:
    lines = "".join(base64.b64encode(each).decode() + "\n" for each in proof)
    return f"old {old}\n{lines}\n".encode() + note


def log_signer(name: str = "example.org/log") -> NoteSigner:
    return NoteSigner(name, Algorithm.ED25519, os.urandom(32))


def witness_signer(name: str = "example.net/witness") -> NoteSigner:
    return NoteSigner(name, Algorithm.COSIGNATURE, os.urandom(32))


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """The URL of an ASGI application, as long as the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
