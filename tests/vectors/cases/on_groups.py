"""Values on the groups of SPEC 12 that the cases share."""

from oracle.groups import GROUPS, Group
from oracle.hash_to_curve import expand_message
from oracle.refusals import Refused

from vectors.cases.material import draw

EMBEDDING = [group for group in GROUPS.values() if group.embedding is not None]


def scalar_of(group: Group, name: str) -> int:
    """Draw a scalar that depends on the names only."""
    wide = expand_message("sha512", name.encode(), group.name.encode(), 64)
    return int.from_bytes(wide, "big") % group.order


def multiple_of(group: Group, k: int) -> bytes:
    """Encode a multiple of the generator."""
    return group.times_generator(k).encode()


def element_of(group: Group, name: str) -> bytes:
    """Draw the encoding of an element that depends on the names only."""
    return multiple_of(group, scalar_of(group, f"element {name}"))


def identity_of(group: Group) -> bytes:
    """Encode the identity."""
    return multiple_of(group, 0)


def candidate_of(group: Group, message: bytes, name: str) -> int:
    """Draw a candidate number by which a message can be embedded."""
    for attempt in range(1000):
        candidate = int.from_bytes(draw(f"{group.name} {name} {attempt}", 3), "big")
        candidate %= 2**14 if group.name == "ristretto255" else 2**17
        try:
            group.embed(message, candidate)
        except Refused:
            continue
        return candidate
    raise ValueError(name)
