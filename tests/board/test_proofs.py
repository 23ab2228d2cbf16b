"""Proofs without network, that a post is on the board, or that none is (SPEC 9.8, 9.5)."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tlog.witnesses import tree_hash, tree_path, witness_signer

from billboard import (
    Board,
    BoardParameters,
    InvalidEncodingError,
    InvalidSignatureError,
    Post,
)
from billboard.board import FileObjects, SqliteStore
from billboard.board.manifest import Descriptor, Edition, Leaf, encode_leaf
from billboard.board.proof import (
    Neighbor,
    manifest_proof_of,
    prove_absence,
    prove_post,
    verify_absence,
    verify_post,
)
from billboard.tlog.checkpoint import Checkpoint, Policy, Proof
from billboard.tlog.note import Algorithm, Note, NoteSigner, Signature
from billboard.tlog.tiles import TileReader
from board.support import DAY, EPOCH, ORIGIN, Clock, make_post

BOARD = NoteSigner(ORIGIN, Algorithm.ED25519, os.urandom(32))
WITNESSES = [witness_signer(f"example.net/{i}") for i in range(3)]
POLICY = Policy(BOARD.key, tuple(each.key for each in WITNESSES), 2)


class Signs:
    """A witness that signs whatever it is shown."""

    def __init__(self, signer: NoteSigner) -> None:
        self.signer = signer

    def cosign(self, note: Note, _: TileReader) -> Signature:
        return self.signer.sign(note.text, time=1)


class Published:
    """A board: two bundles and two late editions of `EPOCH`, and another epoch.

    ``get`` gives its files, and ``read`` has the names of those that were asked for.
    """

    def __init__(self, directory: Path) -> None:
        clock = Clock()
        self._store = SqliteStore.create(directory / "board.sqlite", BoardParameters(ORIGIN))
        objects = FileObjects(directory / "objects")
        witnesses = [Signs(each) for each in WITNESSES[:2]]
        self.board = Board(self._store, objects, BOARD, witnesses=witnesses, clock=clock)
        self.read: list[str] = []
        for count in (300, 1, 300):
            self.board.submit_all([bytes(make_post()) for _ in range(count)])
            self.board.publish(EPOCH)
            self.board.publish_descriptor(Descriptor(b"between"))
        clock.now += DAY
        self.board.publish(EPOCH + 1)
        self.posts = [list(self.board.posts(EPOCH, edition=number)) for number in range(3)]

    def get(self, name: str) -> bytes:
        self.read.append(name)
        return self.board.checkpoint() if name == "checkpoint" else self.board.object(name)

    def close(self) -> None:
        self._store.close()


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    made = Published(tmp_path_factory.mktemp("board"))
    yield made
    made.close()


def test_every_post_has_a_proof(published: Published) -> None:
    for number, posts in enumerate(published.posts):
        leaves = [bytes(post) for post in posts]
        for index in (0, 1, 100, 254, 255, *((256, 257, 511) if len(posts) > 256 else ())):
            proof = prove_post(published.get, posts[index])
            edition = verify_post(proof, posts[index], POLICY)
            assert (edition.epoch, edition.number, edition.size) == (EPOCH, number, len(posts))
            assert (proof.index, edition.root) == (index, tree_hash(leaves))
            assert list(proof.hashes) == tree_path(index, leaves)
    late = next(published.board.posts(EPOCH + 1, edition=0))
    assert verify_post(prove_post(published.get, late), late, POLICY).epoch == EPOCH + 1


def test_a_proof_is_two_proofs_as_text(published: Published) -> None:
    """Read here by what C2SP tlog-proof says, and not by what reads it elsewhere."""
    post = published.posts[0][300]
    outer = bytes(prove_post(published.get, post))
    assert bytes(Proof.from_bytes(outer)) == outer
    inner = check_tlog_proof(outer, bytes(post), f"{ORIGIN}/{EPOCH}/0", cosigned=0)
    manifest = check_tlog_proof(inner, None, ORIGIN, cosigned=2)
    assert manifest.startswith(f"billboard/edition@v1\n{ORIGIN}\n{EPOCH}\n0\n512\n".encode())
    assert outer.decode().split("\n\n")[1].split("\n")[2] == manifest.decode().split("\n")[5]


def check_tlog_proof(data: bytes, entry: bytes | None, origin: str, cosigned: int) -> bytes:
    """The extra of a proof that ``entry``, or the extra itself, is in the log of ``origin``."""
    head, checkpoint, signatures = data.decode().split("\n\n")
    first, extra, index, *path = head.split("\n")
    assert first == "c2sp.org/tlog-proof@v1"
    assert extra.startswith("extra ")
    assert index.startswith("index ")
    decoded = base64.b64decode(extra[6:])
    found = hashlib.sha256(b"\0" + (decoded if entry is None else entry)).digest()
    named, size, root = checkpoint.split("\n")
    place, last = int(index[6:]), int(size) - 1
    for each in map(base64.b64decode, path):  # RFC 9162, section 2.1.3.2
        if place & 1 or place == last:
            found = hashlib.sha256(b"\1" + each + found).digest()
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\1" + found + each).digest()
        place, last = place >> 1, last >> 1
    assert (named, base64.b64decode(root), last) == (origin, found, 0)
    assert signatures.count("\u2014 ") == 1 + cosigned
    return decoded


def test_no_byte_of_a_proof_can_change(published: Published) -> None:
    post = published.posts[0][300]
    proof = bytes(prove_post(published.get, post))
    for i in range(len(proof)):
        changed = bytearray(proof)
        changed[i] ^= 1
        with pytest.raises((InvalidEncodingError, InvalidSignatureError)):
            verify_post(Proof.from_bytes(bytes(changed)), post, POLICY)
    for end in (proof[:-1], proof + b"\n", proof + proof):
        with pytest.raises((InvalidEncodingError, InvalidSignatureError)):
            verify_post(Proof.from_bytes(end), post, POLICY)


def test_whose_signatures_are_asked_for(published: Published) -> None:
    post = published.posts[1][0]
    proof = prove_post(published.get, post)
    keys = POLICY.witnesses
    assert POLICY.cosigned(manifest_proof_of(proof).note) == dict.fromkeys(keys[:2], 1)
    verify_post(proof, post, Policy(BOARD.key))
    for policy in (
        Policy(BOARD.key, keys, 3),
        Policy(BOARD.key, keys[1:], 2),
        Policy(NoteSigner(ORIGIN, Algorithm.ED25519, os.urandom(32)).key),
        Policy(NoteSigner("example.org/other", Algorithm.ED25519, os.urandom(32)).key),
    ):
        with pytest.raises(InvalidSignatureError):
            verify_post(proof, post, policy)


def test_a_proof_is_of_one_post_in_one_edition(published: Published) -> None:
    first, second = published.posts[0][3], published.posts[1][3]
    proof, other = prove_post(published.get, first), prove_post(published.get, second)
    moved = replace(proof, index=4)
    for wrong, post in (
        (proof, published.posts[0][4]),
        (moved, published.posts[0][4]),
        (moved, first),
        (proof, second),
        (replace(proof, extra=other.extra), first),  # the manifest of another edition
        (replace(other, extra=proof.extra), first),
        (replace(proof, hashes=proof.hashes[:-1]), first),
        (replace(proof, index=2**40), first),
    ):
        with pytest.raises(InvalidSignatureError):
            verify_post(wrong, post, POLICY)
    for extra in (None, b"", bytes(replace(manifest_proof_of(proof), extra=None))):
        with pytest.raises(InvalidEncodingError):
            verify_post(replace(proof, extra=extra), first, POLICY)


def test_what_is_not_there_has_no_proof(published: Published) -> None:
    with pytest.raises(LookupError, match=f"no published edition of epoch {EPOCH}"):
        prove_post(published.get, make_post())
    with pytest.raises(LookupError, match=f"no published edition of epoch {EPOCH + 2}"):
        prove_post(published.get, make_post(epoch=EPOCH + 2))


def test_what_is_read_tells_no_more_than_a_reader_does(published: Published) -> None:
    """A bundle of the first edition, and all of the others: the same wherever the post is."""

    def read(post: Post) -> list[str]:
        published.read.clear()
        prove_post(published.get, post)
        return list(published.read)

    first, late, later = published.posts
    # The late editions' posts fall in either bundle of the first, as chance will have it.
    boundary = first[256].identifier
    low = [post for post in (first[0], later[0], *late) if post.identifier < boundary]
    high = [post for post in (first[-1], later[-1], *late) if post.identifier >= boundary]
    for posts in (low, high):
        for post in (posts[1], posts[2], posts[-1]):
            assert read(post) == read(posts[0])
    assert set(read(low[0])) ^ set(read(high[0])) == {
        f"{EPOCH}/0/tile/entries/{name}" for name in ("000", "001")
    }


def test_damaged_files_make_no_proof(published: Published) -> None:
    post = published.posts[2][5]
    for name in ("0/index", "0/checkpoint", "2/tile/entries/001", "1/tile/entries/000"):

        def damaged(asked: str, wrong: str = f"{EPOCH}/{name}") -> bytes:
            data = published.get(asked)
            return data[:15] + bytes([data[15] ^ 1]) + data[16:] if asked == wrong else data

        with pytest.raises(InvalidEncodingError):
            prove_post(damaged, post)


# What a board could sign, if it lied


def signed(entries: list[bytes], index: int, origin: str, extra: bytes) -> Proof:
    text = str(Checkpoint(origin, len(entries), tree_hash(entries)))
    note = Note(text, (BOARD.sign(text), *(each.sign(text, time=1) for each in WITNESSES)))
    return Proof(index, tuple(tree_path(index, entries)), note, extra)


def lie(entries: list[bytes], leaf: Leaf, origin: str = f"{ORIGIN}/{EPOCH}/0") -> Proof:
    manifest = encode_leaf(ORIGIN, leaf)
    return signed(entries, 0, origin, bytes(signed([manifest], 0, ORIGIN, manifest)))


def test_the_manifest_and_the_edition_must_agree() -> None:
    post, other = make_post(), make_post(epoch=EPOCH + 1)
    entries = [bytes(post)] * 256
    true = Edition(EPOCH, 0, 256, tree_hash(entries), bytes(32), EPOCH * DAY)
    assert verify_post(lie(entries, true), post, POLICY) == true
    for wrong in (
        replace(true, size=512),
        replace(true, root=bytes(32)),
        replace(true, number=1),
        replace(true, epoch=EPOCH + 1),
    ):
        with pytest.raises(InvalidSignatureError):
            verify_post(lie(entries, wrong), post, POLICY)
    misplaced = [bytes(other)] * 256
    with pytest.raises(InvalidSignatureError, match=f"is of epoch {EPOCH + 1}"):
        verify_post(lie(misplaced, replace(true, root=tree_hash(misplaced))), other, POLICY)
    for leaf in (Descriptor(b"x"), BoardParameters(ORIGIN)):
        with pytest.raises(InvalidEncodingError, match="not that of an edition"):
            verify_post(lie(entries, leaf), post, POLICY)
    with pytest.raises(InvalidSignatureError):
        verify_post(lie(entries, true, ORIGIN), post, POLICY)


# Absence


def next_to(post: Post, step: int = 1) -> bytes:
    """An identifier right after that of a post, or right before."""
    return (int.from_bytes(post.identifier, "big") + step).to_bytes(32, "big")


def test_absence_is_shown_by_the_neighbors(published: Published) -> None:
    for number, posts in enumerate(published.posts):
        last = len(posts) - 1
        cases = [(bytes(32), [0]), (b"\xff" * 32, [last]), (next_to(posts[0]), [0, 1])]
        cases += [(next_to(posts[0], -1), [0]), (next_to(posts[last], -1), [last - 1, last])]
        if last > 256:
            cases += [(next_to(posts[255]), [255, 256]), (next_to(posts[256], -1), [255, 256])]
        for identifier, places in cases:
            neighbors = prove_absence(published.get, EPOCH, identifier, edition=number)
            assert [each.proof.index for each in neighbors] == places
            assert [each.post for each in neighbors] == [posts[place] for place in places]
            edition = verify_absence(neighbors, identifier, POLICY)
            assert (edition.epoch, edition.number) == (EPOCH, number)
            assert verify_absence(neighbors[::-1], identifier, POLICY) == edition


def test_what_is_there_is_not_absent(published: Published) -> None:
    for post in (published.posts[0][i] for i in (0, 255, 256, 511)):
        with pytest.raises(LookupError, match="is in edition 0"):
            prove_absence(published.get, EPOCH, post.identifier)
    with pytest.raises(LookupError, match="no published edition 3"):
        prove_absence(published.get, EPOCH, bytes(32), edition=3)


def test_others_than_the_neighbors_show_nothing(published: Published) -> None:
    first, late = (
        [Neighbor(post, prove_post(published.get, post)) for post in posts[:6]]
        for posts in published.posts[:2]
    )
    last = Neighbor(published.posts[0][-1], prove_post(published.get, published.posts[0][-1]))
    present, absent = first[2].post.identifier, next_to(first[2].post)
    verify_absence((first[2], first[3]), absent, POLICY)
    for neighbors, identifier in (
        ((first[1], first[3]), present),  # around it, but not adjacent
        ((first[2], first[3]), present),
        ((first[1], first[2]), present),
        ((first[2],), present),
        ((first[1], first[2]), absent),  # both smaller
        ((first[3], first[4]), absent),  # both greater
        ((first[2],), absent),
        ((first[3],), absent),
        ((first[2], first[2]), absent),
        ((first[2], first[3], first[3]), absent),
        ((first[0],), absent),  # at the end, but smaller
        ((last,), absent),  # at the end, but greater
        ((), absent),
        ((last, last, first[1]), present),  # at an end, but with more around it
        ((first[0], first[0], last), present),
        ((first[2], late[3]), absent),  # of two editions
    ):
        with pytest.raises(InvalidSignatureError, match="neighbors"):
            verify_absence(neighbors, identifier, POLICY)
    forged = Neighbor(first[4].post, first[3].proof)
    with pytest.raises(InvalidSignatureError, match="not of this entry"):
        verify_absence((first[2], forged), absent, POLICY)
    with pytest.raises(InvalidSignatureError, match="must"):
        verify_absence((first[2], first[3]), absent, Policy(BOARD.key, POLICY.witnesses, 3))
