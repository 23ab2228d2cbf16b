"""The directory of a device or a sender, with its settings, state and key."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from billboard.cli import files
from billboard.cli.files import console
from billboard.cli.trust import policy_of
from billboard.errors import BillboardError
from billboard.push.config import Section
from billboard.storage import secret_file
from billboard.storage.files import new_directory, replace_file

if TYPE_CHECKING:
    from billboard.board.client import BoardClient

STATE, KEY, CACHE = "state", "state.key", "board"

BoardUrl = Annotated[str, typer.Option(metavar="URL", help="The board's URL.")]
BoardKey = Annotated[
    str, typer.Option(metavar="VKEY", help="The board's key, as `billboard board init` shows it.")
]
StateKey = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="File with the 32-byte key that encrypts the state, made if it is missing;"
        f" {KEY} beside the state if left out.",
    ),
]
Contact = Annotated[str, typer.Argument(metavar="CONTACT", help="Your name for the contact.")]


class Settings:
    """The settings in the file ``name`` of ``directory``. Raises `ConfigError`."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory, self.section = directory, Section.load(directory / name)
        self.proxy = self.optional("proxy") or ""

    def optional(self, key: str) -> str | None:
        """Return a string that may be missing."""
        return self.section.text(key) if key in self.section else None

    @property
    def state(self) -> Path:
        """The path of the state."""
        return self._directory / STATE

    def key(self) -> bytes:
        """Return the key that encrypts the state."""
        return self.section.content("state_key")

    def client(self) -> BoardClient:
        """Make a client of the board, which remembers what it has seen."""
        from billboard.board.client import BoardClient

        section = self.section
        key, witnesses = section.text("board_key"), section.texts("witnesses", [])
        threshold = section.integer("threshold", None, 0, 1000)
        return BoardClient(
            section.text("board"),
            section.checked("board_key", policy_of, key, witnesses, threshold),
            directory=self._directory / CACHE,
            proxy=self.proxy,
        )


@contextmanager
def new_settings(
    directory: Path, name: str, state_key: Path | None, settings: dict[str, Any]
) -> Iterator[None]:
    """Make a directory with these settings and a key, and delete it again if the block fails."""
    with new_directory(directory):
        path = directory / KEY if state_key is None else state_key.resolve()
        if not path.exists():
            replace_file(path, os.urandom(secret_file.KEY_SIZE), private=True)
        written = {**settings, "state_key": KEY if state_key is None else str(path)}
        with files.new_file(directory / name, files.PRIVATE) as file:
            for key, value in written.items():
                if value not in (None, ""):
                    file.write(f"{key} = {json.dumps(value, ensure_ascii=False)}\n")
        yield


def show(done: str, following: float, error: BillboardError | None) -> None:
    """Print what was done and when there is more to do, and then raise the error, if any."""
    at = datetime.datetime.fromtimestamp(following, datetime.UTC)
    console.print(f"{done}; work again at {at:%Y-%m-%d %H:%M:%S} UTC")
    if error is not None:
        raise error
