"""Files that the commands read and write: one item on each line, ``-`` for standard streams.

Tokens, handles and subscriptions are text (APNs tokens and handles in hex); other items are base64.
"""

from __future__ import annotations

import base64
import os
import pwd
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated, TypeVar

import numpy as np
import typer
from rich.console import Console

from billboard.batches import Array
from billboard.blob import Blob, unstack
from billboard.errors import BillboardError, InvalidEncodingError
from billboard.frames import FrameClass
from billboard.keys import PublicKey
from billboard.lanes import LaneReader
from billboard.tokens import DeviceToken, Handle, Platform
from billboard.webpush import WebPushSubscription

T = TypeVar("T")

PASSPHRASE_VARIABLE = "BILLBOARD_PASSPHRASE"  # noqa: S105  # the name of a variable
BOARD_PASSPHRASE_VARIABLE = "BILLBOARD_BOARD_PASSPHRASE"  # noqa: S105
"""For the board's key, in commands that also read another secret file."""

Ask = Annotated[
    bool,
    typer.Option("--passphrase", help=f"Ask for a passphrase (or set {PASSPHRASE_VARIABLE})."),
]
SecretPath = Annotated[
    Path, typer.Argument(metavar="SECRET", help="The push server's secret key file.")
]
PublicPath = Annotated[
    str, typer.Argument(metavar="PUBLIC", help="The public key file of the blob's push server.")
]


def not_as_root(directory: Path) -> Path:
    """Refuse to let root work in a directory of another user: it could not use root's files."""
    if os.geteuid() == 0 and directory.is_dir() and (owner := directory.stat().st_uid):
        try:
            name = pwd.getpwuid(owner).pw_name
        except KeyError:
            name = f"with the number {owner}"
        problem = f"belongs to the user {name}, who could not use the files of root"
        advice = "run this as that user, as with `runuser -u NAME -- billboard ..`"
        raise BillboardError(f"{directory} {problem}: {advice}")
    return directory


BoardPath = Annotated[
    Path,
    typer.Argument(metavar="BOARD", help="The board's directory.", callback=not_as_root),
]
LanePath = Annotated[Path, typer.Argument(metavar="LANE", help="The lane's secret file.")]
Blobs = Annotated[str, typer.Argument(metavar="BLOBS", help="File of blobs, - for stdin.")]
Epoch = Annotated[int | None, typer.Option(help="Epoch; the current one if left out.")]
Class = Annotated[
    str, typer.Option("--class", metavar="H|S|L|XL", help="Frame class; each board has only one.")
]
Proxy = Annotated[str, typer.Option(metavar="URL", help="A proxy for all requests.")]
Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 for a free one.")]
Output = Annotated[
    str, typer.Option("--out", "-o", help="New file to write, - for standard output.")
]

PUBLIC, PRIVATE = 0o666, 0o600
"""Modes of new files; the umask removes bits from them."""

console = Console(markup=False, emoji=False, highlight=False, soft_wrap=True)
errors = Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)


def passphrase(
    ask: bool,
    *,
    confirm: bool = False,
    variable: str = PASSPHRASE_VARIABLE,
    prompt: str = "Passphrase",
) -> str | None:
    """Return the passphrase in ``variable``, or ask for one at the terminal if ``ask``."""
    given = os.environ.get(variable)
    if given == "":
        raise BillboardError(f"{variable} is empty: unset it, or give a passphrase")
    if given is not None or not ask:
        return given
    return str(typer.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True))


def frame_class(name: str) -> FrameClass:
    """Return the class of that name."""
    if name not in FrameClass.__members__:
        raise BillboardError(f"class {name} is none of {', '.join(FrameClass.__members__)}")
    return FrameClass[name]


def read_tokens(path: str, platform: str, app: int) -> list[DeviceToken]:
    """Read device tokens of a platform, for an app of the push server."""
    formats = {
        "apns": lambda line: DeviceToken(Platform.APNS, read_hex("an APNs token", line), app),
        "fcm": lambda line: DeviceToken(Platform.FCM, line.encode(), app),
        "webpush": lambda line: WebPushSubscription.from_json(line).to_token(app),
        "sns": lambda line: DeviceToken(Platform.SNS, line.encode(), app),
        "pushy": lambda line: DeviceToken(Platform.PUSHY, line.encode(), app),
    }
    if platform not in formats:
        raise BillboardError(f"platform {platform} is none of {', '.join(formats)}")
    return _read_texts(path, formats[platform])


