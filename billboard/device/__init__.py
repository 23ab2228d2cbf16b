"""The client on a phone that wants to be woken."""

from billboard.device.device import Device, Work
from billboard.device.profile import Profile

__all__ = ["Device", "Profile", "Work"]
