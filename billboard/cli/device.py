"""The commands `billboard device`, which do by hand what an application on a phone does."""

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
from billboard.cli.files import Output, Proxy, console
from billboard.cli.trust import Threshold, WitnessKeys
from billboard.errors import BillboardError
from billboard.lanes import MOST_LANES
from billboard.tlog.note import NoteKey

if TYPE_CHECKING:
    from billboard.device.device import Device
    from billboard.device.profile import Profile

device_app = typer.Typer(no_args_is_help=True, help="Be woken, as an application on a phone is.")

DevicePath = Annotated[
    Path,
    typer.Argument(metavar="DEVICE", help="The device's directory.", callback=files.not_as_root),
]
ProfileName = Annotated[
    str, typer.Argument(metavar="PROFILE", help="Your name for the user of the device.")
]
ServerKey = Annotated[
    str,
    typer.Option(metavar="VKEY", help="The push server's key, as `billboard push init` shows it."),
]

SETTINGS = "device.toml"


@device_app.command("init")
def init(
    device: DevicePath,
    *,
    board: BoardUrl,
    board_key: BoardKey,
    server: ServerKey,
    witness: WitnessKeys = None,
    threshold: Threshold = None,
    devices: Annotated[
        int,
        typer.Option(min=1, max=MOST_LANES, help="Devices that a user can have; all users alike."),
    ] = 1,
    proxy: Proxy = "",
    state_key: StateKey = None,
) -> None:
    """Make a device that posts to a board and is woken through a push server.

    The board must have published an edition.
    """
    from billboard.device.device import Device

    settings = {
        "board": board,
        "board_key": board_key,
        "witnesses": witness or [],
        "threshold": threshold,
        "proxy": proxy,
    }
    with new_settings(device, SETTINGS, state_key, settings):
        read = Settings(device, SETTINGS)
        with read.client() as client:
            key = NoteKey.from_text(server)
            Device.create(read.state, read.key(), client, key, devices=devices).close()


@device_app.command("token")
def token(
    device: DevicePath,
    tokens: Annotated[
        str, typer.Argument(metavar="TOKEN", help="File with the device token; - for stdin.")
    ] = "-",
    *,
    platform: Annotated[
        str, typer.Option(metavar="apns|fcm|webpush|sns|pushy", help="As for `billboard encrypt`.")
    ] = "apns",
    app_number: Annotated[int, typer.Option("--app", help="Number of the app at the server.")] = 0,
    forget: Annotated[
        bool, typer.Option("--forget", help="Read no token: this device can no longer be woken.")
    ] = False,
) -> None:
    """Set the token by which the push service knows this device, for all users of the device."""
    found = [] if forget else files.read_tokens(tokens, platform, app_number)
    if len(found) > 1:
        raise BillboardError(f"{tokens}: must hold one token, not {len(found)}")
    with _opened(device) as opened:
        opened.set_token(found[0] if found else None)


@device_app.command("server")
def server(
    device: DevicePath,
    key: Annotated[str, typer.Argument(metavar="VKEY", help="The key of the push server.")],
) -> None:
    """Be woken through another push server from now on."""
    with _opened(device) as opened:
        opened.set_server(NoteKey.from_text(key))


@device_app.command("add")
def add(device: DevicePath, profile: ProfileName, contact: Contact, out: Output = "-") -> None:
    """Add a contact who can wake this user, and write the grant for the contact.

    PROFILE is made if it does not exist. The grant is a secret: send it through your end-to-end
    encrypted chat.
    """
    with files.output(out, files.PRIVATE) as file, _opened(device) as opened:
        there = profile in opened.profiles
        user = opened.profiles[profile] if there else opened.add_profile(profile)
        file.write(files.encode_lines([user.add_contact(contact)]))
    if not there:
        files.errors.print(f"new profile {profile}")


@device_app.command("grant")
def grant(device: DevicePath, profile: ProfileName, contact: Contact, out: Output = "-") -> None:
    """Write the grant of a contact again."""
    with files.output(out, files.PRIVATE) as file, _profile(device, profile) as user:
        file.write(files.encode_lines([user.grant(contact)]))