def read_handles(path: str) -> list[Handle]:
    """Read handles, in hex."""
    return _read_texts(path, _handle)


def _read_texts(path: str, parse: Callable[[str], T]) -> list[T]:
    """Parse each line that is not empty."""
    text = typer.get_text_stream("stdin").read() if path == "-" else Path(path).read_text()
    parsed = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                parsed.append(parse(line.strip()))
            except BillboardError as error:
                raise BillboardError(f"{path}, line {number}: {error}") from None
    if not parsed:
        raise BillboardError(f"{path}: is empty")
    return parsed


def _handle(text: str) -> Handle:
    return Handle(read_hex("a handle", text))


def read_hex(what: str, text: str) -> bytes:
    """Decode hex; ``what`` names it in an error."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise BillboardError(f"{what} must be given in hex") from None


def read_lines(path: str) -> list[bytes]:
    """Read the base64 lines of a file."""
    text = sys.stdin.read() if path == "-" else Path(path).read_text("ascii", "replace")
    if text.startswith("billboard-secret"):
        raise BillboardError(f"{path}: is a secret file; name a file of base64 text")
    lines = [line for line in text.split() if line]
    if not lines:
        raise BillboardError(f"{path}: is empty")
    try:
        return [base64.b64decode(line, validate=True) for line in lines]
    except ValueError:
        raise BillboardError(f"{path}: must be base64 text, one item on each line") from None


def encode_lines(items: Iterable[bytes]) -> str:
    """Return items as base64 lines."""
    return "".join(base64.b64encode(item).decode() + "\n" for item in items)


def write_lines(path: str, items: Iterable[bytes], *, mode: int = PUBLIC) -> None:
    """Write items as base64 lines."""
    write_text(path, encode_lines(items), mode=mode)


def write_text(path: str, text: str, *, mode: int = PUBLIC) -> None:
    """Write a text to a new file or standard output."""
    with output(path, mode) as file:
        file.write(text)


@contextmanager
def output(path: str, mode: int = PUBLIC) -> Iterator[IO[str]]:
    """Yield standard output or a `new_file`. Enter this before making what could get lost."""
    if path == "-":
        yield sys.stdout
    else:
        with new_file(Path(path), mode) as file:
            yield file


@contextmanager
def new_file(path: Path, mode: int = PUBLIC) -> Iterator[IO[str]]:
    """Make a new file, and delete it again if the block fails."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        problem = "exists, and no output is ever overwritten: name another file"
        raise BillboardError(f"{path} {problem}") from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yield file
    except BaseException:
        path.unlink()
        raise


def read_one(path: str, what: str) -> bytes:
    """Read the only base64 line of a file; ``what`` names it in an error."""
    lines = read_lines(path)
    if len(lines) != 1:
        raise BillboardError(f"{path}: must hold one {what}, not {len(lines)} lines")
    return lines[0]


def _read_one_as(decode: Callable[[bytes], T], path: str, what: str) -> T:
    """Read the only line of a file, and decode it; an error names the file."""
    data = read_one(path, what)
    try:
        return decode(data)
    except BillboardError as error:
        raise BillboardError(f"{path}: {error}") from None


def read_public_key(path: str) -> PublicKey:
    """Read a public key."""
    return _read_one_as(PublicKey.from_bytes, path, "public key")


def read_blob(path: str) -> Blob:
    """Read one blob."""
    return _read_one_as(Blob.from_bytes, path, "blob")


def read_blobs(path: str, frame_class: FrameClass) -> Array:
    """Read a batch of blobs, and check only their lengths."""
    items = read_lines(path)
    wrong = [i + 1 for i, item in enumerate(items) if len(item) != frame_class.blob_size]
    if wrong:
        problem = f"line {wrong[0]} must be {frame_class.blob_size} bytes in base64"
        raise InvalidEncodingError(path, problem)
    shape = (len(items), frame_class.elements + 1, 32)
    return np.frombuffer(b"".join(items), np.uint8).reshape(shape)


def write_blobs(path: str, array: Array) -> None:
    """Write a batch of blobs."""
    write_lines(path, map(bytes, unstack(array)))


def read_grant(path: str) -> LaneReader:
    """Read a lane grant."""
    return _read_one_as(LaneReader.from_bytes, path, "lane grant")


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error, and yield the function by which a batch reports to it."""
    from rich.progress import Progress

    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as bars:
        task = bars.add_task(title)
        yield lambda done, total: bars.update(task, completed=done, total=total)
