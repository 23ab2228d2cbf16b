"""Attacks that SPEC 1, 6 and 8 speak of: those that must fail, and those that it concedes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import SupportsBytes

import pytest

from billboard import (
    BillboardError,
    Blob,
    Board,
    BoardParameters,
    DeviceToken,
    Envelope,
    Frame,
    FrameClass,
    InvalidSignatureError,
    Lane,
    NotMine,
    Platform,
    Post,
    PublicKey,
    RefusedPostError,
    SecretKey,
    create_board,
    elgamal,
    open_board,
    posts,
)
from billboard.groups.ristretto255 import Element, Scalar, random_scalar
from billboard.hashing import expand
from billboard.proofs import schnorr

pytestmark = pytest.mark.backend

ORIGIN, NOW, L = "board.example", 1_800_000_000, FrameClass.L
EXPIRES = NOW + 86_400
KEY = SecretKey.generate()
PUBLIC = KEY.public_key
ALICE = DeviceToken(Platform.APNS, b"the token of alice")
BOB = DeviceToken(Platform.APNS, b"the token of bobby")
MALLORY = DeviceToken(Platform.FCM, b"the token of mallory")


def x_of(key: PublicKey) -> list[Element]:
    data = bytes(key)[2:]
    return [Element.from_bytes(data[i : i + 32]) for i in range(0, len(data), 96)]


def secret_of(key: SecretKey) -> list[Scalar]:
    data = key._core.secret_bytes()
    return [Scalar.from_bytes(data[i : i + 32]) for i in range(0, len(data), 32)]


def elements(blob: Blob) -> list[Element]:
    return [Element.from_bytes(bytes(row)) for row in blob.array[0]]


def blob_of(parts: Iterable[SupportsBytes]) -> Blob:
    return Blob.from_bytes(b"".join(map(bytes, parts)))


# Equality by mauling (SPEC 6.1)


def fixed_embedding(payload: bytes) -> Element:
    """What SPEC 6.1 forbids: the first candidate that decodes, a function of the message."""
    for c in range(1 << 14):
        try:
            return Element.from_bytes(bytes([2 * (c % 128)]) + payload + bytes([c // 128]))
        except BillboardError:
            continue
    raise AssertionError("no candidate decodes")


def encrypt_with_fixed_embedding(token: DeviceToken) -> Blob:
    frame = Frame(token, EXPIRES).encode(L, PUBLIC.key_hash)
    message = [fixed_embedding(frame[i : i + 30]) for i in range(0, len(frame), 30)]
    made = elgamal.encrypt(x_of(PUBLIC), message)
    return blob_of([made.a, *made.b])


def encrypt(token: DeviceToken) -> Blob:
    return PUBLIC.encrypt(token, expires=EXPIRES, now=NOW)


def mallory_is_pushed(one: Blob, two: Blob) -> bool:
    """The push server is handed Enc(f) + C1 - C2, with f a frame of Mallory's own."""
    parts = zip(elements(encrypt(MALLORY)), elements(one), elements(two), strict=True)
    mauled = blob_of([f + c1 - c2 for f, c1, c2 in parts])
    try:
        return KEY.open(mauled, now=NOW).token == MALLORY
    except NotMine:
        return False


def test_mauling_compares_blobs_whose_embedding_is_fixed() -> None:
    """The attack works, so that the tests below do show something."""
    one, two, other = map(encrypt_with_fixed_embedding, (ALICE, ALICE, BOB))
    assert one != two
    assert KEY.open(one, now=NOW).token == ALICE
    assert mallory_is_pushed(one, two)
    assert mallory_is_pushed(one, two.rerandomize(PUBLIC))
    assert not mallory_is_pushed(one, other)


def test_mauling_does_not_compare_blobs_of_two_profiles() -> None:
    """Two encryptions of one frame. All eight embeddings agree once in about 2^96 times."""
    for _ in range(50):
        one, two = encrypt(ALICE), encrypt(ALICE)
        assert KEY.open(one, now=NOW) == KEY.open(two, now=NOW)
        assert not mallory_is_pushed(one, two)
        assert not mallory_is_pushed(one.rerandomize(PUBLIC), two)
        assert not mallory_is_pushed(one, encrypt_with_fixed_embedding(ALICE))


