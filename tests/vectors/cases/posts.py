"""posts.json: envelopes and sealed posts, SPEC 8."""

from oracle import lanes, posts
from oracle.keys import key_id
from oracle.notation import CLASS_H, CLASS_L, CLASS_S, CLASS_XL, be32
from oracle.operations import Json
from oracle.refusals import waived

from vectors.cases import forgeries
from vectors.cases.casebook import Casebook
from vectors.cases.material import (
    ALPHA,
    BLOB,
    ENVELOPE,
    EPOCH,
    HANDLE_ENVELOPE,
    LANE,
    ORIGIN,
    RND,
    SALT,
    draw,
    draw_scalar,
    envelope_of,
    flip,
    lane_of,
    multiple,
    post_of,
    replaced,
)

PAYLOAD = lanes.encode_lane(LANE)
GRANT = lanes.encode_grant(LANE.grant)
OTHER_ORIGIN = "other.example"
SLOT = lanes.slot_of(LANE.grant, EPOCH, 0)
SECRET = lanes.slot_secret(LANE, SLOT)
POST = post_of()
BOARD = ORIGIN.encode()
BOX = draw("random box", 352)


def resealed(data: bytes, origin: bytes = BOARD) -> bytes:
    """Seal the box again over changed bytes before it; give the 457 bytes to sign."""
    return data[:105] + posts.seal_box(SLOT.slot_key, origin, data[:105], ENVELOPE)


def resigned(unsigned: bytes, secret: int = SECRET, origin: bytes = BOARD) -> bytes:
    """Sign the first 457 bytes again."""
    return posts.sign_post(secret, origin, unsigned[:457], RND)


def with_public(secret: int, public: bytes) -> bytes:
    """Make a post under a given encoding of P, right but for that encoding."""
    unsigned = resealed(replaced(replaced(POST, 0, lanes.identifier_of(public)), 41, public))
    return unsigned + forgeries.for_public("post", secret, public, BOARD, unsigned)


def ill_formed() -> list[tuple[str, str, str, bytes]]:
    """List posts that are not well-formed for the board, each for one reason."""
    versions = [(v, resigned(resealed(replaced(POST, 32, bytes([v]))))) for v in (0, 2, 255)]
    signed = POST[:457], POST[457:]
    negated = forgeries.negated_commitment("post", SECRET, BOARD, signed[0])
    high = forgeries.high_bit_commitment("post", SECRET, BOARD, signed[0])
    raised = forgeries.raised_response(signed[1])
    bad = "commitment-not-canonical"
    return [
        *((f"version-{v}", f"version {v}", "version", post) for v, post in versions),
        *_ill_formed_publics(),
        ("commitment-negated", "R: negated encoding", bad, signed[0] + negated),
        ("commitment-high-bit", "R: bit 255 set", bad, signed[0] + high),
        ("response-raised", "z plus the order", "response-not-canonical", signed[0] + raised),
        *_wrongly_signed(),
        *((f"length-{n}", f"{n} bytes", "wrong-length", POST[:n]) for n in (0, 105, 457, 520)),
        ("length-522", "a byte more", "wrong-length", POST + b"\0"),
    ]


def _ill_formed_publics() -> list[tuple[str, str, str, bytes]]:
    bad = "public-not-canonical"
    negated = with_public(SECRET, forgeries.negated(SLOT.public))
    high = with_public(SECRET, forgeries.high_bit(SLOT.public))
    stranger = draw_scalar("stranger")
    swapped = resigned(resealed(replaced(POST, 41, multiple(stranger))), stranger)
    other = lanes.identifiers(LANE.grant, EPOCH)[1]
    comment = "a stranger's P and signature under the identifier of the lane"
    return [
        ("public-negated", "P: negated encoding", bad, negated),
        ("public-high-bit", "P: bit 255 set", bad, high),
        ("public-identity", "P is the identity", "public-identity", with_public(0, bytes(32))),
        ("stolen-identifier", comment, "identifier", swapped),
        (
            "identifier-of-next-slot",
            "slot 1",
            "identifier",
            resigned(resealed(replaced(POST, 0, other))),
        ),
        ("identifier-flipped", "one bit", "identifier", resigned(resealed(flip(POST, 7)))),
        (
            "identifier-zero",
            "zero bytes",
            "identifier",
            resigned(resealed(replaced(POST, 0, bytes(32)))),
        ),
    ]


