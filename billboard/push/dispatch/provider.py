"""The interface of a push service."""

from __future__ import annotations

from typing import Protocol

from billboard.push.dispatch.notification import Attempt, Notification
from billboard.tokens import DeviceToken, Platform


class Provider(Protocol):
    """A client of one push service. It never retries: the dispatcher alone does."""

    @property
    def platform(self) -> Platform:
        """The platform whose tokens it can address; constant."""

    @property
    def one_service(self) -> bool:
        """Whether all tokens are at one push service, which fails for all of them at once."""

    @property
    def credential_age(self) -> float | None:
        """Seconds since it made or got the token that it shows; None if it has none."""

    def serves(self, token: DeviceToken) -> bool:
        """Whether there are credentials for the token's app, and it may be pushed to at all."""

    async def send(self, notification: Notification) -> Attempt:
        """Make exactly one attempt and classify the answer.

        When it returns, the attempt has ended. Whatever a network or a push service may do
        is an outcome; an exception is a defect. Safe to call many times at once.
        """

    async def aclose(self) -> None:
        """Close the connections. When it returns, nothing is in flight; may be called twice."""
