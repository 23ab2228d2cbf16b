"""What requests are sealed with, against published values and against Go (SPEC 10.2)."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from go_programs import built
from oracle import hpke
from oracle.published_hpke import (
    HPKE_INFO,
    HPKE_KEY,
    HPKE_NONCE,
    HPKE_PLAINTEXT,
    XWING,
)

from billboard import FrameClass, InvalidEncodingError, NotMine
from billboard.push.requests import request_key
from billboard.push.requests.request_key import RequestKey, RequestSecret
from billboard.tlog.note import Algorithm, NoteKey

SOURCE = Path(__file__).parent / "go"
SERVER = NoteKey("push.example", Algorithm.ED25519, bytes(range(32)))
LABELS = ("request", "registration")
KEY_ID = slice(1, 9)

Ask = Callable[[list[list[str]]], list[str]]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """The program in ``go/``: answers lines."""
    program = built(SOURCE, tmp_path_factory.mktemp("go"))

    def run(lines: list[list[str]]) -> list[str]:
        text = "".join(f"{' '.join(words)}\n" for words in lines)
        done = subprocess.run(
            [str(program)], input=text, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


def info_of(label: str, frame_class: FrameClass, key_id: bytes) -> str:
    """TUPLE of SPEC 2, spelled out."""
    parts = f"billboard/v1/{label}".encode(), bytes([frame_class]), SERVER.public, key_id
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts).hex()


# Published values


@pytest.mark.parametrize("case", XWING)
def test_request_keys_are_those_of_xwing(case: tuple[str, ...]) -> None:
    seed, _, _, public, _ = case
    made = RequestSecret(0, 1, bytes.fromhex(seed)).key.public
    assert hashlib.sha256(made).hexdigest() == public


def test_the_key_schedule_is_the_published_one() -> None:
    """What is sealed with the key and nonce of the published message, which has associated data.

    Its encapsulation is that of the coins, as the hash of it shows.
    """
    case = XWING[-1]
    secret = RequestSecret(0, 1, bytes.fromhex(case.seed))
    _, enc = hpke.encapsulate(secret.key.public, bytes.fromhex(case.coins))
    assert hashlib.sha256(enc).hexdigest() == case.enc
    key, nonce = bytes.fromhex(HPKE_KEY), bytes.fromhex(HPKE_NONCE)
    box = ChaCha20Poly1305(key).encrypt(nonce, HPKE_PLAINTEXT, b"")
    opened = request_key._SUITE.decrypt(enc + box, secret._private, HPKE_INFO)
    assert opened == HPKE_PLAINTEXT


# Go


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("frame_class", FrameClass)
def test_go_opens_what_is_sealed_here(ask: Ask, frame_class: FrameClass, label: str) -> None:
    seed, plaintext = os.urandom(32), os.urandom(100)
    key = RequestSecret(0, 1, seed).key
    sealed = key.seal(label, SERVER, frame_class, plaintext)
    assert sealed[KEY_ID] == key.id(SERVER)
    info = info_of(label, frame_class, sealed[KEY_ID])
    box, other = sealed[9:], info_of(label, frame_class, bytes(8))
    answers = ask(
        [
            ["public", seed.hex()],
            ["open", seed.hex(), info, box.hex()],
            ["open", seed.hex(), other, box.hex()],
            ["open", seed.hex(), info, (box[:-1] + bytes([box[-1] ^ 1])).hex()],
        ]
    )
    assert answers == [key.public.hex(), plaintext.hex(), "refused", "refused"]


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("frame_class", FrameClass)
def test_what_go_seals_opens_here(ask: Ask, frame_class: FrameClass, label: str) -> None:
    secret, plaintext = RequestSecret.generate(0, 1), os.urandom(100)
    key_id = secret.key.id(SERVER)
    info = info_of(label, frame_class, key_id)
    (answer,) = ask([["seal", secret.key.public.hex(), info, plaintext.hex()]])
    sealed = b"\x01" + key_id + bytes.fromhex(answer)
    assert secret.open(label, SERVER, frame_class, sealed) == plaintext
    others = (
        (LABELS[label == LABELS[0]], SERVER, frame_class),
        (label, NoteKey("push.example", Algorithm.ED25519, bytes(32)), frame_class),
        (label, SERVER, FrameClass.S if frame_class is FrameClass.H else FrameClass.H),
    )
    for other in others:
        with pytest.raises(NotMine):
            secret.open(*other, sealed)


# Points of small order

SMALL = [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18, 1 << 255]


@pytest.mark.parametrize("point", SMALL)
def test_nothing_is_sealed_to_a_point_of_small_order(ask: Ask, point: int) -> None:
    """A server that says such a key could have all requests to it read by everybody."""
    good = RequestSecret.generate(0, 1).key.public
    bad = good[:-32] + point.to_bytes(32, "little")
    with pytest.raises(InvalidEncodingError, match=re.escape("of small order")):
        RequestKey(0, 1, bad)
    assert ask([["seal", bad.hex(), "00", "00"]]) == ["refused"]


def test_a_key_that_is_not_of_ml_kem_is_refused() -> None:
    good = RequestSecret.generate(0, 1).key.public
    for bad in (b"\xff\xff\xff" + good[3:], good[:-1], good + b"\0"):
        with pytest.raises(InvalidEncodingError):
            RequestKey(0, 1, bad)
