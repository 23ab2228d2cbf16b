"""Signed notes, checkpoints, policies and proofs (SPEC 9.3, 9.4, 9.8)."""

from __future__ import annotations

import base64
import copy
import pickle
import re
from functools import partial

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, strategies as st

from billboard import InvalidEncodingError, InvalidSignatureError
from billboard._core import Ed25519Key
from billboard.board.receipt import Receipt
from billboard.tlog import merkle
from billboard.tlog.checkpoint import Checkpoint, Policy, Proof
from billboard.tlog.note import Algorithm, Note, NoteKey, NoteSigner, Signature

ORIGIN = "example.org/board"
SIGNER = NoteSigner(ORIGIN, Algorithm.ED25519, bytes(32))
WITNESSES = [
    NoteSigner(f"witness.example/{number}", Algorithm.COSIGNATURE, bytes([number]) * 32)
    for number in range(1, 4)
]

# The examples of C2SP's signed-note, and of the documentation of Go's note package.
PUBLISHED = [
    (
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "This is an example message.\n"
        "\n"
        "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYj"
        "OBH3mFXmRKuwHjG1Yu72IneyaQM=\n",
    ),
    (
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
        "\n"
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqf"
        "qdngotpRZb6KE6RyyBwJnAM=\n",
    ),
]

checkpoints = st.builds(
    Checkpoint, st.just(ORIGIN), st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32)
)


def sign(text: str, *witnesses: NoteSigner) -> Note:
    note = Note(text, (SIGNER.sign(text),))
    return note.signed(*(each.sign(text, time=1_700_000_000) for each in witnesses))


@pytest.mark.parametrize(("vkey", "note"), PUBLISHED)
def test_published_notes_verify(vkey: str, note: str) -> None:
    key, parsed = NoteKey.from_text(vkey), Note.from_bytes(note.encode())
    assert str(key) == vkey
    assert bytes(parsed) == note.encode()
    assert parsed.time_of(key) is None
    with pytest.raises(InvalidSignatureError, match="does not verify"):
        Note("forged\n", parsed.signatures).time_of(key)


def test_a_published_note_has_no_signature_of_another_key() -> None:
    (first, _), (_, note) = PUBLISHED
    with pytest.raises(InvalidSignatureError, match="no signature of this key"):
        Note.from_bytes(note.encode()).time_of(NoteKey.from_text(first))


@given(checkpoints, st.sets(st.sampled_from(range(3))))
def test_what_is_decoded_encodes_to_the_same(checkpoint: Checkpoint, by: set[int]) -> None:
    note = sign(str(checkpoint), *(WITNESSES[number] for number in by))
    parsed = Note.from_bytes(bytes(note))
    assert parsed == note
    assert bytes(parsed) == bytes(note)
    assert Checkpoint.from_text(parsed.text) == checkpoint
    assert str(Checkpoint.from_text(parsed.text)) == parsed.text


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_what_is_no_note_is_refused_or_canonical(data: bytes) -> None:
    try:
        note = Note.from_bytes(data)
    except InvalidEncodingError:
        return
    assert bytes(note) == data


def test_no_beginning_of_a_note_is_a_note_with_that_signature() -> None:
    note = bytes(sign(str(Checkpoint(ORIGIN, 7, bytes(32))), WITNESSES[0]))
    lines = note.split(b"\n")
    one_signature = note[: note.index(lines[-2])]
    for end in range(len(note)):
        if note[:end] == one_signature:
            assert len(Note.from_bytes(note[:end]).signatures) == 1
        else:
            with pytest.raises(InvalidEncodingError):
                Note.from_bytes(note[:end])


