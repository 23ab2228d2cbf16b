"""The commands of ``billboard``.

Each command runs in a new process. To start fast, a command itself imports what only some commands
need, such as an HTTP client or server.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from billboard.batches import Mask
from billboard.cli import files
from billboard.cli.board import board_app
from billboard.cli.device import device_app
from billboard.cli.files import (
    Ask,
    Blobs,
    Class,
    Epoch,
    LanePath,
    Output,
    Port,
    PublicPath,
    SecretPath,
    console,
)
from billboard.cli.findmy import findmy_app
from billboard.cli.maintenance import maintenance_app
from billboard.cli.monitor import monitor
from billboard.cli.posting import epoch_of, posting_app
from billboard.cli.proof import proof_app
from billboard.cli.push import push_app
from billboard.cli.sender import sender_app
from billboard.cli.serve import serve
from billboard.cli.wait import wait
from billboard.cli.witness import witness_app
from billboard.errors import BillboardError, InvalidRowsError, listed
from billboard.frames import FrameBatch, FrameClass
from billboard.keys import SecretKey
from billboard.lanes import Lane
from billboard.times import DEFAULT_EPOCH_LENGTH
from billboard.tokens import DeviceToken, Handle

if TYPE_CHECKING:
    from billboard.push.emulators.apns import ApnsEmulator

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Publish push tokens on an anonymous billboard.",
)
lane_app = typer.Typer(no_args_is_help=True, help="Make lanes and grants.")
app.add_typer(lane_app, name="lane")
app.add_typer(board_app, name="board")
board_app.add_typer(maintenance_app)
app.add_typer(findmy_app, name="findmy")
app.add_typer(posting_app)
app.add_typer(proof_app)
app.add_typer(witness_app, name="witness")
app.add_typer(push_app, name="push")
app.add_typer(device_app, name="device")
app.add_typer(sender_app, name="sender")
app.command()(monitor)
app.command()(serve)
app.command()(wait)


def show_version(wanted: bool) -> None:
    """Print the version, and exit."""
    if wanted:
        console.print(f"billboard {importlib.metadata.version('anonymous-billboard')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=show_version, is_eager=True, help="Show the version, and exit."
        ),
    ] = False,
) -> None:
    """Publish push tokens on an anonymous billboard."""


@app.command()
def keygen(
    secret: SecretPath, public: PublicPath, class_name: Class = "L", passphrase: Ask = False
) -> None:
    """Make a push server's key pair: SECRET, to keep, and PUBLIC, to publish."""
    frame_class = files.frame_class(class_name)
    chosen = files.passphrase(passphrase, confirm=True)
    secret_key = SecretKey.generate(frame_class)
    with files.new_file(Path(public)) as file:
        file.write(files.encode_lines([bytes(secret_key.public_key)]))
        secret_key.save(secret, chosen)
    files.errors.print(f"key {secret_key.public_key.key_id.hex()}")


@app.command()
def encrypt(
    public: PublicPath,
    tokens: Annotated[
        str, typer.Argument(metavar="TOKENS", help="File with a token on each line; - for stdin.")
    ] = "-",
    *,
    platform: Annotated[
        str | None,
        typer.Option(
            metavar="apns|fcm|webpush|sns|pushy",
            help="Push service: apns (the default) takes hex, webpush JSON, the others text.",
        ),
    ] = None,
    app_number: Annotated[
        int | None, typer.Option("--app", help="Number of the app at the server; 0 if left out.")
    ] = None,
    out: Output = "-",
) -> None:
    """Encrypt device tokens into blobs; with a key of class H, encrypt handles, in hex.

    They are read from a file or from stdin, because other users can see the arguments.
    """
    public_key = files.read_public_key(public)
    parsed: Sequence[DeviceToken | Handle]
    if not public_key.frame_class.carries_handle:
        parsed = files.read_tokens(tokens, platform or "apns", app_number or 0)
    elif platform is None and app_number is None:
        parsed = files.read_handles(tokens)
    else:
        raise BillboardError("a key of class H takes handles: leave out --platform and --app")
    with files.progress_bar("encrypting") as progress:
        files.write_blobs(out, public_key.encrypt_batch(parsed, progress=progress))


@app.command()
def rerandomize(public: PublicPath, blobs: Blobs = "-", out: Output = "-") -> None:
    """Turn blobs into fresh, unlinkable blobs of the same tokens."""
    public_key = files.read_public_key(public)
    array = files.read_blobs(blobs, public_key.frame_class)
    with files.progress_bar("rerandomizing") as progress:
        try:
            fresh = public_key.rerandomize_batch(array, progress=progress)
        except InvalidRowsError as error:
            lines = listed([row + 1 for row in error.rows])
            problem = f"no blobs in these lines: {lines}; nothing was written"
            raise BillboardError(f"{blobs}: {problem}") from None
        files.write_blobs(out, fresh)


