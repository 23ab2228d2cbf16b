"""Procedures: what a reader of a board does, apart from how its requests travel.

A *procedure* is a generator: it yields requests, which may all be made at once, and is sent their
answers. A client runs it to its end over its connections. It raises `BoardError`.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TypeVar

from billboard.errors import BoardError, BoardFault

T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """A GET of ``path`` below the URL of the board, or a POST of ``body`` with a proof of ``work``.

    The body of the answer may have ``limit`` bytes.
    """

    path: str
    limit: int
    body: bytes | None = field(default=None, repr=False)
    work: bytes = b""


@dataclass(frozen=True)
class FindWork:
    """A request to find a proof of work of ``bits`` bits for ``post`` (SPEC 9.1). It takes a while.

    The answer has status 200 and the proof as its body.
    """

    origin: str
    post: bytes = field(repr=False)
    bits: int


@dataclass(frozen=True)
class Response:
    """An answer. ``work_bits`` is how much work the board asks for, None if it asks for none."""

    status: int
    body: bytes = field(repr=False)
    work_bits: int | None = None


Procedure = Generator[tuple[Request | FindWork, ...], tuple[Response, ...], T]


def get(path: str, limit: int) -> Procedure[bytes]:
    """Get what the board has at ``path``. Raises `BoardError`."""
    (response,) = yield (Request(path, limit),)
    return content(path, response)


def content(path: str, response: Response) -> bytes:
    """Return the body of the answer to a GET. Raises `BoardError` unless its status is 200."""
    if response.status == 200:
        return response.body
    if response.status in (404, 410):
        raise BoardError(BoardFault.MISSING, f"/{path} is not there; it may have expired")
    problem = f"the board answered with status {response.status}"
    if 300 <= response.status < 400:
        problem += ", a redirect. Redirects are not followed: give the right URL"
    raise BoardError(BoardFault.UNREACHABLE, f"/{path}: {problem}")
