"""Where a client connects to, and what of an answer it repeats."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from board.conftest import Connect
from board.http_board import Answer, ForgedBoard, HttpBoard, fails
from board.support import ORIGIN


@pytest.fixture
def served(forged: ForgedBoard) -> Iterator[HttpBoard]:
    with HttpBoard(forged) as http:
        yield http


@pytest.mark.parametrize(
    "url",
    ["ftp://example.org", "http://", "example.org", "https://a b", "file:///etc", "http://a/\n",
     "https://user@example.org", "https://user:secret@example.org/x", "https://example.org/?secret",
     "https://example.org/x?a=secret", "https://example.org/#secret", "https://example.org?secret",
     "https://example.org#secret", "https://example.org:port", "https://[::1", "https://a/\u00e9"],
)  # fmt: skip
def test_what_is_no_url_of_a_board(connect: Connect, url: str) -> None:
    """It is not shown: it may have a password."""
    error = fails(
        "unreachable", lambda: connect(url), r"must be http\(s\)://host\[:port\]\[/path\]"
    )
    assert "secret" not in str(error)


@pytest.mark.parametrize("path", ["", "/", "/x", "/x/", "/a@b:c/!$&'()*+,;=~%20"])
def test_a_url_may_have_a_path(
    connect: Connect, served: HttpBoard, forged: ForgedBoard, path: str
) -> None:
    path = path.rstrip("/")
    served.answers[f"{path}/checkpoint".removeprefix("/")] = lambda _: Answer(forged.note)
    assert connect(f"{served.url}{path}").checkpoint().size == 2


def test_what_nobody_signed_is_not_repeated(connect: Connect, served: HttpBoard) -> None:
    """Whoever is in between would else write into a terminal, or into a log."""
    for origin in ("example.org/\u001b[2J", "\u202eexample.net", "x" * 100_000):
        note = f"{origin}\n2\n{'A' * 43}=\n\n\u2014 {ORIGIN} {'A' * 96}\n".encode()
        served.replace("checkpoint", note)
        told = str(fails("signature", connect(served.url).checkpoint))
        assert len(told) < 200
        assert told.isprintable()
        assert origin[-9:] not in told
