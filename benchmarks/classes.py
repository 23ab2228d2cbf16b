"""Benchmark of blobs of each class: n elements carry a frame with a device token or a handle."""

from __future__ import annotations

import itertools
import os
import time
from collections import defaultdict

from operations import BATCH, BILLBOARD, Contestant, Operation, check, in_batches
from peers.ristretto255 import LibpepElements, Rbcl, extract, split

from billboard import Blob, DeviceToken, Frame, FrameClass, Handle, Platform, SecretKey
from billboard.batches import Array

TOKEN_SIZE = 32

ELEMENTS = "elements of blobs"
REFERENCE = "class L"

SAMPLE = 8
"""Blobs of a batch that each peer checks."""

Address = DeviceToken | Handle
Peers = dict[str, Rbcl | LibpepElements]


def operations(elements: int) -> list[Operation]:
    """Return encrypt, rerandomize and open of each class, with about ``elements`` in a batch."""
    by_class = {c: of_class(c, elements // (c.elements + 1)) for c in FrameClass}
    every = [operation for those in by_class.values() for operation in those]
    return [*every, *_per_element(every)]


def of_class(frame_class: FrameClass, items: int) -> list[Operation]:
    """Return the operations of one class, on ``items`` blobs, all checked.

    A peer embeds and encrypts an encoded frame, and opens a blob to the bytes of a frame. It
    neither makes nor checks the tag of the frame.
    """
    secret_key = SecretKey.generate(frame_class)
    public_key = secret_key.public_key
    scalars = split(secret_key._core.secret_bytes(), 32)
    numbers = [int.from_bytes(x, "little") for x in scalars]
    peers: Peers = {"rbcl": Rbcl(numbers), "libpep-py": LibpepElements(numbers)}
    expires = (int(time.time()) // 3600 + 48) * 3600
    addresses = [_address(frame_class) for _ in range(items)]

    def encrypt(threads: int) -> Array:
        return public_key.encrypt_batch(addresses, expires=expires, threads=threads)

    array = encrypt(1)
    for threads in (1, 2):
        _check_batch(secret_key, peers, encrypt(threads), addresses, threads)
    address, blob = addresses[0], array[0].tobytes()
    frame = Frame(address, expires).encode(frame_class, public_key.key_hash)
    _check_peers(secret_key, peers, address, frame)
    contestants = {
        "encrypt": in_batches(
            items,
            encrypt,
            {
                BILLBOARD: lambda: bytes(public_key.encrypt(address, expires=expires)),
                **{name: lambda p=p: p.encrypt_frame(frame) for name, p in peers.items()},
            },
        ),
        "rerandomize": in_batches(
            items,
            lambda threads: public_key.rerandomize_batch(array, threads=threads),
            {
                BILLBOARD: lambda: bytes(Blob.from_bytes(blob).rerandomize(public_key)),
                **{name: lambda p=p: p.rerandomize(blob) for name, p in peers.items()},
            },
        ),
        "open": in_batches(
            items,
            lambda threads: secret_key.open_batch(array, threads=threads),
            {
                BILLBOARD: lambda: secret_key.open(Blob.from_bytes(blob)),
                **{name: lambda p=p: extract(p.decrypt(blob)) for name, p in peers.items()},
            },
        ),
    }
    return [Operation(_subject(frame_class), name, those) for name, those in contestants.items()]


def _per_element(every: list[Operation]) -> list[Operation]:
    """Return the batches of all classes as contestants, timed per element: n + 1 in a blob."""
    sizes = {_subject(c): c.elements + 1 for c in FrameClass}
    beside = {REFERENCE: tuple(subject for subject in sizes if subject != REFERENCE)}
    contestants: dict[str, dict[str, Contestant]] = defaultdict(dict)
    for operation in every:
        subject, batch = operation.subject, operation.contestants[BATCH]
        contestants[operation.name][subject] = Contestant(
            batch.call, batch.items * sizes[subject], beside=beside.get(subject, ())
        )
    return [Operation(ELEMENTS, name, those) for name, those in contestants.items()]


def _subject(frame_class: FrameClass) -> str:
    return f"class {frame_class.name}"


def _address(frame_class: FrameClass) -> Address:
    if frame_class.carries_handle:
        return Handle.generate()
    return DeviceToken(Platform.APNS, os.urandom(TOKEN_SIZE))


def _check_batch(
    secret_key: SecretKey, peers: Peers, array: Array, addresses: list[Address], threads: int
) -> None:
    """Check that billboard opens every row of a batch, and each peer a sample of its rows."""
    public_key = secret_key.public_key
    fresh = public_key.rerandomize_batch(array, threads=threads)
    check(bool((array != fresh).any(axis=2).all()), "rerandomizing: an element stayed")
    for blobs in (array, fresh):
        opened, mask = secret_key.open_batch(blobs, threads=threads)
        check(bool(mask.all()), "opening: some rows did not open")
        check([frame.token for frame in opened] == addresses, f"a batch on {threads} threads")
        for (name, peer), i in itertools.product(peers.items(), range(SAMPLE)):
            data = extract(peer.decrypt(blobs[i].tobytes()))
            frame = Frame.decode(data, public_key.frame_class, public_key.key_hash)
            check(frame.token == addresses[i], f"blob {i}, decrypted by {name}")


def _check_peers(secret_key: SecretKey, peers: Peers, address: Address, frame: bytes) -> None:
    """Check that billboard opens what peers make, and also what it rerandomizes after them."""
    for names in itertools.product(peers, repeat=2):
        first, second = (peers[name] for name in names)
        blob = Blob.from_bytes(second.rerandomize(first.encrypt_frame(frame)))
        for received in (blob, blob.rerandomize(secret_key.public_key)):
            check(secret_key.open(received).token == address, f"opening after {names}")