def test_mauling_does_not_compare_rows_of_one_batch() -> None:
    array = PUBLIC.encrypt_batch([ALICE] * 20, expires=EXPIRES, now=NOW)
    blobs = [Blob.from_bytes(row.tobytes()) for row in array]
    assert not any(mallory_is_pushed(one, two) for one in blobs for two in blobs if one != two)


def test_mauling_does_not_compare_blobs_of_two_epochs() -> None:
    today = PUBLIC.encrypt(ALICE, now=NOW)
    tomorrow = PUBLIC.encrypt(ALICE, now=NOW + 86_400)
    assert not mallory_is_pushed(today, tomorrow)


def test_two_contacts_of_one_profile_can_compare() -> None:
    """Conceded (SPEC 1, item 10): all lanes of a profile and epoch share an embedding."""
    profile = encrypt(ALICE)
    one, two = profile.rerandomize(PUBLIC), profile.rerandomize(PUBLIC)
    assert one != two
    assert mallory_is_pushed(one, two)


def test_one_element_of_another_blob_spoils_a_blob() -> None:
    """Blobs cannot be put together: the tag is over the whole frame."""
    one, two = elements(encrypt(ALICE)), elements(encrypt(BOB))
    for position in range(9):
        mixed = [*one]
        mixed[position] = two[position]
        with pytest.raises(NotMine):
            KEY.open(blob_of(mixed), now=NOW)


# Following a malformed blob (SPEC 1: even a malformed blob cannot be followed)

MARK = Element.mul_generator(random_scalar())
MALFORMED: dict[str, list[Element]] = {
    "identities": [MARK] + [Element.identity()] * 8,
    "all equal": [MARK] * 9,
    "of another key": elements(SecretKey.generate().public_key.encrypt(ALICE)),
    "known multiples": [Element.mul_generator(random_scalar()) for _ in range(9)],
    "the public elements": [Element.generator(), *x_of(PUBLIC)],
}
each_malformed = pytest.mark.parametrize("parts", MALFORMED.values(), ids=MALFORMED.keys())


@each_malformed
def test_no_element_or_difference_outlives_a_rerandomization(parts: list[Element]) -> None:
    marked = blob_of(parts)
    seen = set(parts) | {p - q for p in parts for q in parts}
    for _ in range(20):
        moved = elements(marked.rerandomize(PUBLIC))
        traces = {*moved} | {p - q for p in moved for q in moved if p is not q}
        assert len(traces) == 9 + 72
        assert not traces & seen
        seen |= traces


@each_malformed
def test_a_rerandomization_is_a_fresh_encryption_of_whatever_it_holds(
    parts: list[Element],
) -> None:
    """By s, it is Enc(M; r + s): over a uniform s that is uniform, and nothing of r is left."""
    secret, public = secret_of(KEY), x_of(PUBLIC)
    r, s = random_scalar(), random_scalar()
    held = elgamal.Ciphertext(Element.mul_generator(r), tuple(parts[1:]))
    message = elgamal.decrypt(secret, held)
    assert elgamal.rerandomize(public, held, s) == elgamal.encrypt(public, message, r + s)


def test_tags_on_the_key_are_seen_by_its_key_id() -> None:
    """SPEC 1, item 9: a key set of one's own marks; senders tell it by the kid, of all X_j."""
    mine = SecretKey.generate().public_key
    assert mine.key_id != PUBLIC.key_id
    swapped = PublicKey(L, x_of(PUBLIC)[::-1], b"")
    assert swapped.key_id != PUBLIC.key_id


# Lane members against the lane (SPEC 7, 8)

LANE = Lane.generate(ORIGIN, now=NOW)
EPOCH = LANE.epoch
READER = LANE.grant(EPOCH)
POST = LANE.post(EPOCH, encrypt(ALICE), PUBLIC, seq=5)


