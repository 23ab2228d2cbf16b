"""The client of those who wake their contacts."""

from billboard.sender.sender import Errand, Sender

__all__ = ["Errand", "Sender"]
