"""The commands `billboard sender`, which do by hand what an application that wakes people does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from billboard.cli import files
from billboard.cli.clients import (
    BoardKey,
    BoardUrl,
    Contact,
    Settings,
    StateKey,
    new_settings,
    show,
)
from billboard.cli.files import Proxy, console
from billboard.cli.posting import DECOYS
from billboard.cli.trust import Threshold, WitnessKeys
from billboard.tlog.note import NoteKey

if TYPE_CHECKING:
    from billboard.sender.sender import Errand, Sender

sender_app = typer.Typer(no_args_is_help=True, help="Wake contacts, as an application does.")

SenderPath = Annotated[
    Path,
    typer.Argument(metavar="SENDER", help="The sender's directory.", callback=files.not_as_root),
]

SETTINGS = "sender.toml"
MOST_DECOYS, MOST_COVER = 1000, 10_000


@sender_app.command("init")
def init(
    sender: SenderPath,
    *,
    board: BoardUrl,
    board_key: BoardKey,
    server: Annotated[
        list[str], typer.Option(metavar="VKEY", help="Key of a push server; may be repeated.")
    ],
    witness: WitnessKeys = None,
    threshold: Threshold = None,
    interval: Annotated[float, typer.Option(min=1, help="Seconds from a fetch to the next.")] = (
        3600.0
    ),
    decoys: Annotated[
        int, typer.Option(min=0, max=MOST_DECOYS, help="Bundles to hide the wanted one among.")
    ] = DECOYS,
    cover: Annotated[
        float, typer.Option(min=0, max=MOST_COVER, help="Requests a day that wake nobody.")
    ] = 0.0,
    waku: Annotated[
        str | None, typer.Option(metavar="URL", help="Send through the Waku node there.")
    ] = None,
    proxy: Proxy = "",
    state_key: StateKey = None,
) -> None:
    """Make a sender that knows a board and these push servers, but no contacts yet."""
    settings = {
        "board": board,
        "board_key": board_key,
        "witnesses": witness or [],
        "threshold": threshold,
        "servers": server,
        "interval": interval,
        "decoys": decoys,
        "cover": cover,
        "waku": waku,
        "proxy": proxy,
    }
    with new_settings(sender, SETTINGS, state_key, settings), _opened(sender):
        pass


@sender_app.command("add")
def add(
    sender: SenderPath,
    contact: Contact,
    grant: Annotated[
        str, typer.Argument(metavar="GRANT", help="File of its grant; - for stdin.")
    ] = "-",
) -> None:
    """Add a contact with the grant that it sent; a newer grant replaces an older one."""
    given = files.read_one(grant, "grant")
    with _opened(sender) as opened:
        opened.add_contact(contact, given)


@sender_app.command("remove")
def remove(sender: SenderPath, contact: Contact) -> None:
    """Forget a contact, and the requests that wait to be sent to it."""
    with _opened(sender) as opened:
        opened.remove_contact(contact)


@sender_app.command("opt-out")
def opt_out(
    sender: SenderPath,
    contact: Annotated[
        str | None, typer.Argument(metavar="CONTACT", help="All present contacts if left out.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Use push servers again.")] = False,
) -> None:
    """Use no push server for a contact; requests that wait for it are dropped."""
    with _opened(sender) as opened:
        opened.opt_out(contact, out=not undo)


@sender_app.command("wake")
def wake(sender: SenderPath, contact: Contact) -> None:
    """Send a request for each device of a contact. A request that cannot be sent now waits."""
    with _opened(sender) as opened:
        errand = opened.wake(contact)
    _show(errand)


@sender_app.command("work")
def work(sender: SenderPath) -> None:
    """Do what is due, and say when there is more to do. Run it from cron or in a loop."""
    with _opened(sender) as opened:
        errand = opened.work()
    _show(errand)


@sender_app.command("status")
def status(sender: SenderPath) -> None:
    """Show who can be woken until when, what is waiting, and what went wrong."""
    with _opened(sender) as opened:
        for sentence in opened.status():
            console.print(sentence)


def _show(errand: Errand) -> None:
    show(f"{errand.taken} taken, {errand.waiting} waiting", errand.next, errand.error)


@contextmanager
def _opened(directory: Path) -> Iterator[Sender]:
    from billboard.push.requests.courier import HttpCourier
    from billboard.push.requests.waku import WakuCourier
    from billboard.sender.sender import Sender

    settings = Settings(directory, SETTINGS)
    section = settings.section
    with settings.client() as client:  # makes no request before it has to
        options = {
            "interval": section.number("interval", 3600.0, 1, 1e9),
            "decoys": section.integer("decoys", DECOYS, 0, MOST_DECOYS),
            "cover": section.number("cover", 0.0, 0, MOST_COVER),
        }
        servers = [
            section.checked("servers", NoteKey.from_text, each) for each in section.texts("servers")
        ]
        node = settings.optional("waku")
        courier = (
            HttpCourier(proxy=settings.proxy)
            if node is None
            else section.checked("waku", WakuCourier, node)
        )
        key = settings.key()
        section.end()
        with Sender(settings.state, key, [client], servers, courier=courier, **options) as opened:
            yield opened