def test_members_can_not_sign_with_what_they_know() -> None:
    """They know P_0, u, v, and the keys of the slot; d = u d_0 + v is not among it."""
    u, v = READER._schedule.diversifier(0, READER._public)
    as_scalars = [Scalar.from_uniform_bytes(READER._schedule.key + bytes(32))]
    guesses = [u, v, u + v, u * v, -u, -v, *as_scalars, random_scalar()]
    envelope = Envelope(encrypt(MALLORY), PUBLIC.key_id)
    signed = POST.header + POST.box
    for guess in guesses:
        signature = schnorr.sign("post", guess, ORIGIN.encode(), signed)
        forged = dataclasses.replace(POST, signature=signature)
        with pytest.raises(InvalidSignatureError):
            forged.verify(ORIGIN)
        with pytest.raises(InvalidSignatureError):
            READER.open(forged)
        own = posts.seal(
            envelope,
            origin=ORIGIN,
            epoch=EPOCH,
            seq=6,
            secret=guess,
            slot_key=READER._schedule.slot_key(0),
        )
        assert own.identifier != POST.identifier
        with pytest.raises(NotMine):
            READER.open(own)
    assert not hasattr(READER, "post")
    assert not hasattr(READER, "withdraw")


def test_the_secret_of_one_slot_signs_for_no_other() -> None:
    signed = POST.header + POST.box
    others = [LANE._slot_secret(EPOCH, 1), LANE._slot_secret(EPOCH + 1, 0), LANE._secret]
    for secret in others:
        forged = dataclasses.replace(
            POST, signature=schnorr.sign("post", secret, ORIGIN.encode(), signed)
        )
        with pytest.raises(InvalidSignatureError):
            forged.verify(ORIGIN)


def test_a_repeated_nonce_would_give_the_secret_so_it_never_repeats() -> None:
    """What hedging prevents (SPEC 3): shown with two signatures that do share a nonce."""
    d, nonce = LANE._slot_secret(EPOCH, 0), random_scalar()
    p, r = Element.mul_generator(d), bytes(Element.mul_generator(nonce))
    hashed = [schnorr._challenge("post", r, bytes(p), (m,)) for m in (b"one", b"two")]
    challenges = [Scalar.from_uniform_bytes(each) for each in hashed]
    z = [nonce + c * d for c in challenges]
    found = (z[0] - z[1]) * (challenges[0] - challenges[1]).invert()
    u, v = READER._schedule.diversifier(0, READER._public)
    assert (found - v) * u.invert() == LANE._secret
    hedged = [schnorr.sign("post", d, m, rnd=bytes(32)) for m in (b"one", b"two")]
    assert hedged[0][:32] != hedged[1][:32]


def test_every_byte_of_a_post_is_bound() -> None:
    data = bytes(POST)
    for position in range(len(data)):
        for bit in (0, 7):
            changed = bytearray(data)
            changed[position] ^= 1 << bit
            with pytest.raises(BillboardError):
                Post.from_bytes(bytes(changed)).verify(ORIGIN)
            with pytest.raises(BillboardError):
                READER.open(Post.from_bytes(bytes(changed)))


def test_parts_of_two_posts_of_a_lane_can_not_be_put_together() -> None:
    newer = LANE.post(EPOCH, encrypt(ALICE), PUBLIC, seq=6)
    for field in ("epoch", "seq", "salt", "box", "signature"):
        changes = {field: getattr(newer, field)}
        if field == "epoch":
            changes = {"epoch": EPOCH + 1}
        with pytest.raises(InvalidSignatureError):
            dataclasses.replace(POST, **changes).verify(ORIGIN)


def test_a_post_of_one_board_is_none_of_another() -> None:
    other = Lane.generate("other.example", now=NOW)
    with pytest.raises(InvalidSignatureError):
        POST.verify("other.example")
    elsewhere = dataclasses.replace(READER._schedule, origin="other.example")
    reader = type(READER)(elsewhere, READER._public)
    with pytest.raises(InvalidSignatureError):
        reader.open(POST)
    with pytest.raises(NotMine):
        other.grant(EPOCH).open(POST)


