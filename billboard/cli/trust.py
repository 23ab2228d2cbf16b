"""Options that say which keys a reader trusts, and which witnesses a board asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from billboard.board.board import Witness
from billboard.tlog.checkpoint import Policy
from billboard.tlog.note import NoteKey

_KEY = typer.Option(metavar="VKEY", help="The board's key, as `billboard board init` shows it.")

Key = Annotated[str, _KEY]
OptionalKey = Annotated[str | None, _KEY]
WitnessKeys = Annotated[
    list[str] | None,
    typer.Option("--witness", metavar="VKEY", help="Key of a witness to trust; may be repeated."),
]
Threshold = Annotated[
    int | None, typer.Option(min=0, help="Witnesses that must have cosigned; all if left out.")
]
Witnesses = Annotated[
    list[str] | None,
    typer.Option(
        "--witness", metavar="URL=VKEY", help="Ask this witness to cosign; may be repeated."
    ),
]


def policy_of(key: str, witnesses: Sequence[str] | None, threshold: int | None) -> Policy:
    """Return the policy of these options. Raises `InvalidEncodingError`."""
    keys = tuple(map(NoteKey.from_text, witnesses or ()))
    return Policy(NoteKey.from_text(key), keys, len(keys) if threshold is None else threshold)


def witnesses_of(options: Sequence[str] | None) -> tuple[Witness, ...]:
    """Return the witnesses of these options. Raises `InvalidEncodingError`."""
    return tuple(map(_witness_of, options or ()))


def _witness_of(text: str) -> Witness:
    url, _, vkey = text.partition("=")
    key = NoteKey.from_text(vkey)
    # This imports an HTTP client, which a board without witnesses does not need.
    from billboard.tlog.witness_client import WitnessClient

    return WitnessClient(url, key)
