"""Secrets, tokens and blobs show in no text, no error, and leave no copy behind."""

from __future__ import annotations

import copy
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import billboard
from billboard import (
    BillboardError,
    DeviceToken,
    Envelope,
    Frame,
    InvalidEncodingError,
    InvalidRowsError,
    Lane,
    NotMine,
    Platform,
    PublicKey,
    RefusedPostError,
    SecretFileError,
    SecretKey,
    elgamal,
    errors,
    stack,
)
from billboard.groups.ristretto255 import Element, Scalar
from billboard.storage import secret_file

NOW = 1_800_000_000
VALUE = b"the value of the device token"
GATE = b"gate of 16 bytes"
KEY = SecretKey.generate()
LANE = Lane.generate("board.example", now=NOW)
READER = LANE.grant(LANE.epoch)
TOKEN = DeviceToken(Platform.APNS, VALUE, 5)
FRAME = Frame(TOKEN, NOW, GATE)
BLOB = KEY.public_key.encrypt(TOKEN, now=NOW)
POST = LANE.post(LANE.epoch, BLOB, KEY.public_key)
SECRETS = KEY._core.secret_bytes()
NUMBER = Scalar.from_bytes(SECRETS[:32])
FRAMES, _ = KEY.open_batch(stack([BLOB]), now=NOW)

THINGS: dict[str, object] = {
    "SecretKey": KEY,
    "the native key": KEY._core,
    "elgamal.DecryptionKey": elgamal.DecryptionKey([NUMBER]),
    "Scalar": NUMBER,
    "Element": Element.mul_generator(NUMBER),
    "Lane": LANE,
    "LaneReader": READER,
    "the schedule of a lane": LANE._schedule,
    "DeviceToken": TOKEN,
    "Frame": FRAME,
    "FrameBatch": FRAMES,
    "Blob": BLOB,
    "Envelope": Envelope(BLOB, KEY.public_key.key_id),
    "Post": POST,
    "decoded Post": type(POST).from_bytes(bytes(POST)),
    "elgamal.Ciphertext": elgamal.encrypt([Element.generator()], [Element.generator()]),
}
HIDDEN = [
    *[SECRETS[i : i + 32] for i in range(0, len(SECRETS), 32)],
    LANE._schedule.key,
    bytes(LANE._secret),
    VALUE,
    GATE,
    bytes(BLOB),
    *[bytes(row) for row in BLOB.array[0]],
    POST.box,
    POST.salt,
]


def shows(text: str) -> list[bytes]:
    """What of `HIDDEN` is in ``text``: as hex, as a literal, as a list, or as a number."""
    text = text.lower().replace("\\", "")
    found = []
    for secret in HIDDEN:
        part = secret[:12]
        forms = {
            part.hex(),
            repr(part)[2:-1].lower().replace("\\", ""),
            ", ".join(map(str, part)),
            " ".join(map(str, part)),
            str(int.from_bytes(secret, "little")),
            str(int.from_bytes(secret, "big")),
        }
        if any(form in text for form in forms):
            found.append(secret)
    return found


def test_the_search_finds_what_is_shown() -> None:
    for secret in HIDDEN:
        assert shows(f"x {secret!r}")
        assert shows(f"x {secret.hex()}")
        assert shows(f"x {list(secret)}")
        assert shows(f"x {int.from_bytes(secret, 'little')}")


@pytest.mark.parametrize("thing", THINGS.values(), ids=THINGS.keys())
def test_no_text_of_it_shows_a_secret(thing: object) -> None:
    for text in (repr(thing), str(thing), f"{thing}", f"{thing!r}", f"{[thing]}", ascii(thing)):
        assert shows(text) == []
        assert len(text) < 300


def test_texts_name_what_is_public() -> None:
    kid = KEY.public_key.key_id.hex()
    assert repr(KEY) == f"<SecretKey L {kid}>"
    assert repr(KEY.public_key) == f"<PublicKey L {kid}>"
    assert repr(LANE) == f"<Lane board.example from epoch {LANE.epoch}>"
    assert repr(TOKEN) == "DeviceToken(platform=<Platform.APNS: 1>, app=5)"
    assert (repr(NUMBER), repr(BLOB)) == ("<Scalar>", "<Blob L>")


SEALED = {name: THINGS[name] for name in ("SecretKey", "Lane", "LaneReader", "Scalar")}
SEALED["the native key"] = KEY._core
SEALED["elgamal.DecryptionKey"] = THINGS["elgamal.DecryptionKey"]


@pytest.mark.parametrize("thing", SEALED.values(), ids=SEALED.keys())
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_secrets_are_not_pickled(thing: object, protocol: int) -> None:
    with pytest.raises(TypeError) as refusal:
        pickle.dumps(thing, protocol)
    assert shows(str(refusal.value)) == []


@pytest.mark.parametrize("name", ["SecretKey", "Lane", "LaneReader", "Scalar", "the native key"])
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_secrets_are_not_copied(name: str, duplicate: Callable[[object], object]) -> None:
    """A copy would keep what `advance` and the end of the object forget."""
    with pytest.raises(TypeError) as refusal:
        duplicate(SEALED[name])
    assert shows(str(refusal.value)) == []


@pytest.mark.parametrize("name", ["SecretKey", "Lane"])
def test_the_refusal_says_what_to_do(name: str) -> None:
    with pytest.raises(TypeError, match="use save"):
        pickle.dumps(THINGS[name])


