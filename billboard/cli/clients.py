"""What a device and a sender have in common here: a directory with settings, state and key."""

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
    str, typer.Option(metavar="VKEY", help="Its key, as `billboard board init` shows it.")
]
StateKey = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="32 bytes that the state is encrypted under, made if there is no such file;"
        f" {KEY} beside the state if left out.",
    ),
]
Contact = Annotated[str, typer.Argument(metavar="CONTACT", help="What the contact is called here.")]


class Settings:
    """What the file of settings in ``directory`` says. Raises `ConfigError`."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory, self.section = directory, Section.load(directory / name)
        self.proxy = self.optional("proxy") or ""

    def optional(self, key: str) -> str | None:
        """A string that may be missing."""
        return self.section.text(key) if key in self.section else None

    @property
    def state(self) -> Path:
        """The path of the state."""
        return self._directory / STATE

    def key(self) -> bytes:
        """What the state is encrypted under."""
        return self.section.content("state_key")

    def client(self) -> BoardClient:
        """A client of the board, which remembers what it has seen."""
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
    """Make a directory with these settings, and a key; it goes again if the block fails."""
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
    """Say what was done, and when there is more to do; raise what went wrong."""
    at = datetime.datetime.fromtimestamp(following, datetime.UTC)
    console.print(f"{done}; work again at {at:%Y-%m-%d %H:%M:%S} UTC")
    if error is not None:
        raise error