def _wrongly_signed() -> list[tuple[str, str, str, bytes]]:
    reason = "signature-equation"
    heads = [(36, "epoch"), (40, "seq"), (73, "salt")]
    boxes = [(105, "box"), (456, "last byte of the box")]
    flipped = [
        *((at, what, resealed(flip(POST, 8 * at)) + POST[457:]) for at, what in heads),
        *((at, what, flip(POST, 8 * at)) for at, what in boxes),
    ]
    stranger = resigned(POST, draw_scalar("stranger"))
    founder = resigned(POST, LANE.secret)
    neighbour = lanes.slot_secret(LANE, lanes.slot_of(LANE.grant, EPOCH, 1))
    without_origin = POST[:457] + forgeries.for_public("post", SECRET, SLOT.public, POST[:457])
    context = POST[:457] + forgeries.for_public("pop", SECRET, SLOT.public, BOARD, POST[:457])
    return [
        *((f"flipped-{at}", f"one bit: {what}", reason, post) for at, what, post in flipped),
        ("flipped-response", "one bit of z", reason, flip(POST, 8 * 500)),
        ("signed-by-stranger", "signed with another secret", reason, stranger),
        ("signed-by-d-0", "signed with d_0", reason, founder),
        ("signed-by-next-slot", "signed with d of slot 1", reason, resigned(POST, neighbour)),
        ("signed-without-origin", "the origin is not signed", reason, without_origin),
        ("signed-in-other-context", "signed in context pop", reason, context),
        ("signed-for-other-board", "the origin is another", reason, _for_other_board()),
    ]


def _for_other_board() -> bytes:
    return resigned(POST, origin=OTHER_ORIGIN.encode())


def _envelopes(book: Casebook) -> None:
    kid = key_id(ALPHA.public.key_hash)
    for name, descriptor in (("no-descriptor", bytes(32)), ("descriptor", draw("descriptor"))):
        values: Json = {"key_id": kid, "descriptor": descriptor, "blob": BLOB}
        output = book.valid("envelope/encode", name, name, **values)
        book.valid("envelope/decode", name, name, envelope=output["envelope"])
    for length in (0, 48, 335):
        values = {"reason": "wrong-length", "envelope": ENVELOPE[:length]}
        book.refused("envelope/decode", f"length-{length}", f"{length} bytes", **values)
    values = {"reason": "wrong-length", "envelope": ENVELOPE + b"\0"}
    book.refused("envelope/decode", "length-337", "a byte more", **values)
    for name, comment, reason, envelope in bad_envelopes():
        book.refused("envelope/decode", name, comment, reason, envelope=envelope)


def bad_envelopes() -> list[tuple[str, str, str, bytes]]:
    """List envelopes of which the blob does not decode."""
    a, last = forgeries.negated(BLOB[:32]), forgeries.high_bit(BLOB[-32:])
    return [
        ("blob-a-identity", "A is the identity", "a-identity", replaced(ENVELOPE, 48, bytes(32))),
        ("blob-a-negated", "A: negated", "a-not-canonical", replaced(ENVELOPE, 48, a)),
        ("blob-b-8-high-bit", "B_8: bit 255", "b-not-canonical", replaced(ENVELOPE, 304, last)),
    ]


