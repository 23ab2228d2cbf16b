"""Every test vector, run against the engine (SPEC 15), and that no part of one is idle."""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from random import Random

import jsonschema
import pytest

from billboard import BillboardError, groups
from billboard.errors import RefusedRequestError
from vectors.engine.cases import CASES, FILES, FOLDER, STRINGS, changed, check
from vectors.engine.setting import HANDLERS, Json, Setting, setting_in_memory

FEW, MANY = 10, 200
SOME = 2
"""Cases of an operation of which `make test` sees that no part is idle."""

SOME_FILES = {"hashes", "posts"}
"""The files that `make test` holds against the schema."""

VALID = [(name, case) for name, case in CASES if case["result"] == "valid"]
REFUSED = [(name, case) for name, case in CASES if case["result"] != "valid"]
FAILURES = (
    AssertionError,
    pytest.fail.Exception,
    BillboardError,
    RefusedRequestError,
    ValueError,
    ZeroDivisionError,
)

SOMETIMES = {
    ("blob/open", "time"): "it must be before the expiry, and no more",
    ("blob/open-batch", "key"): "no row is a blob for either key",
    ("blob/open-batch", "batch"): "rows that do not open are all alike",
    ("blob/open-batch", "time"): "it must be before the expiry, and no more",
    ("board/bundle", "identifier"): "256 posts share a bundle",
    ("board/default-expiry", "epoch_length"): "only the epoch counts",
    ("board/default-expiry", "time"): "only the epoch counts",
    ("board/submit", "epoch_length"): "the epoch must be open, and no more",
    ("board/submit", "pending"): "the seq must be smaller, and other places do not count",
    ("board/submit", "closed"): "other places do not count",
    ("board/submit", "quota"): "it must be more than those that wait",
    ("board/submit", "time"): "the epoch must be open, and no more",
    ("checkpoint/open", "note"): "signatures of strangers do not count",
    ("checkpoint/open", "quorum"): "more may have cosigned than must",
    ("checkpoint/open", "witnesses"): "not all of them must have cosigned",
    ("board/submit", "expired"): "the epoch must not be before it",
    ("board/submit", "over"): "other epochs do not count",
    ("board/expire", "epoch_length"): "each earlier epoch can be expired too",
    ("board/expire", "unfinished"): "what is kept anyhow does not count",
    ("board/expire", "time"): "each earlier epoch can be expired too",
    ("edition/check-time", "epoch"): "one that is due in this epoch may be due in the next",
    ("edition/check-time", "epoch_length"): "the intervals may fit another",
    ("edition/check-time", "interval"): "a part of an interval may be as good",
    ("edition/check-time", "time"): "only the future is refused",
    ("edition/check-time", "due"): "another edition may have been due then",
    ("descriptor/request-key", "hours"): "only those around the time count",
    ("descriptor/request-key", "time"): "a key is for many hours",
    ("edition/close", "expired"): "the epoch must not be before it",
    ("edition/close", "epoch_length"): "only the whole intervals since its beginning count",
    ("edition/close", "interval"): "only the whole intervals since its beginning count",
    ("edition/close", "time"): "only the whole intervals since its beginning count",
    ("edition/schedule", "epoch_length"): "only the whole intervals of it count",
    ("edition/schedule", "interval"): "one that is longer than an epoch is as good as any such",
    ("element/decode", "bytes"): "another element may be one too: a handler compares its bytes",
    ("element/from-uniform-bytes", "bytes"): "RFC 9496 masks the highest bit of each half",
    ("element/multiply", "element"): "0 times each element is the identity",
    ("element/multiply", "scalar"): "each multiple of the identity is the identity",
    ("elgamal/rerandomize", "publics"): "s may be 0",
    ("embedding/extract", "element"): "the bytes of the candidate number are not of the message",
    ("embedding/extract-frame", "elements"): "as of one element",
    ("epoch/at", "epoch_length"): "only the quotient counts",
    ("epoch/at", "time"): "only the quotient counts",
    ("edition/order", "closed"): "times count only as far as they are greater",
    ("epoch/expirable", "epoch"): "each earlier epoch can be expired too",
    ("epoch/expirable", "epoch_length"): "each earlier epoch can be expired too",
    ("epoch/expirable", "time"): "each earlier epoch can be expired too",
    ("epoch/open", "epoch"): "16 epochs are open",
    ("epoch/open", "epoch_length"): "the epoch must be open, and no more",
    ("epoch/open", "time"): "the epoch must be open, and no more",
    ("file/mode", "mode"): "what its owner may do is not checked",
    ("frame/decode", "time"): "it must be before the expiry, and no more",
    ("lane/highest-slot", "epoch"): "identifiers of strangers are of no epoch",
    ("lane/highest-slot", "found"): "only the highest of the lane counts",
    ("lane/highest-slot", "grant"): "epoch length and origin are not part of the derivation",
    ("lane/identifiers", "grant"): "epoch length and origin are not part of the derivation",
    ("lane/schedule", "lane"): "epoch length and origin are not part of the derivation",
    ("lane/schedule-public", "grant"): "epoch length and origin are not part of the derivation",
    ("log/check-size", "size"): "it must be small enough, and no more",
    ("log/fresh", "editions"): "one that is new enough is enough",
    ("log/fresh", "epoch"): "an epoch that has not begun needs no edition",
    ("log/fresh", "epoch_length"): "as for the epoch",
    ("log/fresh", "interval"): "the longer it is, the later editions are due",
    ("log/fresh", "time"): "one that is new enough now was so before",
    ("merkle/check-consistency", "size"): "as for inclusion",
    ("merkle/check-inclusion", "size"): "in a tree of another size it may have the same path",
    ("merkle/consistency", "leaves"): "a proof of nothing new is empty",
    ("merkle/consistency", "old_size"): "a proof of nothing old is empty",
    ("merkle/inclusion", "leaves"): "the leaf itself is not in its proof",
    ("note/verify", "note"): "signatures of strangers do not count",
    ("origin/check", "origin"): "another text may be an origin too",
    ("post/read", "grant"): "the epoch length is not part of a post",
    ("post/seal", "lane"): "the epoch length is not part of a post",
    ("post/withdraw", "lane"): "the epoch length is not part of a post",
    ("proof/check-absence", "identifier"): "between two posts there are many",
    ("proof/check-absence", "quorum"): "more may have cosigned than must",
    ("proof/check-absence", "witnesses"): "not all of them must have cosigned",
    ("proof/check-post", "quorum"): "more may have cosigned than must",
    ("proof/check-post", "witnesses"): "not all of them must have cosigned",
    ("receipt/deadline", "closed"): "those before do not count",
    ("receipt/deadline", "epoch_length"): "only the whole intervals since its beginning count",
    ("receipt/deadline", "time"): "only the whole intervals since its beginning count",
    ("scalar/multiply", "left"): "0 times each scalar is 0",
    ("scalar/multiply", "right"): "0 times each scalar is 0",
    ("scalar/decode", "bytes"): "another scalar may be one too: a handler compares its bytes",
    ("registration/open", "last"): "it must be before the time, and no more",
    ("registration/open", "time"): "it must be within an hour, and no more",
    ("tick/notifications", "credentials"): "those of other apps do not count",
    ("tick/notifications", "keys"): "the key of no blob does not count",
    ("tick/notifications", "plaintexts"): "a token may come twice, or be dropped anyway",
    ("tick/notifications", "refused"): "those of other gates, or that are over, do not count",
    ("tick/notifications", "registered"): "only handles in blobs count",
    ("tick/notifications", "time"): "it must be before the expiry, and no more",
    ("tile/hashes", "leaves"): "those of other tiles do not count",
    ("tile/path", "width"): "from 256 on it is a full one",
    ("work/check", "bits"): "it may have more than are asked for",
    ("work/check", "origin"): "by chance the work may do for another",
    ("work/check", "post"): "by chance the work may do for another",
    ("work/check", "work"): "by chance another may do",
}
"""Inputs of which not every byte counts, and why: here some change has to make a difference."""