GOOD = bytes(sign(str(Checkpoint(ORIGIN, 7, bytes(32))))).decode()
LINE = GOOD.split("\n")[-2]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "text\n",
        "text\n\n",
        f"text{LINE}\n",
        f"text\n\n{LINE}",
        f"text\n\n{LINE}\n\n",
        f"text\n\n{LINE}\n\nmore\n",
        f"te\txt\n\n{LINE}\n",
        f"te\rxt\n\n{LINE}\n",
        f"te\x00xt\n\n{LINE}\n",
        f"text\n\n{LINE.replace('—', '-')}\n",
        f"text\n\n{LINE} \n",
        f"text\n\n {LINE}\n",
        f"text\n\n{LINE.replace(ORIGIN, '')}\n",
        f"text\n\n{LINE.replace(ORIGIN, 'a+b')}\n",
        f"text\n\n{LINE.replace(ORIGIN, 'a b')}\n",
        "text\n\n" + LINE.replace(ORIGIN, "a\u2003b") + "\n",
        f"text\n\n{LINE.removesuffix('=')}\n",
        f"text\n\n{LINE[:-3]}\n",
        f"text\n\n— {ORIGIN} AAAA\n",
        f"text\n\n— {ORIGIN} AAAAAA==\n",
        f"text\n\n— {ORIGIN} AAAAAAA=\n".replace("AAAAAAA", "AAAAAAB"),
        f"text\n\n— {ORIGIN}\n",
        "text\n\n" + 101 * f"{LINE}\n",
        f"{'x' * 1_000_000}\n\n{LINE}\n",
    ],
)
def test_malformed_notes(text: str) -> None:
    with pytest.raises(InvalidEncodingError):
        Note.from_bytes(text.encode())


def test_a_note_is_utf8() -> None:
    with pytest.raises(InvalidEncodingError, match="UTF-8"):
        Note.from_bytes(b"\xff" + GOOD.encode())


def test_a_note_may_have_an_empty_line_within_its_text() -> None:
    note = Note.from_bytes(f"one\n\ntwo\n\n{LINE}\n".encode())
    assert note.text == "one\n\ntwo\n"
    assert bytes(note) == f"one\n\ntwo\n\n{LINE}\n".encode()


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u2003b", "a\x00b"])
def test_bad_names_of_keys(name: str) -> None:
    with pytest.raises(InvalidEncodingError, match="name"):
        NoteKey(name, Algorithm.ED25519, bytes(32))


VKEY = str(SIGNER.key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        VKEY[1:],
        VKEY[:-1],
        VKEY + "A",
        VKEY.replace("+", " "),
        VKEY.replace(SIGNER.key.key_id.hex(), SIGNER.key.key_id.hex().upper()),
        VKEY.replace(SIGNER.key.key_id.hex(), "00000000"),
        f"{ORIGIN}+{SIGNER.key.key_id.hex()}+",
        f"{ORIGIN}+{SIGNER.key.key_id.hex()}+" + base64.b64encode(b"\2" + bytes(32)).decode(),
        f"{ORIGIN}+{SIGNER.key.key_id.hex()}+" + base64.b64encode(b"\1" + bytes(31)).decode(),
    ],
)
def test_malformed_vkeys(text: str) -> None:
    with pytest.raises(InvalidEncodingError):
        NoteKey.from_text(text)


@given(st.integers(0, 2**63 - 1))
def test_a_cosignature_says_when_it_was_made(time: int) -> None:
    text = str(Checkpoint(ORIGIN, 7, bytes(32)))
    signature = WITNESSES[0].sign(text, time=time)
    assert Note(text, (signature,)).time_of(WITNESSES[0].key) == time
    forged = Signature(
        signature.name,
        signature.key_id,
        (time ^ 1).to_bytes(8, "big") + signature.value[8:],
    )
    with pytest.raises(InvalidSignatureError):
        Note(text, (forged,)).time_of(WITNESSES[0].key)
    for value in (signature.value[8:], signature.value + b"\0"):
        short = Signature(signature.name, signature.key_id, value)
        with pytest.raises(InvalidSignatureError, match="72 bytes"):
            Note(text, (short,)).time_of(WITNESSES[0].key)


def test_what_has_a_time_and_what_has_none() -> None:
    with pytest.raises(ValueError, match="time"):
        SIGNER.sign("text\n", time=1)
    with pytest.raises(ValueError, match="time"):
        WITNESSES[0].sign("text\n")


def test_a_signer_shows_no_secret() -> None:
    assert repr(SIGNER) == f"<NoteSigner {SIGNER.key}>"