def _sealing(book: Casebook) -> None:
    fresh = {"lane": PAYLOAD, "salt": SALT, "rnd": RND}
    for name, comment, offset, slot, seq in (
        ("first", "epoch b, slot 0, seq 0", 0, 0, 0),
        ("repost", "the same with seq 1", 0, 0, 1),
        ("last-seq", "the greatest seq", 0, 0, 2**32 - 1),
        ("slot-1", "slot 1", 0, 1, 0),
        ("later", "epoch b + 5, slot 15", 5, 15, 3),
    ):
        values: Json = {"epoch": EPOCH + offset, "slot": slot, "seq": seq, **fresh}
        sealed = book.valid("post/seal", name, comment, envelope=ENVELOPE, **values)
        book.valid("post/check", name, comment, class_=CLASS_L, origin=ORIGIN, post=sealed["post"])
        book.valid("post/read", name, comment, grant=GRANT, post=sealed["post"])
        withdrawn = book.valid("post/withdraw", name, comment, box=BOX, **values)["post"]
        first = {**values, "seq": None}
        book.valid("post/withdraw", f"first-{name}", f"{comment}: the first seq", box=BOX, **first)
        book.valid(
            "post/check",
            f"withdrawn-{name}",
            comment,
            class_=CLASS_L,
            origin=ORIGIN,
            post=withdrawn,
        )
        book.refused("post/read", f"withdrawn-{name}", comment, "box", grant=GRANT, post=withdrawn)
    for name, reason, epoch, slot in (
        ("before", "epoch-before", EPOCH - 1, 0),
        ("too-far", "epoch-too-far", EPOCH + 4097, 0),
        ("slot-16", "slot-out-of-range", EPOCH, 16),
    ):
        values = {"epoch": epoch, "slot": slot, "seq": 0, "envelope": ENVELOPE, **fresh}
        book.refused("post/seal", name, name.replace("-", " "), reason, **values)


def _checking(book: Casebook) -> None:
    values: Json = {"origin": OTHER_ORIGIN, "class": CLASS_L, "post": _for_other_board()}
    book.valid("post/check", "other-board", "signed for that other board", **values)
    stranger = posts.post_with_box(draw_scalar("stranger"), BOARD, EPOCH, 0, SALT, BOX, RND)
    book.valid(
        "post/check",
        "stranger",
        "a post of another lane",
        class_=CLASS_L,
        origin=ORIGIN,
        post=stranger,
    )
    for name, epoch in (("epoch-0", 0), ("last-epoch", 2**32 - 1)):
        post = resigned(replaced(POST, 33, be32(epoch)))
        comment = "the epoch is the board's business, not that of the form"
        book.valid("post/check", name, comment, class_=CLASS_L, origin=ORIGIN, post=post)
    for name, comment, reason, post in ill_formed():
        book.refused("post/check", name, comment, reason, class_=CLASS_L, origin=ORIGIN, post=post)
    values = {"origin": OTHER_ORIGIN, "class": CLASS_L, "post": POST}
    book.refused("post/check", "wrong-origin", "another board", "signature-equation", **values)


def _classes(book: Casebook) -> None:
    for n, envelope in (
        (CLASS_H, HANDLE_ENVELOPE),
        (CLASS_S, envelope_of("class-s")),
        (CLASS_XL, envelope_of("class-xl")),
    ):
        lane = lane_of(n)
        grant, payload = lanes.encode_grant(lane.grant), lanes.encode_lane(lane)
        name, comment = f"class-{n}", f"class {n}"
        book.valid("envelope/decode", name, comment, envelope=envelope)
        values: Json = {"lane": payload, "epoch": EPOCH, "slot": 0, "seq": 7}
        values |= {"envelope": envelope, "salt": SALT, "rnd": RND}
        post = book.valid("post/seal", name, comment, **values)["post"]
        book.valid("post/check", name, comment, origin=ORIGIN, class_=n, post=post)
        book.valid("post/read", name, comment, grant=grant, post=post)
        values |= {"lane": PAYLOAD}
        comment = f"an envelope of class {n} in a lane of class 8"
        book.refused("post/seal", f"{name}-in-lane-of-8", comment, "wrong-length", **values)
        comment = f"a post of class {n}, where posts are of class 8"
        reason, values = "wrong-length", {"post": post}
        where = f"{name}-on-board-of-8"
        book.refused("post/check", where, comment, reason, origin=ORIGIN, class_=8, **values)
        book.refused("post/read", where, comment, reason, grant=GRANT, **values)


