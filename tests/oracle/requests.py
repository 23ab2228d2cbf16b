"""Requests, revocations and registrations, SPEC 10.2, 10.5 and 10.6."""

from typing import NamedTuple

from . import ed25519, hpke
from .descriptors import request_key_id
from .frames import PLATFORMS
from .notation import (
    CLASS_H,
    VERSION,
    be8,
    be16,
    be32,
    blob_length,
    expand,
    hash_parts,
    tuple_bytes,
)
from .refusals import NOT_MINE, Refused, all_refusals_as, require, require_length

PUSH, REVOCATION = 1, 2
HEAD = 1 + 8
LONGEST_TOKEN = 1098
SIGNED = 1144
LATEST_UNTIL = 9600
"""In hours from now."""
APART = 3600 * 1000
"""Milliseconds by which the time of a registration may differ from the server's."""


class PushRequest(NamedTuple):
    """A request for a push."""

    key_id: bytes
    blob: bytes


class Revocation(NamedTuple):
    """A request to refuse a gate until an hour."""

    kappa: bytes
    until: int


class Registration(NamedTuple):
    """What a device registers under a handle; platform 0 to unregister."""

    handle_key: bytes
    time: int
    platform: int
    app: int
    token: bytes


class Intake(NamedTuple):
    """What a server opens requests with: its key, its class and a request key."""

    server_key: bytes
    n: int
    request_key: hpke.Pair

    @property
    def key_id(self) -> bytes:
        """The id of the request key."""
        return request_key_id(self.server_key, self.request_key.public)


def plaintext_length(n: int) -> int:
    """Give the length of the plaintext of a request."""
    return 17 + blob_length(n)


def request_length(n: int) -> int:
    """Give the length of a request."""
    return HEAD + hpke.ENCAPSULATED + plaintext_length(n) + 16


REGISTRATION_LENGTH = HEAD + hpke.ENCAPSULATED + SIGNED + 64 + 16


def gate(kappa: bytes) -> bytes:
    """Give the gate of a kappa."""
    require_length(kappa, 32)
    return hash_parts("gate", kappa)[:16]


def kappa(root: bytes, epoch: int, number: int) -> bytes:
    """Give a kappa of a profile, SPEC 10.5; `number` is g."""
    require_length(root, 32)
    return expand(root, "kappa", 32, be32(epoch), be32(number))


def handle(handle_key: bytes) -> bytes:
    """Give the handle of a handle key."""
    require_length(handle_key, 32)
    return hash_parts("handle", handle_key)[:16]


def info(label: str, n: int, server_key: bytes, key_id: bytes) -> bytes:
    """Give what HPKE binds beside the key."""
    return tuple_bytes(b"billboard/v1/" + label.encode(), be8(n), server_key, key_id)


# Requests


def encode_push(key_id: bytes, blob: bytes) -> bytes:
    """Encode the plaintext of a push."""
    return be8(PUSH) + key_id + blob


def encode_revocation(n: int, kappa: bytes, until: int) -> bytes:
    """Encode the plaintext of a revocation."""
    plaintext = be8(REVOCATION) + kappa + be32(until)
    return plaintext.ljust(plaintext_length(n), b"\0")


def decode_plaintext(n: int, plaintext: bytes) -> PushRequest | Revocation:
    """Decode the plaintext of a request. Its blob may be none."""
    require_length(plaintext, plaintext_length(n))
    if plaintext[0] == PUSH:
        return PushRequest(plaintext[1:17], plaintext[17:])
    if plaintext[0] != REVOCATION:
        raise Refused("kind", NOT_MINE)
    require(not any(plaintext[37:]), "padding", NOT_MINE)
    return Revocation(plaintext[1:33], int.from_bytes(plaintext[33:37], "big"))


def seal_as(
    label: str, n: int, server_key: bytes, public: bytes, plaintext: bytes, coins: bytes
) -> bytes:
    """Seal a plaintext under a label."""
    key_id = request_key_id(server_key, public)
    bound = info(label, n, server_key, key_id)
    return be8(VERSION) + key_id + hpke.seal(public, bound, plaintext, coins)


