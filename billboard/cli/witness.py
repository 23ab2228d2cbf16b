"""The commands `billboard witness`: cosign the logs of boards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from billboard.cli import files
from billboard.cli.files import Ask, Host, Port, console
from billboard.tlog.cosigner import create_witness, open_witness
from billboard.tlog.note import NoteKey

witness_app = typer.Typer(no_args_is_help=True, help="Cosign the logs of boards.")

WitnessPath = Annotated[
    Path,
    typer.Argument(metavar="WITNESS", help="The witness's directory.", callback=files.not_as_root),
]

_MOST_REQUESTS = 500


@witness_app.command("init")
def witness_init(
    witness: WitnessPath,
    name: Annotated[str, typer.Option(help="The witness's name: a domain and a path.")],
    passphrase: Ask = False,
) -> None:
    """Make a witness with a new key, and show its public key, to give to others."""
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
    host: Host = "127.0.0.1",
    port: Port = 0,
    passphrase: Ask = False,
) -> None:
    """Cosign over HTTP, until SIGTERM or Ctrl-C; then answer the requests that were accepted."""
    from billboard.cli.server import Server
    from billboard.tlog.witness_server import create_witness_app

    logs = [NoteKey.from_text(text) for text in log]
    with open_witness(witness, logs, files.passphrase(passphrase)) as opened:
        app = create_witness_app(opened)
        Server(app, host, port, most_requests=_MOST_REQUESTS).serve_until_stopped()
