"""Elements, scalars and groups as Python objects: what does not mix, threads, imports."""

from __future__ import annotations

import copy
import itertools
import operator
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest
from petlib.bindings import get_errors

from billboard import elgamal, groups, universal
from billboard.errors import GroupMismatchError, InvalidEncodingError, UnsupportedError
from billboard.groups import openssl
from billboard.groups.openssl import OpensslGroup

EMBEDDING = ("ristretto255", "p256", "p224", "secp256k1")
SEC1 = ("p256", "p224", "secp256k1")

every_group = pytest.mark.parametrize("name", groups.NAMES)

# What does not mix

ARITHMETIC = (operator.add, operator.sub, operator.mul)
pairs = pytest.mark.parametrize(("first", "second"), list(itertools.permutations(groups.NAMES, 2)))


@pairs
def test_two_groups_do_not_mix(first: str, second: str) -> None:
    one, two = groups.get(first), groups.get(second)
    operands = [one.scalar(2), one.generator], [two.scalar(2), two.generator]
    for left, right in itertools.product(*operands):
        for operation in ARITHMETIC:
            refuses_to_mix({first, second}, operation, left, right)
        assert left != right
    refuses_to_mix({first, second}, one.mul_generator, two.scalar(2))
    if first in EMBEDDING:
        refuses_to_mix({first, second}, one.extract, two.generator)
    refuses_to_mix({first, second}, elgamal.encrypt, [one.generator], [two.generator])


@pairs
def test_no_key_or_ciphertext_is_of_two_groups(first: str, second: str) -> None:
    one, two = groups.get(first), groups.get(second)
    g, h, x, y = one.generator, two.generator, one.scalar(2), two.scalar(2)
    pair, sound = elgamal.Ciphertext(g, (g, g)), universal.Ciphertext(g, g, g, g)
    for action, *values in (
        (elgamal.Ciphertext, g, (h,)),
        (elgamal.Ciphertext, g, (g, h)),
        (elgamal.Ciphertext, g, (h, g)),
        (elgamal.public_elements, [x, y]),
        (elgamal.encrypt, [g, h], [g, g]),
        (elgamal.encrypt, [g, g], [g, h]),
        (elgamal.encrypt, [g, g], [g, g], y),
        (elgamal.rerandomize, [g, h], pair),
        (elgamal.rerandomize, [h, h], pair),
        (elgamal.rerandomize, [g, g], pair, y),
        (elgamal.decrypt, [x, y], pair),
        (elgamal.decrypt, [y, y], pair),
        (universal.Ciphertext, h, g, g, g),
        (universal.Ciphertext, g, h, g, g),
        (universal.Ciphertext, g, g, h, g),
        (universal.Ciphertext, g, g, g, h),
        (universal.encrypt, g, h),
        (universal.encrypt, g, g, y),
        (universal.encrypt, g, g, x, y),
        (universal.rerandomize, sound, y),
        (universal.rerandomize, sound, x, y),
        (universal.decrypt, y, sound),
        (universal.RerandomizableKey, g, h),
        (universal.RerandomizableKey.generate, x, y),
        (universal.RerandomizableKey(g, g).rerandomize, y),
        (universal.RerandomizableKey(g, g).belongs_to, y),
    ):
        refuses_to_mix({first, second}, action, *values)


def refuses_to_mix(names: set[str], action: Callable[..., object], *values: object) -> None:
    with pytest.raises(GroupMismatchError) as caught:
        action(*values)
    assert set(caught.value.groups) == names
    assert all(name in str(caught.value) for name in names)


@every_group
def test_elements_and_scalars_take_nothing_else(name: str) -> None:
    group = groups.get(name)
    scalar, element = group.scalar(2), group.generator
    wrong = [(value, other) for value in (scalar, element) for other in (5, b"", None, 1.5, "2")]
    for left, right in [*wrong, *(pair[::-1] for pair in wrong)]:
        for operation in ARITHMETIC:
            with pytest.raises(TypeError):
                operation(left, right)
        assert left != right
    for operation in (operator.add, operator.sub):
        for left, right in ((scalar, element), (element, scalar)):
            with pytest.raises(TypeError):
                operation(left, right)
    with pytest.raises(TypeError):
        element * element
    assert scalar != element  # type: ignore[comparison-overlap]


@every_group
def test_the_methods_of_a_group_take_nothing_else(name: str) -> None:
    group = groups.get(name)
    for wrong in (2, None, b"", group.generator):
        with pytest.raises(TypeError):
            group.mul_generator(wrong)
    for number in (1.0, "1", None, b"1"):
        with pytest.raises(TypeError):
            group.scalar(number)  # type: ignore[arg-type]
    if name in EMBEDDING:
        for other in (2, None, b"", group.scalar(2)):
            with pytest.raises(TypeError):
                group.extract(other)


# What kind of objects they are


@every_group
def test_secrets_are_not_pickled_copied_hashed_or_shown(name: str) -> None:
    group = groups.get(name)
    scalar = group.scalar(-1)
    for action in (pickle.dumps, copy.copy, copy.deepcopy):
        for value in (scalar, group.generator):
            with pytest.raises(TypeError, match="pickle"):
                action(value)
    with pytest.raises(TypeError, match="unhashable"):
        hash(scalar)
    shown = repr(scalar) + repr(group.generator) + str(scalar)
    assert not any(character.isdigit() for character in shown.replace(name, ""))


