"""The operations on any group, SPEC 2, 6.1, 6.2 and 12, and those of SPEC 13 and 14."""

from .. import elgamal, findmy, universal
from ..groups import Element
from .inputs import Input, Json


def _element(element: Element) -> Json:
    return {"element": element.encode().hex()}


# SPEC 2 and 12


def element_decode(i: Input) -> Json:
    return {"identity": i.element("bytes").is_identity()}


def element_multiple_of_generator(i: Input) -> Json:
    return _element(i.group.times_generator(i.scalar("scalar")))


def element_multiply(i: Input) -> Json:
    return _element(i.element("element").times(i.scalar("scalar")))


def element_add(i: Input) -> Json:
    return _element(i.element("left").plus(i.element("right")))


def element_subtract(i: Input) -> Json:
    return _element(i.element("left").minus(i.element("right")))


def element_negate(i: Input) -> Json:
    return _element(i.element("element").negated())


def element_hash(i: Input) -> Json:
    return _element(i.group.hash_to_element(i.data("message"), i.data("dst")))


def _scalar(i: Input, k: int) -> Json:
    return {"scalar": i.group.encode_scalar(k).hex()}


def scalar_hash(i: Input) -> Json:
    return _scalar(i, i.group.hash_to_scalar(i.data("message"), i.data("dst")))


def scalar_add(i: Input) -> Json:
    return _scalar(i, i.scalar("left") + i.scalar("right"))


def scalar_subtract(i: Input) -> Json:
    return _scalar(i, i.scalar("left") - i.scalar("right"))


def scalar_negate(i: Input) -> Json:
    return _scalar(i, -i.scalar("scalar"))


def scalar_multiply(i: Input) -> Json:
    return _scalar(i, i.scalar("left") * i.scalar("right"))


def scalar_invert(i: Input) -> Json:
    return _scalar(i, i.group.invert_scalar(i.scalar("scalar")))


def scalar_decode(i: Input) -> Json:
    return {"zero": i.scalar("bytes") == 0}


def embedding_embed(i: Input) -> Json:
    return {"element": i.group.embed(i.data("message"), i.number("candidate")).hex()}


def embedding_extract(i: Input) -> Json:
    return {"message": i.group.extract(i.data("element")).hex()}


def elgamal_encrypt(i: Input) -> Json:
    publics, messages = i.byte_strings("publics"), i.byte_strings("messages")
    return {"ciphertext": elgamal.encrypt(i.group, publics, messages, i.scalar("r")).hex()}


def elgamal_rerandomize(i: Input) -> Json:
    publics, ciphertext = i.byte_strings("publics"), i.data("ciphertext")
    return {"ciphertext": elgamal.rerandomize(i.group, publics, ciphertext, i.scalar("s")).hex()}


def elgamal_decrypt(i: Input) -> Json:
    messages = elgamal.decrypt(i.group, i.scalars("secrets"), i.data("ciphertext"))
    return {"messages": [message.hex() for message in messages]}


# SPEC 13


def universal_encrypt(i: Input) -> Json:
    sent, random = (i.data("public"), i.data("message")), (i.scalar("k0"), i.scalar("k1"))
    return {"ciphertext": universal.encrypt(i.group, *sent, *random).hex()}


def universal_rerandomize(i: Input) -> Json:
    random = i.scalar("k0"), i.scalar("k1")
    return {"ciphertext": universal.rerandomize(i.group, i.data("ciphertext"), *random).hex()}


def universal_decrypt(i: Input) -> Json:
    return {"message": universal.decrypt(i.group, i.scalar("secret"), i.data("ciphertext")).hex()}


def universal_decode(i: Input) -> Json:
    elements = universal.decode(i.group, i.data("ciphertext"))
    encodings = (element.encode().hex() for element in elements)
    return dict(zip(("a0", "b0", "a1", "b1"), encodings, strict=True))


def rerandomizable_key_make(i: Input) -> Json:
    return {"key": universal.make_key(i.group, i.scalar("secret"), i.scalar("t")).hex()}


def rerandomizable_key_rerandomize(i: Input) -> Json:
    return {"key": universal.rerandomize_key(i.group, i.data("key"), i.scalar("r")).hex()}


def rerandomizable_key_recognize(i: Input) -> Json:
    universal.recognize_key(i.group, i.scalar("secret"), i.data("key"))
    return {}


def rerandomizable_key_decode(i: Input) -> Json:
    t, u = universal.decode_key(i.group, i.data("key"))
    return {"t": t.encode().hex(), "u": u.encode().hex()}


# SPEC 14


def findmy_keys(i: Input) -> Json:
    private, symmetric_key = i.data("private_key"), i.data("symmetric_key")
    keys = findmy.keys_at(private, symmetric_key, i.number("index"))
    return {
        "symmetric_key": keys.symmetric_key.hex(),
        "private_key": keys.private_key.to_bytes(28, "big").hex(),
        "public_key": keys.public_key.hex(),
        "identifier": keys.identifier.hex(),
    }


def findmy_encrypt(i: Input) -> Json:
    report = findmy.Report(*map(i.number, findmy.Report._fields))
    ephemeral = findmy.decode_secret(i.data("ephemeral"), "ephemeral-range")
    return {"report": findmy.encrypt_report(i.data("public_key"), ephemeral, report).hex()}


def findmy_open(i: Input) -> Json:
    return findmy.open_report(i.data("private_key"), i.data("report"))._asdict()