NEVER = {
    ("blobs/blob/open-batch/empty", "key"): "there is no row",
    ("blobs/blob/open-batch/empty", "time"): "there is no row",
    ("board/board/submit/edition-full", "closed"): "the post of another place",
    ("board/board/submit/replaces", "quota"): "what is replaced makes room",
    ("board/board/submit/replaces-when-full", "quota"): "what is replaced makes room",
    ("board/board/submit/room-left", "pending"): "the post of another place",
    ("board/board/bundle/alike-above", "identifier"): "the last bundle is the only one for it",
    ("board/board/bundle/small-zero", "identifier"): "there is one bundle",
    ("board/board/bundle/small-greatest", "identifier"): "there is one bundle",
    ("board/board/default-expiry/first", "epoch_length"): "time 0 is in epoch 0, however long",
    ("board/board/submit/other-pending", "pending"): "the post of another place",
    ("board/board/submit/other-closed", "closed"): "the post of another place",
    ("board/board/submit/pending-in-other-epoch", "pending"): "the post of another place",
    ("board/board/submit/closed-in-other-epoch", "closed"): "the post of another place",
    ("board/epoch/at/zero", "epoch_length"): "time 0 is in epoch 0, however long",
    ("board/epoch/expirable/long-ago", "epoch_length"): "nothing is expired before epoch 0",
    ("board/epoch/expirable/long-ago", "time"): "nothing is expired before epoch 0",
    ("board/epoch/open/epoch-0-at-0", "epoch_length"): "epoch 0 is open at 0, however long",
    ("board/epoch/open/epoch-13-at-0", "epoch_length"): "so is epoch 13",
    ("board/origin/check/255-characters", "origin"): "what one bit makes of an a is printable",
    ("groups/element/multiply/p256-identity", "scalar"): "each multiple of it is the identity",
    ("groups/element/multiply/p224-identity", "scalar"): "each multiple of it is the identity",
    ("groups/element/multiply/secp256k1-identity", "scalar"): "each multiple of it is the identity",
    ("logs/merkle/check-consistency/0-to-0", "size"): "every tree goes on with that of size 0",
    ("logs/merkle/check-consistency/0-to-7", "root"): "every tree goes on with that of size 0",
    ("logs/merkle/check-consistency/0-to-7", "size"): "every tree goes on with that of size 0",
    ("logs/merkle/consistency/0-to-7", "leaves"): "the proof from 0 is empty",
    ("groups/scalar/multiply/p256-0-with", "right"): "0 times each scalar is 0",
    ("groups/scalar/multiply/p256-with-0", "left"): "0 times each scalar is 0",
    ("groups/scalar/multiply/p224-0-with", "right"): "0 times each scalar is 0",
    ("groups/scalar/multiply/p224-with-0", "left"): "0 times each scalar is 0",
    ("groups/scalar/multiply/secp256k1-0-with", "right"): "0 times each scalar is 0",
    ("groups/scalar/multiply/secp256k1-with-0", "left"): "0 times each scalar is 0",
    ("requests/registration/open/first", "last"): "there was none, or one long before",
    ("ticks/tick/notifications/empty", "keys"): "there is no request",
    ("ticks/tick/notifications/empty", "time"): "there is no request",
    ("ticks/tick/notifications/key", "time"): "no blob is opened",
    ("ticks/tick/notifications/swapped", "time"): "no blob opens",
}
"""Inputs of a case, by its id, of which no change of one byte counts, and why."""


