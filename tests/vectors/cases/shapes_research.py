"""The inputs, outputs and refusals of the operations on any group, and of SPEC 13 and 14."""

from oracle.groups import GROUPS

from vectors.cases.kinds import (
    B28,
    B32,
    BOOLEAN,
    BYTES,
    U8,
    U32,
    Fields,
    Kind,
    Operation,
    exactly,
    invalid,
    listed,
    one_of_lengths,
)

GROUP = Kind("group name", {"enum": list(GROUPS)})
ELEMENT = one_of_lengths("element", *sorted({g.element_length for g in GROUPS.values()}))
SCALAR = one_of_lengths("scalar", *sorted({g.scalar_length for g in GROUPS.values()}))
SECONDS = Kind("i40", {"type": "integer", "minimum": -(2**39), "maximum": 2**39 - 1})
DEGREES = Kind("i32", {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1})


def _groups() -> dict[str, Operation]:
    decoding = invalid("wrong-length", "not-canonical")
    element, scalar = {"element": ELEMENT}, {"scalar": SCALAR}
    pair, hashing = {"left": ELEMENT, "right": ELEMENT}, {"message": BYTES, "dst": BYTES}
    two_scalars = {"left": SCALAR, "right": SCALAR}
    hashing_refusals = invalid("unsupported", "dst-length")
    shapes: dict[str, tuple[str, Fields, Fields, dict[str, list[str]]]] = {
        "element/decode": ("2, 12.1", {"bytes": BYTES}, {"identity": BOOLEAN}, decoding),
        "element/multiple-of-generator": ("2, 12", scalar, element, {}),
        "element/multiply": ("2, 12", {**scalar, **element}, element, {}),
        "element/add": ("2, 12", pair, element, {}),
        "element/subtract": ("2, 12", pair, element, {}),
        "element/negate": ("2, 12", element, element, {}),
        "element/hash": ("12.2", hashing, element, hashing_refusals),
        "scalar/hash": ("12.2", hashing, scalar, invalid("dst-length")),
        "scalar/decode": ("2, 12.1", {"bytes": BYTES}, {"zero": BOOLEAN}, decoding),
        "scalar/add": ("2, 12.1", two_scalars, scalar, {}),
        "scalar/subtract": ("2, 12.1", two_scalars, scalar, {}),
        "scalar/negate": ("2, 12.1", scalar, scalar, {}),
        "scalar/multiply": ("2, 12.1", two_scalars, scalar, {}),
        "scalar/invert": ("2, 12.1", scalar, scalar, invalid("zero")),
    }
    return _on_groups("groups", shapes)


def _on_groups(
    file: str, shapes: dict[str, tuple[str, Fields, Fields, dict[str, list[str]]]]
) -> dict[str, Operation]:
    """Let each operation have a group as an input."""
    return {
        name: Operation(file, sections, {"group": GROUP, **inputs}, outputs, refusals)
        for name, (sections, inputs, outputs, refusals) in shapes.items()
    }


def _embeddings() -> dict[str, Operation]:
    embedding = {"message": BYTES, "candidate": U32}
    element, message = {"element": ELEMENT}, {"message": BYTES}
    numbers = ("candidate-out-of-range", "candidate-does-not-decode")
    refusals = invalid("unsupported", "wrong-length", *numbers)
    extracting = invalid("unsupported", "identity")
    shapes: dict[str, tuple[str, Fields, Fields, dict[str, list[str]]]] = {
        "embedding/embed": ("6.1, 12.3", embedding, element, refusals),
        "embedding/extract": ("6.1, 12.3", element, message, extracting),
    }
    return _on_groups("embeddings", shapes)


def _elgamal() -> dict[str, Operation]:
    elements, scalars, ciphertext = listed(ELEMENT), listed(SCALAR), {"ciphertext": BYTES}
    encrypting = {"publics": elements, "messages": elements, "r": SCALAR}
    moving = {"publics": elements, **ciphertext, "s": SCALAR}
    opening, opened = {"secrets": scalars, **ciphertext}, {"messages": elements}
    malformed = ("wrong-length", "a-not-canonical", "a-identity", "b-not-canonical")
    encrypting_refusals = invalid("public-identity", "r-zero")
    moving_refusals = invalid("public-identity", "a-identity")
    opening_refusals = invalid("secret-zero", *malformed)
    shapes: dict[str, tuple[str, Fields, Fields, dict[str, list[str]]]] = {
        "elgamal/encrypt": ("6.2, 12.4", encrypting, ciphertext, encrypting_refusals),
        "elgamal/rerandomize": ("6.2, 12.4", moving, ciphertext, moving_refusals),
        "elgamal/decrypt": ("6.2, 12.4", opening, opened, opening_refusals),
    }
    return _on_groups("elgamal", shapes)


