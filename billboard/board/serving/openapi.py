"""The board's HTTP interface as an OpenAPI 3.1 document (SPEC 9.9)."""

from __future__ import annotations

from typing import Any

from billboard.board.parameters import BoardParameters
from billboard.errors import PostRefusal
from billboard.posts import post_size
from billboard.times import MAX_UINT32

TOO_MANY = (PostRefusal.QUOTA, PostRefusal.ADMISSION)
REASONS = tuple(each for each in PostRefusal if each not in TOO_MANY)

_RETRY = {
    "Retry-After": {
        "description": "Seconds after which to try again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    }
}
_WORK = {
    "Billboard-Work": {
        "description": "Bits of the proof of work that the board asks for, if it does.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 64},
    }
}
_VALIDATORS = {
    name: {"required": True, "schema": {"type": "string"}} for name in ("ETag", "Cache-Control")
}


def describe(parameters: BoardParameters) -> dict[str, Any]:
    """Return the document for a board with these parameters."""
    tile, entries = (_number("level", 7), _index()), (_index(),)
    edition = (_number("epoch", MAX_UINT32), _number("number", 10**9 - 1))
    log, late = "of the master log", "of an edition"
    below = "/{epoch}/{number}"
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"The billboard {parameters.origin}",
            "version": "1",
            "description": (
                f"Class {parameters.frame_class.name}, epochs of {parameters.epoch_length} s,"
                f" editions every {parameters.late_interval} s (SPEC 9)."
            ),
        },
        "paths": {
            "/posts": {"post": _submit(post_size(parameters.frame_class))},
            "/checkpoint": _reading("The checkpoint of the master log.", kind="text/plain"),
            "/tile/{level}/{index}": _reading(f"A tile {log}.", *tile),
            "/tile/entries/{index}": _reading(f"A bundle of entries {log}.", *entries),
            below + "/tile/{level}/{index}": _reading(f"A tile {late}.", *edition, *tile),
            below + "/tile/entries/{index}": _reading(
                f"A bundle of 256 posts {late}.", *edition, *entries
            ),
            below + "/index": _reading(f"The index {late}.", *edition),
            below + "/checkpoint": _reading(f"The checkpoint {late}.", *edition, kind="text/plain"),
            "/openapi.json": _reading("This document.", kind="application/json"),
            "/healthz": _state("The process runs."),
            "/readyz": _state("The board takes posts."),
        },
    }


def _submit(size: int) -> dict[str, Any]:
    receipt = {"text/plain": {"schema": {"type": "string"}}}
    return {
        "summary": "Submit a post.",
        "parameters": [
            {
                "name": "Billboard-Work",
                "in": "header",
                "description": "The proof of work, if the board asks for one: 8 bytes in hex.",
                "schema": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
            }
        ],
        "requestBody": {
            "required": True,
            "description": f"One post of {size} bytes.",
            "content": {"application/octet-stream": {"schema": {"maxLength": size}}},
        },
        "responses": {
            "201": {"description": "The post is stored; its receipt.", "content": receipt},
            "400": {"description": "Its Content-Length is no number."},
            "404": {"description": "The request has a query."},
            "408": {"description": "The body took too long."},
            "413": {"description": "The body is longer than any post."},
            "415": {"description": "The body is not application/octet-stream."},
            "422": _refusal("The board does not accept the post.", REASONS),
            "429": {
                **_refusal("Too many posts, or no proof of work.", TOO_MANY),
                "headers": {"Retry-After": {**_RETRY["Retry-After"], "required": False}, **_WORK},
            },
            "503": {"description": "The board is too busy.", "headers": _RETRY},
        },
    }


def _refusal(description: str, reasons: tuple[str, ...]) -> dict[str, Any]:
    schema = {
        "type": "object",
        "required": ["reason", "detail"],
        "additionalProperties": False,
        "properties": {
            "reason": {"type": "string", "enum": list(reasons)},
            "detail": {"type": "string"},
        },
    }
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _reading(
    summary: str, *parameters: dict[str, Any], kind: str = "application/octet-stream"
) -> dict[str, Any]:
    known = {
        "name": "If-None-Match",
        "in": "header",
        "description": "The ETag of what the client has.",
        "schema": {"type": "string"},
    }
    responses = {
        "200": {
            "description": "The bytes.",
            "headers": _VALIDATORS,
            "content": {kind: {"schema": {"type": "object"} if "json" in kind else {}}},
        },
        "304": {"description": "The client has them already.", "headers": _VALIDATORS},
        "404": {"description": "Nothing is published there."},
    }
    return {"get": {"summary": summary, "parameters": [*parameters, known], "responses": responses}}


def _state(summary: str) -> dict[str, Any]:
    responses = {"200": {"description": "Yes."}, "503": {"description": "No."}}
    return {"get": {"summary": summary, "responses": responses}}


def _number(name: str, largest: int) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 0, "maximum": largest}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _index() -> dict[str, Any]:
    return {
        "name": "index",
        "in": "path",
        "required": True,
        "description": (
            "As of C2SP tlog-tiles: three digits, with .p/W after them if it is partial; numbers"
            " from 1000 on in more groups, x001/234."
        ),
        "schema": {"type": "string", "pattern": r"^(x[0-9]{3}/){0,6}[0-9]{3}(\.p/[0-9]{1,3})?$"},
    }