SLOW = {"findmy/findmy/keys/last-index"}
"""Cases that take seconds."""


ON_BACKENDS = {
    *("groups", "embeddings", "keys", "blobs", "lanes", "posts", "signatures"),
    *("elgamal", "universal"),
}
"""The files of what goes through a backend of the core."""


def by_operation(
    chosen: list[tuple[str, Json]], *, on_backends: bool = False
) -> pytest.MarkDecorator:
    """Parametrize a test with the cases of each operation of each file."""
    together: defaultdict[tuple[str, str, bool], list[Json]] = defaultdict(list)
    for name, case in chosen:
        together[name, case["operation"], case["id"] in SLOW].append(case)
    values = []
    for (name, operation, slow), cases in together.items():
        marks = [pytest.mark.slow] * slow
        marks += [pytest.mark.backend] * (on_backends and name in ON_BACKENDS)
        values.append(pytest.param(name, cases, id=f"{name}/{operation}", marks=marks))
    return pytest.mark.parametrize(("name", "cases"), values)


@contextlib.contextmanager
def playing(case: Json) -> Iterator[None]:
    """What fails in this block says with which case."""
    try:
        yield
    except BaseException as failure:
        failure.add_note(f"in the case {case['id']}")
        raise


@pytest.mark.parametrize(
    "name",
    [pytest.param(each, marks=[pytest.mark.slow] * (each not in SOME_FILES)) for each in FILES],
)
def test_a_file_is_as_the_schema_says(name: str) -> None:
    jsonschema.Draft202012Validator(json.loads((FOLDER / "schema.json").read_text())).validate(
        FILES[name]
    )
    assert FILES[name]["file"] == name


def test_every_operation_has_a_handler_and_every_handler_a_case() -> None:
    operations = {case["operation"] for _, case in CASES}
    assert operations == set(HANDLERS)