@device_app.command("renew")
def renew(device: DevicePath, profile: ProfileName, contact: Contact, out: Output = "-") -> None:
    """Make new lanes for a contact, and write the new grant; do this when `status` says so."""
    with files.output(out, files.PRIVATE) as file, _profile(device, profile) as user:
        file.write(files.encode_lines([user.renew(contact)]))


@device_app.command("revoke")
def revoke(device: DevicePath, profile: ProfileName, contact: Contact) -> None:
    """Stop a contact from waking this user."""
    with _profile(device, profile) as user:
        user.revoke(contact)


@device_app.command("mute")
def mute(device: DevicePath, profile: ProfileName) -> None:
    """Stop all contacts from waking this user, until `unmute`."""
    with _profile(device, profile) as user:
        user.mute()


@device_app.command("unmute")
def unmute(device: DevicePath, profile: ProfileName) -> None:
    """Let all contacts wake this user again."""
    with _profile(device, profile) as user:
        user.unmute()


@device_app.command("logout")
def logout(device: DevicePath, profile: ProfileName) -> None:
    """Stop this device from being woken for this user, and forget the user when that is done."""
    with _profile(device, profile) as user:
        user.log_out()


@device_app.command("hand-over")
def hand_over(
    device: DevicePath,
    profile: ProfileName,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="The other device, from 0.")],
    out: Output = "-",
) -> None:
    """Write the secret that another device of this user needs to `join`.

    Do this again after adding contacts.
    """
    with files.output(out, files.PRIVATE) as file, _profile(device, profile) as user:
        file.write(files.encode_lines([user.hand_over(number)]))


@device_app.command("join")
def join(
    device: DevicePath,
    profile: ProfileName,
    lanes: Annotated[str, typer.Argument(metavar="LANES", help="What `hand-over` wrote.")] = "-",
) -> None:
    """Become one more device of a user."""
    handed_over = files.read_one(lanes, "line of `hand-over`")
    with _opened(device) as opened:
        opened.join(profile, handed_over)


@device_app.command("recovery")
def recovery(device: DevicePath, profile: ProfileName, out: Output = "-") -> None:
    """Write the secret with which `refuse-lost` on another device stops this one if it is lost."""
    with files.output(out, files.PRIVATE) as file, _profile(device, profile) as user:
        file.write(files.encode_lines([user.recovery()]))


@device_app.command("refuse-lost")
def refuse_lost(
    device: DevicePath,
    recovery: Annotated[
        str, typer.Argument(metavar="RECOVERY", help="What `recovery` wrote.")
    ] = "-",
) -> None:
    """Make the push server refuse everything that a lost device published."""
    written = files.read_one(recovery, "line of `recovery`")
    with _opened(device) as opened:
        opened.refuse_lost(written)


@device_app.command("work")
def work(
    device: DevicePath,
    most: Annotated[int, typer.Option(min=0, help="Submit at most this many posts.")] = 8,
) -> None:
    """Do what is due, and say when there is more to do. Run it from cron or in a loop."""
    with _opened(device) as opened:
        did = opened.work(most)
    show(f"{did.posted} posted", did.next, did.error)


@device_app.command("status")
def status(device: DevicePath) -> None:
    """Show what is published until when, what is still to be done, and what went wrong."""
    with _opened(device) as opened:
        for sentence in opened.status():
            console.print(sentence)


@contextmanager
def _opened(directory: Path) -> Iterator[Device]:
    from billboard.device.device import Device
    from billboard.push.requests.courier import HttpCourier

    settings = Settings(directory, SETTINGS)
    courier = HttpCourier(proxy=settings.proxy)
    with settings.client() as client:  # makes no request before it has to
        key = settings.key()
        settings.section.end()
        with Device.open(settings.state, key, client, courier=courier) as opened:
            yield opened


@contextmanager
def _profile(directory: Path, name: str) -> Iterator[Profile]:
    with _opened(directory) as opened:
        if name not in opened.profiles:
            raise BillboardError(f"there is no profile {name}: `billboard device add` makes one")
        yield opened.profiles[name]
