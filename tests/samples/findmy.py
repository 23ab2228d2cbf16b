"""Find My keys and reports (SPEC 14). Reports are made by the oracle, which can make wrong ones."""

from __future__ import annotations

from oracle import findmy
from oracle.curves import P224

from samples.groups import FIELDS
from samples.sampler import Json, Random, chance, data, flipped, number, replaced, sampler

ORDER = P224.order


def _private(rng: Random) -> int:
    edges = (1, 2, ORDER - 1, ORDER - 2)
    return rng.choice(edges) if chance(rng, 0.2) else rng.randrange(1, ORDER)


def _any_private(rng: Random) -> int:
    """Sometimes out of range."""
    edges = (0, ORDER, ORDER + 1, 2**224 - 1)
    return rng.choice(edges) if chance(rng, 0.1) else _private(rng)


def _b28(value: int) -> bytes:
    return value.to_bytes(28, "big")


def _sometimes_cut(rng: Random, key: bytes) -> str:
    """In hex; sometimes of another length."""
    cut = rng.choice((b"", key[:-1], key + b"\0", key * 2)) if chance(rng, 0.05) else key
    return cut.hex()


@sampler("findmy/keys")
def _keys(rng: Random) -> Json:
    """Indices that take long to reach are rare; the last one is a case of the vectors."""
    index = rng.choice((0, 1, 2, 3, 10, 96, rng.randint(0, 300)))
    if chance(rng, 0.1):
        index = rng.choice((2**20 + 1, 2**20 + 2, 2**32 - 1))
    return {
        "private_key": _sometimes_cut(rng, _b28(_any_private(rng))),
        "symmetric_key": _sometimes_cut(rng, data(rng, 32)),
        "index": index,
    }


def _degrees(rng: Random, limit: int, share: float) -> int:
    """In units of 10^-7; a share is beyond the limit."""
    edges = (0, 1, -1, limit, -limit, limit - 1)
    beyond = (limit + 1, -limit - 1, 2**31 - 1, -(2**31))
    if chance(rng, share):
        return rng.choice(beyond)
    return rng.choice(edges) if chance(rng, 0.3) else rng.randint(-limit, limit)


def _time(rng: Random, share: float) -> int:
    """In seconds since 2001; a share is before that, or too late."""
    if chance(rng, share):
        return rng.choice((-1, -(2**31), 2**32, 2**32 + 1, 2**39 - 1))
    return number(rng, 0, 2**32 - 1)


def _report(rng: Random, share: float) -> findmy.Report:
    return findmy.Report(
        time=_time(rng, share),
        confidence=number(rng, 0, 255),
        latitude=_degrees(rng, 90 * 10**7, share),
        longitude=_degrees(rng, 180 * 10**7, share),
        accuracy=number(rng, 0, 255),
        status=number(rng, 0, 255),
    )


def _public(private: int) -> bytes:
    return findmy.x_of(P224.times_generator(private))


@sampler("findmy/encrypt")
def _encrypt(rng: Random) -> Json:
    public = _public(_private(rng))
    if chance(rng, 0.15):
        p = FIELDS["p224"]
        public = rng.choice((bytes(28), _b28(p), _b28(2**224 - 1), _b28(rng.randrange(p))))
    keys = {
        "public_key": _sometimes_cut(rng, public),
        "ephemeral": _sometimes_cut(rng, _b28(_any_private(rng))),
    }
    return {**keys, **_report(rng, 0.05)._asdict()}


def _damaged(rng: Random, report: bytes) -> bytes:
    kind = rng.randrange(8)
    if kind == 0:
        return replaced(report, 5, rng.choice((b"\0", b"\2", b"\3", b"\6")))
    if kind == 1:
        return replaced(report, 6, rng.choice((bytes(28), b"\xff" * 28, rng.randbytes(28))))
    if kind == 2:
        return report[:6] + _public(_private(rng)) + report[34:]
    if kind == 3:  # of the opposite point, which has the same x
        opposite = FIELDS["p224"] - int.from_bytes(report[34:62], "big")
        return replaced(report, 34, _b28(opposite))
    if kind == 4:
        return report[: rng.choice((0, 5, 61, 62, 72, 87))]
    if kind == 5:
        return report + rng.randbytes(rng.choice((2, 3)))
    position = rng.choice((0, 4, 62, 71, 72, 87)) if kind == 6 else rng.randrange(88)
    return replaced(report, position, flipped(rng, report[position : position + 1]))


@sampler("findmy/open")
def _open(rng: Random) -> Json:
    private = _private(rng)
    report = findmy.lay_out_report(_public(private), _private(rng), _report(rng, 0.05))
    if chance(rng, 0.3):
        report = _damaged(rng, report)
    if chance(rng, 0.3):
        report = report[:4] + rng.randbytes(1) + report[4:]
    if chance(rng, 0.08):
        private = _any_private(rng)
    return {"private_key": _sometimes_cut(rng, _b28(private)), "report": report.hex()}