def _universal() -> dict[str, Operation]:
    ciphertext, secret = {"ciphertext": BYTES}, {"secret": SCALAR}
    random = {"k0": SCALAR, "k1": SCALAR}
    encrypting = {"public": ELEMENT, "message": ELEMENT, **random}
    opening = {**secret, **ciphertext}
    parts = dict.fromkeys(("a0", "b0", "a1", "b1"), ELEMENT)
    malformed = ["wrong-length", *(f"{name}-not-canonical" for name in parts)]
    malformed += ["a1-identity", "b1-identity"]
    not_mine = {**invalid("secret-zero"), "not-mine": ["other-key"]}
    refusals = invalid("public-identity", "k1-zero")
    shapes: dict[str, tuple[str, Fields, Fields, dict[str, list[str]]]] = {
        "universal/encrypt": ("13.1", encrypting, ciphertext, refusals),
        "universal/rerandomize": ("13.1", {**ciphertext, **random}, ciphertext, invalid("k1-zero")),
        "universal/decrypt": ("13.1", opening, {"message": ELEMENT}, not_mine),
        "universal/decode": ("13.1", ciphertext, parts, invalid(*malformed)),
    }
    return _on_groups("universal", shapes)


def _rerandomizable_keys() -> dict[str, Operation]:
    key, secret = {"key": BYTES}, {"secret": SCALAR}
    malformed = ("t-not-canonical", "u-not-canonical", "t-identity", "u-identity")
    decoded = {"t": ELEMENT, "u": ELEMENT}
    not_mine = {**invalid("secret-zero"), "not-mine": ["other-secret"]}
    making, moving = {**secret, "t": SCALAR}, {**key, "r": SCALAR}
    shapes: dict[str, tuple[str, Fields, Fields, dict[str, list[str]]]] = {
        "rerandomizable-key/make": ("13.3", making, key, invalid("secret-zero", "t-zero")),
        "rerandomizable-key/rerandomize": ("13.3", moving, key, invalid("r-zero")),
        "rerandomizable-key/recognize": ("13.3", {**secret, **key}, {}, not_mine),
        "rerandomizable-key/decode": ("13.3", key, decoded, invalid("wrong-length", *malformed)),
    }
    return _on_groups("universal", shapes)


def _findmy() -> dict[str, Operation]:
    deriving = {"private_key": BYTES, "symmetric_key": BYTES, "index": U32}
    derived = {"symmetric_key": B32, "private_key": B28, "public_key": B28, "identifier": B32}
    deriving_reasons = ("wrong-length", "private-key-range", "index-out-of-range", "derived-zero")
    report = {"time": U32, "confidence": U8, "latitude": DEGREES, "longitude": DEGREES}
    report |= {"accuracy": U8, "status": U8}
    making = {"public_key": BYTES, "ephemeral": BYTES, **report, "time": SECONDS}
    places = ("latitude", "longitude")
    made, opening = {"report": exactly(88)}, {"private_key": BYTES, "report": BYTES}
    making_reasons = ("wrong-length", "public-no-point", "ephemeral-range", "time", *places)
    malformed = ("wrong-length", "private-key-range", "ephemeral-form", "ephemeral-not-on-curve")
    opening_refusals = {**invalid(*malformed, *places), "not-mine": ["box"]}
    return {
        "findmy/keys": Operation("findmy", "14.1", deriving, derived, invalid(*deriving_reasons)),
        "findmy/encrypt": Operation("findmy", "14.2", making, made, invalid(*making_reasons)),
        "findmy/open": Operation("findmy", "14.2", opening, report, opening_refusals),
    }


OPERATIONS_OF_RESEARCH: dict[str, Operation] = {
    **_groups(),
    **_embeddings(),
    **_elgamal(),
    **_universal(),
    **_rerandomizable_keys(),
    **_findmy(),
}
