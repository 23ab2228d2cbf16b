"""SPEC appendix A in plain integers: its algebra gives the encodings of the engine."""

from __future__ import annotations

from billboard.groups.ristretto255 import Element, random_scalar

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int, int, int]


def is_negative(x: int) -> bool:
    return x % P % 2 == 1


def absolute(x: int) -> int:
    return -x % P if is_negative(x) else x % P


def inverse(x: int) -> int:
    return pow(x, -1, P)


def root(x: int) -> int:
    """The square root that is not negative."""
    candidate = pow(x, (P + 3) // 8, P)
    if candidate * candidate % P != x % P:
        candidate = candidate * I % P
    if candidate * candidate % P != x % P:
        raise ValueError("not a square")
    return absolute(candidate)


I = absolute(pow(2, (P - 1) // 4, P))  # noqa: E741
K = root(-1 - D)


def is_on_cover(point: Point) -> bool:
    e, f, g, h = point
    return (g * g - f * f - e * e) % P == 0 and (h * h - f * f + D * e * e) % P == 0


def decode(encoding: bytes) -> Point:
    s = int.from_bytes(encoding, "little")
    u1, u2 = 1 - s * s, 1 + s * s
    v = -D * u1 * u1 - u2 * u2
    den_x = absolute(inverse(root(v * u2 * u2))) * u2
    return absolute(2 * s * den_x), 1, K * den_x * u1 % P, K * den_x * u2 % P


def double(point: Point) -> Point:
    """From C to E and back."""
    e, f, g, h = point
    x, y = e * inverse(f), g * inverse(h)
    t = x * y % P
    return 2 * t % P, (1 + D * t * t) % P, (y * y + x * x) % P, (1 - D * t * t) % P


def add(first: Point, second: Point) -> Point:
    (e, f, g, h), (e2, f2, g2, h2) = first, second
    return (
        (e * f * g2 * h2 + e2 * f2 * g * h) % P,
        ((f * f2) ** 2 + D * (e * e2) ** 2) % P,
        (f * f2 * g * g2 + e * e2 * h * h2) % P,
        (f * f2 * h * h2 - D * e * e2 * g * g2) % P,
    )


def encode(point: Point) -> bytes:
    e, f, g, h = point
    if e * f * g * h % P == 0:
        return bytes(32)
    if is_negative(e * g * inverse(f * h)):
        e = -e if is_negative(I * g * inverse(h)) else e
        s = (f - I * e) * inverse(g)
    else:
        g = -g if is_negative(e * inverse(f)) else g
        s = (h - g) * inverse(K * e)
    return absolute(s).to_bytes(32, "little")


def test_the_algebra_of_the_appendix_gives_the_encodings_of_the_engine() -> None:
    neutral = decode(bytes(32))
    assert is_on_cover(neutral)
    for _ in range(100):
        first, second = (Element.mul_generator(random_scalar()) for _ in range(2))
        a, b, opposite = (decode(bytes(x)) for x in (first, second, -first))
        made = {
            a: first,
            add(a, b): first + second,
            add(a, a): first + first,
            double(a): first + first,
            add(double(a), b): first + first + second,
            add(a, neutral): first,
            add(a, opposite): Element.identity(),
            double(neutral): Element.identity(),
        }
        for point, element in made.items():
            assert is_on_cover(point)
            assert encode(point) == bytes(element)
