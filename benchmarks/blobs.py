"""Blobs of class L: n = 8 elements that carry a frame with a device token."""

from __future__ import annotations

import itertools
import os
import time

from operations import Operation, check
from peers import FramePeer, LibpepElements, Rbcl, extract, split

from billboard import Blob, DeviceToken, Frame, FrameClass, Platform, SecretKey
from billboard.elgamal import Array

SAMPLE = 16
"""Blobs of a batch that each peer checks."""

TOKEN_SIZE = 32


def operations(items: int) -> dict[str, Operation]:
    """``encrypt``, ``rerandomize`` and ``open`` of ``items`` blobs, all checked.

    A peer starts from the encoded frame, embeds and encrypts it, and opens to the bytes of a
    frame; it neither makes nor checks the frame's tag.
    """
    secret_key = SecretKey.generate(FrameClass.L)
    public_key = secret_key.public_key
    scalars = split(secret_key._core.secret_bytes(), 32)
    peers: dict[str, FramePeer] = {"rbcl": Rbcl(scalars), "libpep-py": LibpepElements(scalars)}
    expires = (int(time.time()) // 3600 + 48) * 3600
    tokens = [DeviceToken(Platform.APNS, os.urandom(TOKEN_SIZE)) for _ in range(items)]
    frames = [Frame(t, expires).encode(FrameClass.L, public_key.key_hash) for t in tokens]

    def encrypt(threads: int) -> Array:
        return public_key.encrypt_batch(tokens, expires=expires, threads=threads)

    array = encrypt(1)
    for threads in (1, 2):
        _check_batch(secret_key, peers, encrypt(threads), tokens, frames, threads)
    token, frame, blob = tokens[0], frames[0], array[0].tobytes()
    _check_peers(secret_key, peers, token, frame)
    return {
        "encrypt": Operation(
            items,
            encrypt,
            {
                "billboard": lambda: bytes(public_key.encrypt(token, expires=expires)),
                **{name: lambda p=p: p.encrypt_frame(frame) for name, p in peers.items()},
            },
        ),
        "rerandomize": Operation(
            items,
            lambda threads: public_key.rerandomize_batch(array, threads=threads),
            {
                "billboard": lambda: bytes(Blob.from_bytes(blob).rerandomize(public_key)),
                **{name: lambda p=p: p.rerandomize(blob) for name, p in peers.items()},
            },
        ),
        "open": Operation(
            items,
            lambda threads: secret_key.open_batch(array, threads=threads),
            {
                "billboard": lambda: secret_key.open(Blob.from_bytes(blob)),
                **{name: lambda p=p: extract(p.decrypt(blob)) for name, p in peers.items()},
            },
        ),
    }


def _check_batch(
    secret_key: SecretKey,
    peers: dict[str, FramePeer],
    array: Array,
    tokens: list[DeviceToken],
    frames: list[bytes],
    threads: int,
) -> None:
    """A batch opens in billboard as a whole, and a sample of its rows in each peer."""
    fresh = secret_key.public_key.rerandomize_batch(array, threads=threads)
    check(bool((array != fresh).any(axis=2).all()), "rerandomizing: an element stayed")
    for blobs in (array, fresh):
        opened, mask = secret_key.open_batch(blobs, threads=threads)
        check(bool(mask.all()), "opening: not all opened")
        check([frame.token for frame in opened] == tokens, f"a batch on {threads} threads")
        for (name, peer), i in itertools.product(peers.items(), range(SAMPLE)):
            check(extract(peer.decrypt(blobs[i].tobytes())) == frames[i], f"blob {i}, says {name}")


def _check_peers(
    secret_key: SecretKey, peers: dict[str, FramePeer], token: DeviceToken, frame: bytes
) -> None:
    """What a peer encrypts, another rerandomizes and billboard opens, before and after its own."""
    for names in itertools.product(peers, repeat=2):
        first, second = (peers[name] for name in names)
        blob = Blob.from_bytes(second.rerandomize(first.encrypt_frame(frame)))
        for received in (blob, blob.rerandomize(secret_key.public_key)):
            check(secret_key.open(received).token == token, f"{names}, then opening")
