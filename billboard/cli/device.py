"""The commands `billboard device`: a phone that wants to be woken, by hand."""

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

DevicePath = Annotated[Path, typer.Argument(metavar="DEVICE", help="The device's directory.")]
ProfileName = Annotated[
    str, typer.Argument(metavar="PROFILE", help="Which user of the device it is for.")
]
ServerKey = Annotated[
    str, typer.Option(metavar="VKEY", help="The push server's key, as `push init` shows it.")
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
        typer.Option(min=1, max=MOST_LANES, help="How many a user can have; the same for all."),
    ] = 1,
    proxy: Proxy = "",
    state_key: StateKey = None,
) -> None:
    """Make a device on a board that has published, to be woken through a push server."""
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
        str, typer.Option(metavar="apns|fcm|webpush|sns|pushy", help="As of `billboard encrypt`.")
    ] = "apns",
    app_number: Annotated[int, typer.Option("--app", help="Which app of the server.")] = 0,
    forget: Annotated[
        bool, typer.Option("--forget", help="Read none: this device cannot be woken.")
    ] = False,
) -> None:
    """Say what the push service knows this device by, for all users of it."""
    found = [] if forget else files.read_tokens(tokens, platform, app_number)
    if len(found) > 1:
        raise BillboardError(f"{tokens}: holds {len(found)} lines, and should hold one token")
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
    """Write the grant for a new contact, which can wake this user then; a new PROFILE is made.

    The grant is a secret, to be sent through the end-to-end encrypted chat.
    """
    with files.output(out, files.PRIVATE) as file, _opened(device) as opened:
        there = profile in opened.profiles
        user = opened.profiles[profile] if there else opened.add_profile(profile)
        file.write(files.encode_lines([user.add_contact(contact)]))
    if not there:
        files.errors.print(f"new profile {profile}")


@device_app.command("grant")
def grant(device: DevicePath, profile: ProfileName, contact: Contact, out: Output = "-") -> None:
    """Write the grant of a contact once more."""
    with files.output(out, files.PRIVATE) as file, _profile(device, profile) as user:
        file.write(files.encode_lines([user.grant(contact)]))


@device_app.command("renew")
def renew(device: DevicePath, profile: ProfileName, contact: Contact, out: Output = "-") -> None:
    """Make new lanes for a contact, and write the grant: where `status` says to."""
    with files.output(out, files.PRIVATE) as file, _profile(device, profile) as user:
        file.write(files.encode_lines([user.renew(contact)]))


@device_app.command("revoke")
def revoke(device: DevicePath, profile: ProfileName, contact: Contact) -> None:
    """Have a contact wake this user no more."""
    with _profile(device, profile) as user:
        user.revoke(contact)


@device_app.command("mute")
def mute(device: DevicePath, profile: ProfileName) -> None:
    """Have nobody wake this user, until `unmute`."""
    with _profile(device, profile) as user:
        user.mute()


@device_app.command("unmute")
def unmute(device: DevicePath, profile: ProfileName) -> None:
    """Have all contacts wake this user again."""
    with _profile(device, profile) as user:
        user.unmute()


@device_app.command("logout")
def logout(device: DevicePath, profile: ProfileName) -> None:
    """Have this user woken no more on this device, and forget them when that is done."""
    with _profile(device, profile) as user:
        user.log_out()


@device_app.command("hand-over")
def hand_over(
    device: DevicePath,
    profile: ProfileName,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Of that device, from 0.")],
    out: Output = "-",
) -> None:
    """Write what another device of this user needs to `join`: a secret. Again for new contacts."""
    with files.output(out, files.PRIVATE) as file, _profile(device, profile) as user:
        file.write(files.encode_lines([user.hand_over(number)]))


@device_app.command("join")
def join(
    device: DevicePath,
    profile: ProfileName,
    lanes: Annotated[str, typer.Argument(metavar="LANES", help="What `hand-over` wrote.")] = "-",
) -> None:
    """Be one more device of a user."""
    handed_over = files.read_one(lanes, "line of `hand-over`")
    with _opened(device) as opened:
        opened.join(profile, handed_over)


@device_app.command("recovery")
def recovery(device: DevicePath, profile: ProfileName, out: Output = "-") -> None:
    """Write what stops this device if it is lost, for `refuse-lost` on another one: a secret."""
    with files.output(out, files.PRIVATE) as file, _profile(device, profile) as user:
        file.write(files.encode_lines([user.recovery()]))


@device_app.command("refuse-lost")
def refuse_lost(
    device: DevicePath,
    recovery: Annotated[
        str, typer.Argument(metavar="RECOVERY", help="What `recovery` wrote.")
    ] = "-",
) -> None:
    """Have the push server refuse all that a lost device published."""
    written = files.read_one(recovery, "line of `recovery`")
    with _opened(device) as opened:
        opened.refuse_lost(written)


@device_app.command("work")
def work(
    device: DevicePath,
    most: Annotated[int, typer.Option(min=0, help="How many posts it submits at most.")] = 8,
) -> None:
    """Do what is due, and say when there is more to do: for cron, or a loop."""
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
    with settings.client() as client:  # which asks nobody before it has to
        key = settings.key()
        settings.section.end()
        with Device.open(settings.state, key, client, courier=courier) as opened:
            yield opened


@contextmanager
def _profile(directory: Path, name: str) -> Iterator[Profile]:
    with _opened(directory) as opened:
        if name not in opened.profiles:
            raise BillboardError(f"there is no profile {name}")
        yield opened.profiles[name]
