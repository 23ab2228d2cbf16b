"""The commands `billboard witness`: cosign the logs of boards."""

from __future__ import annotations

import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from billboard.board.cosigner import create_witness, open_witness
from billboard.board.note import NoteKey
from billboard.board.witness_server import create_witness_app
from billboard.cli import files
from billboard.cli.files import Ask, console

witness_app = typer.Typer(no_args_is_help=True, help="Cosign the logs of boards.")

WitnessPath = Annotated[Path, typer.Argument(metavar="WITNESS", help="The witness's directory.")]

_MOST_CONNECTIONS = 500
_STOP = 10  # seconds that requests get to end


@witness_app.command("init")
def witness_init(
    witness: WitnessPath,
    name: Annotated[str, typer.Option(help="The witness's name, as a domain and path.")],
    passphrase: Ask = False,
) -> None:
    """Make a witness, its key and what it remembers, and show the key to give to others."""
    key = create_witness(witness, name, files.passphrase(passphrase, confirm=True))
    console.print(str(key))


@witness_app.command("info")
def witness_info(witness: WitnessPath, passphrase: Ask = False) -> None:
    """Show the key of a witness, and how many entries of each log it has cosigned."""
    with open_witness(witness, [], files.passphrase(passphrase)) as opened:
        console.print(str(opened.key))
        for origin, size in opened.sizes().items():
            console.print(f"{origin}: {size}")


@witness_app.command("serve")
def witness_serve(
    witness: WitnessPath,
    log: Annotated[
        list[str], typer.Option(metavar="VKEY", help="Key of a board to watch; may be repeated.")
    ],
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 for a free one.")] = 0,
    passphrase: Ask = False,
) -> None:
    """Answer over HTTP, until SIGTERM or Ctrl-C: what is being answered then still is."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logs = [NoteKey.from_text(text) for text in log]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with (
        open_witness(witness, logs, files.passphrase(passphrase)) as opened,
        socket.create_server((host, port), family=family) as listener,
    ):
        config = uvicorn.Config(
            create_witness_app(opened),
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            proxy_headers=False,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=_STOP,
        )
        shown = f"[{host}]" if ":" in host else host
        console.print(f"{opened.key.name} at http://{shown}:{listener.getsockname()[1]}")
        # It raises the signal again when it has stopped.
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run([listener])