ROOT = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{ORIGIN}\n7\n",
        f"{ORIGIN}\n7\n\n",
        f"\n7\n{ROOT}\n",
        f"{ORIGIN}\n07\n{ROOT}\n",
        f"{ORIGIN}\n+7\n{ROOT}\n",
        f"{ORIGIN}\n-7\n{ROOT}\n",
        f"{ORIGIN}\n7 \n{ROOT}\n",
        f"{ORIGIN}\n\u0667\n{ROOT}\n",
        f"{ORIGIN}\n{2**63}\n{ROOT}\n",
        f"{ORIGIN}\n{10**30}\n{ROOT}\n",
        f"{ORIGIN}\n7\n{ROOT[:-1]}\n",
        f"{ORIGIN}\n7\n{ROOT[4:]}\n",
        f"{ORIGIN}\n7\n{ROOT}\nextension\n",
        f"{ORIGIN}\n7\n{ROOT}\n\nextension\n",
    ],
)
def test_malformed_checkpoints(text: str) -> None:
    with pytest.raises(InvalidEncodingError):
        Checkpoint.from_text(text)


@pytest.mark.parametrize("threshold", range(4))
@pytest.mark.parametrize("cosigned", range(4))
def test_a_policy_counts_witnesses(threshold: int, cosigned: int) -> None:
    keys = tuple(each.key for each in WITNESSES)
    policy = Policy(SIGNER.key, keys, threshold)
    checkpoint = Checkpoint(ORIGIN, 7, bytes(32))
    note = sign(str(checkpoint), *WITNESSES[:cosigned])
    if cosigned >= threshold:
        assert policy.verify(note) == checkpoint
        assert policy.cosigned(note) == dict.fromkeys(keys[:cosigned], 1_700_000_000)
    else:
        with pytest.raises(InvalidSignatureError, match=f"{cosigned} known witnesses"):
            policy.verify(note)


def test_one_witness_counts_once() -> None:
    policy = Policy(SIGNER.key, tuple(each.key for each in WITNESSES), 2)
    note = sign(str(Checkpoint(ORIGIN, 7, bytes(32))), WITNESSES[0], WITNESSES[0])
    with pytest.raises(InvalidSignatureError):
        policy.verify(note)


def test_what_a_policy_refuses() -> None:
    policy = Policy(SIGNER.key, (WITNESSES[0].key,))
    text = str(Checkpoint(ORIGIN, 7, bytes(32)))
    other = NoteSigner(ORIGIN, Algorithm.ED25519, b"\7" * 32)
    with pytest.raises(InvalidSignatureError, match="no signature"):
        policy.verify(Note(text, (other.sign(text),)))
    elsewhere = str(Checkpoint("example.org/other", 7, bytes(32)))
    with pytest.raises(InvalidSignatureError, match="another log than example"):
        policy.verify(Note(elsewhere, (SIGNER.sign(elsewhere),)))
    assert policy.verify(
        Note(elsewhere, (SIGNER.sign(elsewhere),)), "example.org/other"
    ) == Checkpoint.from_text(elsewhere)
    forged = Signature(WITNESSES[0].key.name, WITNESSES[0].key.key_id, bytes(72))
    with pytest.raises(InvalidSignatureError, match=re.escape(WITNESSES[0].key.name)):
        policy.verify(sign(text).signed(forged))


@pytest.mark.parametrize("threshold", [-1, 2])
def test_bad_policies(threshold: int) -> None:
    with pytest.raises(InvalidEncodingError):
        Policy(SIGNER.key, (WITNESSES[0].key,), threshold)
    with pytest.raises(InvalidEncodingError, match="twice"):
        Policy(SIGNER.key, (WITNESSES[0].key, WITNESSES[0].key), 1)


def make_proof(size: int, index: int, extra: bytes | None = None) -> tuple[bytes, Proof]:
    entries = [bytes([number]) for number in range(size)]

    def node(level: int, position: int) -> bytes:
        found = entries[position << level : (position + 1) << level]
        return merkle.complete_hash(merkle.leaf_hashes(found))

    root = merkle.subtree_hash(0, size, node)
    hashes = merkle.subtree_proof(index, index + 1, size, node)
    note = sign(str(Checkpoint(ORIGIN, size, root)))
    return entries[index], Proof(index, tuple(hashes), note, extra)


