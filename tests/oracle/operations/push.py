"""The operations of SPEC 10, and of request keys in SPEC 11: the push server."""

from typing import Any

from .. import descriptors, hpke, requests, ticks
from ..notation import CLASS_H
from ..refusals import INVALID, all_refusals_as
from .inputs import Input, Json

# SPEC 10.1


def server_id(i: Input) -> Json:
    return {"server_id": descriptors.server_id(i.vkey("vkey")).hex()}


def request_key_expand(i: Input) -> Json:
    public = hpke.expand(i.data("secret")).public
    key_id = descriptors.request_key_id(i.data("server_key"), public)
    return {"public": public.hex(), "request_key_id": key_id.hex()}


def request_key_encode_payload(i: Input) -> Json:
    payload = descriptors.encode_payload(i.number("from"), i.number("until"), i.data("secret"))
    return {"payload": payload.hex()}


def request_key_decode_payload(i: Input) -> Json:
    start, until, seed = descriptors.decode_payload(i.data("payload"))
    return {"from": start, "until": until, "secret": seed.hex()}


def _request_key(row: Json) -> descriptors.RequestKey:
    return descriptors.RequestKey(row["from"], row["until"], bytes.fromhex(row["public"]))


def descriptor_sign(i: Input) -> Json:
    numbers = i.number("number"), i.number("class")
    request_keys = tuple(map(_request_key, i.items("request_keys")))
    lists = i.byte_strings("keys"), request_keys
    descriptor = descriptors.Descriptor(i.text("name"), *numbers, i.text("url"), *lists)
    return {"descriptor": descriptors.sign(descriptor, i.data("secret")).hex()}


def descriptor_open(i: Input) -> Json:
    key = i.vkey("vkey")
    found = descriptors.open_(i.data("descriptor"), key)
    request_keys = [
        {
            "from": each.start,
            "until": each.until,
            "id": descriptors.request_key_id(key.public, each.public).hex(),
        }
        for each in found.request_keys
    ]
    ids = {"keys": [each.hex() for each in found.key_ids()], "request_keys": request_keys}
    return {"number": found.number, "class": found.n, "url": found.url, **ids}


def descriptor_request_key(i: Input) -> Json:
    hours = [(row["from"], row["until"]) for row in i.items("hours")]
    return {"index": descriptors.request_key_at(hours, i.number("time"))}


def descriptor_newest(i: Input) -> Json:
    return {"index": descriptors.newest(i.byte_strings("descriptors"), i.vkey("vkey"))}


# SPEC 10.3


def request_key_taken(i: Input) -> Json:
    descriptors.check_taken(i.number("from"), i.number("until"), i.number("time"))
    return {}


# SPEC 10.2 and 10.5


def gate_of(i: Input) -> Json:
    return {"gate": requests.gate(i.data("kappa")).hex()}


def gate_kappa(i: Input) -> Json:
    numbers = i.number("epoch"), i.number("number")
    return {"kappa": requests.kappa(i.data("root"), *numbers).hex()}


def request_encode_push(i: Input) -> Json:
    return {"plaintext": requests.encode_push(i.data("key_id"), i.data("blob")).hex()}


def request_encode_revocation(i: Input) -> Json:
    values = i.number("class"), i.data("kappa"), i.number("until")
    return {"plaintext": requests.encode_revocation(*values).hex()}


def _intake(i: Input, n: int) -> requests.Intake:
    return requests.Intake(i.data("server_key"), n, hpke.expand(i.data("secret")))


def request_open(i: Input) -> Json:
    found = requests.open_request(_intake(i, i.number("class")), i.data("request"))
    if isinstance(found, requests.Revocation):
        return {"kappa": found.kappa.hex(), "until": found.until}
    return {"key_id": found.key_id.hex(), "blob": found.blob.hex()}


# SPEC 10.6


def handle_of(i: Input) -> Json:
    return {"handle": requests.handle(i.data("handle_key")).hex()}


def _place(row: Json | None) -> tuple[int, int, bytes]:
    if row is None:
        return 0, 0, b""
    return row["platform"], row["app"], bytes.fromhex(row["token"])


def registration_encode(i: Input) -> Json:
    token = _place(i.optional("token"))
    server_key, seed = i.data("server_key"), i.data("handle_secret")
    plaintext = requests.encode_registration(seed, server_key, i.number("time"), *token)
    return {"plaintext": plaintext.hex()}


def registration_open(i: Input) -> Json:
    last = i.optional_number("last")
    intake, now = _intake(i, CLASS_H), i.number("time")
    with all_refusals_as(INVALID):
        handle, found = requests.open_registration(intake, i.data("registration"), now, last)
    token: Any = None
    if found.token:
        token = {"platform": found.platform, "app": found.app, "token": found.token.hex()}
    return {"handle": handle.hex(), "time": found.time, "token": token}


# SPEC 10.4


def tick_notifications(i: Input) -> Json:
    registered = {
        bytes.fromhex(row["handle"]): ticks.Push(*_place(row)) for row in i.items("registered")
    }
    refused = {bytes.fromhex(row["gate"]): row["until"] for row in i.items("refused")}
    credentials = frozenset((row["platform"], row["app"]) for row in i.items("credentials"))
    opening = [key.opening for key in i.key_sets("keys")]
    server = ticks.Server(opening, refused, registered, credentials)
    times = i.number("time"), i.number("lifetime")
    tick = ticks.tick(server, i.byte_strings("plaintexts"), *times)
    rows = [
        {"platform": platform, "app": app, "token": token.hex(), "expires": expires}
        for (platform, app, token), expires in sorted(tick.pushes.items())
    ]
    gates = sorted(tick.refused.items())
    return {
        "notifications": rows,
        "dropped": {reason: tick.dropped.count(reason) for reason in ticks.DROPS},
        "refused": [{"gate": gate.hex(), "until": until} for gate, until in gates],
    }
