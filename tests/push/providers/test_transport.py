"""What providers share: how answers are read, and what bounds them."""

from __future__ import annotations

import json

import pytest
from curl_cffi import Headers, Response

from billboard.push.dispatch import Attempt, Outcome
from billboard.push.emulators.http2 import Reply
from billboard.push.providers.transport import (
    MAX_ANSWER,
    Transport,
    json_object,
    requested_delay,
    word,
)
from push.support import Canned

NOW = 1_445_412_480.0
"""Wed, 21 Oct 2015 07:28:00 GMT, the example of RFC 9110, 10.2.3."""


def answer(body: bytes = b"", **headers: str) -> Response:
    response = Response()
    response.headers = Headers({name.replace("_", "-"): value for name, value in headers.items()})
    response.content = body
    return response


@pytest.mark.parametrize(
    ("value", "delay"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:29:30 GMT", 90.0),
        ("Tue, 20 Oct 2015 07:28:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("1e3", None),
        ("9" * 10, None),
        ("\u00b2", None),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
        ("Wed, 21 Oct 2015 07:28:00 +0100", None),
        ("Wednesday, 21-Oct-15 07:28:00 GMT", None),
        ("Wed, 21 Xyz 2015 07:28:00 GMT", None),
    ],
)
def test_a_requested_delay_is_in_seconds_or_until_a_date(value: str, delay: float | None) -> None:
    assert requested_delay(answer(retry_after=value), NOW) == delay


def test_no_delay_is_requested() -> None:
    assert requested_delay(answer(), NOW) is None


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b"\xff\xfe", b"null", b"[" * 100_000])
def test_a_body_that_is_no_object_has_no_members(body: bytes) -> None:
    assert json_object(answer(body)) == {}


def test_an_object_has_its_members() -> None:
    assert json_object(answer(json.dumps({"a": [1]}).encode())) == {"a": [1]}


@pytest.mark.parametrize("value", ["", "a b", "a1", "a" * 41, 7, None, ["x"], "ab\n"])
def test_what_is_no_word_is_not_passed_on(value: object) -> None:
    assert word(value) is None


@pytest.mark.parametrize("value", ["BadTopic", "UNREGISTERED", "INVALID_ARGUMENT", "a" * 40])
def test_a_word_is(value: str) -> None:
    assert word(value) == value


@pytest.mark.parametrize("announced", [True, False])
async def test_an_answer_without_end_is_cut_off(announced: bool) -> None:
    async def send(length: int) -> Attempt:
        headers = (("content-length", str(length)),) if announced else ()
        async with Canned(Reply(200, headers, b"x" * length)) as emulator:
            transport = Transport("Test", emulator.ca_file)
            try:
                return await transport.post(
                    emulator.url, {}, b"", lambda _: Attempt(Outcome.DELIVERED)
                )
            finally:
                await transport.aclose()

    assert await send(MAX_ANSWER) == Attempt(Outcome.DELIVERED)
    cut_off = Attempt(Outcome.RETRY, "transport error FILESIZE_EXCEEDED")
    assert await send(MAX_ANSWER + 1) == cut_off
