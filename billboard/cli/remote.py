"""Options of commands that read a board over HTTP: which keys to trust, and how to connect."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from billboard.cli.files import Proxy
from billboard.cli.trust import OptionalKey, Threshold, WitnessKeys, policy_of
from billboard.errors import BillboardError

if TYPE_CHECKING:
    from billboard.board.client import BoardClient

CachePath = Annotated[
    Path | None, typer.Option(help="Directory that caches what was read and remembers the log.")
]


@dataclass(frozen=True)
class Remote:
    """The options for a board at a URL, which make no sense for a directory."""

    key: OptionalKey = None
    witness: WitnessKeys = None
    threshold: Threshold = None
    proxy: Proxy = ""
    cache: CachePath = None

    def client(self, url: str) -> BoardClient:
        """Make a client that trusts only these keys."""
        from billboard.board.client import BoardClient

        if self.key is None:
            raise BillboardError(f"{url}: give --key, the key that `billboard board init` showed")
        policy = policy_of(self.key, self.witness, self.threshold)
        return BoardClient(url, policy, directory=self.cache, proxy=self.proxy)

    def check_unused(self, board: str) -> None:
        """Raise `BillboardError` if any of these options is given."""
        if any(each not in (None, "") for each in vars(self).values()):
            problem = "needs none of --key, --witness, --threshold, --proxy and --cache"
            raise BillboardError(f"{board} is read as a directory, which {problem}")


def with_remote(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with an option for each field of `Remote` instead of ``remote``."""
    names = [each.name for each in fields(Remote)]
    hints = get_type_hints(Remote, include_extras=True)
    options = [
        each.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[name])
        for name, each in inspect.signature(Remote).parameters.items()
    ]
    signature = inspect.signature(command, eval_str=True)
    own = [each for each in signature.parameters.values() if each.name != "remote"]

    @functools.wraps(command)
    def wrapped(**given: Any) -> None:
        remote = Remote(**{name: given.pop(name) for name in names})
        command(**given, remote=remote)

    wrapped.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
    wrapped.__annotations__ = {each.name: each.annotation for each in [*own, *options]}
    return wrapped