@every_group
def test_there_is_one_object_of_each_group(name: str) -> None:
    group = groups.get(name)
    assert groups.get(name) is group
    assert pickle.loads(pickle.dumps(group)) is group  # noqa: S301
    assert copy.copy(group) is copy.deepcopy(group) is group
    for value in (group.scalar(1), group.generator, group.identity, group.random_scalar()):
        assert value.group is group
        assert (value * group.scalar(3)).group is (value + value).group is (-value).group is group


def test_threads_that_ask_at_once_get_the_same_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openssl, "_groups", {})
    barrier, got = threading.Barrier(8), []

    class Slow(OpensslGroup):  # type: ignore[misc]
        def __init__(self, name: str) -> None:
            super().__init__(name)
            barrier.wait(timeout=10)

    monkeypatch.setattr(openssl, "OpensslGroup", Slow)
    run_threads(8, lambda: got.append(openssl.group("p256")))
    assert len(got) == 8
    assert len(set(map(id, got))) == 1


@pytest.mark.parametrize("name", SEC1)
def test_threads_share_elements(name: str) -> None:
    """OpenSSL works without Python's lock, on memory that no other thread writes to."""
    group = groups.get(name)
    element, factor = group.generator, group.scalar(-3)
    expected = [bytes(element * factor), bytes(element + element), bytes(-element)]
    failures = []

    def work() -> None:
        for _ in range(60):
            got = [bytes(element * factor), bytes(element + element), bytes(-element)]
            decoded = group.element_from_bytes(expected[0])
            if got != expected or decoded != element * factor:
                failures.append(got)

    run_threads(6, work)
    assert failures == []


def run_threads(count: int, work: Callable[[], object]) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive()


# What is imported, and what is missing


def python(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(
    "module", ["billboard", "billboard.cli.demo", "billboard.groups", "billboard.universal"]
)
def test_nothing_imports_the_extras_unasked(module: str) -> None:
    script = (
        f"import sys, {module}; print(sorted(set(sys.modules) & {{'petlib', 'py_ecc', 'pytest'}}))"
    )
    assert python(script) == "[]\n"


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [
        ("p256", "petlib", "openssl"),
        ("p224", "petlib", "openssl"),
        ("secp256k1", "pytest", "openssl"),  # which petlib imports
        ("bls12_381", "py_ecc", "bls"),
    ],
)
def test_a_group_whose_package_is_missing_says_what_to_install(
    name: str, package: str, extra: str
) -> None:
    script = f"""
import sys
sys.modules[{package!r}] = None
from billboard import groups
for _ in range(2):
    try:
        groups.get({name!r})
    except groups.UnsupportedError as error:
        print(error)
print(groups.get("ristretto255"))
"""
    first, second, native = python(script).splitlines()
    assert first == second
    assert first.startswith(f"{name} needs a package that is not installed")
    assert package in first
    assert first.endswith(f": pip install 'anonymous-billboard[{extra}]'")
    assert native == "<Group ristretto255>"


def test_an_openssl_that_does_not_load_says_what_to_install() -> None:
    script = """
import sys, ctypes.util
import cffi
sys.modules["petlib._petlib"] = None
def dlopen(*_): raise OSError("no library crypto")
cffi.FFI.dlopen = dlopen
from billboard import groups
try:
    groups.get("p256")
except groups.UnsupportedError as error:
    print(error)
"""
    *_, message = python(script).splitlines()  # petlib has something to say too
    assert message.startswith("p256 needs a package that is not installed (no library crypto)")


def test_a_curve_that_openssl_lacks_is_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openssl, "_groups", {})
    monkeypatch.setitem(openssl._CURVES, "p256", (1, None))  # no curve has this number
    with pytest.raises(UnsupportedError, match="the installed OpenSSL has no p256"):
        groups.get("p256")
    assert get_errors() == []
    assert groups.get("p224").name == "p224"


def test_another_name_is_unsupported() -> None:
    for name in ("P256", "", "ed25519", "ristretto"):
        with pytest.raises(UnsupportedError, match=f"no group {name}: it must be one of "):
            groups.get(name)


def test_importing_a_group_leaves_the_process_as_it_was() -> None:
    """py_ecc raises the limit of recursion of the whole process."""
    script = """
import sys
before = sys.getrecursionlimit()
from billboard import groups
group = groups.get("bls12_381")
assert (group.generator * group.scalar(-1) + group.generator).is_identity
print(before, sys.getrecursionlimit())
"""
    before, after = python(script).split()
    assert before == after


@pytest.mark.parametrize("name", SEC1)
def test_refusals_leave_no_error_in_openssl(name: str) -> None:
    """Its queue is the thread's: Python's own ssl module would read what is left there."""
    group = groups.get(name)
    refused = 0
    for last in range(20):
        try:
            group.element_from_bytes(bytes([2]) + bytes(group.element_size - 2) + bytes([last]))
        except InvalidEncodingError:
            refused += 1
    assert refused > 3
    assert get_errors() == []