def test_public_things_and_tokens_may_be_pickled() -> None:
    """A token is for its owner to store; only its text is silent."""
    public_key = KEY.public_key
    for thing in (public_key, TOKEN, FRAME, POST, BLOB, Envelope(BLOB, public_key.key_id)):
        assert pickle.loads(pickle.dumps(thing)) == thing  # noqa: S301
    again = pickle.loads(pickle.dumps(public_key))  # noqa: S301
    assert isinstance(again, PublicKey)
    assert KEY.open(again.encrypt(TOKEN, now=NOW), now=NOW).token == TOKEN


def failures(tmp_path: Path) -> list[Callable[[], object]]:
    """Things that go wrong with secrets in hand."""
    other = SecretKey.generate()
    bad = np.frombuffer(bytes(BLOB), np.uint8).reshape(1, 9, 32).copy()
    bad[0, 4] = 255
    payload = bytes(KEY.public_key) + SECRETS
    wrong = payload[:-32] + SECRETS[:32]
    secret_file.save(tmp_path / "wrong", secret_file.Kind.SECRET_KEY, wrong, None)
    raised = payload[:-32] + b"\xff" * 32
    secret_file.save(tmp_path / "raised", secret_file.Kind.SECRET_KEY, raised, None)
    KEY.save(tmp_path / "key")
    grant = bytes(READER)
    return [
        lambda: other.open(BLOB, now=NOW),
        lambda: KEY.open(BLOB, now=NOW + 10**8),
        lambda: KEY.public_key.rerandomize_batch(bad),
        lambda: KEY.open_batch(bad)[0][0],
        lambda: billboard.Blob.from_bytes(bytes(bad)),
        lambda: billboard.unstack(bad),
        lambda: DeviceToken(Platform.APNS, VALUE.decode()),  # type: ignore[arg-type]
        lambda: DeviceToken(Platform.APNS, VALUE, 70_000),
        lambda: KEY.public_key.encrypt(DeviceToken(Platform.APNS, VALUE * 10)),
        lambda: Frame(TOKEN, NOW + 1),
        lambda: Frame(TOKEN, 3600, GATE + b"x"),
        lambda: Frame.decode(VALUE, KEY.public_key.frame_class, KEY.public_key.key_hash),
        lambda: KEY.save(tmp_path / "key"),
        lambda: SecretKey.load(tmp_path / "wrong"),
        lambda: SecretKey.load(tmp_path / "raised"),
        lambda: SecretKey.load(tmp_path / "key", "passphrase"),
        lambda: Lane.load(tmp_path / "key"),
        lambda: Scalar.from_bytes(SECRETS[:31]),
        lambda: elgamal.DecryptionKey([NUMBER, Scalar.from_bytes(bytes(32))]),
        lambda: elgamal.decrypt([NUMBER], elgamal.Ciphertext(Element.generator(), ())),
        lambda: billboard.LaneReader.from_bytes(grant[:-1]),
        lambda: billboard.LaneReader.from_bytes(grant[:11] + b"\xff" * 32 + grant[43:]),
        lambda: READER.identifier(LANE.epoch - 1),
        lambda: READER.open(LANE.withdraw(LANE.epoch, seq=1)),
        lambda: POST.verify("other.example"),
        lambda: NUMBER + 1,  # type: ignore[operator]
    ]


def test_no_error_shows_a_secret(tmp_path: Path) -> None:
    for fail in failures(tmp_path):
        with pytest.raises((BillboardError, TypeError)) as refusal:
            fail()
        error = refusal.value
        assert shows(f"{error} {error!r} {error.args} {vars(error)}") == []
        assert shows("".join(traceback.format_exception(error))) == []


ERRORS: list[BillboardError] = [
    InvalidEncodingError("field", "problem"),
    InvalidRowsError("array", [1, 2, 3]),
    RefusedPostError(errors.PostRefusal.SEQ, "explanation"),
    errors.NotAdmittedError("retry"),
    errors.MissingExtraError("billboard.Device", "curl_cffi", "client"),
    errors.RefusedCheckpointError(409, "explanation", 5),
    errors.ForkError("fork", b"a note"),
    errors.BoardError(errors.BoardFault.STALE, "explanation", [b"a note"]),
    NotMine("not mine"),
    SecretFileError("damaged"),
    errors.WithdrawnError("withdrawn"),
    errors.InvalidSignatureError("signature"),
    errors.EpochError("epoch"),
    errors.GroupMismatchError("p256", "p224"),
    errors.UnsupportedError("p224 lacks something"),
    errors.StoreError("store"),
    errors.WitnessError("witness"),
    errors.ProviderError("provider"),
    errors.BusyError("busy"),
    errors.ConfigError("config"),
    errors.RefusedRequestError(errors.RequestRefusal.KEY, "explanation"),
    errors.UnreachableError("explanation"),
    errors.WakuError(errors.WakuFault.REFUSED, "explanation"),
]


@pytest.mark.parametrize("error", ERRORS, ids=[type(error).__name__ for error in ERRORS])
def test_errors_cross_from_process_to_process(error: BillboardError) -> None:
    """A pool pickles what its worker raises."""
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert vars(again) == vars(error)


def test_all_errors_are_here() -> None:
    classes = {value for value in vars(errors).values() if isinstance(value, type)}
    raised = {each for each in classes if issubclass(each, BillboardError)} - {BillboardError}
    assert {type(error) for error in ERRORS} == raised