@given(st.data(), st.integers(1, 40), st.none() | st.binary(max_size=50))
def test_proofs(data: st.DataObject, size: int, extra: bytes | None) -> None:
    entry, proof = make_proof(size, data.draw(st.integers(0, size - 1)), extra)
    parsed = Proof.from_bytes(bytes(proof))
    assert parsed == proof
    assert bytes(parsed) == bytes(proof)
    assert parsed.verify(entry, Policy(SIGNER.key)).size == size
    for wrong in (
        Proof((proof.index + 1) % (size + 1), proof.hashes, proof.note),
        Proof(size, proof.hashes, proof.note),
        Proof(proof.index, (*proof.hashes, bytes(32)), proof.note),
    ):
        with pytest.raises(InvalidSignatureError):
            wrong.verify(entry, Policy(SIGNER.key))
    with pytest.raises(InvalidSignatureError):
        proof.verify(b"other", Policy(SIGNER.key))


def test_no_beginning_of_a_proof_is_a_proof() -> None:
    data = bytes(make_proof(11, 3, b"extra")[1])
    for end in range(len(data)):
        with pytest.raises(InvalidEncodingError):
            Proof.from_bytes(data[:end])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"@v1", b"@v2"),
        (b"index 3", b"index 03"),
        (b"index 3", b"index -3"),
        (b"index 3", b"index"),
        (b"index 3\n", b""),
        (b"extra ", b"extra  "),
        (b"extra ", b"Extra "),
        (b"index 3", b"index 3\nindex 3"),
        (b"index 3", b"index 3" + b"\n" + 64 * (ROOT.encode() + b"\n")),
        (b"index 3", b"index \xff"),
    ],
)
def test_malformed_proofs(old: bytes, new: bytes) -> None:
    data = bytes(make_proof(11, 3, b"extra")[1])
    assert old in data
    with pytest.raises(InvalidEncodingError):
        Proof.from_bytes(data.replace(old, new, 1))


@given(st.integers(0, 2**32 - 1), st.binary(max_size=40), st.integers(0, 2**63 - 1))
def test_receipts(epoch: int, post: bytes, deadline: int) -> None:
    receipt = Receipt.sign(SIGNER, epoch, post, deadline)
    parsed = Receipt.from_bytes(bytes(receipt), SIGNER.key)
    assert parsed == receipt
    assert bytes(parsed) == bytes(receipt)


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.binary(max_size=9)), max_size=5))
def test_receipts_that_are_signed_together(promises: list[tuple[int, bytes]]) -> None:
    epochs, posts = [epoch for epoch, _ in promises], [post for _, post in promises]
    deadlines = [epoch + 1 for epoch in epochs]
    receipts = Receipt.sign_all(SIGNER, epochs, posts, deadlines)
    assert receipts == list(map(partial(Receipt.sign, SIGNER), epochs, posts, deadlines))
    with pytest.raises(ValueError, match="zip"):
        Receipt.sign_all(SIGNER, [*epochs, 0], posts, deadlines)


@given(st.binary(min_size=32, max_size=32), st.lists(st.binary(max_size=300), max_size=5))
def test_signatures_are_those_that_openssl_makes(seed: bytes, messages: list[bytes]) -> None:
    """Ed25519 leaves nothing to choose (RFC 8032)."""
    ours, theirs = Ed25519Key(seed), Ed25519PrivateKey.from_private_bytes(seed)
    assert ours.public == theirs.public_key().public_bytes_raw()
    assert ours.sign_batch(messages) == list(map(theirs.sign, messages))


def test_a_secret_key_of_another_size_is_refused_and_none_is_shown_or_copied() -> None:
    for size in (0, 31, 33, 64):
        with pytest.raises(InvalidEncodingError, match="must be 32 bytes"):
            Ed25519Key(bytes(size))
    key = Ed25519Key(b"seed" * 8)
    assert repr(key) == "<Ed25519Key>"
    for copying in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            copying(key)


def test_what_is_no_receipt() -> None:
    data = bytes(Receipt.sign(SIGNER, 7, b"post", 9))
    for end in range(len(data)):
        with pytest.raises(InvalidEncodingError):
            Receipt.from_bytes(data[:end], SIGNER.key)
    with pytest.raises(InvalidSignatureError):
        Receipt.from_bytes(data.replace(b"\n7\n", b"\n8\n"), SIGNER.key)
    for text in (str(Checkpoint(ORIGIN, 7, bytes(32))), "a\nb\nc\nd\ne\n"):
        with pytest.raises(InvalidEncodingError, match="is not one of"):
            Receipt.from_bytes(bytes(sign(text)), SIGNER.key)