def test_a_post_moved_to_another_epoch_is_not_of_the_lane() -> None:
    """Even by the owner's signature: the identifier belongs to its epoch."""
    secret, slot_key = LANE._slot_secret(EPOCH, 0), LANE._schedule.slot_key(0)
    envelope = Envelope(encrypt(ALICE), PUBLIC.key_id)
    moved = posts.seal(
        envelope, origin=ORIGIN, epoch=EPOCH + 1, seq=1, secret=secret, slot_key=slot_key
    )
    moved.verify(ORIGIN)
    with pytest.raises(NotMine):
        READER.open(moved)


def test_the_box_is_bound_to_its_header() -> None:
    """The box of an older post does not open under a newer header, even if that is signed."""
    d = LANE._slot_secret(EPOCH, 0)
    for changes in ({"seq": 6}, {"salt": bytes(32)}):
        changed = dataclasses.replace(POST, **changes)
        signature = schnorr.sign("post", d, ORIGIN.encode(), changed.header + changed.box)
        with pytest.raises(BillboardError, match="withdrawn"):
            READER.open(dataclasses.replace(changed, signature=signature))


# Against the board (SPEC 9)


@pytest.fixture
def board(tmp_path: Path) -> Board:
    create_board(tmp_path / "board", BoardParameters(ORIGIN))
    return open_board(tmp_path / "board", clock=lambda: NOW)


def test_replay_and_rollback_are_refused(board: Board) -> None:
    newer = LANE.post(EPOCH, encrypt(ALICE), PUBLIC, seq=6)
    withdrawn = LANE.withdraw(EPOCH, seq=7)
    board.submit(POST)
    for post, older in ((POST, []), (newer, [POST]), (withdrawn, [POST, newer])):
        if post is not POST:
            board.submit(post)
        for replayed in [post, *older]:
            with pytest.raises(RefusedPostError) as refusal:
                board.submit(replayed)
            assert refusal.value.reason == "seq"
    board.publish(EPOCH)
    (kept,) = [p for p in board.bundle(EPOCH, POST.identifier) if p.identifier == POST.identifier]
    assert bytes(kept) == bytes(withdrawn)
    with pytest.raises(RefusedPostError) as refusal:
        board.submit(LANE.post(EPOCH, encrypt(ALICE), PUBLIC, seq=2**32 - 1))
    assert refusal.value.reason == "published"


def test_a_member_can_not_take_an_identifier(board: Board) -> None:
    """Neither with a higher seq over the owner's post, nor before the owner posts."""
    forged = dataclasses.replace(POST, seq=POST.seq + 1)
    stranger = Lane.generate(ORIGIN, now=NOW).post(EPOCH, encrypt(MALLORY), PUBLIC)
    with pytest.raises(RefusedPostError) as refusal:
        board.submit(forged)
    assert refusal.value.reason == "signature"
    taken = bytes(POST)[:32] + bytes(stranger)[32:]
    with pytest.raises(BillboardError, match="identifier"):
        Post.from_bytes(taken)
    board.submit(POST)


def test_outsiders_can_not_link_the_slots_and_epochs_of_a_lane() -> None:
    """They lack SK: neither identifiers nor P of one lane are related by anything in the posts."""
    made = [LANE.post(EPOCH + e, encrypt(ALICE), PUBLIC, slot=c) for e in (0, 1) for c in (0, 1)]
    publics = [Element.from_bytes(post.public) for post in made]
    differences = {p - q for p in publics for q in publics if p is not q}
    assert len(differences) == 12
    assert not differences & {READER._public, *publics}
    guess = expand(bytes(32), "lane/diversify", 128, bytes(READER._public))
    u, v = (Scalar.from_uniform_bytes(guess[i : i + 64]) for i in (0, 64))
    assert READER._public.mul_add_generator_vartime(u, v) not in publics