def _open(label: str, intake: Intake, sealed: bytes, length: int) -> bytes:
    require_length(sealed, length)
    require(sealed[0] == VERSION, "version")
    require(sealed[1:HEAD] == intake.key_id, "request-key-unknown")
    bound = info(label, intake.n, intake.server_key, intake.key_id)
    with all_refusals_as(NOT_MINE):
        return hpke.open_(intake.request_key, bound, sealed[HEAD:])


def seal(n: int, server_key: bytes, public: bytes, plaintext: bytes, coins: bytes) -> bytes:
    """Seal the plaintext of a request; coins are 64 random bytes."""
    return seal_as("request", n, server_key, public, plaintext, coins)


def open_request(intake: Intake, request: bytes) -> PushRequest | Revocation:
    """Open a request."""
    plaintext = _open("request", intake, request, request_length(intake.n))
    return decode_plaintext(intake.n, plaintext)


# Registrations


def signed_bytes(server_key: bytes, body: bytes) -> bytes:
    """Give what the handle key signs."""
    return tuple_bytes(b"billboard/v1/registration", be8(CLASS_H), server_key, body)


def registration_body(registration: Registration) -> bytes:
    """Lay out what is signed of a registration."""
    key, time, platform, app, token = registration
    numbers = time.to_bytes(8, "big") + be8(platform) + be16(app) + be16(len(token))
    return (be8(VERSION) + key + numbers + token).ljust(SIGNED, b"\0")


def encode_registration(
    seed: bytes, server_key: bytes, time: int, platform: int, app: int, token: bytes
) -> bytes:
    """Encode and sign the plaintext of a registration by the seed of its handle key."""
    registration = Registration(ed25519.public_of(seed), time, platform, app, token)
    _check_fields(registration)
    return sign_registration(seed, server_key, registration)


def sign_registration(seed: bytes, server_key: bytes, registration: Registration) -> bytes:
    """Lay out and sign the plaintext of a registration."""
    body = registration_body(registration)
    return body + ed25519.sign(seed, signed_bytes(server_key, body))


def _check_fields(registration: Registration) -> None:
    _, _, platform, app, token = registration
    if not token:
        require(platform == 0 and app == 0, "unregistering")
        return
    require(platform in PLATFORMS, "platform-unknown")
    require(len(token) <= LONGEST_TOKEN, "token-length")


def seal_registration(server_key: bytes, public: bytes, plaintext: bytes, coins: bytes) -> bytes:
    """Seal the plaintext of a registration."""
    return seal_as("registration", CLASS_H, server_key, public, plaintext, coins)


def decode_registration(server_key: bytes, plaintext: bytes) -> Registration:
    """Decode the plaintext of a registration and verify its signature."""
    require_length(plaintext, SIGNED + 64)
    body = plaintext[:SIGNED]
    require(body[0] == VERSION, "version")
    numbers = [int.from_bytes(body[a:b], "big") for a, b in ((33, 41), (41, 42), (42, 44))]
    length = int.from_bytes(body[44:46], "big")
    if length > LONGEST_TOKEN:
        raise Refused("token-length")
    require(not any(body[46 + length :]), "padding")
    time, platform, app = numbers
    registration = Registration(body[1:33], time, platform, app, body[46 : 46 + length])
    _check_fields(registration)
    require(not ed25519.is_small_order(registration.handle_key), "small-order")
    ed25519.verify(registration.handle_key, signed_bytes(server_key, body), plaintext[SIGNED:])
    return registration


def open_registration(
    intake: Intake, sealed: bytes, now: int, last: int | None
) -> tuple[bytes, Registration]:
    """Open a registration at a time in milliseconds: its handle, and what it says.

    `last` is the time of the last registration of this handle that the server took.
    """
    plaintext = _open("registration", intake, sealed, REGISTRATION_LENGTH)
    registration = decode_registration(intake.server_key, plaintext)
    require(abs(registration.time - now) <= APART, "time-apart")
    require(last is None or registration.time > last, "time-not-greater")
    return handle(registration.handle_key), registration