def _reading(book: Casebook) -> None:
    def add(name: str, comment: str, post: bytes, grant: bytes = GRANT) -> None:
        book.valid("post/read", name, comment, grant=grant, post=post)

    late = lanes.encode_grant(lanes.grant_at(LANE, EPOCH + 3))
    add("late-grant", "by a grant from epoch b + 3 on", post_of(EPOCH + 4, 2), late)
    add("far", "epoch b + 4096", post_of(EPOCH + 4096))
    described = replaced(ENVELOPE, 16, draw("descriptor"))
    add("descriptor", "an envelope with a descriptor", post_of(envelope=described))
    identities = replaced(ENVELOPE, 80, bytes(256))
    add(
        "b-identity", "every B_j is the identity: a blob that decodes", post_of(envelope=identities)
    )
    for name, comment, reason, envelope in bad_envelopes():
        post = post_of(envelope=envelope)
        book.refused("post/read", name, comment, reason, grant=GRANT, post=post)
    for name, comment, reason, post in ill_formed():
        box_opens = name not in ("flipped-105", "flipped-456")
        if box_opens and (post[:37] == POST[:37] or reason == "version"):
            book.refused("post/read", name, comment, reason, grant=GRANT, post=post)
    elsewhere = LANE.grant._replace(channel=LANE.channel._replace(origin=OTHER_ORIGIN.encode()))
    post = resigned(resealed(POST, OTHER_ORIGIN.encode()))
    values: Json = {"grant": lanes.encode_grant(elsewhere), "post": post}
    comment = "the lane is of another board, for which the box is sealed and the post is not signed"
    book.refused("post/read", "wrong-origin", comment, "signature-equation", **values)


def _not_mine(book: Casebook) -> None:
    def add(
        name: str,
        comment: str,
        post: bytes,
        reason: str = "identifier-not-of-lane",
        grant: bytes = GRANT,
    ) -> None:
        book.refused("post/read", name, comment, reason, grant=grant, post=post)

    stranger = posts.post_with_box(draw_scalar("stranger"), BOARD, EPOCH, 0, SALT, BOX, RND)
    add("stranger", "a post of another lane", stranger)
    moved = resigned(resealed(replaced(POST, 33, be32(EPOCH + 1))))
    add("moved-to-next-epoch", "the identifier of epoch b, signed for epoch b + 1", moved)
    other_key = LANE.grant._replace(channel=LANE.channel._replace(key=draw("other lane key")))
    values: Json = {"grant": lanes.encode_grant(other_key)}
    add("other-lane-key", "a lane with another SK", POST, **values)
    late = lanes.encode_grant(lanes.grant_at(LANE, EPOCH + 1))
    add("before-the-grant", "a post from before the grant", POST, "epoch-before", late)
    with waived("epoch-too-far"):
        too_far = post_of(EPOCH + 4097)
    add("beyond-reach", "an epoch beyond b + 4096", too_far, "epoch-too-far")
    sixteenth = _slot_16()
    add("slot-16", "derived as slot 16, which there is not", sixteenth)


def _slot_16() -> bytes:
    with waived("slot-out-of-range"):
        slot = lanes.slot_of(LANE.grant, EPOCH, 16)
    return posts.seal(LANE, slot, EPOCH, 0, ENVELOPE, SALT, RND)


def _withdrawn(book: Casebook) -> None:
    def add(name: str, comment: str, box: bytes) -> None:
        post = resigned(POST[:105] + box)
        book.refused("post/read", name, comment, "box", grant=GRANT, post=post)

    head, key = POST[:105], SLOT.slot_key
    flipped = flip(POST, 8 * 105)[105:457]
    add("box-flipped", "one bit of the box, signed again", flipped)
    elsewhere = posts.seal_box(key, OTHER_ORIGIN.encode(), head, ENVELOPE)
    add("box-of-other-board", "sealed for another origin", elsewhere)
    next_seq = replaced(head, 37, be32(1))
    add(
        "box-of-other-seq",
        "sealed with another seq",
        posts.seal_box(key, BOARD, next_seq, ENVELOPE),
    )
    other_salt = replaced(head, 73, draw("other salt"))
    add(
        "box-of-other-salt",
        "sealed with another salt",
        posts.seal_box(key, BOARD, other_salt, ENVELOPE),
    )
    next_key = lanes.slot_of(LANE.grant, EPOCH, 1).slot_key
    add(
        "box-of-next-slot",
        "sealed with the key of slot 1",
        posts.seal_box(next_key, BOARD, head, ENVELOPE),
    )
    add("box-zero", "a box of zero bytes", bytes(352))


def build() -> Casebook:
    """Build the file."""
    book = Casebook("posts")
    _envelopes(book)
    _sealing(book)
    _checking(book)
    _classes(book)
    _reading(book)
    _not_mine(book)
    _withdrawn(book)
    return book