def test_ids_are_unique() -> None:
    assert len({case["id"] for _, case in CASES}) == len(CASES)


@by_operation(CASES, on_backends=True)
def test_vectors(name: str, cases: list[Json]) -> None:
    for case in cases:
        keys = FILES[name].get("keys", {})
        with playing(case), setting_in_memory(keys, thorough=True) as setting:
            check(case, setting)


# One byte changed


@pytest.fixture(scope="module")
def quick() -> Iterator[dict[str, Setting]]:
    """The setting of each file."""
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(setting_in_memory(file.get("keys", {}), thorough=False))
            for name, file in FILES.items()
        }


def makes_a_difference(case: Json, member: str, attempt: int, setting: Setting) -> bool:
    """Whether the engine does something else with one byte of an input changed."""
    rng = Random(f"{case['id']} {member} {attempt}")
    of_keys = list(setting.keys)
    names = {"key": of_keys, "keys": of_keys, "group": list(groups.NAMES)}.get(member, [])
    other = changed(member, case["input"][member], rng, names)
    try:
        output = HANDLERS[case["operation"]]({**case["input"], member: other}, setting)
    except (*FAILURES, TypeError, OverflowError):
        return True
    return bool(output != case["output"])


def some(cases: list[Json]) -> list[Json]:
    """A few, always the same."""
    return Random(cases[0]["id"]).sample(cases, min(SOME, len(cases)))


def members(case: Json, part: str) -> list[str]:
    """Those that have something to change."""
    return [member for member, value in case[part].items() if value != [] or member in STRINGS]


def check_input(case: Json, member: str, setting: Setting) -> None:
    # What is an element of one curve may be one of another, too.
    sometimes = member == "group" or (case["operation"], member) in SOMETIMES
    never = (case["id"], member) in NEVER
    tries = FEW if never else MANY if sometimes else 1
    counts = any(makes_a_difference(case, member, attempt, setting) for attempt in range(tries))
    assert counts is not never, member


def check_output(case: Json, member: str, setting: Setting) -> None:
    rng = Random(f"{case['id']} {member}")
    other = changed(member, case["output"][member], rng, [])
    assert other != case["output"][member]
    with pytest.raises(AssertionError):
        check({**case, "output": {**case["output"], member: other}}, setting)


@by_operation(VALID)
def test_one_changed_byte_fails(name: str, cases: list[Json], quick: dict[str, Setting]) -> None:
    """In one of the inputs and in one of the outputs."""
    for case in some(cases):
        rng = Random(case["id"])
        with playing(case):
            check_input(case, rng.choice(members(case, "input")), quick[name])
            for member in rng.sample(outputs := members(case, "output"), min(len(outputs), 1)):
                check_output(case, member, quick[name])


@pytest.mark.slow
@by_operation(VALID)
def test_one_changed_byte_of_any_part_fails(
    name: str, cases: list[Json], quick: dict[str, Setting]
) -> None:
    setting = quick[name]
    for case in cases:
        with playing(case):
            for member in members(case, "input"):
                check_input(case, member, setting)
            for member in members(case, "output"):
                check_output(case, member, setting)
            with pytest.raises(pytest.fail.Exception):
                check({**case, "result": "not-mine", "reason": ""}, setting)


@pytest.mark.parametrize("chosen", [some, pytest.param(list, marks=pytest.mark.slow)])
@by_operation(REFUSED)
def test_another_result_fails(
    name: str,
    cases: list[Json],
    chosen: Callable[[list[Json]], list[Json]],
    quick: dict[str, Setting],
) -> None:
    for case in chosen(cases):
        others = {"valid", "invalid", "not-mine", "withdrawn"} - {case["result"]}
        for other in sorted(others):
            with playing(case), pytest.raises(FAILURES):
                check({**case, "result": other, "output": {}}, quick[name])


def test_what_fails_says_in_which_case() -> None:
    _, case = REFUSED[0]
    with pytest.raises(AssertionError) as failure, playing(case):
        raise AssertionError
    assert failure.value.__notes__ == [f"in the case {case['id']}"]


def test_what_does_not_count_is_in_the_vectors() -> None:
    inputs = {(case["operation"], member) for _, case in VALID for member in case["input"]}
    assert set(SOMETIMES) <= inputs
    assert set(NEVER) <= {(case["id"], member) for _, case in VALID for member in case["input"]}
