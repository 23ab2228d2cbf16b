"""The test vectors, run against the engine: the push server (SPEC 10), and request keys of SPEC 11.

What a server does with requests runs through a `PushServer` and an `SqliteOutbox`, with the keys
that a case gives in the place of a folder of keys. HPKE takes its randomness from OpenSSL: what the
engine seals is opened, and its plaintext compared.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from billboard import DeviceToken, FrameClass, Handle, PublicKey, SecretKey
from billboard.blob import Blob
from billboard.device.plan import kappa_of
from billboard.errors import NotMine, RefusedRequestError, RequestRefusal
from billboard.push.outbox import Pace, SealedRequest
from billboard.push.requests.descriptor import (
    ServerDescriptor,
    newest_descriptor,
    server_id,
)
from billboard.push.requests.registration import HandleKey, Registration, _handle_of
from billboard.push.requests.request import PushRequest, Revocation, gate_of, request_size, seal
from billboard.push.requests.request_key import RequestKey, RequestSecret, key_id_of
from billboard.push.server_keys import ServerKeys
from billboard.push.service import PushServer, Timing
from billboard.push.sqlite import SqliteOutbox
from billboard.push.tick import Drop, Tick
from billboard.storage import secret_file
from billboard.tlog.note import Algorithm, NoteKey, NoteSigner
from vectors.engine.blobs import token_fields, token_of
from vectors.engine.setting import Json, Setting, operation, unhex

NAME = "push.example"
SEED = bytes(range(32))
HOUR = 3600
LAST_HOUR = 2**32 - 1
URL = "https://push.example"


def server_key(public: str) -> NoteKey:
    return NoteKey(NAME, Algorithm.ED25519, bytes.fromhex(public))


def always(seed: bytes) -> RequestSecret:
    """A request key for all hours."""
    return RequestSecret(0, LAST_HOUR, seed)


class Keys:
    """The keys of a server that has one request key, as `ServerKeys` offers them."""

    directory: Path

    def __init__(
        self,
        server: NoteKey,
        frame_class: FrameClass,
        secret: RequestSecret,
        secret_keys: Sequence[SecretKey] = (),
    ) -> None:
        self.server, self.frame_class, self.secret_keys = server, frame_class, tuple(secret_keys)
        self._secret = secret

    def request_secret(self, key_id: bytes) -> RequestSecret:
        if not self.holds(key_id, 0):
            raise NotMine("not a request key of this server")
        return self._secret

    def holds(self, key_id: bytes, _now: float) -> bool:
        return key_id == self._secret.key.id(self.server)

    def held(self, _now: float) -> set[bytes]:
        return {self._secret.key.id(self.server)}

    def ended(self, _now: float) -> bool:
        return False

    def renew(self, now: float) -> None:
        """There is nothing to renew."""


@contextmanager
def served(
    setting: Setting,
    keys: Keys,
    now: float,
    serves: Any = lambda _: True,
    timing: Timing | None = None,
) -> Iterator[tuple[PushServer, list[Tick]]]:
    """A push server whose clock stands at ``now``, and the ticks that it made."""
    ticks: list[Tick] = []
    dispatcher: Any = SimpleNamespace(serves=serves, wake=lambda: None)
    with SqliteOutbox.create(setting.new_path()) as outbox:
        stand_in: Any = keys
        keys.directory = setting.new_path()
        keys.directory.mkdir()
        yield (
            PushServer(
                stand_in, outbox, dispatcher, timing=timing, clock=lambda: now, observe=ticks.append
            ),
            ticks,
        )


def _rows(server: PushServer, query: str) -> list[Any]:
    """Of the database of its outbox."""
    assert isinstance(server.outbox, SqliteOutbox)
    return server.outbox._database.rows(query)


# SPEC 10.1


@operation("server/id")
def _server_id(given: Json, _: Setting) -> Json:
    return {"server_id": server_id(NoteKey.from_text(given["vkey"])).hex()}


@operation("request-key/expand")
def _expand(given: Json, _: Setting) -> Json:
    key = always(bytes.fromhex(given["secret"])).key
    return {
        "public": key.public.hex(),
        "request_key_id": key.id(server_key(given["server_key"])).hex(),
    }


@operation("request-key/encode-payload")
def _encode_payload(given: Json, setting: Setting) -> Json:
    path = setting.new_path()
    RequestSecret(given["from"], given["until"], bytes.fromhex(given["secret"])).save(path, None)
    return {"payload": load_payload(path).hex()}


@operation("request-key/decode-payload")
def _decode_payload(given: Json, setting: Setting) -> Json:
    path, again = setting.new_path(), setting.new_path()
    secret_file.save(path, secret_file.Kind.REQUEST_KEY, bytes.fromhex(given["payload"]), None)
    secret = RequestSecret.load(path, None)
    secret.save(again, None)
    return {
        "from": secret.key.start,
        "until": secret.key.end,
        "secret": load_payload(again)[8:].hex(),
    }


def load_payload(path: Path) -> bytes:
    return secret_file.load(path, secret_file.Kind.REQUEST_KEY, None)


@operation("descriptor/sign")
def _descriptor_sign(given: Json, _: Setting) -> Json:
    signer = NoteSigner(given["name"], Algorithm.ED25519, bytes.fromhex(given["secret"]))
    keys = tuple(PublicKey.from_bytes(each) for each in unhex(given["keys"]))
    request_keys = tuple(
        RequestKey(row["from"], row["until"], bytes.fromhex(row["public"]))
        for row in given["request_keys"]
    )
    descriptor = ServerDescriptor(signer.key, given["number"], given["url"], keys, request_keys)
    signed = descriptor.sign(signer)
    assert ServerDescriptor.from_bytes(signed, signer.key) == descriptor
    if descriptor.frame_class.elements != given["class"]:
        raise ValueError("a descriptor has the class of its keys")
    return {"descriptor": signed.hex()}


@operation("descriptor/open")
def _descriptor_open(given: Json, _: Setting) -> Json:
    server = NoteKey.from_text(given["vkey"])
    found = ServerDescriptor.from_bytes(bytes.fromhex(given["descriptor"]), server)
    request_keys = [
        {"from": each.start, "until": each.end, "id": each.id(server).hex()}
        for each in found.request_keys
    ]
    ids = {"keys": [key.key_id.hex() for key in found.keys], "request_keys": request_keys}
    return {"number": found.number, "class": int(found.frame_class), "url": found.url, **ids}


@operation("descriptor/request-key")
def _request_key(given: Json, _: Setting) -> Json:
    public = always(SEED).key.public
    keys = tuple(RequestKey(row["from"], row["until"], public) for row in given["hours"])
    used = _descriptor(FrameClass.H, server_key("00" * 32), keys).request_key(given["time"])
    return {"index": keys.index(used)}


@operation("descriptor/newest")
def _newest(given: Json, _: Setting) -> Json:
    """What a reader keeps, one descriptor after the other or all at once."""
    logged, server = unhex(given["descriptors"]), NoteKey.from_text(given["vkey"])
    found = newest_descriptor(server, logged)
    known = b""
    for each in logged:
        known = newest_descriptor(server, [each], known)
    assert known == found
    return {"index": logged.index(found) if found else None}


@operation("request-key/taken")
def _taken(given: Json, _: Setting) -> Json:
    secret, server = RequestSecret(given["from"], given["until"], SEED), server_key("00" * 32)
    key_id = secret.key.id(server)
    stand_in: Any = SimpleNamespace(_requests={key_id: secret})
    if not ServerKeys.holds(stand_in, key_id, given["time"]):
        raise RefusedRequestError(RequestRefusal.KEY, "not at this time")
    return {}


@functools.cache
def _any_key(frame_class: FrameClass) -> PublicKey:
    return SecretKey.generate(frame_class).public_key


def _descriptor(
    frame_class: FrameClass, server: NoteKey, request_keys: tuple[RequestKey, ...]
) -> ServerDescriptor:
    return ServerDescriptor(server, 0, URL, (_any_key(frame_class),), request_keys)


# SPEC 10.2 and 10.5


@operation("gate/of")
def _gate(given: Json, _: Setting) -> Json:
    return {"gate": gate_of(bytes.fromhex(given["kappa"])).hex()}


@operation("gate/kappa")
def _kappa(given: Json, _: Setting) -> Json:
    root = bytes.fromhex(given["root"])
    return {"kappa": kappa_of(root, given["epoch"], given["number"]).hex()}


def unsealed(request: PushRequest | Revocation, frame_class: FrameClass) -> Json:
    """Sealed for a server, and what it finds in it."""
    secret, server = always(SEED), server_key("11" * 32)
    sealed = seal(request, _descriptor(frame_class, server, (secret.key,)))
    assert key_id_of(sealed, request_size(frame_class)) == secret.key.id(server)
    return {"plaintext": secret.open("request", server, frame_class, sealed).hex()}


@operation("request/encode-push")
def _encode_push(given: Json, _: Setting) -> Json:
    blob = Blob.from_bytes(bytes.fromhex(given["blob"]))
    return unsealed(PushRequest.of(bytes.fromhex(given["key_id"]), blob), blob.frame_class)


@operation("request/encode-revocation")
def _encode_revocation(given: Json, _: Setting) -> Json:
    revocation = Revocation(bytes.fromhex(given["kappa"]), given["until"])
    return unsealed(revocation, FrameClass(given["class"]))


@operation("request/open")
def _request_open(given: Json, setting: Setting) -> Json:
    """Taken as over HTTP, and then opened as at a tick."""
    server, frame_class = server_key(given["server_key"]), FrameClass(given["class"])
    keys = Keys(server, frame_class, always(bytes.fromhex(given["secret"])))
    with served(setting, keys, 0.0) as (push_server, _):
        asyncio.run(_take_twice(push_server, bytes.fromhex(given["request"])))
        (kept,) = push_server.outbox.requests(9)
        found = push_server._open(kept)
    if found is None:
        raise NotMine("dropped")
    if isinstance(found, Revocation):
        return {"kappa": found.kappa.hex(), "until": found.until}
    return {"key_id": found.key_id.hex(), "blob": found.blob.hex()}


async def _take_twice(server: PushServer, sealed: bytes) -> None:
    await server.take(sealed)
    await server.take(sealed)


# SPEC 10.6


@operation("handle/of")
def _handle(given: Json, _: Setting) -> Json:
    return {"handle": _handle_of(bytes.fromhex(given["handle_key"])).value.hex()}


@operation("registration/encode")
def _registration_encode(given: Json, _: Setting) -> Json:
    secret, server = always(SEED), server_key(given["server_key"])
    descriptor = _descriptor(FrameClass.H, server, (secret.key,))
    key, now = HandleKey(bytes.fromhex(given["handle_secret"])), given["time"] / 1000
    if given["token"] is None:
        sealed = key.unregister(descriptor, now=now)
    else:
        sealed = key.register(token_of(given["token"]), descriptor, now=now)
    return {"plaintext": secret.open("registration", server, FrameClass.H, sealed).hex()}


@operation("registration/open")
def _registration_open(given: Json, setting: Setting) -> Json:
    """Taken as over HTTP, by a server that may have taken one of this handle before."""
    server, sealed = server_key(given["server_key"]), bytes.fromhex(given["registration"])
    secret = always(bytes.fromhex(given["secret"]))
    with served(setting, Keys(server, FrameClass.H, secret), given["time"] / 1000) as (it, _):
        if given["last"] is not None:
            handle = _claimed(sealed, secret, server)
            it.outbox.register(Registration(handle, given["last"], None), 0.0)
        asyncio.run(it.register(sealed))
        ((value, time),) = _rows(it, "SELECT handle, time FROM handle")
        found = it.outbox.tokens([Handle(value)]).get(Handle(value))
    token = None if found is None else token_fields(found)
    return {"handle": value.hex(), "time": round(time * 1000), "token": token}


def _claimed(sealed: bytes, secret: RequestSecret, server: NoteKey) -> Handle:
    """The handle of a registration, right or not; any, if it does not open."""
    try:
        plaintext = secret.open("registration", server, FrameClass.H, sealed)
    except NotMine:
        return Handle(bytes(16))
    return _handle_of(plaintext[1:33])


# SPEC 10.4


@operation("tick/notifications")
def _tick(given: Json, setting: Setting) -> Json:
    keys = [setting.secret_key(name) for name in given["keys"]]
    server, secret = server_key("22" * 32), always(SEED)
    frame_class = keys[0].public_key.frame_class
    credentials = {(row["platform"], row["app"]) for row in given["credentials"]}
    holder = Keys(server, frame_class, secret, keys)

    def serves(token: DeviceToken) -> bool:
        return (int(token.platform), token.app) in credentials

    timing = Timing(lifetime=given["lifetime"], jitter=0.0, pace=Pace(interval=0.0))
    with served(setting, holder, given["time"], serves, timing) as (it, ticks):
        it.outbox.refuse(
            {bytes.fromhex(row["gate"]): row["until"] * HOUR for row in given["refused"]}
        )
        for row in given["registered"]:
            it.outbox.register(
                Registration(Handle(bytes.fromhex(row["handle"])), 0, token_of(row)), 0.0
            )
        for number, plaintext in enumerate(unhex(given["plaintexts"])):
            sealed = secret.key.seal("request", server, frame_class, plaintext)
            key_id = secret.key.id(server)
            it.outbox.store(
                [SealedRequest(number.to_bytes(16, "big"), key_id, sealed)], given["time"]
            )
        it.tick()
        assert it.outbox.waiting() == (0, None)
        gates = _rows(it, "SELECT gate, until FROM gate ORDER BY gate")
    notifications = [each for tick in ticks for each in tick.notifications]
    found = [
        {**token_fields(each.token), "expires": int(each.expires)}
        for each in notifications
        if each.expires is not None
    ]
    assert len(found) == len(notifications)
    order = [(row["platform"], row["app"], row["token"]) for row in found]
    dropped = {
        why: sum(tick.dropped.get(why, 0) for tick in ticks) for why in Drop if why is not Drop.FULL
    }
    refused = [
        {"gate": gate.hex(), "until": int(until) // HOUR}
        for gate, until in gates
        if until > given["time"]
    ]
    rows = [row for _, row in sorted(zip(order, found, strict=True))]
    return {"notifications": rows, "dropped": dropped, "refused": refused}
