"""All committed inputs and all seeds through their targets, without libFuzzer."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

from billboard import InvalidEncodingError, NotMine

from .seeds import COMMITTED, committed
from .target import ENGINE, Finding, Source, attempt, silent
from .targets import TARGETS

each_target = pytest.mark.parametrize("name", TARGETS)


@each_target
def test_seeds_hold(name: str) -> None:
    seeds = list(TARGETS[name].seeds())
    assert seeds
    for seed in seeds:
        TARGETS[name].run(seed)


@each_target
def test_committed_inputs_hold(name: str) -> None:
    inputs = list(committed(name))
    assert inputs
    for data in inputs:
        TARGETS[name].run(data)


@each_target
def test_seeds_and_inputs_fit(name: str) -> None:
    """What is longer than a target's longest input is cut, and would no longer be itself."""
    longest = max(map(len, [*TARGETS[name].seeds(), *committed(name)]))
    assert longest <= TARGETS[name].longest


def test_every_folder_is_of_a_target() -> None:
    assert {path.name for path in COMMITTED.iterdir()} == set(TARGETS)


def test_the_corpus_is_small() -> None:
    for path in COMMITTED.iterdir():
        files = list(path.iterdir())
        assert len(files) <= 24
        assert sum(file.stat().st_size for file in files) <= 6 * 1024


def _refuse(data: bytes) -> None:
    raise InvalidEncodingError("thing", f"{data.hex()} is wrong")


def test_an_error_that_is_documented_is_no_finding() -> None:
    assert attempt(b"", lambda _: 1) == 1
    assert attempt(b"another", _refuse, InvalidEncodingError) is None


def test_any_other_error_is_a_finding() -> None:
    with pytest.raises(InvalidEncodingError):
        attempt(b"", _refuse, NotMine)


@pytest.mark.parametrize("message", ["{!r}", "0x{}", "so: {}"])
def test_a_message_that_shows_a_secret_is_a_finding(message: str) -> None:
    secret = b"an example of a secret"
    shown = message.format(secret.hex() if "0x" in message else secret.decode())
    with pytest.raises(Finding, match="shows its input"):
        silent(ValueError(shown), b"before" + secret + b"after")
    silent(ValueError(shown), b"another secret altogether")


def test_a_source_is_zero_past_its_end() -> None:
    source = Source(b"\x01\x02\x03abcd")
    assert source.number() == 1
    assert source.part() == b"\x03a"
    assert source.left == 3
    assert source.take(5) == b"bcd\0\0"
    assert source.rest() == b""
    assert source.number(4) == 0


# What nobody can forget

PARSER = re.compile(r"(\w+_)?from_\w+|_?(parse|decode|read)(_\w+)?|load")
READS = {"loads", "fromhex", "b64decode", "urlsafe_b64decode", "unpack", "unpack_from"}


def parsers() -> set[str]:
    """The functions of the package that are named as parsers are, or call one of Python's.

    Of a `Protocol` there is nothing to run.
    """
    found = set()
    for path in ENGINE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
        runnable = [each for each in classes if "Protocol" not in ast.dump(each)]
        outers: list[ast.Module | ast.ClassDef] = [tree, *runnable]
        for outer in outers:
            prefix = f"{outer.name}." if isinstance(outer, ast.ClassDef) else ""
            for node in outer.body:
                if isinstance(node, ast.FunctionDef) and is_parser(node):
                    found.add(f"{path.relative_to(ENGINE)} {prefix}{node.name}")
    return found


def is_parser(function: ast.FunctionDef) -> bool:
    calls = {node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute)}
    return PARSER.fullmatch(function.name) is not None or not calls.isdisjoint(READS)


@pytest.mark.slow
def test_the_seeds_reach_every_parser() -> None:
    called = set()
    for target in TARGETS.values():
        seeds = list(target.seeds())
        sys.settrace(lambda frame, *_: called.add(frame.f_code))  # once for each call
        try:
            for seed in seeds:
                target.run(seed)
        finally:
            sys.settrace(None)
    own = [code for code in called if Path(code.co_filename).is_relative_to(ENGINE)]
    reached = {f"{Path(code.co_filename).relative_to(ENGINE)} {code.co_qualname}" for code in own}
    assert len(parsers()) > 40
    assert parsers() - reached == set()