@app.command("open")
def open_blobs(secret: SecretPath, blobs: Blobs = "-", passphrase: Ask = False) -> None:
    """Open blobs as the push server does, and show what is in them, but no tokens or handles."""
    secret_key = SecretKey.load(secret, files.passphrase(passphrase))
    array = files.read_blobs(blobs, secret_key.public_key.frame_class)
    with files.progress_bar("opening") as progress:
        frames, opened = secret_key.open_batch(array, progress=progress)
    console.print(_opened_table(frames, opened, secret_key.public_key.frame_class))
    console.print(f"{int(opened.sum())} of {len(array)} blobs are valid and for this key")
    if not opened.any():
        raise typer.Exit(1)


@lane_app.command("new")
def lane_new(
    lane: LanePath,
    origin: Annotated[str, typer.Option(help="The board's origin.")],
    epoch_length: Annotated[
        int, typer.Option(help="Seconds of an epoch of the board.")
    ] = DEFAULT_EPOCH_LENGTH,
    class_name: Class = "L",
    passphrase: Ask = False,
) -> None:
    """Make a lane, and write the device's secret side of it to the new file LANE."""
    frame_class = files.frame_class(class_name)
    made = Lane.generate(origin, frame_class=frame_class, epoch_length=epoch_length)
    made.save(lane, files.passphrase(passphrase, confirm=True))
    console.print(f"lane on {origin} from epoch {made.epoch}")


@lane_app.command("grant")
def lane_grant(
    lane: LanePath, epoch: Epoch = None, passphrase: Ask = False, out: Output = "-"
) -> None:
    """Write the grant for a contact. It is a secret between the device and the contact."""
    owner = Lane.load(lane, files.passphrase(passphrase))
    files.write_lines(out, [bytes(owner.grant(epoch_of(owner, epoch)))], mode=files.PRIVATE)


@app.command()
def emulator(
    port: Port = 0,
    directory: Annotated[
        Path, typer.Option(help="Where to put the files of its CA and key while it runs.")
    ] = Path(),
    goaway_every: Annotated[
        int | None, typer.Option(help="Shut down each connection after this many requests.")
    ] = None,
    reset_every: Annotated[int | None, typer.Option(help="Reset every n-th stream.")] = None,
) -> None:
    """Run a local server that answers as APNs does, until Ctrl-C.

    It shows the section of the configuration with which a push server pushes to it.
    """
    from billboard.push.emulators.apns import ApnsEmulator

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    asyncio.run(
        _emulator(ApnsEmulator(port, goaway_every=goaway_every, reset_every=reset_every), directory)
    )


@app.command()
def demo(
    devices: Annotated[int, typer.Option(min=2, help="How many devices take part.")] = 1000,
) -> None:
    """Play the whole story with a fresh board, push server and emulator, and check the result."""
    from billboard.cli.demo import run_demo

    if not run_demo(devices, Console()):
        raise typer.Exit(1)


_SECTION = """\
[apns]
team_id = "{key.team_id}"
key_id = "{key.key_id}"
key_file = "{p8}"
topics = {{ "0" = "com.example" }}
host = "{url}"
ca_file = "{ca}"
"""


def _opened_table(frames: FrameBatch, opened: Mask, frame_class: FrameClass) -> Table:
    """Return a table with a row for each blob that opened. It shows nothing of a handle."""
    columns = () if frame_class.carries_handle else ("platform", "app", "token bytes")
    table = Table("line", *columns, "expires (UTC)", "gate")
    for row in opened.nonzero()[0].tolist():
        frame = frames[row]
        about: tuple[str, ...] = ()
        if isinstance(frame.token, DeviceToken):
            token = frame.token
            about = token.platform.name, str(token.app), str(len(token.value))
        expires = np.datetime64(frame.expires, "s").astype(str)
        table.add_row(str(row + 1), *about, expires, "yes" if frame.gate else "no")
    return table


async def _emulator(server: ApnsEmulator, directory: Path) -> None:
    directory = directory.resolve()
    key_path, ca_path = directory / "emulator-key.p8", directory / "emulator-ca.pem"
    async with server:
        authority, key = server.ca_file.read_text(), server.key.private_key_pem.decode()
        with (
            _for_a_while(ca_path, authority, files.PUBLIC),
            _for_a_while(key_path, key, files.PRIVATE),
        ):
            console.print(_SECTION.format(key=server.key, url=server.url, ca=ca_path, p8=key_path))
            await _report(server)


async def _report(server: ApnsEmulator) -> None:
    """Print each delivery, until cancelled."""
    seen = 0
    while True:
        await asyncio.sleep(0.2)
        for delivery in server.deliveries[seen:]:
            repeat = " (repeat)" if delivery.duplicate else ""
            console.print(f"woke a device of {delivery.topic}: {delivery.apns_id}{repeat}")
        seen = len(server.deliveries)


@contextmanager
def _for_a_while(path: Path, text: str, mode: int) -> Iterator[None]:
    """Make a new file, and delete it when the block is left."""
    with files.new_file(path, mode) as file:
        file.write(text)
    try:
        yield
    finally:
        path.unlink()
